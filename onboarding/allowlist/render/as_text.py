"""The bare list, as the forms of different partners want it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Notation(StrEnum):
    """How one address is written."""

    BARE = "bare"
    """192.0.2.10"""
    CIDR = "cidr"
    """192.0.2.10/32"""


class Separator(StrEnum):
    """What stands between two addresses."""

    LINE = "line"
    COMMA = "comma"
    SEMICOLON = "semicolon"
    SPACE = "space"


_BETWEEN = {Separator.LINE: "\n", Separator.COMMA: ",", Separator.SEMICOLON: ";", Separator.SPACE: " "}


@dataclass(frozen=True)
class ListFormat:
    """What the partner's form accepts."""

    notation: Notation = Notation.BARE
    separator: Separator = Separator.LINE
    max_entries: int | None = None
    """The form's limit; None: it has none."""


def listed(document: Mapping[str, Any]) -> list[str]:
    """Return the addresses that are to be on the list once the submission is approved."""
    return [entry["address"] for entry in document["addresses"] if entry["change"] != "remove"]


def render_list(document: Mapping[str, Any], list_format: ListFormat) -> str:
    """Return the list as it is to stand after approval: added and kept addresses, nothing else.

    Raises ValueError when it has more entries than the form takes; a shortened list would lock
    out the rest without anybody noticing.
    """
    addresses = listed(document)
    if list_format.max_entries is not None and len(addresses) > list_format.max_entries:
        raise ValueError(
            f"the list has {len(addresses)} addresses, and the form takes {list_format.max_entries}; "
            "it is not shortened"
        )
    suffix = "/32" if list_format.notation is Notation.CIDR else ""
    text = _BETWEEN[list_format.separator].join(f"{address}{suffix}" for address in addresses)
    return f"{text}\n" if text else ""
