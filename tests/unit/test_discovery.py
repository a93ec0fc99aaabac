"""Every way out of a VPC is found from AWS's answers, and what cannot be followed is said to be so."""

from dataclasses import replace

import pytest

from onboarding.allowlist.discovery import Exit, Kind, egress_of, retained
from onboarding.allowlist.network_view import GatewayAddress, RegionView, Route, Subnet
from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT, TAG_STACK
from tests.unit.network_world import (
    OURS,
    SPARE,
    STRAY,
    VPC,
    allocation,
    gateway,
    interface,
    region,
    table,
    with_routes,
)


def exits(view: RegionView, kind: Kind) -> list[Exit]:
    return [one for one in egress_of(view, VPC).exits if one.kind is kind]


def test_each_zone_leaves_through_its_gateways_address() -> None:
    egress = egress_of(region(), VPC)
    assert [(one.kind, one.address, one.zones) for one in egress.exits] == [
        (Kind.NAT, OURS[0], ("use1-az1",)),
        (Kind.NAT, OURS[1], ("use1-az2",)),
    ]
    assert egress.addresses == set(OURS)
    assert egress.without == ("subnet-public",), "a gateway's own interface is no workload"


def test_the_reason_names_table_destination_and_gateway() -> None:
    (first, _) = exits(region(), Kind.NAT)
    assert "rtb-1 sends 0.0.0.0/0 to nat-1" in first.reason


def test_a_subnet_without_a_table_of_its_own_uses_the_main_one() -> None:
    view = with_routes(region(), "rtb-main", Route("0.0.0.0/0", "nat-2"))
    view = replace(view, subnets=(*view.subnets, Subnet("subnet-3", VPC, "use1-az3")))
    assert exits(view, Kind.NAT)[1].subnets == ("subnet-2", "subnet-3")


def test_another_vpcs_main_table_is_not_used() -> None:
    view = region()
    other = table("rtb-other", Route("0.0.0.0/0", "nat-1"), main=True, vpc="vpc-other")
    view = replace(
        view,
        route_tables=(other, *view.route_tables),
        subnets=(*view.subnets, Subnet("subnet-3", VPC, "use1-az3")),
    )
    assert "subnet-3" in egress_of(view, VPC).without


def test_secondary_addresses_count_as_much_as_the_primary_one() -> None:
    first = region().gateways[0]
    both = replace(first, addresses=(*first.addresses, GatewayAddress(STRAY, "eipalloc-2", primary=False)))
    view = replace(region(), gateways=(both, region().gateways[1]))
    assert STRAY in egress_of(view, VPC).addresses
    assert any("secondary" in one.reason for one in exits(view, Kind.NAT))


def test_a_more_specific_public_route_is_a_way_out_of_its_own() -> None:
    view = with_routes(region(), "rtb-1", Route("0.0.0.0/0", "nat-1"), Route("52.0.0.0/8", "nat-2"))
    assert {one.address for one in exits(view, Kind.NAT) if "subnet-1" in one.subnets} == set(OURS)


@pytest.mark.parametrize(
    "target",
    [
        "tgw-1",
        "pcx-1",
        "vgw-1",
        "eni-7",
        "i-7",
        "vpce-7",
        "lgw-1",
        "cagw-1",
        "arn:aws:networkmanager::x",
        "odb-1",
    ],
)
def test_what_cannot_be_followed_is_cannot_tell_and_never_no_way_out(target: str) -> None:
    view = with_routes(region(), "rtb-1", Route("0.0.0.0/0", target))
    (unknown,) = exits(view, Kind.ELSEWHERE)
    assert unknown.via == target
    assert not unknown.certain
    assert "cannot tell" in unknown.reason
    assert "subnet-1" not in egress_of(view, VPC).without


@pytest.mark.parametrize(
    "route",
    [
        Route("10.9.0.0/16", "tgw-1"),
        Route("0.0.0.0/0", "nat-1", blackhole=True),
        Route("pl-s3", "vpce-1"),
        Route("10.0.0.0/16", "local"),
    ],
)
def test_private_dead_and_endpoint_routes_lead_nowhere_public(route: Route) -> None:
    view = with_routes(region(), "rtb-1", route)
    assert "subnet-1" in egress_of(view, VPC).without


def test_a_prefix_list_may_hold_the_partners_range() -> None:
    view = with_routes(region(), "rtb-1", Route("pl-partner", "tgw-1"))
    assert exits(view, Kind.ELSEWHERE)


def test_a_gateway_of_another_account_and_a_private_one_are_cannot_tell() -> None:
    unseen = with_routes(region(), "rtb-1", Route("0.0.0.0/0", "nat-foreign"))
    private = replace(
        region(), gateways=(replace(region().gateways[0], public=False, addresses=()), region().gateways[1])
    )
    assert "cannot see" in exits(unseen, Kind.ELSEWHERE)[0].reason
    assert "private NAT gateway" in exits(private, Kind.ELSEWHERE)[0].reason


def test_a_public_instance_is_a_way_out_and_said_to_be_lent_or_kept() -> None:
    view = region()
    lent = interface("eni-8", STRAY, subnet="subnet-public", owned=False, instance_id="i-1")
    kept = interface("eni-9", SPARE, subnet="subnet-public")
    view = replace(view, interfaces=(*view.interfaces, lent, kept))
    found = {one.address: one for one in exits(view, Kind.INTERFACE)}
    assert found[STRAY].allocation_id is None
    assert "lent by AWS" in found[STRAY].reason
    assert "i-1" in found[STRAY].reason
    assert found[SPARE].allocation_id


def test_a_public_address_in_a_subnet_without_internet_gateway_leads_nowhere() -> None:
    view = region()
    view = replace(view, interfaces=(*view.interfaces, interface("eni-8", STRAY, subnet="subnet-1")))
    assert STRAY not in egress_of(view, VPC).addresses


def test_load_balancers_answer_but_never_call() -> None:
    view = region()
    serving = (
        interface("eni-8", STRAY, subnet="subnet-public", kind="network_load_balancer"),
        interface("eni-9", SPARE, subnet="subnet-public", description="ELB app/web/1"),
    )
    assert not exits(replace(view, interfaces=(*view.interfaces, *serving)), Kind.INTERFACE)


def test_a_subnet_that_lends_public_addresses_is_a_finding_before_anything_runs_there() -> None:
    view = region()
    public = replace(view.subnets[0], maps_public_addresses=True)
    (lending,) = exits(replace(view, subnets=(public, *view.subnets[1:])), Kind.ANY_PUBLIC)
    assert lending.via == "subnet-public"


@pytest.mark.parametrize(("has_ipv6", "found"), [(True, 1), (False, 0)])
def test_ipv6_is_a_way_past_the_list_only_where_there_are_ipv6_addresses(has_ipv6: bool, found: int) -> None:
    view = with_routes(region(), "rtb-1", Route("0.0.0.0/0", "nat-1"), Route("::/0", "eigw-1"))
    view = replace(view, subnets=tuple(replace(one, has_ipv6=has_ipv6) for one in view.subnets))
    assert len(exits(view, Kind.IPV6)) == found


@pytest.mark.parametrize("target", ["vgw-1", "pcx-1", "arn:aws:networkmanager::1:core-network/x"])
def test_all_of_ipv6_led_elsewhere_is_a_way_past_the_list(target: str) -> None:
    view = with_routes(region(), "rtb-1", Route("0.0.0.0/0", "nat-1"), Route("::/0", target))
    view = replace(view, subnets=tuple(replace(one, has_ipv6=True) for one in view.subnets))
    assert [one.via for one in exits(view, Kind.IPV6)] == [target]


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_ipv6_that_a_gateway_translates_leaves_from_the_gateways_address(has_ipv6: bool) -> None:
    """AWS: NAT64, a route for 64:ff9b::/96 to a NAT gateway."""
    view = with_routes(region(), "rtb-1", Route("64:ff9b::/96", "nat-9"))
    view = replace(
        view,
        gateways=(*view.gateways, gateway("nat-9", STRAY)),
        subnets=tuple(replace(one, has_ipv6=has_ipv6) for one in view.subnets),
    )
    assert (STRAY in egress_of(view, VPC).addresses) is has_ipv6


def test_a_gateway_no_route_leads_to_is_idle_and_not_egress() -> None:
    view = replace(region(), gateways=(*region().gateways, gateway("nat-9", STRAY)))
    (idle,) = exits(view, Kind.IDLE)
    assert idle.address == STRAY
    assert STRAY not in egress_of(view, VPC).addresses


def test_an_unknown_vpc_is_not_an_empty_one() -> None:
    with pytest.raises(KeyError):
        egress_of(region(), "vpc-unknown")


def test_every_address_tagged_as_ours_is_declared_or_retained() -> None:
    view = replace(region(), allocations=(*region().allocations, allocation(SPARE, "use1-az1/2")))
    ids = [one.allocation_id for one in region().allocations]
    (kept,) = retained(view, ids, "production")
    assert kept.allocation.address == SPARE
    assert "use1-az1/2" in kept.reason
    assert "unused" in kept.reason
    assert "carries traffic" in retained(view, ids[1:], "production")[0].reason
    assert retained(view, ids, "staging") == []


@pytest.mark.parametrize("left", [TAG_SLOT, TAG_STACK])
def test_an_address_that_lost_its_environments_tag_is_told_to_every_environment(left: str) -> None:
    lost = replace(allocation(SPARE, None, environment=None), tags={left: "use1-az1/2"})
    view = replace(region(), allocations=(*region().allocations, lost))
    ids = [one.allocation_id for one in region().allocations]
    for name in ("production", "staging", None):
        (kept,) = retained(view, ids, name)
        assert (kept.allocation.address, kept.environment) == (SPARE, None)
        assert TAG_ENVIRONMENT in kept.reason
        assert "use1-az1/2" in kept.reason


def test_an_untagged_address_is_not_ours_to_report() -> None:
    view = replace(region(), allocations=(*region().allocations, allocation(SPARE, None, environment=None)))
    assert not retained(view, [one.allocation_id for one in region().allocations])
