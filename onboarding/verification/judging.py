"""From facts to results: every check, every subject, in a fixed order. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from onboarding.exit_codes import ExitCode, worst
from onboarding.verification.catalog import CHECKS, Check
from onboarding.verification.facts import Facts
from onboarding.verification.model import (
    EXIT_BY_OUTCOME,
    HOLDS,
    Outcome,
    Result,
    Scope,
    Subject,
    Verdict,
)
from onboarding.verification.results import Results

SKIPPED_BY_CHOICE = "left out with --skip"


def judge(facts: Facts, checks: Iterable[Check] = CHECKS) -> list[Result]:
    """Judge the checks about all their subjects; the order is that of the catalogue.

    Raises ValueError when there are none, since an empty run must not look like success.
    """
    chosen = list(checks)
    if not chosen:
        raise ValueError("no checks selected")
    results = Results()
    for check in sorted(chosen, key=lambda one: one.late):
        for subject in subjects(check, facts):
            verdict = _verdict(check, facts, subject, results)
            results.add(Result(check.id, check.title, check.required, subject, verdict))
    order = {check.id: place for place, check in enumerate(chosen)}
    return sorted(results, key=lambda result: order[result.check])


def _verdict(check: Check, facts: Facts, subject: Subject, prior: Results) -> Verdict:
    if check.id in facts.choices.skipped:
        return Verdict(Outcome.SKIP, SKIPPED_BY_CHOICE)
    for need in check.needs:
        if need in facts.choices.skipped:
            continue
        for result in prior.about(need, subject):
            # a check that was left open because of this very one does not stand in its way
            if result.outcome not in HOLDS and result.verdict.blocked_by != check.id:
                return Verdict(Outcome.SKIP, f"not asked, because of {need}", blocked_by=need)
    return check.judge(facts, subject, prior)


def subjects(check: Check, facts: Facts) -> Iterator[Subject]:
    """Yield what a check is about in this run: by merchant, then by address."""
    if check.scope is Scope.RUN:
        yield Subject()
    elif check.scope is Scope.ADDRESS:
        yield from _everywhere(check, facts, [place.subject for place in facts.places])
    elif check.scope is Scope.MERCHANT:
        yield from (Subject(merchant=merchant) for merchant in facts.choices.merchants)
    else:
        places = _everywhere(check, facts, [place.subject for place in facts.places if place.address])
        for merchant in facts.choices.merchants:
            for place in sorted(places, key=lambda one: (one.zone or "", one.address or "")):
                yield Subject(merchant, place.vantage, place.zone, place.address)


def _everywhere(check: Check, facts: Facts, places: list[Subject]) -> list[Subject]:
    if not check.everywhere:
        return places
    here = {place.address for place in places}
    return places + [
        Subject(zone=one.zone, address=str(one.address))
        for one in facts.active
        if str(one.address) not in here
    ]


def exit_code(results: Sequence[Result]) -> ExitCode:
    """Weigh a run.

    Nothing that was not proven is ever 0: a run in which no check passed, in which a required
    check was skipped, or in which no merchant's addresses were covered, cannot tell.
    """
    code = worst(EXIT_BY_OUTCOME[one.outcome] for one in results if one.outcome in EXIT_BY_OUTCOME)
    if code is not ExitCode.HOLDS:
        return code
    left_out = any(one.required and one.outcome is Outcome.SKIP for one in results)
    passed = any(one.outcome is Outcome.PASS for one in results)
    covered = [one for one in results if one.check == "coverage"]
    if left_out or not passed or not covered or any(one.outcome not in HOLDS for one in covered):
        return ExitCode.CANNOT_TELL
    return code
