"""Judgements about what must be refused. Pure."""

from onboarding.flexpay.errors import NETWORK_BLOCKS, REFUSALS, Kind
from onboarding.verification.facts import Facts
from onboarding.verification.judge_access import judged, not_asked
from onboarding.verification.measurement import CallRecord
from onboarding.verification.model import Outcome, Subject, Verdict
from onboarding.verification.results import Results

PAIRED = ("unknown-client", "unknown-token")
"""The two calls that the control source makes at the same moment as an approved address."""
_BLOCKED = {*REFUSALS, *NETWORK_BLOCKS, Kind.TIMEOUT_FIRST_BYTE}


def unknown_client(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """Made-up credentials must be refused with 401."""
    return _refused(facts, subject, prior, "unknown-client")


def without_token(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """An order without a token must be refused with 401."""
    return _refused(facts, subject, prior, "without-token")


def _refused(facts: Facts, subject: Subject, prior: Results, which: str) -> Verdict:
    call = facts.strangers.get(which)
    if call is None:
        return not_asked(facts, subject, prior)
    if call.kind in REFUSALS and _never_let_in(facts):
        return Verdict(
            Outcome.SKIP,
            "the address itself is turned away, so this says nothing",
            "401",
            blocked_by="token-issued",
        )
    return judged(call, "401")


def _never_let_in(facts: Facts) -> bool:
    return not any(measured.token and measured.token.ok for measured in facts.pairs.values())


def not_listed_address(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """The same calls, at the same moment, must end differently from an address that is on no list."""
    expected = "refused by kind, where an approved address gets 401"
    if facts.control_source is None:
        return Verdict(
            Outcome.SKIP,
            "no control source: that other addresses are refused is not proven",
            expected,
            "name an address on no list with --control-source",
        )
    if not facts.control:
        return not_asked(facts, subject, prior)
    told = {which: _compare(facts.strangers.get(which), facts.control[which]) for which in facts.control}
    shown = {
        which: {"approved": _kind(facts.strangers.get(which)), "control": _kind(facts.control[which])}
        for which in told
    }
    found = "; ".join(f"{which}: {text}" for which, (_, text) in told.items())
    outcomes = {outcome for outcome, _ in told.values()}
    outcome = next(one for one in (Outcome.ERROR, Outcome.WARN, Outcome.PASS) if one in outcomes)
    step = {
        Outcome.ERROR: "check that the control source reaches the internet, then run again",
        Outcome.WARN: "ask the partner whether the list is switched on for this environment: an empty one "
        "often means that everybody is let in",
    }.get(outcome, "")
    return Verdict(outcome, f"control {facts.control_source}: {found}", expected, step, shown)


def _compare(approved: CallRecord | None, control: CallRecord) -> tuple[Outcome, str]:
    if approved is None or not approved.ok:
        return Outcome.ERROR, "the approved address got no clear answer to compare with"
    if control.ok:
        return Outcome.WARN, "same answer from both; whether the list is enforced is unknown"
    if control.kind in _BLOCKED:
        return Outcome.PASS, f"enforced ({control.kind} against 401)"
    return Outcome.ERROR, f"the control source met trouble of its own ({control.kind})"


def _kind(call: CallRecord | None) -> str | None:
    if call is None:
        return None
    return f"{call.status}" if call.ok else f"{call.kind}"
