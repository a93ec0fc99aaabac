"""Secrets that cannot be shown by accident, and a net for the case that one is.

Standard library only: the function bundle carries this module.
"""

import base64
import hmac
import json
import re
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import quote, quote_plus

Answer = TypeVar("Answer")

MASK = "[redacted]"
SHORTEST_FINDABLE = 8
"""Shorter values stand in innocent text too; such credentials are refused at intake."""


class Hidden:
    """Text that must be asked for with ``reveal``; formatting, logging, pickling and JSON never show it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text; call it only where the bytes leave the process."""
        return self._value

    def __repr__(self) -> str:
        return f"Hidden({MASK!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and hmac.compare_digest(
            other._value.encode(errors="surrogatepass"), self._value.encode(errors="surrogatepass")
        )

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a hidden value is not serialised")


def guarded(call: Callable[[], Answer], *, hiding: "KnownSecrets | None" = None) -> Answer:
    """Run a call that handles a secret; what it raises carries no frames of the inside.

    Debuggers, error trackers and verbose tracebacks print the locals of every frame, and those of
    a library that was handed a secret hold it in the clear. An exception whose own text holds one
    of the secrets of ``hiding`` is replaced by a RuntimeError that names its type only.
    """
    try:
        return call()
    except BaseException as error:
        _forget_frames(error)
        if hiding is None or not hiding.found_in(f"{error}{error.args!r}"):
            raise
        name = type(error).__name__
    # outside of the except block, so that the exception with the secret is not carried along
    raise RuntimeError(f"{name}, whose text held a secret")


def _forget_frames(error: BaseException) -> None:
    pending, seen = [error], set[int]()
    while pending:
        link = pending.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        link.__traceback__ = None
        pending += [other for other in (link.__cause__, link.__context__) if other is not None]


def encodings(secret: str) -> frozenset[str]:
    """Return the forms in which a secret may turn up in text.

    Raw; as a JSON or Python string; percent-encoded in either case and for either kind of space;
    base64 and base64url, padded or not, also in the middle of something longer, where the first
    and last characters depend on the neighbours and are left out.
    """
    raw = secret.encode(errors="surrogatepass")
    quoted = (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret))
    forms = {secret, *(form[1:-1] for form in quoted)}
    for percent in (quote(raw, safe=""), quote(raw, safe="/"), quote_plus(raw)):
        forms |= {percent, re.sub("%..", lambda code: code[0].lower(), percent)}
    for alignment in range(3):
        encoded = base64.b64encode(b"\0" * alignment + raw).decode()
        if alignment == 0:
            whole = {encoded, encoded.rstrip("=")}
            forms |= whole | {_url_safe(form) for form in whole}
        # a character of base64 holds six bits: those shared with a neighbouring byte are unknown
        first = (alignment * 8 + 5) // 6
        last = (alignment + len(raw)) * 8 // 6
        forms |= {_url_safe(encoded[first:last]), encoded[first:last]}
    return frozenset(form for form in forms if len(form) >= SHORTEST_FINDABLE)


def _url_safe(encoded: str) -> str:
    return encoded.replace("+", "-").replace("/", "_")


class KnownSecrets:
    """Finds registered secrets by value, in every encoding of ``encodings``.

    The second net only: evidence is built from an allow-list of fields in the first place. So text that
    holds one of them all the same is a bug, and is not written rather than masked.
    """

    def __init__(self, secrets: Iterable[Hidden] = ()) -> None:
        self._by_start: dict[str, set[str]] = {}
        for secret in secrets:
            self.register(secret)

    def register(self, secret: Hidden) -> None:
        """Learn one secret; values shorter than SHORTEST_FINDABLE are not looked for."""
        for form in encodings(secret.reveal()):
            self._by_start.setdefault(form[:SHORTEST_FINDABLE], set()).add(form)

    def register_pair(self, client_id: str, client_secret: Hidden) -> None:
        """Learn client credentials, also in the joined form that a Basic header carries."""
        self.register(client_secret)
        self.register(Hidden(f"{client_id}:{client_secret.reveal()}"))

    def found_in(self, text: str) -> bool:
        """Tell whether any of them stands in the text."""
        # one pass over the text: hundreds of merchants have thousands of forms
        starts, length = self._by_start, SHORTEST_FINDABLE
        return any(
            text.startswith(form, at)
            for at in range(len(text) - length + 1)
            if (start := text[at : at + length]) in starts
            for form in tuple(starts[start])
        )
