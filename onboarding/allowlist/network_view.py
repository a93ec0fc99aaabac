"""What AWS says about one region's network, as plain values; ``onboarding.aws.network`` fills them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT


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
    """Everything that decides how traffic leaves one region of one account."""

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

    def subnets_of(self, vpc_id: str) -> tuple[Subnet, ...]:
        """Return a VPC's subnets, ordered by zone and ID."""
        return tuple(
            sorted(
                (subnet for subnet in self.subnets if subnet.vpc_id == vpc_id),
                key=lambda subnet: (subnet.zone_id, subnet.id),
            )
        )

    def table_of(self, subnet: Subnet) -> RouteTable | None:
        """Return the route table a subnet uses: the one that names it, else the VPC's main one."""
        own = (table for table in self.route_tables if subnet.id in table.subnet_ids)
        main = (table for table in self.route_tables if table.main and table.vpc_id == subnet.vpc_id)
        return next(own, None) or next(main, None)

    def gateway(self, gateway_id: str) -> NatGateway | None:
        """Return a NAT gateway by ID."""
        return next((gateway for gateway in self.gateways if gateway.id == gateway_id), None)
