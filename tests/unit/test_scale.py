"""What keeps costs linear: things are found by what they belong to. Counted, because machines are noisy."""

from collections import UserDict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any

from onboarding.allowlist.discovery import egress_of
from onboarding.allowlist.network_view import RegionView
from onboarding.allowlist.overview import overview
from onboarding.allowlist.reconciliation import reconcile
from onboarding.verification.facts import Choices, Facts, Place
from onboarding.verification.measurement import CallRecord, PairMeasurement, Step
from onboarding.verification.model import Subject
from tests.unit import network_world
from tests.unit.ledger_world import START, A, B, declared, environment, event, ledger

NOW = START + timedelta(days=3)
NETWORKS = 30
KINDS = ("allocations", "gateways", "route_tables", "subnets", "interfaces", "vpcs")


class Counted(tuple[Any, ...]):
    """A tuple that knows how often it was walked through."""

    walks: int = 0

    def __iter__(self) -> Iterator[Any]:
        self.walks += 1
        return super().__iter__()


def renamed(view: RegionView, number: int) -> RegionView:
    """The same network with identifiers and addresses of its own."""

    def name(text: str) -> str:
        return text if text in ("local", "") or "." in text else f"{text}-{number}"

    def moved(address: IPv4Address) -> IPv4Address:
        return address + number * 256

    return replace(
        view,
        allocations=tuple(
            replace(one, address=moved(one.address), allocation_id=name(one.allocation_id))
            for one in view.allocations
        ),
        gateways=tuple(
            replace(
                one,
                id=name(one.id),
                vpc_id=name(one.vpc_id),
                interface_ids=frozenset(map(name, one.interface_ids)),
                addresses=tuple(
                    replace(held, address=moved(held.address), allocation_id=name(str(held.allocation_id)))
                    for held in one.addresses
                ),
            )
            for one in view.gateways
        ),
        route_tables=tuple(
            replace(
                one,
                id=name(one.id),
                vpc_id=name(one.vpc_id),
                subnet_ids=frozenset(map(name, one.subnet_ids)),
                routes=tuple(replace(route, target=name(route.target)) for route in one.routes),
            )
            for one in view.route_tables
        ),
        subnets=tuple(replace(one, id=name(one.id), vpc_id=name(one.vpc_id)) for one in view.subnets),
        interfaces=tuple(
            replace(one, id=name(one.id), vpc_id=name(one.vpc_id), subnet_id=name(one.subnet_id))
            for one in view.interfaces
        ),
        vpcs=tuple(replace(one, id=name(one.id)) for one in view.vpcs),
    )


def test_each_network_of_a_region_is_looked_at_without_walking_through_the_others() -> None:
    networks = [renamed(network_world.region(), number) for number in range(NETWORKS)]
    parts: dict[str, Any] = {
        kind: Counted(part for one in networks for part in getattr(one, kind)) for kind in KINDS
    }
    view = replace(networks[0], **parts)

    first = egress_of(view, view.vpcs[0].id)
    after_one = sum(part.walks for part in parts.values())
    found = [egress_of(view, one.vpcs[0].id) for one in networks]

    assert found == [egress_of(one, one.vpcs[0].id) for one in networks]
    assert first == found[0]
    assert len({one.addresses for one in found}) == NETWORKS
    assert sum(part.walks for part in parts.values()) == after_one


class CountedPairs(UserDict[tuple[str, str], PairMeasurement]):
    walks = 0

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self.walks += 1
        return super().__iter__()


def measured(merchant: str, vantage: str, *, answered: bool = True) -> PairMeasurement:
    token = CallRecord("token", ok=answered, status=200 if answered else None, answered=answered)
    return PairMeasurement(merchant, vantage, Step(ok=True), token=token)


def test_a_merchants_measurements_are_found_without_walking_through_the_others() -> None:
    merchants = [f"merchant-{number:03}" for number in range(NETWORKS)]
    pairs = CountedPairs(
        {(name, place): measured(name, place) for name in merchants for place in ("function a", "function b")}
    )
    facts = Facts(environment(declared(A)), ledger(), Choices(tuple(merchants)), NOW, pairs=pairs)
    for name in merchants:
        assert facts.pairs_of(Subject(name)) == [pairs[name, "function a"], pairs[name, "function b"]]
        assert facts.pairs_of(Subject(name, "function b")) == [pairs[name, "function b"]]
        assert facts.answered_elsewhere("function a")
    assert pairs.walks <= 2
    assert facts.pairs_of(Subject(vantage="function a")) == [pairs[name, "function a"] for name in merchants]
    assert facts.pairs_of(Subject("nobody")) == []


def test_only_answers_from_elsewhere_show_that_the_partner_is_up() -> None:
    pairs = {
        ("acme-air", "here"): measured("acme-air", "here"),
        ("acme-air", "there"): measured("acme-air", "there", answered=False),
    }
    facts = Facts(environment(declared(A)), ledger(), Choices(("acme-air",)), NOW, pairs=pairs)
    assert facts.answered_elsewhere("there")
    assert not facts.answered_elsewhere("here")


def test_a_place_is_found_by_its_vantage_and_an_address_by_itself() -> None:
    deployed = environment(declared(A), declared(B))
    places = (Place("one", "use1-az1", A, bound=True), Place("two", "use1-az4", B, bound=True))
    facts = Facts(deployed, ledger(), Choices(("acme-air",)), NOW, places=places)
    assert facts.place_of(Subject(vantage="two")) == places[1]
    assert facts.place_of(Subject(vantage="three")) is None
    assert facts.declared(B) == deployed.addresses[1]
    assert facts.declared(None) is None


def test_the_overview_shows_a_row_once_under_its_address_and_strangers_apart() -> None:
    books = ledger(event("submitted", 0, [A, B]), event("approved", 1, [A, B]))
    deployed = environment(declared(A))
    shown = overview([(deployed, reconcile(deployed, None, books, {}, now=NOW))], NOW)
    (seen,) = shown["environments"]
    told = [(zone["zone"], one["address"]) for zone in seen["zones"] for one in zone["addresses"]]
    assert told == [(declared(A).zone, str(A)), ("declared by no stack", str(B))]
    rows = [row for zone in seen["zones"] for one in zone["addresses"] for row in one["merchants"]]
    assert len(rows) == sum(seen["counts"].values())
