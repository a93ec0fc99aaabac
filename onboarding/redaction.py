"""Secrets that cannot be shown by accident, and a net for the case that one is.

Standard library only: the function bundle carries this module.
"""

import base64
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "[redacted]"
SHORTEST_REDACTABLE = 8
"""Shorter values would mask innocent text; such credentials are refused at intake."""


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
        return isinstance(other, Hidden) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a hidden value is not serialised")


def encodings(secret: str) -> frozenset[str]:
    """Return the forms in which a secret may turn up in text: raw, base64, base64url, percent-encoded."""
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), quote_plus(secret)}
    for encoded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        forms |= {encoded, encoded.rstrip("=")}
    return frozenset(form for form in forms if len(form) >= SHORTEST_REDACTABLE)


class Redactor:
    """Masks registered secrets by value, in every encoding of ``encodings``.

    The second net only: evidence is built from an allow-list of fields in the first place.
    """

    def __init__(self, secrets: Iterable[Hidden] = ()) -> None:
        self._forms: set[str] = set()
        for secret in secrets:
            self.register(secret)

    def register(self, secret: Hidden) -> None:
        """Learn one secret; values shorter than SHORTEST_REDACTABLE are not masked."""
        self._forms |= encodings(secret.reveal())

    def register_pair(self, client_id: str, client_secret: Hidden) -> None:
        """Learn client credentials, also in the joined form that a Basic header carries."""
        self.register(client_secret)
        self.register(Hidden(f"{client_id}:{client_secret.reveal()}"))

    def leaks(self, text: str) -> bool:
        """Tell whether any registered secret stands in the text."""
        return any(form in text for form in self._forms)

    def mask(self, text: str) -> str:
        """Return the text with every registered secret masked, longest form first."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, MASK)
        return text
