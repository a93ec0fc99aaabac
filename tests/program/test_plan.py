"""What is adopted, attached and routed, decided on values."""

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stacks.adoption import Refused
from stacks.egress_plan import EgressPlan, plan_egress
from stacks.facts import Allocation, Approvals, Facts, Found, Managed
from stacks.model import read_config
from stacks.schema import Settings
from tests.program.run import stack_config

ONE, TWO, SPARE = "use1-az1/1", "use1-az4/1", "use1-az1/2"
ADDRESS = {
    ONE: IPv4Address("198.18.0.1"),
    TWO: IPv4Address("198.18.0.2"),
    SPARE: IPv4Address("198.18.0.3"),
}
STRANGER = IPv4Address("198.18.0.9")


def settings(**changed: Any) -> Settings:
    return read_config({}, stack_config(**changed), source="test").settings


def slots(**egress: Any) -> Settings:
    """Return settings with one active slot per zone and a spare in the first, then changed."""
    roles = {ONE: "active", TWO: "active", SPARE: "spare"} | egress.pop("roles", {})
    addresses = {slot: {"role": role} for slot, role in roles.items() if role}
    for slot, allocation in egress.pop("allocations", {}).items():
        addresses[slot]["allocation"] = allocation
    return settings(egress={"addresses": addresses, **egress}, protect=egress.pop("protect", True))


def held(of: str, /, **changed: Any) -> Allocation:
    at = ADDRESS[of]
    one = Allocation(f"eipalloc-0000000{str(at)[-1]}", at, environment="production", slot=of)
    return replace(one, **changed)


def running(**changed: Any) -> Managed:
    """Return a stack that was deployed with both active slots attached."""
    managed = Managed(
        remembers=True,
        addresses={slot: held(slot) for slot in ADDRESS},
        gateways=frozenset({ONE, TWO}),
        zones=frozenset({"use1-az1", "use1-az4"}),
        declared=ADDRESS,
        exits={"use1-az1": ONE, "use1-az4": TWO},
    )
    return replace(managed, **changed)


def approved(*named: str) -> Approvals:
    known = frozenset(ADDRESS[slot] for slot in named)
    return Approvals(ever=True, current=known, promised=known)


def gateways(plan: EgressPlan) -> set[str]:
    return {slot.slot for slot in plan.slots if slot.gateway}


def refused(chosen: Settings, facts: Facts) -> str:
    with pytest.raises(Refused) as caught:
        plan_egress(chosen, facts)
    return str(caught.value)


class TestAdoption:
    def test_a_new_stack_allocates(self) -> None:
        plan = plan_egress(slots(), Facts())
        assert [slot.adopt for slot in plan.slots] == [None, None, None]

    def test_the_one_address_with_the_tags_is_taken_over(self) -> None:
        plan = plan_egress(slots(), Facts(found=Found(tagged={ONE: (held(ONE),)})))
        assert {slot.slot: slot.adopt for slot in plan.slots}[ONE] == held(ONE).allocation_id

    @pytest.mark.parametrize("tag", [None, "production"])
    def test_one_of_this_stack_or_of_no_stack_is_taken_over(self, tag: str | None) -> None:
        found = Found(tagged={ONE: (held(ONE, stack=tag),)})
        plan = plan_egress(slots(), Facts(Managed(stack="production"), found))
        assert {slot.slot: slot.adopt for slot in plan.slots}[ONE] == held(ONE).allocation_id

    def test_one_of_another_stack_is_only_taken_over_by_name(self) -> None:
        theirs = held(ONE, stack="production-east")
        found = Found(tagged={ONE: (theirs,)}, named={theirs.allocation_id: theirs})
        facts = Facts(Managed(stack="production"), found)
        said = refused(slots(), facts)
        assert f"{theirs} carries its tags and belongs to stack production-east" in said
        assert f"egress.addresses.{ONE}.allocation: {theirs.allocation_id}" in said
        plan = plan_egress(slots(allocations={ONE: theirs.allocation_id}), facts)
        assert {slot.slot: slot.adopt for slot in plan.slots}[ONE] == theirs.allocation_id

    @pytest.mark.parametrize("approvals", [Approvals(), approved(TWO)])
    def test_another_stacks_address_under_a_managed_slot_is_not_called_a_leftover(
        self, approvals: Approvals
    ) -> None:
        theirs = held(TWO, slot=ONE, stack="production-east")
        facts = Facts(running(stack="production"), Found(tagged={ONE: (theirs,)}), approvals)
        said = refused(slots(), facts)
        assert f"{theirs} of stack production-east" in said
        assert "release" not in said
        assert "stack import" not in said

    def test_two_with_the_tags_are_refused_by_name(self) -> None:
        twins = (held(ONE), held(TWO, slot=ONE))
        said = refused(slots(), Facts(found=Found(tagged={ONE: twins})))
        assert all(str(one.address) in said for one in twins)

    def test_what_the_stack_manages_is_never_imported_again(self) -> None:
        for chosen in (slots(), slots(allocations={ONE: held(ONE).allocation_id})):
            plan = plan_egress(chosen, Facts(running()))
            assert [slot.adopt for slot in plan.slots] == [None, None, None]

    def test_a_leftover_with_the_tags_of_a_managed_slot_is_refused_by_name(self) -> None:
        leftover = held(ONE, allocation_id="eipalloc-00000009", address=STRANGER)
        said = refused(slots(), Facts(running(), Found(tagged={ONE: (leftover,)})))
        assert str(leftover) in said
        assert str(held(ONE)) in said

    def test_where_an_update_exchanged_the_address_the_approved_one_is_kept(self) -> None:
        stranger = held(ONE, allocation_id="eipalloc-00000009", address=STRANGER)
        exchanged = running(addresses={**running().addresses, ONE: stranger})
        facts = Facts(exchanged, Found(tagged={ONE: (held(ONE),)}), approved(ONE, TWO))
        said = refused(slots(), facts)
        assert f"Keep {held(ONE)}" in said
        assert f"off {stranger.allocation_id}" in said
        assert "release" not in said

    def test_a_different_allocation_is_a_different_slot(self) -> None:
        other = "eipalloc-0000000f"
        named = {other: Allocation(other, STRANGER)}
        chosen = slots(allocations={ONE: other})
        said = refused(chosen, Facts(running(), Found(named=named)))
        assert "different slot" in said
        assert str(ADDRESS[ONE]) in said
        said = refused(chosen, Facts(found=Found(tagged={ONE: (held(ONE),)}, named=named)))
        assert "different slot" in said
        assert str(ADDRESS[ONE]) in said

    def test_an_allocation_of_another_account_or_region_is_refused(self) -> None:
        assert "not an address of this account and region" in refused(
            slots(allocations={ONE: "eipalloc-0000000f"}), Facts()
        )

    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"held_by": "eni-1"}, "in use by eni-1"),
            ({"fits_zone": False}, "network border group"),
            ({"environment": "staging", "slot": ONE}, "environment staging"),
            ({"environment": "production", "slot": TWO}, f"slot {TWO}"),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, changed: dict[str, Any], why: str) -> None:
        one = held(ONE, **changed)
        facts = Facts(found=Found(named={one.allocation_id: one}))
        assert why in refused(slots(allocations={ONE: one.allocation_id}), facts)

    def test_tags_that_moved_to_another_address_are_refused(self) -> None:
        managed = running(addresses={slot: held(slot) for slot in (TWO, SPARE)})
        moved = held(ONE, allocation_id="eipalloc-00000009", address=STRANGER)
        said = refused(slots(), Facts(managed, Found(tagged={ONE: (moved,)}), approved(ONE, TWO)))
        assert str(ADDRESS[ONE]) in said
        assert str(STRANGER) in said

    def test_no_new_address_takes_the_place_of_one_the_partner_knows(self) -> None:
        managed = running(addresses={slot: held(slot) for slot in (TWO, SPARE)})
        said = refused(slots(), Facts(managed, approvals=approved(ONE, TWO)))
        assert f"addresses recover {ADDRESS[ONE]}" in said

    def test_one_the_partner_never_heard_of_is_simply_made_again(self) -> None:
        managed = running(addresses={slot: held(slot) for slot in (TWO, ONE)})
        plan = plan_egress(slots(), Facts(managed, approvals=approved(ONE, TWO)))
        assert {slot.slot: slot.adopt for slot in plan.slots}[SPARE] is None

    def test_an_address_that_was_released_behind_our_back_stops_the_update(self) -> None:
        gone = Found(gone=frozenset({held(ONE).allocation_id}))
        assert f"addresses recover {ADDRESS[ONE]}" in refused(slots(), Facts(running(), gone))

    def test_a_lost_state_with_lost_addresses_starts_nothing(self) -> None:
        here = Found(environment=frozenset({ADDRESS[ONE]}), tagged={ONE: (held(ONE),)})
        said = refused(slots(), Facts(found=here, approvals=approved(ONE, TWO)))
        assert str(ADDRESS[TWO]) in said
        assert "egress.elsewhere" in said

    def test_addresses_of_other_stacks_are_named_once_to_start_beside_them(self) -> None:
        chosen = slots(elsewhere=[str(ADDRESS[ONE]), str(ADDRESS[TWO])])
        plan = plan_egress(chosen, Facts(approvals=approved(ONE, TWO)))
        assert len(plan.slots) == 3


class TestAttaching:
    def test_the_first_roll_out_attaches_at_once(self) -> None:
        plan = plan_egress(slots(), Facts())
        assert gateways(plan) == {ONE, TWO}
        assert plan.exits == {"use1-az1": ONE, "use1-az4": TWO}

    def test_afterwards_an_unapproved_address_carries_nothing(self) -> None:
        managed = running(
            addresses={slot: held(slot) for slot in (ONE, SPARE)},
            gateways=frozenset({ONE}),
            exits={"use1-az1": ONE},
            declared={ONE: ADDRESS[ONE]},
        )
        plan = plan_egress(slots(), Facts(managed, approvals=approved(ONE)))
        assert gateways(plan) == {ONE}
        assert plan.exits == {"use1-az1": ONE, "use1-az4": None}
        assert any(TWO in warning for warning in plan.warnings)

    def test_such_a_zone_may_leave_through_another(self) -> None:
        managed = running(gateways=frozenset({ONE}), exits={"use1-az1": ONE})
        chosen = slots(via={"use1-az4": "use1-az1"})
        plan = plan_egress(chosen, Facts(managed, approvals=approved(ONE)))
        assert plan.exits == {"use1-az1": ONE, "use1-az4": ONE}
        plan = plan_egress(chosen, Facts(managed, approvals=approved(ONE, TWO)))
        assert plan.exits == {"use1-az1": ONE, "use1-az4": TWO}

    def test_what_carries_traffic_is_not_detached_by_the_ledger(self) -> None:
        plan = plan_egress(slots(), Facts(running(), approvals=approved(ONE)))
        assert gateways(plan) == {ONE, TWO}
        assert any(str(ADDRESS[TWO]) in warning for warning in plan.warnings)

    def test_single_has_one_gateway_and_says_what_it_costs(self) -> None:
        plan = plan_egress(settings(egress={"mode": "single", "gatewayZone": "use1-az4"}), Facts())
        assert gateways(plan) == {TWO}
        assert plan.exits == {"use1-az1": TWO, "use1-az4": TWO}
        assert [slot.slot for slot in plan.slots] == [ONE, TWO]
        (said,) = plan.warnings
        assert "$32.85" in said
        assert "no zone reaches the partner" in said


SWAPPED = {ONE: "spare", SPARE: "active"}


class TestMoving:
    def test_both_gateways_stand_while_the_route_moves(self) -> None:
        chosen = slots(roles=SWAPPED, replace=[ONE])
        plan = plan_egress(chosen, Facts(running(), approvals=approved(ONE, TWO, SPARE)))
        assert gateways(plan) == {ONE, TWO, SPARE}
        assert plan.exits is not None
        assert plan.exits["use1-az1"] == SPARE
        by_slot = {slot.slot: slot for slot in plan.slots}
        assert (by_slot[ONE].planned, by_slot[ONE].active) == (True, False)
        assert (by_slot[SPARE].planned, by_slot[SPARE].active) == (False, True)

    def test_the_old_gateway_goes_when_it_is_taken_off_the_list(self) -> None:
        managed = running(gateways=frozenset({ONE, TWO, SPARE}), exits={"use1-az1": SPARE, "use1-az4": TWO})
        plan = plan_egress(slots(roles=SWAPPED), Facts(managed, approvals=approved(*ADDRESS)))
        assert gateways(plan) == {TWO, SPARE}

    def test_the_old_gateway_is_not_taken_from_under_its_traffic(self) -> None:
        said = refused(slots(roles=SWAPPED), Facts(running(), approvals=approved(*ADDRESS)))
        assert f"Name {ONE} in egress.replace" in said

    def test_a_zone_that_is_taken_out_is_told_a_way_that_the_settings_allow(self) -> None:
        left = {"network": {"cidr": "10.64.0.0/16", "zones": ["use1-az1"]}}
        facts = Facts(running(), approvals=approved(*ADDRESS))
        said = refused(settings(**left), facts)
        assert "use1-az4/1: its gateway carries traffic, and its zone is not in network.zones" in said
        assert "egress.replace" not in said, "it takes no slot of a zone that is not named"
        assert gateways(plan_egress(settings(**left, protect=False), facts)) == {ONE}

    def test_traffic_does_not_move_to_an_address_that_is_not_approved(self) -> None:
        said = refused(slots(roles=SWAPPED, replace=[ONE]), Facts(running(), approvals=approved(ONE, TWO)))
        assert "use1-az1" in said
        assert "Leave use1-az1/1 active" in said

    def test_single_from_per_zone_takes_two_updates(self) -> None:
        single: dict[str, Any] = {"mode": "single", "gatewayZone": "use1-az1"}
        facts = Facts(running(), approvals=approved(*ADDRESS))
        assert f"Name {TWO} in egress.replace" in refused(slots(**single), facts)
        plan = plan_egress(slots(**single, replace=[TWO]), facts)
        assert gateways(plan) == {ONE, TWO}
        assert plan.exits == {"use1-az1": ONE, "use1-az4": ONE}

    def test_a_gateway_is_replaced_in_its_place(self) -> None:
        plan = plan_egress(slots(replace=[ONE]), Facts(running(), approvals=approved(*ADDRESS)))
        assert gateways(plan) == {ONE, TWO}
        assert [slot.slot for slot in plan.slots if slot.planned] == [ONE]

    def test_naming_a_slot_for_replacement_makes_no_gateway(self) -> None:
        plan = plan_egress(slots(replace=[SPARE]), Facts(running(), approvals=approved(*ADDRESS)))
        assert SPARE not in gateways(plan)


ALL = [f"use1-az{zone}/{number}" for zone in (1, 4) for number in (1, 2)]
AT = {slot: IPv4Address("198.18.1.0") + index for index, slot in enumerate(ALL)}
some_slots = st.sets(st.sampled_from(ALL))


@given(
    active=st.tuples(st.sampled_from([1, 2]), st.sampled_from([1, 2])),
    named=st.sampled_from(["per-zone", "single"]),
    kept=some_slots,
    current=some_slots,
    today=st.tuples(st.sampled_from([None, 1, 2]), st.sampled_from([None, 1, 2])),
    ever=st.booleans(),
)
@hypothesis_settings(max_examples=300, deadline=None)
def test_no_edit_stops_traffic_or_moves_it_to_an_unapproved_address(
    *,
    active: tuple[int, int],
    named: str,
    kept: set[str],
    current: set[str],
    today: tuple[int | None, int | None],
    ever: bool,
) -> None:
    zones = ("use1-az1", "use1-az4")
    exits = {zone: f"{zone}/{slot}" for zone, slot in zip(zones, today, strict=True) if slot}
    chosen_active = {f"{zone}/{slot}" for zone, slot in zip(zones, active, strict=True)}
    egress: dict[str, Any] = {
        "mode": named,
        "addresses": {slot: {"role": "active" if slot in chosen_active else "spare"} for slot in ALL},
        "replace": sorted(kept),
    }
    if named == "single":
        egress["gatewayZone"] = "use1-az1"
    managed = Managed(
        remembers=True,
        addresses={slot: Allocation(f"eipalloc-{slot}", AT[slot]) for slot in ALL},
        gateways=frozenset(exits.values()),
        declared=AT,
        exits=exits,
    )
    known = frozenset(AT[slot] for slot in current)
    facts = Facts(managed, approvals=Approvals(ever=ever, current=known, promised=known))
    try:
        plan = plan_egress(settings(egress=egress), facts)
    except Refused:
        return
    assert [slot.slot for slot in plan.slots] == ALL
    assert not [slot for slot in plan.slots if slot.adopt]
    assert plan.exits is not None
    for zone in exits:
        assert plan.exits[zone] is not None
    for slot in gateways(plan) - managed.gateways:
        assert not ever or slot in current
    assert set(exits.values()) <= gateways(plan)
    assert {one for one in plan.exits.values() if one} <= gateways(plan)
