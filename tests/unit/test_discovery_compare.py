"""What is declared is held against what AWS has; every difference stops a submission, by name."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from onboarding.allowlist.comprehensive import compare
from onboarding.allowlist.network_view import RegionView, Route, Subnet, Vpc
from onboarding.allowlist.own_egress import places
from onboarding.deployment import Role, Stack
from tests.unit.network_world import (
    ACCOUNT,
    OURS,
    REGION,
    SPARE,
    STRAY,
    VPC,
    allocation,
    declared,
    environment,
    gateway,
    interface,
    region,
    stack,
    views,
    with_routes,
)


def codes(view: RegionView | None = None, *stacks: Stack) -> list[str]:
    return sorted(gap.code for gap in compare(environment(*stacks), views(view)).gaps)


def test_a_deployed_environment_has_no_gaps() -> None:
    found = compare(environment(), views())
    assert found.gaps == ()
    assert found.notes == ()


def lends(view: RegionView) -> RegionView:
    lent = interface("eni-8", STRAY, subnet="subnet-public", owned=False)
    return replace(view, interfaces=(*view.interfaces, lent))


def bastion(view: RegionView) -> RegionView:
    kept = interface("eni-8", STRAY, subnet="subnet-public")
    return replace(view, interfaces=(*view.interfaces, kept))


def second_gateway(view: RegionView) -> RegionView:
    view = replace(view, gateways=(*view.gateways, gateway("nat-9", STRAY)))
    return with_routes(view, "rtb-1", Route("0.0.0.0/0", "nat-1"), Route("52.0.0.0/8", "nat-9"))


def released(view: RegionView) -> RegionView:
    return replace(view, allocations=view.allocations[1:])


def gateway_gone(view: RegionView) -> RegionView:
    free = tuple(replace(one, association_id=None, interface_id=None) for one in view.allocations[:1])
    view = replace(view, gateways=view.gateways[1:], allocations=(*free, *view.allocations[1:]))
    return with_routes(view, "rtb-1", Route("0.0.0.0/0", "nat-1", blackhole=True))


def taken(view: RegionView) -> RegionView:
    return replace(gateway_gone(view), allocations=view.allocations)


def elsewhere(view: RegionView) -> RegionView:
    return with_routes(view, "rtb-1", Route("0.0.0.0/0", "nat-1"), Route("52.0.0.0/8", "tgw-1"))


def unrouted(view: RegionView) -> RegionView:
    return with_routes(view, "rtb-1", Route("10.0.0.0/16", "local"))


def swapped(view: RegionView) -> RegionView:
    first = replace(view.allocations[0], address=STRAY)
    return replace(view, allocations=(first, *view.allocations[1:]))


def other_subnet(view: RegionView) -> RegionView:
    tables = tuple(
        replace(one, subnet_ids=one.subnet_ids | {"subnet-x"}) if one.id == "rtb-1" else one
        for one in view.route_tables
    )
    return replace(view, route_tables=tables, subnets=(*view.subnets, Subnet("subnet-x", VPC, "use1-az1")))


def theirs(view: RegionView) -> RegionView:
    first = replace(view.allocations[0], tags=allocation(OURS[0], "use1-az1/1", environment="other").tags)
    return replace(view, allocations=(first, *view.allocations[1:]))


def ipv6(view: RegionView) -> RegionView:
    view = with_routes(view, "rtb-1", Route("0.0.0.0/0", "nat-1"), Route("::/0", "eigw-1"))
    return replace(view, subnets=tuple(replace(one, has_ipv6=True) for one in view.subnets))


def lending_subnet(view: RegionView) -> RegionView:
    lending = (replace(one, maps_public_addresses=one.id == "subnet-public") for one in view.subnets)
    return replace(view, subnets=tuple(lending))


def no_table(view: RegionView) -> RegionView:
    kept = tuple(one for one in view.route_tables if one.id not in ("rtb-1", "rtb-main"))
    return replace(view, route_tables=kept)


def not_yet(view: RegionView) -> RegionView:
    first = replace(view.gateways[0], addresses=(), state="pending")
    return replace(view, gateways=(first, *view.gateways[1:]))


def no_vpc(view: RegionView) -> RegionView:
    return replace(view, vpcs=())


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lends, {"not-static"}),
        (bastion, {"undeclared"}),
        (second_gateway, {"undeclared"}),
        (released, {"missing"}),
        (gateway_gone, {"missing"}),
        (taken, {"shared", "missing"}),
        (elsewhere, {"cannot-tell"}),
        (unrouted, {"missing"}),
        (swapped, {"missing"}),
        (other_subnet, {"shared"}),
        (theirs, {"shared"}),
        (ipv6, {"ipv6"}),
        (no_vpc, {"missing"}),
        (lending_subnet, {"not-static"}),
        (no_table, {"cannot-tell", "missing"}),
        (not_yet, {"cannot-tell", "missing", "shared"}),
    ],
)
def test_every_kind_of_difference_is_named(
    spoil: Callable[[RegionView], RegionView], expected: set[str]
) -> None:
    assert set(codes(spoil(region()))) == expected


def test_a_shared_address_is_not_called_dedicated() -> None:
    assert compare(environment(), views(other_subnet(region()))).shared == {OURS[0]}


def test_a_spare_needs_no_gateway_but_must_be_there() -> None:
    ours = [declared(one, f"use1-az{n}/1") for n, one in enumerate(OURS, 1)]
    with_spare = stack(*ours, declared(SPARE, "use1-az1/2", Role.SPARE))
    held = replace(region(), allocations=(*region().allocations, allocation(SPARE, "use1-az1/2")))
    assert codes(held, with_spare) == []
    assert codes(None, with_spare) == ["missing"]


def test_an_address_on_a_gateway_the_outputs_do_not_know_is_said() -> None:
    ours = [declared(one, f"use1-az{n}/1") for n, one in enumerate(OURS, 1)]
    moved = stack(ours[0], replace(ours[1], nat_gateway_id="nat-old"))
    assert "undeclared" in codes(None, moved)


def texts(view: RegionView | None, *stacks: Stack) -> str:
    return "\n".join(gap.text for gap in compare(environment(*stacks), views(view)).gaps)


def test_each_reason_names_what_was_found() -> None:
    ours = [declared(one, f"use1-az{n}/1") for n, one in enumerate(OURS, 1)]
    gone = gateway_gone(region())
    assert "nat-1 does not exist or does not hold it" in texts(gone)
    bare = stack(replace(ours[0], nat_gateway_id=None), ours[1])
    assert f"{OURS[0]} (use1-az1/1) is active, but no NAT gateway has it" in texts(gone, bare)
    assert "is attached to eni-1, which is not a NAT gateway" in texts(taken(region()))
    unnamed = taken(region())
    first = replace(unnamed.allocations[0], interface_id=None)
    unnamed = replace(unnamed, allocations=(first, *unnamed.allocations[1:]))
    assert "is attached to assoc-1, which is not a NAT gateway" in texts(unnamed)
    assert "is on nat-1; the outputs say it has no gateway" in texts(None, bare)
    assert "has no allocation, so AWS may take it away" in texts(
        None, stack(replace(ours[0], allocation_id=None), ours[1])
    )
    assert "subnet-x also leaves through nat-1" in texts(other_subnet(region()))
    assert "no route of vpc-0aaaaaaa leads to nat-1" in texts(unrouted(region()))
    assert "which is pending and has no address yet" in texts(not_yet(region()))


def test_a_spare_on_a_gateway_to_which_no_route_leads_is_as_declared() -> None:
    ours = [declared(one, f"use1-az{n}/1") for n, one in enumerate(OURS, 1)]
    waiting = stack(replace(ours[0], role=Role.SPARE), ours[1])
    assert codes(unrouted(region()), waiting) == []


def test_an_undeclared_way_out_that_others_use_as_well_is_told_once() -> None:
    view = other_subnet(second_gateway(region()))
    found = [gap for gap in compare(environment(), views(view)).gaps if gap.address == STRAY]
    assert [gap.code for gap in found] == ["undeclared"]


def test_private_addresses_are_refused_and_loopback_ones_are_noted() -> None:
    private = declared(IPv4Address("10.1.2.3"), "use1-az1/1")
    local = declared(IPv4Address("127.0.0.9"), "use1-az1/1")
    assert "private" in codes(None, stack(private))
    assert any("loopback" in note for note in compare(environment(stack(local)), views()).notes)


def test_one_allocation_cannot_fill_two_slots() -> None:
    first = declared(OURS[0], "use1-az1/1")
    assert "duplicated" in codes(None, stack(first, replace(first, slot="use1-az1/2", address=SPARE)))


def test_a_region_that_gave_no_answer_is_cannot_tell_with_its_reason() -> None:
    found = compare(environment(), {}, {(ACCOUNT, REGION): "access denied"})
    (gap,) = found.gaps
    assert gap.code == "cannot-tell"
    assert "access denied" in gap.text


def test_external_addresses_need_no_answer_from_aws() -> None:
    external = replace(
        declared(STRAY, "external/18.204.0.66"), allocation_id=None, nat_gateway_id=None, owner="Hosting AG"
    )
    outside = environment(stack(external, vpc_id=None))
    assert places(outside) == ()
    assert compare(outside, {}).gaps == ()


def test_other_teams_ways_out_of_a_shared_vpc_are_remarks_and_not_findings() -> None:
    view = bastion(region())
    view = replace(view, vpcs=(Vpc(VPC, view.vpcs[0].cidrs, environment=None),))
    found = compare(environment(), views(view))
    assert found.gaps == ()
    assert any("eni-8" in remark for remark in found.remarks)


def test_a_retained_address_is_a_remark_with_its_reason() -> None:
    view = replace(region(), allocations=(*region().allocations, allocation(SPARE, "use1-az1/2")))
    (remark,) = compare(environment(), views(view)).remarks
    assert str(SPARE) in remark
