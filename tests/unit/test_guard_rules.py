"""The guard's rules one by one: each has a plan that it stops, and the nearest one that it does not."""

import json
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest

from onboarding.allowlist.guard import SUBMIT, GuardFinding, Severity, holds_addresses, judge
from onboarding.allowlist.ledger import Ledger
from onboarding.allowlist.plan import parse_plan
from tests.unit.test_guard import ADDRESS, GATEWAY, ROUTE, SLOT, SPARE, blocked, held, ledger, text

OTHER = IPv4Address("127.9.9.9")
"""An address of some other stack."""
Step = dict[str, Any]


def edited(name: str, *edits: tuple[str, Callable[[Step], object]], more: tuple[Step, ...] = ()) -> str:
    """Return a document with changes to the steps of some URNs."""
    raw = json.loads(text(name))
    for suffix, edit in edits:
        found = [step for step in raw["steps"] if step["urn"].endswith(suffix)]
        assert found, suffix
        for step in found:
            edit(step)
    raw["steps"] += more
    raw["changeSummary"] = {}
    return json.dumps(raw)


def found(document: str, books: Ledger) -> list[GuardFinding]:
    return judge(parse_plan(document), books)


class TestBeforeAnythingWasApproved:
    def test_traffic_moves_from_one_address_in_review_to_another(self) -> None:
        assert found(text("moved"), ledger([], waiting=list(held("moved").values()))) == []

    def test_traffic_does_not_move_to_an_address_that_is_not(self) -> None:
        findings = found(text("moved"), ledger([], waiting=[held("moved")[SLOT]]))
        assert blocked(findings) == {ROUTE}
        assert findings[0].way_out == SUBMIT

    def test_an_attachment_of_somebody_elses_address_is_theirs(self) -> None:
        document = edited("nothing", more=(attachment("create"),))
        assert found(document, ledger([], waiting=list(held("nothing").values()))) == []

    def test_an_attachment_that_was_there_already_stays(self) -> None:
        there = attachment("same", sources=[address_urn()])
        there["oldState"] = there["newState"]
        document = edited("nothing", more=(there,))
        assert found(document, ledger([], waiting=list(held("nothing").values()))) == []


def address_urn() -> str:
    return next(
        str(step["urn"]) for step in json.loads(text("nothing"))["steps"] if step["urn"].endswith(ADDRESS)
    )


def attachment(operation: str, sources: list[str] | None = None) -> Step:
    kind = "aws:ec2/eipAssociation:EipAssociation"
    urn = f"urn:pulumi:sandbox::flexpay-egress::{kind}::beside"
    state = {"urn": urn, "type": kind, "inputs": {"allocationId": "eipalloc-2"}}
    return {
        "op": operation,
        "urn": urn,
        "newState": state | {"propertyDependencies": {"allocationId": sources or []}},
    }


@pytest.mark.parametrize("suffix", [ADDRESS, GATEWAY, ROUTE])
@pytest.mark.parametrize(
    ("flag", "value"), [("protect", False), ("retainOnDelete", False), ("external", True)]
)
def test_what_was_so_before_is_not_this_plans_doing(suffix: str, flag: str, value: object) -> None:
    def as_before(step: Step) -> None:
        step["oldState"][flag] = step["newState"][flag] = value

    assert found(edited("nothing", (suffix, as_before)), ledger(list(held("nothing").values()))) == []


def test_a_route_to_an_address_in_review_that_stays_where_it_is_is_a_warning() -> None:
    findings = found(text("nothing"), ledger([OTHER], waiting=list(held("nothing").values())))
    assert [(one.severity, one.urn.rpartition("::")[2]) for one in findings] == [
        (Severity.WARN, "egress-use1-az1")
    ]
    assert "leads to" in findings[0].problem


class TestAGatewayThatGoesWithItsTraffic:
    @staticmethod
    def plan(*, protected: bool) -> str:
        def goes(step: Step) -> None:
            step["op"] = "delete"
            step["oldState"]["protect"] = protected
            step.pop("newState", None)

        return edited("moved", (GATEWAY, goes))

    def test_may_go_when_all_of_it_moved_to_an_approved_address(self) -> None:
        assert found(self.plan(protected=False), ledger(list(held("moved").values()))) == []

    def test_stays_while_it_is_protected(self) -> None:
        assert blocked(found(self.plan(protected=True), ledger(list(held("moved").values())))) == {GATEWAY}

    def test_stays_when_the_traffic_moved_to_an_address_that_is_not_approved(self) -> None:
        findings = found(self.plan(protected=False), ledger([held("moved")[SLOT]]))
        assert blocked(findings) == {GATEWAY, ROUTE}

    def test_stays_when_the_traffic_did_not_move(self) -> None:
        def goes(step: Step) -> None:
            step["op"] = "delete"
            step["oldState"]["protect"] = False
            step.pop("newState", None)

        findings = found(edited("nothing", (GATEWAY, goes)), ledger(list(held("nothing").values())))
        assert GATEWAY in blocked(findings)


@pytest.mark.parametrize(
    ("retained", "said"), [(True, "kept in AWS, but unmanaged"), (False, "may go to a stranger")]
)
def test_an_address_that_leaves_is_told_with_what_becomes_of_it(retained: bool, said: str) -> None:
    def goes(step: Step) -> None:
        step["op"] = "delete"
        step["oldState"]["retainOnDelete"] = retained
        step.pop("newState", None)

    findings = found(edited("spare-added", (ADDRESS, goes)), ledger(list(held("spare-added").values())))
    assert any(said in one.problem for one in findings)


@pytest.mark.parametrize("name", ["moved", "first-roll-out"])
def test_an_address_that_was_never_handed_in_has_to_be(name: str) -> None:
    known = [address for slot, address in held(name).items() if slot != SPARE]
    (finding,) = [one for one in found(text(name), ledger([*known, OTHER])) if one.severity is Severity.BLOCK]
    assert finding.way_out == SUBMIT


@pytest.mark.parametrize(
    ("outputs", "address", "holds"), [([], True, True), ([{"slot": SLOT}], False, True), ([], False, False)]
)
def test_a_stack_holds_addresses_by_its_resources_or_its_outputs(
    outputs: list[Step], address: bool, holds: bool
) -> None:
    raw = json.loads(text("nothing"))
    kept = []
    for step in raw["steps"]:
        if "Eip::" in step["urn"] and not address:
            continue
        step["oldState"].get("outputs", {}).pop("egressAddresses", None)
        if "pulumi:pulumi:Stack" in step["urn"]:
            step["oldState"]["outputs"] = {"egressAddresses": outputs}
        kept.append(step)
    raw |= {"steps": kept, "changeSummary": {}}
    assert holds_addresses(parse_plan(json.dumps(raw))) is holds


def test_an_address_that_only_others_are_listed_beside_may_go() -> None:
    assert blocked(found(text("unprotected"), ledger([OTHER]))) == set()


class TestAPlannedReplacement:
    """``egress.replace`` frees a gateway, and never an address."""

    BOOKS = ledger(list(held("planned-replacement").values()))

    @staticmethod
    def edited(edit: Callable[[Step], object]) -> str:
        return edited("planned-replacement", ("NatGateway::egress-use1-az1-2", edit))

    def test_of_a_gateway_that_would_get_another_address_is_blocked(self) -> None:
        def another(step: Step) -> None:
            sources = step["newState"]["propertyDependencies"]
            sources["allocationId"] = [one.replace("az1-2", "az1-1") for one in sources["allocationId"]]

        assert "NatGateway::egress-use1-az1-2" in blocked(found(self.edited(another), self.BOOKS))

    def test_does_not_let_the_gateway_be_removed(self) -> None:
        def goes(step: Step) -> None:
            step["op"] = "delete"
            step.pop("newState", None)

        assert "NatGateway::egress-use1-az1-2" in blocked(found(self.edited(goes), self.BOOKS))

    def test_frees_no_route(self) -> None:
        def replaced(step: Step) -> None:
            step["op"] = "replace"

        assert ROUTE in blocked(found(edited("planned-replacement", (ROUTE, replaced)), self.BOOKS))

    def test_takes_no_protection_off_a_route(self) -> None:
        document = edited("planned-replacement", (ROUTE, lambda step: step["newState"].update(protect=False)))
        assert ROUTE in blocked(found(document, self.BOOKS))


@pytest.mark.parametrize("name", ["secondaryAllocationIds", "secondaryPrivateIpAddressCount"])
def test_more_addresses_on_a_gateway_are_told_when_they_come(name: str) -> None:
    def comes(step: Step) -> None:
        step["newState"]["inputs"][name] = ["eipalloc-2"]

    def was_there(step: Step) -> None:
        step["oldState"]["inputs"][name] = step["newState"]["inputs"][name] = ["eipalloc-2"]

    books = ledger(list(held("nothing").values()))
    assert blocked(found(edited("nothing", (GATEWAY, comes)), books)) == {GATEWAY}
    assert found(edited("nothing", (GATEWAY, was_there)), books) == []


def test_an_attachment_that_was_there_before_anybody_looked_is_no_new_way_out() -> None:
    there = attachment("same")
    there["oldState"] = there["newState"]
    assert found(edited("nothing", more=(there,)), ledger(list(held("nothing").values()))) == []


def test_a_route_to_an_unapproved_address_that_is_exchanged_leads_to_another_one() -> None:
    assert ROUTE in blocked(found(text("address-replaced-unprotected"), ledger([OTHER])))


def test_a_way_out_that_the_stack_does_not_hold_stays_blocked() -> None:
    def foreign(step: Step) -> None:
        for state in ("oldState", "newState"):
            step[state]["inputs"]["natGatewayId"] = "nat-of-somebody"
            step[state]["propertyDependencies"]["natGatewayId"] = []

    (finding,) = found(edited("nothing", (ROUTE, foreign)), ledger([OTHER]))
    assert (finding.severity, finding.urn.endswith(ROUTE)) == (Severity.BLOCK, True)
    assert "a way out that this stack does not hold" in finding.problem
