"""What AWS says about one region's network, as plain values; ``onboarding.aws.network`` fills them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT, TAG_STACK

Part = TypeVar("Part")
Key = TypeVar("Key")


@dataclass(frozen=True)
class Allocation:
    """An Elastic IP address of the account."""

    address: IPv4Address
    allocation_id: str
    association_id: str | None = None
    interface_id: str | None = None
    border_group: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> str | None:
        """The environment whose program or toolkit tagged the address."""
        return self.tags.get(TAG_ENVIRONMENT)

    @property
    def slot(self) -> str | None:
        """The permanent slot it is tagged for."""
        return self.tags.get(TAG_SLOT)

    @property
    def stack(self) -> str | None:
        """The stack that manages it, or managed it last."""
        return self.tags.get(TAG_STACK)


@dataclass(frozen=True)
class GatewayAddress:
    """One public address of a NAT gateway."""

    address: IPv4Address
    allocation_id: str | None
    primary: bool = True


@dataclass(frozen=True)
class NatGateway:
    """A NAT gateway in any state but deleted."""

    id: str
    vpc_id: str
    subnet_id: str | None
    state: str
    """pending, available, deleting or failed."""
    public: bool
    addresses: tuple[GatewayAddress, ...]
    interface_ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Route:
    """One route; ``destination`` is a CIDR block or a prefix list's ID."""

    destination: str
    target: str
    """ID of what traffic is handed to: nat-…, igw-…, tgw-…, eni-…, local …"""
    blackhole: bool = False
    """The target does not exist any more, so nothing leaves this way."""


@dataclass(frozen=True)
class RouteTable:
    """A route table and the subnets that name it explicitly."""

    id: str
    vpc_id: str
    main: bool
    """Used by every subnet of the VPC that names none."""
    subnet_ids: frozenset[str]
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Subnet:
    """A subnet."""

    id: str
    vpc_id: str
    zone_id: str
    maps_public_addresses: bool = False
    """Every interface made here gets a public address that nobody can know beforehand."""
    has_ipv6: bool = False


@dataclass(frozen=True)
class Interface:
    """A network interface with its public addresses."""

    id: str
    vpc_id: str
    subnet_id: str
    kind: str
    """interface, nat_gateway, network_load_balancer …"""
    description: str
    instance_id: str | None
    public_addresses: tuple[tuple[IPv4Address, str | None], ...]
    """Each with its allocation; None: lent by AWS, gone when the interface or instance stops."""
    has_ipv6: bool = False


@dataclass(frozen=True)
class Vpc:
    """A VPC."""

    id: str
    cidrs: tuple[IPv4Network, ...]
    name: str = ""
    environment: str | None = None
    """The environment whose program made it; None for somebody else's VPC."""


@dataclass(frozen=True)
class RegionView:
    """Everything that decides how traffic leaves one region of one account.

    Its parts are found by what they belong to without looking through all of them: a region may
    hold the networks of many environments, and each of those is asked about.
    """

    region: str
    account_id: str
    allocations: tuple[Allocation, ...] = ()
    gateways: tuple[NatGateway, ...] = ()
    route_tables: tuple[RouteTable, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    vpcs: tuple[Vpc, ...] = ()
    calls: tuple[str, ...] = ()
    """The AWS actions that were asked, e.g. ec2:DescribeAddresses."""

    def vpc(self, vpc_id: str) -> Vpc | None:
        """Return a VPC by ID."""
        return self._vpcs.get(vpc_id)

    def subnets_of(self, vpc_id: str) -> tuple[Subnet, ...]:
        """Return a VPC's subnets, ordered by zone and ID."""
        return tuple(sorted(self._subnets.get(vpc_id, ()), key=lambda subnet: (subnet.zone_id, subnet.id)))

    def table_of(self, subnet: Subnet) -> RouteTable | None:
        """Return the route table a subnet uses: the one that names it, else the VPC's main one."""
        return self._tables.get(subnet.id) or self._main_tables.get(subnet.vpc_id)

    def gateway(self, gateway_id: str) -> NatGateway | None:
        """Return a NAT gateway by ID."""
        return self._gateways.get(gateway_id)

    def gateways_of(self, vpc_id: str) -> tuple[NatGateway, ...]:
        """Return a VPC's NAT gateways."""
        return self._gateways_by_vpc.get(vpc_id, ())

    def gateway_with(self, allocation_id: str) -> NatGateway | None:
        """Return the NAT gateway that holds an allocation."""
        return self._holders.get(allocation_id)

    def interfaces_of(self, subnet_id: str) -> tuple[Interface, ...]:
        """Return a subnet's interfaces."""
        return self._interfaces.get(subnet_id, ())

    def allocation(self, allocation_id: str) -> Allocation | None:
        """Return an allocation by ID."""
        return self._allocations.get(allocation_id)

    @cached_property
    def allocated(self) -> dict[IPv4Address, str]:
        """Address → allocation ID."""
        return {one.address: one.allocation_id for one in self.allocations}

    @cached_property
    def gateway_interfaces(self) -> frozenset[str]:
        """The interfaces of NAT gateways."""
        return frozenset(one for gateway in self.gateways for one in gateway.interface_ids)

    @cached_property
    def _vpcs(self) -> Mapping[str, Vpc]:
        return {vpc.id: vpc for vpc in self.vpcs}

    @cached_property
    def _subnets(self) -> Mapping[str, tuple[Subnet, ...]]:
        return _grouped(self.subnets, lambda subnet: subnet.vpc_id)

    @cached_property
    def _tables(self) -> Mapping[str, RouteTable]:
        return _first((subnet, table) for table in self.route_tables for subnet in table.subnet_ids)

    @cached_property
    def _main_tables(self) -> Mapping[str, RouteTable]:
        return _first((table.vpc_id, table) for table in self.route_tables if table.main)

    @cached_property
    def _gateways(self) -> Mapping[str, NatGateway]:
        return _first((gateway.id, gateway) for gateway in self.gateways)

    @cached_property
    def _gateways_by_vpc(self) -> Mapping[str, tuple[NatGateway, ...]]:
        return _grouped(self.gateways, lambda gateway: gateway.vpc_id)

    @cached_property
    def _holders(self) -> Mapping[str, NatGateway]:
        return _first(
            (held.allocation_id, gateway)
            for gateway in self.gateways
            for held in gateway.addresses
            if held.allocation_id
        )

    @cached_property
    def _interfaces(self) -> Mapping[str, tuple[Interface, ...]]:
        return _grouped(self.interfaces, lambda interface: interface.subnet_id)

    @cached_property
    def _allocations(self) -> Mapping[str, Allocation]:
        return _first((one.allocation_id, one) for one in self.allocations)


def _grouped(parts: Iterable[Part], key: Callable[[Part], Key]) -> dict[Key, tuple[Part, ...]]:
    found: dict[Key, list[Part]] = {}
    for part in parts:
        found.setdefault(key(part), []).append(part)
    return {name: tuple(members) for name, members in found.items()}


def _first(pairs: Iterable[tuple[Key, Part]]) -> dict[Key, Part]:
    found: dict[Key, Part] = {}
    for key, part in pairs:
        found.setdefault(key, part)
    return found
