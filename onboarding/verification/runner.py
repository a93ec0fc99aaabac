"""One run: look at the places, call the partner where that makes sense, judge."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic, sleep
from typing import Any

from onboarding.deployment import EgressAddress, Environment
from onboarding.flexpay.errors import NETWORK_BLOCKS, REFUSALS
from onboarding.verification.catalog import CHECKS
from onboarding.verification.facts import Facts, Place
from onboarding.verification.judge_refusals import PAIRED
from onboarding.verification.judging import SKIPPED_BY_CHOICE, exit_code, judge
from onboarding.verification.measurement import CallRecord, PairMeasurement, PlaceMeasurement
from onboarding.verification.model import HOLDS, Outcome, Report, Result, Subject, Verdict
from onboarding.verification.pool import side_by_side
from onboarding.verification.probes import PairJob
from onboarding.verification.vantage import Vantage

POLL_SECONDS = (5.0, 15.0)
"""Between these, at random, the next poll of --wait follows the last."""


@dataclass(frozen=True)
class Order:
    """One merchant's test order, rendered."""

    template: str
    body: Mapping[str, Any]


def _silent(_done: int, _total: int) -> None:
    pass


def _nothing(_pairs: int, _left: float) -> None:
    pass


@dataclass(frozen=True)
class Plan:
    """What a run is to do, decided by the caller before any work."""

    facts: Facts
    vantages: Sequence[Vantage]
    orders: Mapping[str, Order] = field(default_factory=dict)
    """By merchant; those left out have no order placed."""
    control: Vantage | None = None
    """A source on no list, which is never given a credential or token."""
    routes: Callable[[], Mapping[str, Verdict]] | None = None
    """Reads the route tables; None where no zone has any."""
    concurrency: int = 8
    wait_seconds: float | None = None
    progress: Callable[[int, int], None] = _silent
    """Called with work done and work known."""
    waiting: Callable[[int, float], None] = _nothing
    """Called before each pause of --wait, with the pairs that are open and the seconds left."""
    clock: Callable[[], float] = monotonic
    pause: Callable[[float], None] = sleep


@dataclass(frozen=True)
class Outcomes:
    """What a run came to, before it is written up."""

    facts: Facts
    results: tuple[Result, ...]
    waited_seconds: float | None


def run(plan: Plan) -> Outcomes:
    """Do the whole run. Trouble of partner and network is in the results; errors are bugs or misuse."""
    facts = _look(plan, plan.facts)
    early = judge(facts, [check for check in CHECKS if check.early])
    todo = _planned(plan, facts, early)
    refusals_now = plan.wait_seconds is None
    facts = _call(plan, facts, todo, strangers=refusals_now)
    waited = None
    if plan.wait_seconds is not None:
        facts, waited = _wait(plan, facts, todo)
        facts = _call(plan, facts, {}, strangers=True)
    return Outcomes(facts, tuple(judge(facts)), waited)


def _all(plan: Plan, works: Sequence[Callable[[], Any]]) -> list[Any]:
    results: list[Any] = [None] * len(works)
    done = 0
    plan.progress(done, len(works))
    for index, result in side_by_side(works, concurrency=plan.concurrency):
        results[index] = result
        done += 1
        plan.progress(done, len(works))
    return results


def _look(plan: Plan, facts: Facts) -> Facts:
    works: list[Callable[[], Any]] = [vantage.place_work() for vantage in plan.vantages]
    if plan.routes:
        works.append(plan.routes)
    results = _all(plan, works)
    looked: list[PlaceMeasurement] = results[: len(plan.vantages)]
    seen = {measured.vantage: measured for measured in looked}
    places = tuple(_settled(vantage, seen[vantage.name], facts.environment) for vantage in plan.vantages)
    return replace(facts, places=places, seen=seen, routes=results[-1] if plan.routes else {})


def _settled(vantage: Vantage, measured: PlaceMeasurement, environment: Environment) -> Place:
    """Return the place with the address it leaves from, where the echoes agree on a declared one."""
    if vantage.address is not None:
        zones = [one.zone for one in environment.addresses if one.address == vantage.address]
        return Place(vantage.name, vantage.zone or next(iter(zones), None), vantage.address, bound=True)
    observed = {sample.address for sample in measured.samples if sample.address}
    for one in environment.active_addresses:
        if observed == {str(one.address)}:
            return Place(vantage.name, one.zone, one.address, bound=False)
    return Place(vantage.name, vantage.zone, None, bound=False)


def _planned(plan: Plan, facts: Facts, early: Sequence[Result]) -> dict[tuple[str, str], PairJob]:
    """Choose the merchant and vantage pairs to call from: approved, and leaving from where they should."""
    if "token-issued" in facts.choices.skipped:
        return {}
    gates = [
        one
        for one in early
        if one.check in ("stack-outputs", "partner-url", "egress-address", "addresses-approved")
    ]
    closed = [
        one.subject for one in gates if one.outcome not in HOLDS and one.check not in facts.choices.skipped
    ]
    shut = {one for one in closed if one.merchant is None}
    shut_pairs = {(one.merchant, one.address) for one in closed if one.merchant}
    jobs: dict[tuple[str, str], PairJob] = {}
    ordered: set[str] = set()
    orders = "orders-reachable" not in facts.choices.skipped
    for place in facts.places:
        if place.address is None or any(
            one.covers(place.subject) and one.vantage in (None, place.vantage) for one in shut
        ):
            continue
        for merchant in facts.choices.merchants:
            if (merchant, str(place.address)) in shut_pairs:
                continue
            order = plan.orders.get(merchant) if merchant not in ordered and orders else None
            ordered |= {merchant} if order else set()
            jobs[merchant, place.vantage] = PairJob(
                merchant, order.body if order else None, order.template if order else "", orders=orders
            )
    return jobs


def _call(plan: Plan, facts: Facts, todo: Mapping[tuple[str, str], PairJob], *, strangers: bool) -> Facts:
    works: list[Callable[[], Any]] = []
    known = {vantage.name: vantage for vantage in plan.vantages}
    which = _strangers(facts, todo) if strangers else {}
    for name, source in which.items():
        works.append(_named(name, False, known[source].stranger_work(name)))
        if plan.control and name in PAIRED and "not-listed-address-refused" not in facts.choices.skipped:
            works.append(_named(name, True, plan.control.stranger_work(name)))
    for vantage in plan.vantages:
        jobs = [job for (_, name), job in todo.items() if name == vantage.name]
        works += vantage.pair_work(jobs) if jobs else []
    pairs, asked, control = dict(facts.pairs), dict(facts.strangers), dict(facts.control)
    for result in _all(plan, works):
        if isinstance(result, _Stranger):
            (control if result.control else asked)[result.which] = result.call
        else:
            found: list[PairMeasurement] = result
            pairs |= {(one.merchant, one.vantage): one for one in found}
    return replace(facts, pairs=pairs, strangers=asked, control=control)


@dataclass(frozen=True)
class _Stranger:
    which: str
    control: bool
    call: CallRecord


def _named(which: str, control: bool, work: Callable[[], CallRecord]) -> Callable[[], _Stranger]:
    return lambda: _Stranger(which, control, work())


def _strangers(facts: Facts, todo: Mapping[tuple[str, str], PairJob]) -> dict[str, str]:
    """Choose which calls that must be refused to make, and from which vantage: one that may call at all."""
    sources = [vantage for _, vantage in todo] or [vantage for _, vantage in facts.pairs]
    if not sources:
        return {}
    wanted = []
    skipped = facts.choices.skipped
    paired = facts.control_source is not None and "not-listed-address-refused" not in skipped
    if paired or "token-refused-for-unknown-client" not in skipped:
        wanted.append("unknown-client")
    if paired:
        wanted.append("unknown-token")
    if "order-refused-without-token" not in skipped:
        wanted.append("without-token")
    return dict.fromkeys(wanted, sources[0])


def _wait(plan: Plan, facts: Facts, todo: Mapping[tuple[str, str], PairJob]) -> tuple[Facts, float]:
    """Poll the pairs that are approved and not let in yet, until they are or time is up."""
    began = plan.clock()
    deadline = began + (plan.wait_seconds or 0.0)
    while pending := {pair: todo[pair] for pair in not_let_in(facts)}:
        left = deadline - plan.clock()
        if left <= 0:
            break
        plan.waiting(len(pending), left)
        # at random between the two, so that several runs do not knock in step
        plan.pause(min(left, random.uniform(*POLL_SECONDS)))  # noqa: S311 - nothing to guess here
        facts = _call(plan, facts, pending, strangers=False)
    return facts, plan.clock() - began


def not_let_in(facts: Facts) -> list[tuple[str, str]]:
    """Return the pairs that are approved, were never proven, and are turned away as by a list."""
    turned_away = REFUSALS | NETWORK_BLOCKS
    places = {place.vantage: place.address for place in facts.places}
    return [
        (merchant, vantage)
        for (merchant, vantage), measured in facts.pairs.items()
        if (address := places[vantage]) is not None
        and any(call.kind in turned_away for call in (measured.token, measured.reachable) if call)
        and facts.approved(merchant, address)
        and not facts.last_proof(merchant, address)
    ]


def report(plan: Plan, outcomes: Outcomes, *, run_id: str, seconds: float, toolkit: str) -> Report:
    """Write up a run. Pure."""
    results, facts = outcomes.results, outcomes.facts
    return Report(
        environment=facts.environment.name,
        run_id=run_id,
        started_at=facts.now,
        seconds=seconds,
        via=facts.choices.via,
        toolkit=toolkit,
        merchants=facts.choices.merchants,
        results=results,
        exit_code=exit_code(results),
        order_proven=tuple(
            one.subject.merchant or ""
            for one in results
            if one.check == "order-accepted" and one.outcome is Outcome.PASS
        ),
        proven=proven(results),
        inventory=tuple(_inventory(one) for one in facts.environment.addresses),
        waited_seconds=outcomes.waited_seconds,
        notes=_notes(plan, outcomes),
    )


def _inventory(one: EgressAddress) -> dict[str, Any]:
    return {
        "address": str(one.address),
        "slot": one.slot,
        "zone": one.zone,
        "region": one.region,
        "accountId": one.account_id,
        "role": one.role.value,
        "allocationId": one.allocation_id,
        "natGatewayId": one.nat_gateway_id,
    }


def proven(results: Sequence[Result]) -> tuple[Subject, ...]:
    """Return the pairs that carried token and order call from an address that was seen to be theirs."""
    if any(one.required and one.verdict.found == SKIPPED_BY_CHOICE for one in results):
        return ()  # a run that was told not to look at something it needs proves nothing
    held: dict[tuple[str | None, str | None, str | None], set[str]] = {}
    places: dict[str | None, bool] = {}
    for one in results:
        about = one.subject
        if one.check == "egress-address":
            places[about.vantage] = one.outcome in HOLDS
        elif one.check in ("addresses-approved", "token-issued", "orders-reachable") and one.outcome in HOLDS:
            held.setdefault((about.merchant, about.vantage, about.address), set()).add(one.check)
    return tuple(
        one.subject
        for one in results
        if one.check == "orders-reachable"
        and places.get(one.subject.vantage)
        and len(held.get((one.subject.merchant, one.subject.vantage, one.subject.address), ())) == 3
    )


def _notes(plan: Plan, outcomes: Outcomes) -> tuple[str, ...]:
    if outcomes.waited_seconds is None:
        return ()
    seconds = f"{outcomes.waited_seconds:.0f} s"
    if not_let_in(outcomes.facts):
        return (f"waited {seconds} for the list to come into force; it did not within the time given",)
    if outcomes.waited_seconds < 1:
        return (
            "--wait had nothing to wait for: it waits for addresses that are approved and not yet let in",
        )
    return (f"waited {seconds} until the list was in force",)
