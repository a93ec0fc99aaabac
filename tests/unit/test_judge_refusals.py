"""What is said about calls that must be refused, and about the pair that shows an enforced list."""

from dataclasses import replace
from typing import Any

import pytest

from onboarding.flexpay.errors import NETWORK_BLOCKS, REFUSALS, Kind
from onboarding.verification import judge_refusals
from onboarding.verification.measurement import CallRecord
from onboarding.verification.model import Outcome, Subject, Verdict
from onboarding.verification.results import Results
from tests.unit.judging_world import call, facts, pair, with_pairs

BOTH = [(judge_refusals.unknown_client, "unknown-client"), (judge_refusals.without_token, "without-token")]
REFUSED = call(status=401)


@pytest.mark.parametrize(("judge", "which"), BOTH)
class TestACallThatMustBeRefused:
    def judged(self, judge: Any, which: str, stranger: CallRecord | None, *, let_in: bool = True) -> Verdict:
        known = replace(facts(), strangers={which: stranger} if stranger else {"another": REFUSED})
        token = call() if let_in else call(Kind.FORBIDDEN)
        told: Verdict = judge(with_pairs(known, pair(token=token)), Subject(), Results())
        return told

    def test_and_is(self, judge: Any, which: str) -> None:
        told = self.judged(judge, which, REFUSED)
        assert (told.outcome, told.found, told.expected) == (Outcome.PASS, "401", "401")

    def test_and_is_not(self, judge: Any, which: str) -> None:
        assert self.judged(judge, which, call(Kind.UNEXPECTED)).outcome is Outcome.FAIL

    def test_and_was_not_made(self, judge: Any, which: str) -> None:
        assert self.judged(judge, which, None).found == "not asked in this run"

    @pytest.mark.parametrize("kind", sorted(REFUSALS))
    def test_says_nothing_where_the_address_is_turned_away(self, judge: Any, which: str, kind: Kind) -> None:
        told = self.judged(judge, which, call(kind), let_in=False)
        assert (told.outcome, told.blocked_by) == (Outcome.SKIP, "token-issued")
        assert self.judged(judge, which, call(kind)).outcome is Outcome.FAIL
        assert self.judged(judge, which, REFUSED, let_in=False).outcome is Outcome.PASS


ENFORCED = (*REFUSALS, *NETWORK_BLOCKS, Kind.TIMEOUT_FIRST_BYTE)


def compared(**pairs: tuple[CallRecord | None, CallRecord]) -> Verdict:
    """Judge calls by name: what an approved address got, and what the control source got."""
    named = {name.replace("_", "-"): both for name, both in pairs.items()}
    known = replace(
        facts(),
        control_source="192.0.2.7",
        strangers={name: approved for name, (approved, _) in named.items() if approved},
        control={name: control for name, (_, control) in named.items()},
    )
    return judge_refusals.not_listed_address(known, Subject(), Results())


@pytest.mark.parametrize("kind", sorted(ENFORCED))
def test_a_list_is_enforced_where_the_control_source_is_refused_in_kind(kind: Kind) -> None:
    told = compared(unknown_client=(REFUSED, call(kind)))
    assert (told.outcome, told.next_action) == (Outcome.PASS, "")
    assert told.found == f"control 192.0.2.7: unknown-client: enforced ({kind} against 401)"
    assert told.evidence == {"unknown-client": {"approved": "401", "control": kind}}


@pytest.mark.parametrize(
    ("approved", "control", "outcome", "found", "next_step"),
    [
        (REFUSED, REFUSED, Outcome.WARN, "same answer from both", "ask the partner whether"),
        (None, REFUSED, Outcome.ERROR, "the approved address got no clear answer", "run again"),
        (call(Kind.SERVER), call(Kind.FORBIDDEN), Outcome.ERROR, "the approved address got no", "run again"),
        (REFUSED, call(Kind.DNS), Outcome.ERROR, "met trouble of its own (dns)", "reaches the internet"),
    ],
)
def test_the_same_answer_and_no_answer_prove_nothing(
    approved: CallRecord | None, control: CallRecord, outcome: Outcome, found: str, next_step: str
) -> None:
    told = compared(unknown_client=(approved, control))
    assert told.outcome is outcome
    assert found in told.found
    assert next_step in told.next_action
    shown = told.evidence["unknown-client"]["approved"]
    assert shown == (None if approved is None else "401" if approved.ok else approved.kind)


def test_of_two_calls_the_less_certain_decides() -> None:
    enforced, same = (REFUSED, call(Kind.FORBIDDEN)), (REFUSED, REFUSED)
    trouble = (REFUSED, call(Kind.DNS))
    assert compared(unknown_client=enforced, unknown_token=same).outcome is Outcome.WARN
    assert compared(unknown_client=same, unknown_token=trouble).outcome is Outcome.ERROR
    assert compared(unknown_client=enforced, unknown_token=enforced).outcome is Outcome.PASS


def test_without_a_control_source_nothing_is_claimed() -> None:
    told = judge_refusals.not_listed_address(facts(), Subject(), Results())
    assert told.outcome is Outcome.SKIP
    assert "--control-source" in told.next_action
    named = replace(facts(), control_source="192.0.2.7")
    assert judge_refusals.not_listed_address(named, Subject(), Results()).found == "not asked in this run"
