"""Every public address from which workloads of a VPC can reach the internet, and why.

From AWS's answers alone: a list is only comprehensive when it was not copied from what somebody
meant to deploy. What cannot be followed to an address (a transit gateway, a firewall, a peer) is
reported as such and never as "no egress".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from onboarding.allowlist.addresses import is_internet_destination
from onboarding.allowlist.network_view import (
    Allocation,
    Interface,
    NatGateway,
    RegionView,
    Route,
    RouteTable,
    Subnet,
)
from stacks.contract import TAG_ENVIRONMENT

_ELSEWHERE = {
    "tgw-": "a transit gateway",
    "pcx-": "a VPC peering connection",
    "vgw-": "a VPN or Direct Connect gateway",
    "eni-": "a network interface (an appliance or NAT instance)",
    "i-": "an instance (NAT instance)",
    "vpce-": "an endpoint (a firewall or gateway load balancer)",
    "lgw-": "a local gateway",
    "cagw-": "a carrier gateway",
    "arn:": "a network of another kind",
}
_SERVICE_KINDS = {
    "network_load_balancer",
    "gateway_load_balancer",
    "load_balancer",
    "global_accelerator_managed",
}
"""Interfaces that answer from their public address and never call out from it."""


class Kind(StrEnum):
    """How traffic leaves."""

    NAT = "nat-gateway"
    INTERFACE = "interface"
    ANY_PUBLIC = "public-subnet"
    """A subnet that lends a public address to whatever is started in it."""
    IPV6 = "ipv6"
    ELSEWHERE = "elsewhere"
    """Through something whose addresses AWS does not tell: cannot tell."""
    IDLE = "idle-gateway"
    """A NAT gateway that no route leads to: nothing leaves from it today."""


_IPV6_TARGETS = ("igw-", "eigw-", "tgw-", "eni-", "vpce-")


@dataclass(frozen=True)
class Exit:
    """One way out of a VPC."""

    kind: Kind
    via: str
    """ID of the gateway, interface or subnet."""
    reason: str
    """One sentence: which route or interface makes it a way out."""
    address: IPv4Address | None = None
    allocation_id: str | None = None
    """None for an address that AWS lends and takes back."""
    zones: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    """From which workloads leave this way."""

    @property
    def certain(self) -> bool:
        """Tell whether AWS says which address the partner would see."""
        return self.address is not None


@dataclass(frozen=True)
class Egress:
    """All ways out of one VPC."""

    vpc_id: str
    region: str
    account_id: str
    exits: tuple[Exit, ...]
    without: tuple[str, ...]
    """Subnets from which nothing reaches the internet."""

    @property
    def addresses(self) -> frozenset[IPv4Address]:
        """The addresses that can carry traffic today."""
        return frozenset(
            exit_.address for exit_ in self.exits if exit_.address and exit_.kind is not Kind.IDLE
        )


@dataclass(frozen=True)
class Retained:
    """An address tagged as an environment's that its outputs do not name."""

    allocation: Allocation
    environment: str | None
    """None: the tag that says it is gone, and only others tell that it is ours."""
    reason: str


def egress_of(view: RegionView, vpc_id: str) -> Egress:
    """Find every way out of a VPC. Raises KeyError when the region does not have it."""
    if view.vpc(vpc_id) is None:
        raise KeyError(vpc_id)
    found: dict[tuple[Kind, str, IPv4Address | None], list[tuple[Subnet, Exit]]] = {}
    without = []
    for subnet in view.subnets_of(vpc_id):
        exits = list(_exits_of(view, subnet))
        for exit_ in exits:
            found.setdefault((exit_.kind, exit_.via, exit_.address), []).append((subnet, exit_))
        if not exits:
            without.append(subnet.id)
    exits = [_merged(ways) for ways in found.values()]
    routed = {exit_.via for exit_ in exits}
    exits += [
        exit_ for gateway in view.gateways_of(vpc_id) if gateway.id not in routed for exit_ in _idle(gateway)
    ]
    return Egress(
        vpc_id=vpc_id,
        region=view.region,
        account_id=view.account_id,
        exits=tuple(sorted(exits, key=_order)),
        without=tuple(without),
    )


def _order(exit_: Exit) -> tuple[str, int, str]:
    return exit_.kind, int(exit_.address or 0), exit_.via


def _merged(ways: list[tuple[Subnet, Exit]]) -> Exit:
    first = ways[0][1]
    return Exit(
        kind=first.kind,
        via=first.via,
        reason=first.reason,
        address=first.address,
        allocation_id=first.allocation_id,
        zones=tuple(sorted({subnet.zone_id for subnet, _ in ways})),
        subnets=tuple(sorted({subnet.id for subnet, _ in ways})),
    )


def _exits_of(view: RegionView, subnet: Subnet) -> Iterator[Exit]:
    table = view.table_of(subnet)
    if table is None:
        yield Exit(
            Kind.ELSEWHERE,
            subnet.id,
            f"no route table was found for {subnet.id}, so its ways out are unknown",
        )
        return
    for route in table.routes:
        if route.blackhole or route.target in ("", "local"):
            continue
        if ":" in route.destination:
            yield from _ipv6(view, subnet, table, route)
        elif _outward(route.destination):
            yield from _ipv4(view, subnet, table, route)


def _outward(destination: str) -> bool:
    # a prefix list's ranges are not part of the answer, so it may hold the partner's
    return destination.startswith("pl-") or is_internet_destination(IPv4Network(destination, strict=False))


def _ipv4(view: RegionView, subnet: Subnet, table: RouteTable, route: Route) -> Iterator[Exit]:
    said = f"{table.id} sends {route.destination} to {route.target}"
    if route.target.startswith("nat-"):
        yield from _through_nat(view, route.target, said)
    elif route.target.startswith("igw-"):
        yield from _public(view, subnet, said)
    elif route.destination.startswith("pl-") and route.target.startswith("vpce-"):
        return  # a gateway endpoint: S3 or DynamoDB inside AWS, never the partner
    else:
        what = next((text for prefix, text in _ELSEWHERE.items() if route.target.startswith(prefix)), None)
        yield Exit(
            Kind.ELSEWHERE,
            route.target,
            f"{said}: leaves through {what or 'something AWS did not name'}; "
            "AWS cannot tell here which address the partner sees",
        )


def _through_nat(view: RegionView, gateway_id: str, said: str) -> Iterator[Exit]:
    gateway = view.gateway(gateway_id)
    if gateway is None:
        yield Exit(
            Kind.ELSEWHERE, gateway_id, f"{said}, which this account cannot see: its address is unknown"
        )
    elif not gateway.public:
        yield Exit(
            Kind.ELSEWHERE,
            gateway_id,
            f"{said}, a private NAT gateway: traffic goes on from there, to an address AWS cannot tell here",
        )
    elif not gateway.addresses:
        yield Exit(Kind.ELSEWHERE, gateway_id, f"{said}, which is {gateway.state} and has no address yet")
    else:
        for held in gateway.addresses:
            which = "its primary address" if held.primary else "a secondary address of it"
            yield Exit(Kind.NAT, gateway_id, f"{said}; {which}", held.address, held.allocation_id)


def _public(view: RegionView, subnet: Subnet, said: str) -> Iterator[Exit]:
    if subnet.maps_public_addresses:
        yield Exit(
            Kind.ANY_PUBLIC,
            subnet.id,
            f"{said}, and {subnet.id} lends a public address to whatever is started in it",
        )
    for interface in view.interfaces_of(subnet.id):
        if _serves(view, interface):
            continue
        whose = f"instance {interface.instance_id}" if interface.instance_id else interface.id
        for address, named in interface.public_addresses:
            allocation_id = named or view.allocated.get(address)
            fixed = "" if allocation_id else ", lent by AWS until it stops"
            yield Exit(
                Kind.INTERFACE,
                interface.id,
                f"{said}; {whose} has this public address{fixed}",
                address,
                allocation_id,
            )


def _serves(view: RegionView, interface: Interface) -> bool:
    """Tell whether an interface is a gateway's or a load balancer's, from which no workload calls."""
    if interface.kind == "nat_gateway" or interface.kind in _SERVICE_KINDS:
        return True
    return interface.description.startswith("ELB ") or interface.id in view.gateway_interfaces


def _ipv6(view: RegionView, subnet: Subnet, table: RouteTable, route: Route) -> Iterator[Exit]:
    if not subnet.has_ipv6:
        return
    if route.target.startswith("nat-"):
        said = f"{table.id} sends {route.destination} to {route.target}, which makes IPv4 of it (NAT64)"
        yield from _through_nat(view, route.target, said)
    elif route.target.startswith(_IPV6_TARGETS) or route.destination == "::/0":
        yield Exit(
            Kind.IPV6,
            route.target,
            f"{table.id} sends {route.destination} to {route.target}, and {subnet.id} has IPv6 addresses: "
            "calls can bypass every listed IPv4 address",
        )


def _idle(gateway: NatGateway) -> Iterator[Exit]:
    for held in gateway.addresses:
        yield Exit(
            Kind.IDLE,
            gateway.id,
            f"{gateway.id} ({gateway.state}) holds it, and no route of the VPC leads there",
            held.address,
            held.allocation_id,
        )


def retained(view: RegionView, declared: Iterable[str], environment: str | None = None) -> list[Retained]:
    """List every address tagged as ours whose allocation no outputs declare.

    ``declared`` are allocation IDs; ``environment`` limits the answer to one, None means all. An
    address that lost the tag of its environment and kept another may be any environment's, so it
    is in every answer.
    """
    known = set(declared)
    return [
        Retained(one, one.environment, _why_kept(view, one))
        for one in view.allocations
        if (one.environment or one.slot or one.stack)
        and one.allocation_id not in known
        and (environment is None or one.environment in (None, environment))
    ]


def _why_kept(view: RegionView, allocation: Allocation) -> str:
    holder = view.gateway_with(allocation.allocation_id)
    slot = f"tagged for slot {allocation.slot}" if allocation.slot else "tagged without a slot"
    slot += f" of stack {allocation.stack}" if allocation.stack else ""
    if not allocation.environment:
        slot += f", but not with {TAG_ENVIRONMENT}, so no stack finds it again"
    if holder:
        return f"{slot}, on {holder.id}, and not in the outputs: it carries traffic nobody declared"
    if allocation.association_id:
        return f"{slot}, on {allocation.interface_id or allocation.association_id}, and not in the outputs"
    return f"{slot}, allocated and unused: kept when its stack, slot or gateway was taken away"
