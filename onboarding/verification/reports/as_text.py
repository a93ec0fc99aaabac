"""The report for people at a terminal."""

from itertools import groupby

from onboarding.verification.model import Outcome, Report, Result
from onboarding.verification.reports.words import headline, last_line

_MARKS = {
    Outcome.PASS: "ok  ",
    Outcome.WARN: "warn",
    Outcome.FAIL: "FAIL",
    Outcome.ERROR: "????",
    Outcome.WAITING: "wait",
    Outcome.SKIP: "skip",
}
_DETAILED = {Outcome.WARN, Outcome.FAIL, Outcome.ERROR, Outcome.WAITING}
_SHOWN_ALIKE = 3
"""So many subjects are named of those that ended in the same words."""


def render(report: Report) -> str:
    """Return the report: verdict first, every check with its reason, one line to search for last."""
    lines = [headline(report), ""]
    for _, of_check in groupby(report.results, key=lambda result: result.check):
        lines += _check(list(of_check))
    lines += ["", *report.notes, last_line(report)]
    return "\n".join(_plain(line) for line in lines) + "\n"


def _plain(line: str) -> str:
    # names of files and tickets stand in it, and a terminal obeys control characters
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def _check(results: list[Result]) -> list[str]:
    lines = []
    alike: dict[tuple[Outcome, str, str], list[Result]] = {}
    for result in results:
        verdict = result.verdict
        # what passes or was not asked differs in details that nobody reads line by line
        found = verdict.found if verdict.outcome in _DETAILED or len(results) == 1 else ""
        if verdict.outcome is Outcome.SKIP:
            found = verdict.found
        alike.setdefault((verdict.outcome, found, verdict.next_action), []).append(result)
    for (outcome, _, next_action), same in alike.items():
        lines.append(f"{_MARKS[outcome]}  {same[0].check:<33} {_found(same)}".rstrip())
        if outcome in _DETAILED and next_action:
            lines.append(f"      next: {next_action}")
    return lines


def _found(same: list[Result]) -> str:
    labels = [label for result in same if (label := result.subject.label())]
    found = same[0].verdict.found if len({result.verdict.found for result in same}) == 1 else ""
    if not labels:
        return found
    if same[0].outcome is Outcome.SKIP and len(same) > 1:
        return f"{len(same)} times: {found}"
    named = ", ".join(labels[:_SHOWN_ALIKE])
    more = f" and {len(labels) - _SHOWN_ALIKE} more" if len(labels) > _SHOWN_ALIKE else ""
    return f"{named}{more}" + (f": {found}" if found else "")
