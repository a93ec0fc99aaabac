"""The overview as text, and as one self-contained page for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from onboarding.allowlist.render.templating import render_template

WORDS = {"ok": "in order", "finding": "finding", "waiting": "waiting", "cannot-tell": "cannot tell"}
TODO = {"ok": "to do", "finding": "fix", "waiting": "waiting", "cannot-tell": "find out"}
NAMED = 6
SIGNS = {"ok": "✓", "finding": "✗", "waiting": "…", "cannot-tell": "?"}


def overview_text(document: Mapping[str, Any]) -> str:
    """Return the overview for a terminal: environments, zones, addresses, what to do next."""
    lines: list[str] = []
    for environment in document["environments"]:
        asked = "" if environment["comparedWithAws"] else ", AWS was not asked (--offline)"
        lines += [f"{environment['environment']}: {WORDS[environment['result']]}{asked}"]
        for zone in environment["zones"]:
            lines.append(f"  {zone['region'] or ''} {zone['zone']}".replace("   ", "  "))
            if not zone["addresses"]:
                lines.append(f"    no address; leaves through {zone['leavesThrough'] or 'nothing'}")
            for one in zone["addresses"]:
                for row in one["merchants"]:
                    lines.append(
                        f"    {one['address']}  {one['role'] or '-'}  {row['merchant']}: {row['verdict']}"
                    )
                    lines += [f"      warning: {warning}" for warning in row["warnings"]]
        lines += [f"  next ({abridged(step['about'])}): {step['step']}" for step in environment["next"]]
        lines += [
            f"  {WORDS[way['result']]}: {way['reason']}" for way in environment["waysOutWithoutAddress"]
        ]
        lines += [
            f"  cannot tell: account {place['accountId']}, {place['region']}: {place['reason']}"
            for place in environment["unanswered"]
        ]
        lines.append("")
    count = len(document["environments"])
    return "\n".join(
        [*lines, f"result={document['result']} environments={count} exit={document['exitCode']}"]
    )


def overview_html(document: Mapping[str, Any]) -> str:
    """Return the page: no script, nothing loaded from elsewhere; everything but constants is escaped."""
    values = {"document": document, "words": WORDS, "signs": SIGNS, "todo": TODO, "segments": segments}
    values |= {"abridged": abridged}
    return render_template("overview.html.j2", values)


def abridged(about: Sequence[str]) -> str:
    """Return the first few names and how many more there are; all of them stand in the table beside it."""
    more = len(about) - NAMED
    return ", ".join(about[:NAMED]) + (f" and {more} more" if more > 0 else "")


def segments(text: str) -> list[tuple[bool, str]]:
    """Split text at backticks: each part with whether it is a command."""
    return [(bool(number % 2), part) for number, part in enumerate(text.split("`")) if part]
