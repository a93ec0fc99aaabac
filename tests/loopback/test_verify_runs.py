"""Whole runs against the partner stand-in: which address may be called from, what proves what."""

import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from onboarding.exit_codes import ExitCode
from onboarding.verification.facts import Facts
from onboarding.verification.judging import exit_code
from onboarding.verification.model import Outcome, Result
from onboarding.verification.runner import Outcomes, Plan, proven, run
from onboarding.verification.vantage import LocalVantage
from sandbox.flexpay.server import Partner, running
from sandbox.flexpay.switches import Fault
from tests.loopback.test_verify_faults import plan_of
from tests.loopback.verify_world import ADDRESSES, CONTROL, MERCHANTS, World

AIR, SHOP = MERCHANTS


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running() as partner:
        for name, (integration_id, _) in MERCHANTS.items():
            partner.register(name, integration_id)
        yield partner


@pytest.fixture
def world(partner: Partner, tmp_path: Path) -> World:
    world = World(tmp_path, partner)
    world.write()
    return world


def listed(world: World, *addresses: str) -> None:
    """Approve everywhere, and let the merchants in from some addresses."""
    world.approve()
    for merchant in world.merchants:
        world.partner.allow(merchant, *(addresses or world.addresses))


def judged(outcomes: Outcomes, check: str, **about: str) -> list[Result]:
    return [
        one
        for one in outcomes.results
        if one.check == check and all(getattr(one.subject, key) == value for key, value in about.items())
    ]


def outcome(outcomes: Outcomes, check: str, **about: str) -> Outcome:
    """Return the one outcome that all results of a check have."""
    found = {one.outcome for one in judged(outcomes, check, **about)}
    assert len(found) == 1, found
    return found.pop()


def calls(world: World, peer: str | None = None) -> int:
    return sum(len(world.partner.calls.of(endpoint, peer)) for endpoint in ("token", "orders", "order"))


def control(plan: Plan, address: str = CONTROL) -> Plan:
    first = plan.vantages[0]
    assert isinstance(first, LocalVantage)
    source = replace(first, credentials=None, address=IPv4Address(address))
    return replace(plan, control=source, facts=replace(plan.facts, control_source=address))


def test_before_the_submission_nobody_is_called_and_the_run_waits(world: World) -> None:
    world.partner.allow(AIR, *ADDRESSES)  # so that credentials exist
    world.partner.allow(SHOP, *ADDRESSES)
    outcomes = run(plan_of(world, skipped=()))
    assert calls(world) == 0
    assert exit_code(outcomes.results) is ExitCode.WAITING
    assert {one.verdict.found for one in judged(outcomes, "addresses-approved")} == {"not submitted yet"}


def test_all_addresses_are_proven_and_one_order_per_merchant_is_placed(world: World) -> None:
    listed(world)
    outcomes = run(plan_of(world, skipped=()))
    assert exit_code(outcomes.results) is ExitCode.HOLDS
    assert len(proven(outcomes.results)) == len(ADDRESSES) * len(MERCHANTS)
    assert world.partner.calls.orders_created() == len(MERCHANTS)
    assert outcome(outcomes, "coverage") is Outcome.PASS
    assert all(calls(world, address) for address in ADDRESSES)


def test_an_address_that_waits_is_not_called_from_while_the_others_are_proven(world: World) -> None:
    waiting = ADDRESSES[2]
    for merchant in world.merchants:
        world.partner.allow(merchant, *ADDRESSES[:2])
    world.approve(waiting=[waiting])
    outcomes = run(plan_of(world, skipped=()))
    assert calls(world, waiting) == 0
    assert outcome(outcomes, "coverage") is Outcome.PASS
    assert exit_code(outcomes.results) is ExitCode.WAITING
    assert waiting not in {one.address for one in proven(outcomes.results)}


def test_approved_but_not_let_in_yet_waits_and_a_lost_approval_fails(world: World) -> None:
    listed(world, *ADDRESSES[:2])
    plan = plan_of(world)
    first = run(plan)
    assert outcome(first, "token-issued", address=ADDRESSES[2]) is Outcome.WAITING
    assert exit_code(first.results) is ExitCode.WAITING
    proven_before = replace(plan.facts, last_proof=lambda _m, _a: plan.facts.now)
    second = run(replace(plan, facts=proven_before))
    assert outcome(second, "token-issued", address=ADDRESSES[2]) is Outcome.FAIL
    assert exit_code(second.results) is ExitCode.FINDING


@pytest.mark.parametrize("refusal", ["403-page", "403-envelope", "hang-up", "reset", "drop"])
def test_however_the_list_turns_an_address_away_it_is_recognised(world: World, refusal: Any) -> None:
    listed(world, *ADDRESSES[:2])
    world.partner.gate.refusal = refusal
    outcomes = run(plan_of(world))
    assert outcome(outcomes, "token-issued", address=ADDRESSES[2]) is Outcome.WAITING
    assert outcome(outcomes, "token-issued", address=ADDRESSES[0]) is Outcome.PASS
    assert exit_code(outcomes.results) is ExitCode.WAITING


def test_a_partner_that_answers_nobody_is_not_taken_for_a_list(world: World) -> None:
    listed(world)
    world.partner.fault(Fault(at="accept", action="reset"))
    outcomes = run(plan_of(world))
    assert outcome(outcomes, "token-issued") is Outcome.ERROR
    assert exit_code(outcomes.results) is ExitCode.CANNOT_TELL


def test_only_the_addresses_that_were_exercised_are_proven(world: World) -> None:
    listed(world)
    plan = plan_of(world)
    outcomes = run(replace(plan, vantages=plan.vantages[:1]))
    assert outcome(outcomes, "coverage") is Outcome.ERROR
    assert "not exercised here" in judged(outcomes, "coverage")[0].verdict.found
    assert exit_code(outcomes.results) is ExitCode.CANNOT_TELL
    assert {one.address for one in proven(outcomes.results)} == {ADDRESSES[0]}


def unbound(plan: Plan) -> Plan:
    first = plan.vantages[0]
    assert isinstance(first, LocalVantage)
    return replace(plan, vantages=[replace(first, address=None)])


def test_a_host_that_is_not_behind_the_egress_proves_nothing_and_calls_nobody(world: World) -> None:
    listed(world)
    outcomes = run(unbound(plan_of(world, skipped=())))
    assert outcome(outcomes, "egress-address") is Outcome.ERROR
    assert exit_code(outcomes.results) is ExitCode.CANNOT_TELL
    assert calls(world) == 0
    assert not proven(outcomes.results)


def test_a_host_behind_the_egress_is_recognised_by_what_the_echoes_see(
    partner: Partner, tmp_path: Path
) -> None:
    world = World(tmp_path, partner, (SHOP,), ("127.0.0.1",))
    world.write()
    listed(world)
    outcomes = run(unbound(plan_of(world, skipped=())))
    assert exit_code(outcomes.results) is ExitCode.HOLDS
    assert [one.address for one in proven(outcomes.results)] == ["127.0.0.1"]


def test_echoes_that_disagree_cannot_tell(world: World) -> None:
    listed(world)
    world.partner.fault(Fault(endpoint="echo-2", text="203.0.113.99"))
    outcomes = run(plan_of(world))
    assert outcome(outcomes, "egress-address") is Outcome.ERROR
    assert calls(world) == 0
    assert exit_code(outcomes.results) is ExitCode.CANNOT_TELL


def test_traffic_that_leaves_from_another_address_is_a_finding(world: World) -> None:
    listed(world)
    world.partner.fault(
        Fault(endpoint="echo-1", text="203.0.113.99"), Fault(endpoint="echo-2", text="203.0.113.99")
    )
    outcomes = run(plan_of(world))
    assert outcome(outcomes, "egress-address") is Outcome.FAIL
    assert calls(world) == 0


@pytest.mark.parametrize(
    "body",
    [
        "",
        "127.60.0.1, 203.0.113.9",
        "<html>127.60.0.1</html>",
        "127.60.0.1\n127.60.0.1",
        "::1",
        "1" * 5000,
        "127.0.1",
    ],
)
def test_an_echo_that_is_not_exactly_one_address_counts_for_nothing(world: World, body: str) -> None:
    listed(world)
    world.partner.fault(Fault(endpoint="echo-1", text=body), Fault(endpoint="echo-2", text=body))
    plan = plan_of(world)
    outcomes = run(replace(plan, vantages=plan.vantages[:1]))
    assert outcome(outcomes, "egress-address", address=ADDRESSES[0]) is Outcome.ERROR


def test_one_echo_alone_is_a_warning_and_none_is_by_route_only(world: World) -> None:
    listed(world)
    world.partner.fault(Fault(endpoint="echo-2", status=500))
    assert outcome(run(plan_of(world)), "egress-address") is Outcome.WARN
    without = replace(world, changes={"echo": []})
    without.write()
    outcomes = run(plan_of(without))
    assert outcome(outcomes, "egress-address") is Outcome.WARN
    assert "by route only" in judged(outcomes, "egress-address")[0].verdict.found


def test_the_control_source_shows_that_the_list_is_enforced_and_holds_no_secret(world: World) -> None:
    listed(world)
    outcomes = run(control(plan_of(world, skipped=())))
    assert outcome(outcomes, "not-listed-address-refused") is Outcome.PASS
    # two calls from there, both with made-up credentials
    assert calls(world, CONTROL) == 2
    assert all(one.refused for one in world.partner.calls.of("token", CONTROL))


def test_a_list_that_is_not_enforced_is_noticed(world: World) -> None:
    listed(world)
    world.partner.gate.enforce = False
    outcomes = run(control(plan_of(world, skipped=())))
    assert outcome(outcomes, "not-listed-address-refused") is Outcome.WARN
    assert exit_code(outcomes.results) is ExitCode.HOLDS


def test_a_partner_that_lets_strangers_in_is_a_finding(world: World) -> None:
    listed(world)
    world.partner.fault(Fault(endpoint="token", status=200, text='{"access_token": "anything-goes-here"}'))
    outcomes = run(plan_of(world, skipped=()))
    assert outcome(outcomes, "token-refused-for-unknown-client") is Outcome.FAIL


def test_nothing_that_must_be_refused_is_sent_twice(world: World) -> None:
    listed(world)
    run(control(plan_of(world, skipped=())))
    strangers = [one for one in world.partner.calls.of("token") if one.merchant is None and not one.refused]
    assert len(strangers) == 1


def test_no_order_where_orders_are_real_unless_allowed(world: World) -> None:
    listed(world)
    real = replace(world, changes={"orders": "real"})
    real.write()
    plan = replace(plan_of(real), orders={})
    outcomes = run(plan)
    assert outcome(outcomes, "order-accepted") is Outcome.SKIP
    assert outcome(outcomes, "coverage") is Outcome.PASS
    assert exit_code(outcomes.results) is ExitCode.HOLDS
    assert world.partner.calls.orders_created() == 0


def test_an_ineligible_order_fails_its_check_and_counts_for_coverage(world: World) -> None:
    from sandbox.flexpay.book import Limits

    listed(world)
    world.partner.register(SHOP, MERCHANTS[SHOP][0], limits=Limits(min_price="9000.00"))
    outcomes = run(plan_of(world))
    told = judged(outcomes, "order-accepted", merchant=SHOP)[0]
    assert told.outcome is Outcome.FAIL
    assert "retail" in told.verdict.found
    assert "MIN_PRICE" in told.verdict.found
    assert told.verdict.evidence["errorCodes"] == ["MIN_PRICE"]
    assert outcome(outcomes, "coverage") is Outcome.PASS


def test_credentials_of_one_merchant_that_are_wrong_do_not_hide_the_other(world: World) -> None:
    from onboarding.flexpay.credentials import ClientCredentials
    from onboarding.redaction import Hidden

    listed(world)
    plan = plan_of(world)
    for vantage in plan.vantages:
        assert isinstance(vantage, LocalVantage)
        right = vantage.credentials
        assert right

        def read(name: str, right: Any = right) -> ClientCredentials:
            return ClientCredentials("fp-wrong", Hidden("w" * 20)) if name == AIR else right(name)

        vantage.credentials = read
    outcomes = run(plan)
    assert outcome(outcomes, "token-issued", merchant=AIR) is Outcome.FAIL
    assert outcome(outcomes, "coverage", merchant=AIR) is Outcome.FAIL
    assert outcome(outcomes, "coverage", merchant=SHOP) is Outcome.PASS
    assert exit_code(outcomes.results) is ExitCode.FINDING


def test_a_401_on_an_order_is_tried_once_more_with_a_fresh_token(world: World) -> None:
    listed(world)
    world.partner.fault(Fault(endpoint="orders", status=401, body="envelope", nth=1))
    one = replace(world, merchants=(SHOP,), addresses=ADDRESSES[:1])
    one.write()
    outcomes = run(plan_of(one))
    assert judged(outcomes, "orders-reachable")[0].verdict.evidence["attempts"] == 2
    assert exit_code(outcomes.results) is ExitCode.HOLDS


class Clock:
    """A clock that the waiting moves, and the partner's clock with it."""

    def __init__(self, partner: Partner) -> None:
        self.now = 0.0
        self._partner = partner

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self._partner.advance(seconds)


def waiting(plan: Plan, partner: Partner, seconds: float) -> Plan:
    clock = Clock(partner)
    return replace(plan, wait_seconds=seconds, clock=clock, pause=clock.pause)


def test_wait_polls_until_the_list_is_in_force_and_reports_once(world: World) -> None:
    world.partner.gate.propagation_seconds = 600
    began = time.monotonic()
    listed(world)
    world.partner.advance(1)
    outcomes = run(waiting(plan_of(world, skipped=()), world.partner, 1800))
    passed = time.monotonic() - began  # the partner's clock also goes on by itself
    assert exit_code(outcomes.results) is ExitCode.HOLDS
    assert outcomes.waited_seconds is not None
    assert 599 - passed <= outcomes.waited_seconds <= 640
    assert world.partner.calls.orders_created() == len(MERCHANTS)


def test_wait_says_when_time_is_up(world: World) -> None:
    world.partner.gate.propagation_seconds = 600
    listed(world)
    outcomes = run(waiting(plan_of(world), world.partner, 60))
    assert exit_code(outcomes.results) is ExitCode.WAITING
    assert outcomes.waited_seconds == pytest.approx(60)


def test_wait_does_not_hold_up_a_run_that_has_nothing_to_wait_for(world: World) -> None:
    listed(world)
    outcomes = run(waiting(plan_of(world), world.partner, 1800))
    assert outcomes.waited_seconds == 0
    assert exit_code(outcomes.results) is ExitCode.HOLDS


@pytest.mark.parametrize(
    "required",
    [
        "egress-address",
        "addresses-approved",
        "coverage",
        "credentials-present",
        "tls-certificate",
        "token-issued",
    ],
)
def test_a_run_without_a_required_check_is_never_0_and_never_a_proof(world: World, required: str) -> None:
    listed(world)
    outcomes = run(plan_of(world, skipped=(required,)))
    assert exit_code(outcomes.results) is not ExitCode.HOLDS
    assert not proven(outcomes.results)


def test_where_no_check_is_wanted_nothing_is_claimed(world: World) -> None:
    from onboarding.verification.catalog import CHECKS

    listed(world)
    outcomes = run(plan_of(world, skipped=tuple(check.id for check in CHECKS)))
    assert exit_code(outcomes.results) is ExitCode.CANNOT_TELL
    assert calls(world) == 0


def test_a_clock_that_is_wrong_is_a_warning(world: World) -> None:
    listed(world)
    world.partner.fault(*(Fault(endpoint=name, date_skew=300) for name in ("any", "echo-1", "echo-2")))
    outcomes = run(plan_of(world))
    told = judged(outcomes, "clean-environment")[0]
    assert told.outcome is Outcome.WARN
    assert "behind" in told.verdict.found


def test_what_is_odd_about_a_lifetime_is_a_warning(world: World) -> None:
    listed(world)
    world.partner.fault(Fault(endpoint="token", set={"expires_in": -5}))
    outcomes = run(plan_of(world))
    assert outcome(outcomes, "token-lifetime") is Outcome.WARN
    assert exit_code(outcomes.results) is ExitCode.HOLDS


def test_results_come_in_the_same_order_however_calls_finish(world: World) -> None:
    listed(world)
    plan = plan_of(world, skipped=())

    def order(facts: Facts) -> list[tuple[str, str | None, str | None]]:
        outcomes = run(replace(plan, facts=facts))
        return [(one.check, one.subject.merchant, one.subject.address) for one in outcomes.results]

    first = order(plan.facts)
    world.partner.fault(Fault(endpoint="token", peer=ADDRESSES[0], delay=0.2))
    assert order(plan.facts) == first
