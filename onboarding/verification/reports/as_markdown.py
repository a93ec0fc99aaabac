"""The report as Markdown, small enough for a pipeline's step summary; what is not well comes first."""

from collections.abc import Sequence

from onboarding.verification.model import Outcome, Report, Result
from onboarding.verification.reports.words import headline, last_line

LIMIT_BYTES = 900 * 1024
"""GitHub refuses a step summary above 1024 KiB, and other steps write to it as well."""
_NOTEWORTHY = (Outcome.FAIL, Outcome.ERROR, Outcome.WAITING, Outcome.WARN)


def render(report: Report) -> str:
    """Return Markdown of at most LIMIT_BYTES; what does not fit is counted, never dropped in silence."""
    notable = [one for outcome in _NOTEWORTHY for one in report.results if one.outcome is outcome]
    others = [one for one in report.results if one.outcome not in _NOTEWORTHY]
    lines = [f"### {_cell(headline(report))}", ""]
    if notable:
        lines += ["| outcome | check | about | found | next |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(one, with_next=True) for one in notable]
        lines.append("")
    lines += [f"<details><summary>{len(others)} other results</summary>", ""]
    lines += ["| outcome | check | about | found |", "| --- | --- | --- | --- |"]
    end = ["", "</details>", "", *report.notes, f"`{last_line(report)}`", ""]
    room = LIMIT_BYTES - _size(lines) - _size(end) - 200
    rows = [_row(one, with_next=False) for one in others]
    kept = _that_fit(rows, room)
    if room < 0:  # thousands of problems: tell as many as fit
        lines = _that_fit(lines, LIMIT_BYTES - _size(end) - 400)
        kept = []
    left_out = len(rows) - len(kept)
    if left_out or room < 0:
        end.insert(0, f"\nLonger than this page may be: {left_out} more rows are in the other formats.")
    return "\n".join([*lines, *kept, *end])


def _that_fit(rows: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for row in rows:
        room -= len(row.encode()) + 1
        if room < 0:
            break
        kept.append(row)
    return kept


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _row(result: Result, *, with_next: bool) -> str:
    verdict = result.verdict
    cells = [verdict.outcome.value, f"`{result.check}`", result.subject.label(), verdict.found]
    if with_next:
        cells.append(verdict.next_action)
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
