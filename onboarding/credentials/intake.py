"""Decides whether a pair of client credentials may be stored. Pure.

Everything here says what is wrong without repeating any of it, since what is wrong may be the
secret itself, or the secret in the wrong field.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from onboarding.flexpay.credentials import ClientCredentials
from onboarding.redaction import SHORTEST_FINDABLE, Hidden

LONGEST = 1024
"""Characters per field; more is a file that was piped in by mistake."""
FEWEST_DIFFERENT = 4
"""A field made of fewer different characters is a filler such as ``xxxxxxxx``."""

EXPECTED = '{"client_id": "…", "client_secret": "…"}, exactly these two strings'

_FIELDS = ("client_id", "client_secret")
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"
_PLACEHOLDER = re.compile(
    r"[<\[{(].*[>\]})]"
    r"|\$\w+"
    r"|(your|my|the|insert|enter|paste|replace|example|sample|dummy|fake|todo|tbd|fixme)([ _.-].*)?"
    r"|(change|replace|fill)[ _-]?(me|this|it|in)"
    r"|(client|api)[ _-]?(id|secret|key)|client|secret|password|username|redacted|none|null|undefined",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(basic|bearer|authorization:?)\s", re.IGNORECASE)


@dataclass(frozen=True)
class Refused:
    """Why a value is not taken; holds nothing of the value."""

    reason: str


def from_json(text: Hidden) -> ClientCredentials | Refused:
    """Read and judge ``{"client_id": …, "client_secret": …}``; white space around the object is allowed."""
    raw = text.reveal()
    if flaw := _flaw_of_text(raw):
        return Refused(flaw)
    try:
        parsed = json.loads(raw, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return Refused(f"not JSON; expected {EXPECTED}")
    if flaw := _flaw_of_shape(parsed):
        return Refused(flaw)
    values = dict(parsed)
    return from_fields(Hidden(values["client_id"]), Hidden(values["client_secret"]))


def from_fields(client_id: Hidden, client_secret: Hidden) -> ClientCredentials | Refused:
    """Judge two fields that were typed or parsed; nothing is repaired, since a guess may be wrong."""
    for field, value in zip(_FIELDS, (client_id, client_secret), strict=True):
        if flaw := next((flaw for wrong, flaw in _RULES[field] if wrong(value.reveal())), None):
            return Refused(f"{field} {flaw}")
    if flaw := next(
        (flaw for wrong, flaw in _PAIR_RULES if wrong(client_id.reveal(), client_secret.reveal())), None
    ):
        return Refused(flaw)
    return ClientCredentials(client_id.reveal(), client_secret)


class _Pairs(list[tuple[str, object]]):
    """A JSON object with its repetitions."""


def _flaw_of_text(raw: str) -> str | None:
    if raw.startswith("\ufeff"):
        return "starts with a byte-order mark; save the file as UTF-8 without one"
    if "\x00" in raw:
        return "holds NUL bytes; it looks like UTF-16, save it as UTF-8"
    if not raw.strip():
        return "empty: no credentials were given"
    return None


def _flaw_of_shape(parsed: object) -> str | None:
    if not isinstance(parsed, _Pairs):
        return f"not a JSON object; expected {EXPECTED}"
    names = [name for name, _ in parsed]
    for field in _FIELDS:
        if names.count(field) != 1:
            return (
                f"{field} is {'given more than once' if field in names else 'missing'}; expected {EXPECTED}"
            )
    if len(names) > len(_FIELDS):
        return f"there are more fields than client_id and client_secret; expected {EXPECTED}"
    return next((f"{name} is not a string" for name, value in parsed if not isinstance(value, str)), None)


def _random(value: str) -> bool:
    kinds = [_kind(character) for character in value if character.isalnum()]
    changes = sum(1 for one, other in pairwise(kinds) if one != other)
    return len(value) >= 20 and len(set(kinds)) == 3 and changes >= len(kinds) // 3


def _kind(character: str) -> str:
    return "digit" if character.isdigit() else "upper" if character.isupper() else "lower"


def _named(value: str) -> bool:
    return re.fullmatch(r"[a-z]{2,}([._-]([a-z]{2,}|[0-9]{1,6}))+", value) is not None


def _swapped(client_id: str, client_secret: str) -> bool:
    # only a clear case counts: an ID may be random too, and a pair that is stored swapped is
    # refused by the partner before it is promoted
    return _random(client_id) and _named(client_secret)


_ANY_FIELD: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda value: not value, "is empty"),
    (lambda value: "\ufeff" in value, "holds a byte-order mark"),
    (lambda value: "\n" in value or "\r" in value, "holds a line break"),
    (lambda value: value != value.strip(), "has white space at its start or end"),
    (lambda value: value[0] in _QUOTES or value[-1] in _QUOTES, "is wrapped in quotes; give the bare value"),
    (
        lambda value: not value.isascii(),
        "holds characters outside ASCII, such as a look-alike dash or an invisible space",
    ),
    (
        lambda value: _HEADER.match(value) is not None,
        "looks like a whole Authorization header; give the bare value",
    ),
    (lambda value: _PLACEHOLDER.fullmatch(value) is not None, "is a placeholder, not a value"),
    (lambda value: re.search(r"\s", value) is not None, "holds white space"),
    (lambda value: not value.isprintable(), "holds control characters"),
    (lambda value: len(value) > LONGEST, f"is longer than {LONGEST} characters"),
    (
        lambda value: len(value) >= SHORTEST_FINDABLE and len(set(value)) < FEWEST_DIFFERENT,
        "is made of a few characters repeated, like a placeholder",
    ),
)
_RULES: dict[str, tuple[tuple[Callable[[str], bool], str], ...]] = {
    "client_id": (
        *_ANY_FIELD,
        (
            lambda value: ":" in value,
            "holds a colon, which Basic authorization cannot carry (RFC 7617); is it id:secret?",
        ),
    ),
    "client_secret": (
        *_ANY_FIELD,
        (
            lambda value: len(value) < SHORTEST_FINDABLE,
            f"is shorter than {SHORTEST_FINDABLE} characters, too short to be kept out of logs by value",
        ),
    ),
}
_PAIR_RULES: tuple[tuple[Callable[[str, str], bool], str], ...] = (
    (
        lambda client_id, client_secret: client_id == client_secret,
        "client_id and client_secret are identical; one of them was pasted twice",
    ),
    (
        lambda client_id, client_secret: client_secret.startswith(f"{client_id}:"),
        "client_secret holds the client ID as well; give the two parts of id:secret separately",
    ),
    (
        _swapped,
        "client_id and client_secret look swapped: the first looks random and the second like a name",
    ),
)
