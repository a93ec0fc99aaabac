"""What a reader of the submission sees first, derived from the document once for all formats."""

from collections.abc import Mapping
from typing import Any

from onboarding.allowlist.submission import spoken

CHANGES = ("add", "remove", "keep")
DIGEST_MEANING = (
    "The digest shows that the document arrived undamaged; it does not show who sent it. "
    "Read it out to each other over another channel, for example by phone."
)


def reading(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the Markdown and HTML templates show, besides the document itself."""
    entries = document["addresses"]
    by_change = {change: [entry for entry in entries if entry["change"] == change] for change in CHANGES}
    return {
        "doc": document,
        "by_change": by_change,
        "counts": {change: len(found) for change, found in by_change.items()},
        "headline": _headline(by_change),
        "digest_groups": spoken(document["digest"]["value"]).split(" "),
        "digest_meaning": DIGEST_MEANING,
        "several_merchants": len(document["merchants"]) > 1,
    }


def _headline(by_change: Mapping[str, list[Any]]) -> str:
    said = [
        f"{verb} {len(found)} address{'' if len(found) == 1 else 'es'}"
        for verb, found in (("add", by_change["add"]), ("remove", by_change["remove"]))
        if found
    ]
    kept = len(by_change["keep"])
    asked = f"Please {' and '.join(said)}" if said else "No change is asked for"
    return f"{asked}; {kept} stay{'s' if kept == 1 else ''} as approved." if kept else f"{asked}."
