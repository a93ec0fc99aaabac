"""The guard on what the real engine said (tests/engine/capture_previews.py), and on what was spoiled."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from onboarding.allowlist.guard import GuardFinding, Severity, judge
from onboarding.allowlist.ledger import Action, Ledger, new_event
from onboarding.allowlist.plan import parse_plan

FOLDER = Path(__file__).with_name("previews")
SLOT, SPARE = "use1-az1/1", "use1-az1/2"
TICKET = "FP-4711"
ADDRESS, GATEWAY, ROUTE = "Eip::egress-use1-az1-1", "NatGateway::egress-use1-az1-1", "Route::egress-use1-az1"


def text(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def held(name: str) -> dict[str, IPv4Address]:
    """Slot → address that a document's stack holds before the plan."""
    found = {}
    for step in json.loads(text(name))["steps"]:
        old = step.get("oldState") or {}
        if old.get("type") == "aws:ec2/eip:Eip":
            slot = old["inputs"].get("tags", {}).get("flexpay:slot")
            # what the plan itself imports has no tags yet
            if slot:
                found[slot] = IPv4Address(old["outputs"]["publicIp"])
    return found


def ledger(
    approved: Iterator[IPv4Address] | list[IPv4Address], waiting: list[IPv4Address] | None = None
) -> Ledger:
    start = datetime(2026, 9, 1, tzinfo=UTC)
    events = []
    for index, (action, addresses) in enumerate(
        [
            (Action.SUBMITTED, [*approved, *(waiting or [])]),
            (Action.APPROVED, list(approved)),
        ]
    ):
        if addresses:
            events.append(
                new_event(
                    "sandbox",
                    at=start + timedelta(days=index),
                    action=action,
                    merchants=["acme-air"],
                    addresses=addresses,
                    reference=TICKET,
                    actor="someone",
                )
            )
    return Ledger("sandbox", tuple(events))


def judged(name: str, *, unapproved: tuple[str, ...] = ()) -> list[GuardFinding]:
    addresses = held(name)
    known = [address for slot, address in addresses.items() if slot not in unapproved]
    return judge(parse_plan(text(name)), ledger(known))


def blocked(findings: list[GuardFinding]) -> set[str]:
    """Type and name of what is blocked."""
    found = set()
    for one in findings:
        if one.severity is Severity.BLOCK:
            *_, types, name = ["", "", *one.urn.split("::")]
            found.add(f"{types.rpartition(':')[2]}::{name}")
    return found


@pytest.mark.parametrize(
    "name", ["nothing", "tags", "merchant-added", "spare-added", "moved", "old-gateway-removed"]
)
def test_a_plan_that_keeps_every_approved_address_passes(name: str) -> None:
    assert judged(name) == []


def test_the_first_roll_out_passes() -> None:
    assert judge(parse_plan(text("first-roll-out")), Ledger.empty("sandbox")) == []


@pytest.mark.parametrize("unapproved", [(SPARE,), (SLOT, SPARE)])
def test_moving_to_an_address_that_is_not_approved_is_blocked(unapproved: tuple[str, ...]) -> None:
    other = IPv4Address("127.9.9.9")
    known = [address for slot, address in held("moved").items() if slot not in unapproved]
    findings = judge(parse_plan(text("moved")), ledger([*known, other]))
    assert blocked(findings) == {ROUTE}


def test_moving_to_an_address_under_review_is_blocked_once_another_was_approved() -> None:
    addresses = held("moved")
    findings = judge(parse_plan(text("moved")), ledger([addresses[SLOT]], waiting=[addresses[SPARE]]))
    assert blocked(findings) == {ROUTE}
    assert "approved for no merchant" in findings[0].problem


def test_an_address_that_is_approved_only_for_a_merchant_of_another_stack_may_not_carry_traffic() -> None:
    raw = json.loads(text("moved"))
    for key in raw["config"]:
        if key.endswith(":merchants"):
            raw["config"][key] = '[{"name": "acme-rail"}]'
    findings = judge(parse_plan(json.dumps(raw)), ledger(list(held("moved").values())))
    assert blocked(findings) == {ROUTE}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("unprotected", {ADDRESS, GATEWAY, ROUTE}),
        ("only-read", {ADDRESS}),
        ("address-replaced-unprotected", {ADDRESS, GATEWAY}),
        ("address-replaced-unprotected.steps", {ADDRESS, GATEWAY}),
        ("import-id-of-spare", {"Eip::egress-use1-az1-2"}),
        ("import-id-of-spare.steps", {"Eip::egress-use1-az1-2"}),
        ("cidr-unprotected", {GATEWAY, ROUTE, "Vpc::network", "Subnet::network-public-use1-az1"}),
        ("cidr-unprotected.steps", {GATEWAY, ROUTE, "Vpc::network", "Subnet::network-public-use1-az1"}),
        ("cidr-protected", {GATEWAY, ROUTE, "Vpc::network"}),
        ("past-the-gateway", {ROUTE}),
        ("spare-dropped", {"Eip::egress-use1-az1-2"}),
    ],
)
def test_a_plan_that_would_lose_an_address_or_its_traffic_is_blocked(name: str, found: set[str]) -> None:
    assert found <= blocked(judged(name))


@pytest.mark.parametrize("name", ["import-id-of-spare", "import-id-of-spare.steps"])
def test_an_exchange_names_both_allocations_address_and_ticket(name: str) -> None:
    (finding,) = judged(name)
    assert finding.reference == TICKET
    assert finding.address == str(held(name)[SPARE])
    assert finding.problem.count("eipalloc-") == 2


@pytest.mark.parametrize("name", ["import-id-of-spare", "unprotected", "only-read"])
def test_an_address_under_review_is_kept_like_an_approved_one(name: str) -> None:
    addresses = list(held(name).values())
    assert blocked(judge(parse_plan(text(name)), ledger([], waiting=addresses)))


@pytest.mark.parametrize("name", ["import-id-of-spare", "unprotected", "only-read"])
def test_an_address_that_nobody_was_told_of_may_go(name: str) -> None:
    assert judge(parse_plan(text(name)), Ledger.empty("sandbox")) == []


@pytest.mark.parametrize("name", ["planned-replacement", "planned-replacement.steps"])
def test_a_replacement_that_the_settings_name_is_a_warning(name: str) -> None:
    findings = judged(name)
    assert [one.severity for one in findings] == [Severity.WARN]
    assert "no way out meanwhile" in findings[0].problem


def test_a_replacement_that_the_settings_do_not_name_is_blocked() -> None:
    raw = json.loads(text("planned-replacement"))
    (key,) = (key for key in raw["config"] if key.endswith(":egress"))
    raw["config"][key] = raw["config"][key].replace('"replace"', '"elsewhere"')
    findings = judge(parse_plan(json.dumps(raw)), ledger(list(held("planned-replacement").values())))
    assert blocked(findings) == {"NatGateway::egress-use1-az1-2"}


class TestAnEngineThatRefuses:
    def test_the_programs_reasons_are_told_one_by_one(self) -> None:
        (finding,) = judged("cidr-refused-by-program")
        assert finding.severity is Severity.BLOCK
        assert finding.problem.startswith("refused: network.cidr: 10.99.0.0/16")

    def test_a_protected_resource_is_named_with_the_way_out(self) -> None:
        told = [one for one in judged("spare-dropped") if "the engine refuses" in one.problem]
        assert told
        assert all(one.urn.endswith(one.problem.partition(":")[0]) for one in told)
        assert not any("<{%" in one.problem or "preview failed" in one.problem for one in told)

    def test_an_error_without_a_reason_still_blocks(self) -> None:
        raw = json.loads(text("nothing"))
        raw["diagnostics"] = [{"severity": "error", "message": "error: preview failed\n"}]
        assert blocked(judge(parse_plan(json.dumps(raw)), Ledger.empty("sandbox")))


Spoil = Callable[[dict[str, Any]], None]


def spoiled(suffix: str, spoil: Spoil, *, name: str = "nothing") -> set[str]:
    """What is blocked when the successor of one resource is changed."""
    raw = json.loads(text(name))
    for step in raw["steps"]:
        if step["urn"].endswith(suffix):
            spoil(step)
    return blocked(judge(parse_plan(json.dumps(raw)), ledger(list(held(name).values()))))


def _inputs(**values: Any) -> Spoil:
    return lambda step: step["newState"]["inputs"].update(values)


def _comes_from(key: str, *urns: str) -> Spoil:
    """Let an input come from somewhere else, or from nowhere and be set by hand."""

    def spoil(step: dict[str, Any]) -> None:
        step["newState"]["propertyDependencies"][key] = list(urns)
        step["newState"]["inputs"][key] = "other-0000000000000000f"

    return spoil


def _flag(key: str, value: Any) -> Spoil:
    return lambda step: step["newState"].update({key: value})


@pytest.mark.parametrize(
    ("suffix", "spoil"),
    [
        (ADDRESS, _flag("id", "eipalloc-0000000000000000f")),
        (ADDRESS, _flag("protect", False)),
        (ADDRESS, _flag("retainOnDelete", False)),
        (ADDRESS, _flag("external", True)),
        (ADDRESS, _inputs(instance="i-1")),
        (ADDRESS, _inputs(networkInterface="eni-1")),
        (ADDRESS, _inputs(tags={})),
        (GATEWAY, _flag("id", "nat-0000000000000000f")),
        (GATEWAY, _flag("protect", False)),
        (GATEWAY, _flag("external", True)),
        (GATEWAY, _inputs(secondaryAllocationIds=["eipalloc-2"])),
        (ROUTE, _flag("protect", False)),
        ("RouteTableAssociation::network-private-use1-az1", _flag("protect", False)),
        ("RouteTableAssociation::network-public-use1-az1", _flag("protect", False)),
        ("Route::network-public", _flag("protect", False)),
        ("RouteTable::network-private-use1-az1", _inputs(routes=[{"cidrBlock": "0.0.0.0/0"}])),
        ("RouteTable::network-private-use1-az1", _inputs(routes=[])),
        ("RouteTable::network-public", _inputs(routes=[])),
        ("RouteTable::network-private-use1-az1", _inputs(propagatingVgws=["vgw-1"])),
        ("DefaultRouteTable::network", _inputs(routes=[{"cidrBlock": "0.0.0.0/0"}])),
        ("Route::network-public", _inputs(gatewayId=None, transitGatewayId="tgw-1")),
        ("Route::network-public", _comes_from("gatewayId")),
        ("InternetGateway::network", _comes_from("vpcId")),
    ],
)
def test_a_step_that_calls_itself_same_and_is_not_is_blocked(suffix: str, spoil: Spoil) -> None:
    assert suffix in spoiled(suffix, spoil)


@pytest.mark.parametrize(
    "suffix",
    [
        ADDRESS,
        GATEWAY,
        ROUTE,
        "RouteTableAssociation::network-private-use1-az1",
        "RouteTableAssociation::network-public-use1-az1",
        "Route::network-public",
        "InternetGateway::network",
        "Subnet::network-public-use1-az1",
        "RouteTable::network-private-use1-az1",
        "RouteTable::network-public",
        "Vpc::network",
    ],
)
@pytest.mark.parametrize("operation", ["delete", "replace"])
def test_whatever_traffic_stands_on_may_be_neither_removed_nor_replaced(suffix: str, operation: str) -> None:
    raw = json.loads(text("nothing"))
    for step in raw["steps"]:
        if step["urn"].endswith(suffix):
            step["op"] = operation
            raw["changeSummary"] = {"same": raw["changeSummary"]["same"] - 1, operation: 1}
    assert suffix in blocked(judge(parse_plan(json.dumps(raw)), ledger(list(held("nothing").values()))))


def test_an_association_that_moves_to_another_table_is_blocked() -> None:
    def move(step: dict[str, Any]) -> None:
        public = step["urn"].partition("$aws:")[0] + "$aws:ec2/routeTable:RouteTable::network-public"
        step["newState"]["propertyDependencies"]["routeTableId"] = [public]

    association = "RouteTableAssociation::network-private-use1-az1"
    assert association in spoiled(association, move)


@pytest.mark.parametrize(
    "kind", ["eipAssociation:EipAssociation", "natGatewayEipAssociation:NatGatewayEipAssociation"]
)
def test_an_address_attached_beside_the_gateways_own_is_blocked(kind: str) -> None:
    raw = json.loads(text("nothing"))
    urn = f"urn:pulumi:sandbox::flexpay-egress::aws:ec2/{kind}::beside"
    state = {"urn": urn, "type": f"aws:ec2/{kind}", "inputs": {"allocationId": "eipalloc-2"}}
    raw["steps"].append({"op": "create", "urn": urn, "newState": state})
    assert len(blocked(judge(parse_plan(json.dumps(raw)), ledger(list(held("nothing").values()))))) == 1


def test_an_address_under_review_is_attached_to_nothing_else() -> None:
    raw = json.loads(text("nothing"))
    (address,) = (step["urn"] for step in raw["steps"] if step["urn"].endswith(ADDRESS))
    urn = "urn:pulumi:sandbox::flexpay-egress::aws:ec2/eipAssociation:EipAssociation::beside"
    state = {
        "urn": urn,
        "type": "aws:ec2/eipAssociation:EipAssociation",
        "inputs": {"allocationId": "eipalloc-2"},
        "propertyDependencies": {"allocationId": [address]},
    }
    raw["steps"].append({"op": "create", "urn": urn, "newState": state})
    waiting = list(held("nothing").values())
    assert blocked(judge(parse_plan(json.dumps(raw)), ledger([], waiting=waiting))) == {
        "EipAssociation::beside"
    }


def test_routes_that_a_vpn_gateway_brings_are_another_way_out() -> None:
    raw = json.loads(text("nothing"))
    kind = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
    urn = f"urn:pulumi:sandbox::flexpay-egress::{kind}::vpn"
    state = {"urn": urn, "type": kind, "inputs": {"vpnGatewayId": "vgw-1", "routeTableId": "rtb-1"}}
    raw["steps"].append({"op": "create", "urn": urn, "newState": state})
    findings = judge(parse_plan(json.dumps(raw)), ledger(list(held("nothing").values())))
    assert blocked(findings) == {"VpnGatewayRoutePropagation::vpn"}


def test_an_approved_address_that_a_new_stack_adopts_may_carry_traffic() -> None:
    """Told as an import, and then as an update of what was imported."""
    raw = json.loads(text("first-roll-out"))
    prefix = "urn:pulumi:sandbox::flexpay-egress::flexpay:index:Environment$flexpay:index:StaticEgress$"
    urn = f"{prefix}aws:ec2/eip:Eip::egress-use1-az1-1"
    (index,) = (number for number, step in enumerate(raw["steps"]) if step["urn"] == urn)
    wanted = raw["steps"][index]["newState"]
    imported = wanted | {"id": "eipalloc-1", "inputs": {}, "outputs": {"publicIp": "192.0.2.1"}}
    raw["steps"][index : index + 1] = [
        {"op": "import", "urn": urn, "newState": imported},
        {"op": "update", "urn": urn, "oldState": imported, "newState": wanted},
    ]
    raw["changeSummary"] = {}
    plan = parse_plan(json.dumps(raw))
    assert judge(plan, ledger([IPv4Address("192.0.2.1")])) == []
    assert blocked(judge(plan, ledger([IPv4Address("192.0.2.2")]))) == {ROUTE}


def test_an_adopted_address_that_the_preview_does_not_tell_carries_no_traffic_yet() -> None:
    raw = json.loads(text("first-roll-out"))
    for step in raw["steps"]:
        if step["urn"].endswith(ADDRESS):
            step["op"] = "import"
            step["newState"]["importID"] = "eipalloc-1"
    raw["changeSummary"] = {}
    (finding,) = judge(parse_plan(json.dumps(raw)), ledger([IPv4Address("192.0.2.1")]))
    assert finding.severity is Severity.BLOCK
    assert "eipalloc-1" in finding.problem
    assert "role: spare" in finding.way_out


def beside_another(change: Callable[[dict[str, Any]], None] = lambda step: None) -> list[GuardFinding]:
    """Judge the first plan of a further stack: its addresses are not approved yet, and get no gateway."""
    raw = json.loads(text("first-roll-out"))
    raw["steps"] = [step for step in raw["steps"] if not step["urn"].endswith((GATEWAY, ROUTE))]
    for step in raw["steps"]:
        change(step)
    raw["changeSummary"] = {}
    return judge(parse_plan(json.dumps(raw)), ledger([IPv4Address("192.0.2.1")]))


def test_a_further_stack_of_an_approved_environment_starts_without_a_gateway() -> None:
    assert beside_another() == []


@pytest.mark.parametrize(
    ("urn", "was", "becomes"),
    [
        ("RouteTableAssociation::network-private-use1-az1", "private-use1-az1", "public"),
        ("Route::network-public", "public", "private-use1-az1"),
    ],
)
def test_what_is_made_for_gateways_is_a_way_out_for_nothing_else(urn: str, was: str, becomes: str) -> None:
    def lead_out(step: dict[str, Any]) -> None:
        if step["urn"].endswith(urn):
            sources = step["newState"]["propertyDependencies"]
            sources["routeTableId"] = [one.replace(was, becomes) for one in sources["routeTableId"]]

    assert blocked(beside_another(lead_out)) == {"Route::network-public"}
