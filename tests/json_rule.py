"""The one rule about ``--json``, read from docs/json.md: one object, its version first."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "json.md"
_ROW = re.compile(r"^\| `([a-z -]+)` \| `([A-Za-z]+Version)` \|", re.MULTILINE)


def promised() -> dict[str, str]:
    """Return command → first member, as the page promises."""
    return dict(_ROW.findall(PAGE.read_text("utf-8")))


def check(arguments: Sequence[str], text: str) -> str:
    """Hold what a command printed for ``--json`` to the rule; return which command it was."""
    known = promised()
    words = [part for part in arguments if re.fullmatch(r"[a-z]+", part)]
    if arguments[0] == "verify" and "--list" in arguments:
        words = ["verify --list"]
    command = next(name for name in (" ".join(words[:2]), words[0]) if name in known)
    document = json.loads(text)
    first = next(iter(document))
    assert (first, type(document[first])) == (known[command], int), f"{command}: {text[:200]}"
    return command
