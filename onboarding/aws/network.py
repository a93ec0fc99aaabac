"""Adapter: asks EC2 what decides how traffic leaves a region.

Six questions per region, paginated where the API has pages, whatever the number of addresses,
gateways or subnets.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from onboarding.allowlist.network_view import (
    Allocation,
    GatewayAddress,
    Interface,
    NatGateway,
    RegionView,
    Route,
    RouteTable,
    Subnet,
    Vpc,
)
from onboarding.aws.errors import asking_aws
from stacks.contract import TAG_ENVIRONMENT

GONE = "deleted"
"""NAT gateways stay listed in this state for about an hour (EC2 DescribeNatGateways)."""
_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "NetworkInterfaceId",
    "InstanceId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "IpAddress",
)
_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


class NetworkReader:
    """Reads one region; ``client`` is a boto3 ``ec2`` client of that region.

    Every method raises CannotTell when AWS gives no usable answer, naming the permission.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._calls: list[str] = []

    def view(self, *, region: str, account_id: str) -> RegionView:
        """Return the whole region as values."""
        self._calls.clear()
        return RegionView(
            region=region,
            account_id=account_id,
            allocations=self.allocations(),
            gateways=tuple(self._gateways()),
            route_tables=tuple(self._route_tables()),
            subnets=tuple(self._subnets()),
            interfaces=tuple(self._interfaces()),
            vpcs=self.vpcs(),
            calls=tuple(self._calls),
        )

    def allocations(self) -> tuple[Allocation, ...]:
        """Return every Elastic IP address of the account in the region, ordered by address."""
        return tuple(
            sorted(
                (
                    Allocation(
                        address=IPv4Address(item["PublicIp"]),
                        allocation_id=item.get("AllocationId", ""),
                        association_id=item.get("AssociationId") or None,
                        interface_id=item.get("NetworkInterfaceId") or None,
                        border_group=item.get("NetworkBorderGroup"),
                        tags=_tags(item),
                    )
                    for item in self._ask("describe_addresses", "Addresses")
                ),
                key=lambda allocation: allocation.address,
            )
        )

    def vpcs(self) -> tuple[Vpc, ...]:
        """Return every VPC of the region."""
        return tuple(
            Vpc(
                id=item["VpcId"],
                cidrs=tuple(
                    IPv4Network(block["CidrBlock"])
                    for block in item.get("CidrBlockAssociationSet", [])
                    if block.get("CidrBlockState", {}).get("State", "associated") == "associated"
                )
                or (IPv4Network(item["CidrBlock"]),),
                name=_tags(item).get("Name", ""),
                environment=_tags(item).get(TAG_ENVIRONMENT),
            )
            for item in self._ask("describe_vpcs", "Vpcs")
        )

    def _gateways(self) -> Iterator[NatGateway]:
        for item in self._ask("describe_nat_gateways", "NatGateways"):
            if item["State"] == GONE:
                continue
            held = [part for part in item.get("NatGatewayAddresses", []) if part.get("PublicIp")]
            yield NatGateway(
                id=item["NatGatewayId"],
                vpc_id=item["VpcId"],
                subnet_id=item.get("SubnetId"),
                state=item["State"],
                public=item.get("ConnectivityType", "public") == "public",
                addresses=tuple(
                    GatewayAddress(
                        address=IPv4Address(part["PublicIp"]),
                        allocation_id=part.get("AllocationId"),
                        primary=part.get("IsPrimary", number == 0),
                    )
                    for number, part in enumerate(held)
                ),
                interface_ids=frozenset(
                    part["NetworkInterfaceId"] for part in held if part.get("NetworkInterfaceId")
                ),
            )

    def _route_tables(self) -> Iterator[RouteTable]:
        for item in self._ask("describe_route_tables", "RouteTables"):
            associations = item.get("Associations", [])
            yield RouteTable(
                id=item["RouteTableId"],
                vpc_id=item["VpcId"],
                main=any(part.get("Main") for part in associations),
                subnet_ids=frozenset(part["SubnetId"] for part in associations if part.get("SubnetId")),
                routes=tuple(_route(part) for part in item.get("Routes", [])),
            )

    def _subnets(self) -> Iterator[Subnet]:
        for item in self._ask("describe_subnets", "Subnets"):
            yield Subnet(
                id=item["SubnetId"],
                vpc_id=item["VpcId"],
                zone_id=item.get("AvailabilityZoneId") or item.get("AvailabilityZone", ""),
                maps_public_addresses=bool(item.get("MapPublicIpOnLaunch")),
                has_ipv6=bool(item.get("Ipv6CidrBlockAssociationSet")),
            )

    def _interfaces(self) -> Iterator[Interface]:
        for item in self._ask("describe_network_interfaces", "NetworkInterfaces"):
            associations = [part.get("Association") or {} for part in item.get("PrivateIpAddresses", [])]
            associations.append(item.get("Association") or {})
            public = {
                IPv4Address(part["PublicIp"]): part.get("AllocationId")
                for part in associations
                if part.get("PublicIp")
            }
            yield Interface(
                id=item["NetworkInterfaceId"],
                vpc_id=item["VpcId"],
                subnet_id=item["SubnetId"],
                kind=item.get("InterfaceType", "interface"),
                description=item.get("Description", ""),
                instance_id=(item.get("Attachment") or {}).get("InstanceId"),
                public_addresses=tuple(sorted(public.items(), key=lambda pair: pair[0])),
                has_ipv6=bool(item.get("Ipv6Addresses")),
            )

    def _ask(self, method: str, key: str) -> list[Mapping[str, Any]]:
        action = "ec2:" + "".join(word.capitalize() for word in method.split("_"))
        self._calls.append(action)
        with asking_aws("the region's network", permission=action):
            if self._client.can_paginate(method):
                pages = self._client.get_paginator(method).paginate()
                return [item for page in pages for item in page[key]]
            return list(getattr(self._client, method)()[key])


def _route(item: Mapping[str, Any]) -> Route:
    return Route(
        destination=next((item[key] for key in _DESTINATIONS if item.get(key)), ""),
        target=next((item[key] for key in reversed(_TARGETS) if item.get(key)), ""),
        blackhole=item.get("State") == "blackhole",
    )


def _tags(item: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
