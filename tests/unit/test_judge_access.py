"""What is said about approval, credentials, tokens and orders, for every way in which they can end."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from onboarding.allowlist.ledger import Ledger
from onboarding.deployment import Orders
from onboarding.flexpay.errors import NETWORK_BLOCKS, REFUSALS, Kind
from onboarding.verification import judge_access
from onboarding.verification.facts import Choices, Facts
from onboarding.verification.measurement import PairMeasurement, Step
from onboarding.verification.model import Outcome, Subject, Verdict
from onboarding.verification.results import Results
from tests.unit.judging_world import (
    ADDRESS,
    NOW,
    OTHER,
    PAIR,
    books,
    call,
    facts,
    pair,
    results,
    stack,
    with_pairs,
)

NOTHING_BEFORE = Results()
APPROVED = replace(facts(), ledger=books("submitted", "approved"))


@pytest.mark.parametrize(
    ("ledger", "outcome", "found", "next_step"),
    [
        (books("submitted", "approved"), Outcome.PASS, "approved since 2026-11-14 (T-1)", ""),
        (
            books("submitted"),
            Outcome.WAITING,
            "submitted since 2026-11-13 (T-1), and waits for the partner's approval",
            "allowlist record approved",
        ),
        (Ledger.empty("production"), Outcome.WAITING, "not submitted yet", "allowlist draft"),
        (
            books("submitted", "approved", address=OTHER),
            Outcome.FAIL,
            "active, but never submitted, while other addresses of this merchant are approved",
            "make it a spare until approved",
        ),
        (
            books("submitted", "rejected"),
            Outcome.FAIL,
            "active, but rejected since 2026-11-14 (T-1)",
            "rollover",
        ),
        (
            books("submitted", "approved", "retired"),
            Outcome.FAIL,
            "active, but retired since 2026-11-15 (T-1)",
            "rollover",
        ),
    ],
)
def test_every_standing_is_told_with_what_comes_next(
    ledger: Ledger, outcome: Outcome, found: str, next_step: str
) -> None:
    told = judge_access.addresses_approved(replace(facts(), ledger=ledger), PAIR, NOTHING_BEFORE)
    assert (told.outcome, told.found, told.expected) == (outcome, found, "approved")
    assert next_step in told.next_action
    assert bool(told.next_action) == (outcome is not Outcome.PASS)


@pytest.mark.parametrize(
    ("step", "outcome", "found"),
    [
        (Step(ok=True, seconds=0.3), Outcome.PASS, "flexpay/production/acme"),
        (Step(ok=False, fact="no such secret", next_step="put it"), Outcome.FAIL, "no such secret"),
        (Step(ok=False, fact="throttled", next_step="wait", answered=False), Outcome.ERROR, "throttled"),
    ],
)
def test_a_secret_that_is_wrong_is_told_apart_from_one_that_nobody_could_read(
    step: Step, outcome: Outcome, found: str
) -> None:
    measured = with_pairs(
        facts(), pair("elsewhere", credentials=Step(ok=True, seconds=0.1)), pair(credentials=step)
    )
    told = judge_access.credentials_present(measured, Subject("acme"), NOTHING_BEFORE)
    assert (told.outcome, told.found, told.next_action) == (outcome, found, step.next_step)
    assert told.seconds == step.seconds


def test_a_secret_that_was_not_read_names_what_stood_in_the_way() -> None:
    before = results(("egress-address", Outcome.ERROR, PAIR))
    told = judge_access.credentials_present(facts(), Subject("acme"), before)
    assert (told.outcome, told.blocked_by) == (Outcome.SKIP, "egress-address")


SHOWN: dict[str, Any] = {
    "certificate_sha256": "ab" * 32,
    "peer": "192.0.2.1:443",
    "seconds": {"tls": 0.02, "total": 0.1},
}


@pytest.mark.parametrize(
    ("days", "outcome", "found"),
    [(13, Outcome.WARN, "runs out in 13 days"), (14, Outcome.PASS, "valid, 14 days left")],
)
def test_a_certificate_is_warned_of_two_weeks_before_its_end(days: int, outcome: Outcome, found: str) -> None:
    end = (NOW + timedelta(days=days, hours=1)).strftime("%b %d %H:%M:%S %Y GMT")
    measured = with_pairs(facts(), pair(token=call(**SHOWN, certificate_not_after=end)))
    told = judge_access.tls_certificate(measured, PAIR, NOTHING_BEFORE)
    assert (told.outcome, told.found, told.seconds) == (outcome, found, 0.02)
    assert told.evidence == {"certificateSha256": "ab" * 32, "peer": "192.0.2.1:443"}


@pytest.mark.parametrize(
    ("calls", "outcome", "found", "blocked_by"),
    [
        ({"token": call(**SHOWN)}, Outcome.PASS, "valid", None),
        ({"token": call(), "reachable": call(Kind.TLS_NAME)}, Outcome.FAIL, "tls-name", None),
        (
            {"token": call(Kind.TIMEOUT_CONNECT)},
            Outcome.SKIP,
            "no connection came about (see token-issued)",
            "token-issued",
        ),
        ({}, Outcome.SKIP, "not asked in this run", None),
    ],
)
def test_a_certificate_is_judged_by_any_call_that_met_it(
    calls: dict[str, Any], outcome: Outcome, found: str, blocked_by: str | None
) -> None:
    told = judge_access.tls_certificate(with_pairs(facts(), pair(**calls)), PAIR, NOTHING_BEFORE)
    assert (told.outcome, told.found, told.blocked_by) == (outcome, found, blocked_by)


Judge = Any
CALLS = [(judge_access.token_issued, "token"), (judge_access.orders_reachable, "reachable")]


@pytest.mark.parametrize(("judge", "name"), CALLS)
class TestACallFromAnApprovedAddress:
    def judged(
        self, judge: Judge, name: str, known: Facts, *others: PairMeasurement, **about: Any
    ) -> Verdict:
        made: dict[str, Any] = {name: call(about.pop("kind", None), **about)}
        measured = with_pairs(known, pair(**made), *others)
        told: Verdict = judge(measured, PAIR, NOTHING_BEFORE)
        return told

    def test_that_succeeds_passes_with_its_status(self, judge: Judge, name: str) -> None:
        told = self.judged(judge, name, APPROVED, code_name="OK", seconds={"total": 0.4})
        assert (told.outcome, told.found, told.next_action, told.seconds) == (Outcome.PASS, "200 OK", "", 0.4)
        again = self.judged(judge, name, APPROVED, attempts=2)
        assert again.found == "200 (attempt 2, with a fresh token)"

    def test_that_was_not_made_is_skipped(self, judge: Judge, name: str) -> None:
        told = judge(with_pairs(APPROVED, pair()), PAIR, NOTHING_BEFORE)
        assert (told.outcome, told.found) == (Outcome.SKIP, "not asked in this run")

    @pytest.mark.parametrize(
        ("kind", "outcome"),
        [(Kind.UNAUTHORIZED, Outcome.FAIL), (Kind.NOT_JSON, Outcome.FAIL), (Kind.SERVER, Outcome.ERROR)],
    )
    def test_that_met_something_else_is_told_as_that(
        self, judge: Judge, name: str, kind: Kind, outcome: Outcome
    ) -> None:
        told = self.judged(judge, name, APPROVED, kind=kind)
        assert (told.outcome, told.found, told.next_action) == (outcome, kind, "do")

    @pytest.mark.parametrize("kind", sorted(REFUSALS))
    def test_that_is_turned_away_waits_for_the_list(self, judge: Judge, name: str, kind: Kind) -> None:
        told = self.judged(judge, name, APPROVED, kind=kind, seconds={"total": 0.2})
        assert (told.outcome, told.seconds) == (Outcome.WAITING, 0.2)
        assert told.found == f"{kind}; approved 9 days ago (T-1), but not let in yet"
        assert "--wait" in told.next_action
        assert "T-1" in told.next_action
        assert told.evidence["kind"] == kind

    @pytest.mark.parametrize("kind", sorted(REFUSALS))
    def test_that_was_let_in_before_is_a_finding(self, judge: Judge, name: str, kind: Kind) -> None:
        known = replace(
            APPROVED, last_proof=lambda _merchant, _address: datetime(2026, 11, 20, tzinfo=NOW.tzinfo)
        )
        told = self.judged(judge, name, known, kind=kind)
        assert told.outcome is Outcome.FAIL
        assert told.found == f"{kind}; it was let in on 2026-11-20, and is not any more"

    @pytest.mark.parametrize(
        "ledger", [Ledger.empty("production"), books("submitted"), books("submitted", "rejected")]
    )
    def test_that_nobody_approved_is_a_finding(self, judge: Judge, name: str, ledger: Ledger) -> None:
        told = self.judged(judge, name, replace(facts(), ledger=ledger), kind=Kind.FORBIDDEN)
        assert (told.outcome, told.found, told.next_action) == (Outcome.FAIL, Kind.FORBIDDEN, "do")

    @pytest.mark.parametrize("kind", sorted(NETWORK_BLOCKS))
    def test_that_met_silence_may_meet_an_outage(self, judge: Judge, name: str, kind: Kind) -> None:
        told = self.judged(judge, name, APPROVED, kind=kind)
        assert (told.outcome, told.found) == (Outcome.ERROR, kind)
        silent_too = pair("there", token=call(Kind.REFUSED))
        assert self.judged(judge, name, APPROVED, silent_too, kind=kind).outcome is Outcome.ERROR

    @pytest.mark.parametrize("kind", sorted(NETWORK_BLOCKS))
    def test_that_met_silence_while_the_partner_answers_others_is_turned_away(
        self, judge: Judge, name: str, kind: Kind
    ) -> None:
        told = self.judged(judge, name, APPROVED, pair("there", token=call()), kind=kind)
        assert told.outcome is Outcome.WAITING
        assert told.found == f"{kind}; approved 9 days ago (T-1), but not let in yet"


@pytest.mark.parametrize(
    ("lifetime", "notes", "outcome", "found"),
    [
        (1800.0, (), Outcome.PASS, "1800 s"),
        (120.0, (), Outcome.PASS, "120 s"),
        (119.0, (), Outcome.WARN, "only 119 s"),
        (1800.0, ("expires_in is text", "no token_type"), Outcome.WARN, "expires_in is text; no token_type"),
        (None, (), Outcome.SKIP, "not asked in this run"),
    ],
)
def test_a_lifetime_must_be_a_usable_one(
    lifetime: float | None, notes: tuple[str, ...], outcome: Outcome, found: str
) -> None:
    measured = with_pairs(facts(), pair(lifetime_seconds=lifetime, lifetime_notes=notes))
    told = judge_access.token_lifetime(measured, PAIR, NOTHING_BEFORE)
    assert (told.outcome, told.found) == (outcome, found)
    assert bool(told.next_action) == (outcome is Outcome.WARN)
    assert told.evidence == ({} if lifetime is None else {"lifetimeSeconds": lifetime})


class TestTheTestOrder:
    ABOUT = Subject("acme")

    def test_is_accepted_by_its_template(self) -> None:
        told = judge_access.order_accepted(
            with_pairs(facts(), pair(order=call())), self.ABOUT, NOTHING_BEFORE
        )
        assert (told.outcome, told.found) == (Outcome.PASS, "template retail accepted")

    def test_that_is_ineligible_fails(self) -> None:
        measured = with_pairs(facts(), pair(order=call(Kind.INELIGIBLE)))
        told = judge_access.order_accepted(measured, self.ABOUT, NOTHING_BEFORE)
        assert (told.outcome, told.next_action) == (Outcome.FAIL, "do")

    def test_without_an_answer_may_have_been_placed(self) -> None:
        measured = with_pairs(facts(), pair(order=call(Kind.SERVER)))
        told = judge_access.order_accepted(measured, self.ABOUT, NOTHING_BEFORE)
        assert told.outcome is Outcome.ERROR
        assert told.next_action.startswith("do; the order may have been placed")

    def test_that_was_not_placed_waits_for_the_incomplete_one(self) -> None:
        told = judge_access.order_accepted(with_pairs(facts(), pair()), self.ABOUT, NOTHING_BEFORE)
        assert (told.outcome, told.blocked_by) == (Outcome.SKIP, "orders-reachable")

    @pytest.mark.parametrize(("allowed", "outcome"), [(False, Outcome.SKIP), (True, Outcome.PASS)])
    def test_that_would_be_a_real_one_has_to_be_allowed(self, allowed: bool, outcome: Outcome) -> None:
        known = facts(partner=replace(stack().partner, orders=Orders.REAL))
        known = replace(known, choices=Choices(("acme",), allow_real_order=allowed))
        told = judge_access.order_accepted(with_pairs(known, pair(order=call())), self.ABOUT, NOTHING_BEFORE)
        assert told.outcome is outcome
        assert ("--allow-real-order" in told.next_action) == (not allowed)


class TestCoverage:
    ABOUT = Subject("acme")

    def covered(self, *told: tuple[str, Outcome]) -> Verdict:
        return judge_access.coverage(
            APPROVED, self.ABOUT, results(*((check, one, PAIR) for check, one in told))
        )

    def test_takes_both_calls_from_every_approved_address(self) -> None:
        told = self.covered(("token-issued", Outcome.PASS), ("orders-reachable", Outcome.WARN))
        assert (told.outcome, told.found) == (Outcome.PASS, "1 of 1 approved addresses proven")

    @pytest.mark.parametrize("check", ["egress-address", "token-issued", "orders-reachable"])
    @pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.ERROR, Outcome.WAITING])
    def test_ends_as_what_stood_in_its_way(self, check: str, outcome: Outcome) -> None:
        both = {"token-issued": Outcome.PASS, "orders-reachable": Outcome.PASS, check: outcome}
        told = self.covered(*both.items())
        assert (told.outcome, told.found) == (
            outcome,
            f"0 of 1 approved addresses proven; open: {ADDRESS}",
        )
        assert "--source-address" in told.next_action

    def test_says_which_addresses_this_run_did_not_exercise(self) -> None:
        told = self.covered()
        assert (told.outcome, told.found) == (
            Outcome.ERROR,
            f"0 of 1 approved addresses proven; open: {ADDRESS} (not exercised here)",
        )

    def test_is_not_had_by_one_call_of_two(self) -> None:
        assert self.covered(("token-issued", Outcome.PASS)).outcome is Outcome.ERROR

    def test_says_the_worst_first(self) -> None:
        assert (
            self.covered(("token-issued", Outcome.WAITING), ("orders-reachable", Outcome.FAIL)).outcome
            is Outcome.FAIL
        )
        assert (
            self.covered(("token-issued", Outcome.WAITING), ("orders-reachable", Outcome.ERROR)).outcome
            is Outcome.ERROR
        )

    def test_is_not_asked_where_nothing_is_approved(self) -> None:
        before = results(("addresses-approved", Outcome.WAITING, PAIR))
        told = judge_access.coverage(facts(), self.ABOUT, before)
        assert (told.outcome, told.blocked_by) == (Outcome.SKIP, "addresses-approved")


def test_what_was_not_asked_names_the_first_check_that_stood_in_the_way() -> None:
    before = results(
        ("credentials-present", Outcome.FAIL, PAIR),
        ("addresses-approved", Outcome.PASS, PAIR),
        ("token-issued", Outcome.ERROR, PAIR),
    )
    told = judge_access.not_asked(facts(), PAIR, before)
    assert (told.found, told.blocked_by) == (
        "not asked, because of credentials-present",
        "credentials-present",
    )
