"""Lookups of EC2, all of one shape: arguments become a describing call, what it finds becomes the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .aws import Aws, AwsError, at
from .model import tag_map

UNPAGED = ("describe_addresses", "describe_availability_zones")
"""Operations that answer everything at once."""
Word = str | Callable[[Aws, Any], Any]
"""Where one output is found in an item: a dotted path, or a function of AWS and the item."""


@dataclass(frozen=True)
class Describe:
    """How items are asked for."""

    operation: str
    key: str
    """Where the answer has its items."""
    what: str
    """What one is called in the messages of the official provider."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Argument → parameter that takes a list of such names."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Argument → filter for which it stands."""
    gone: str = ""
    """Error code for an id that does not exist: nothing is found then."""
    as_they_are: Mapping[str, str] = field(default_factory=dict)
    """Argument → parameter that takes its value."""

    def items(self, aws: Aws, args: Mapping[str, Any]) -> list[Any]:
        """Return what there is for some arguments. Raises AwsError."""
        named = {parameter: [args[name]] for name, parameter in self.names.items() if args.get(name)}
        plain = {parameter: args.get(name) for name, parameter in self.as_they_are.items()}
        wanted = self._filters(args)
        try:
            if named or self.operation in UNPAGED:
                answer = aws.call("ec2", self.operation, Filters=wanted or None, **named, **plain)
                return list(answer[self.key])
            return aws.pages("ec2", self.operation, self.key, Filters=wanted)
        except AwsError as error:
            if self.gone and error.code == self.gone:
                return []
            raise

    def _filters(self, args: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted = [{"Name": item["name"], "Values": item["values"]} for item in args.get("filters") or ()]
        tags = args.get("tags") or {}
        wanted += [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
        given = {by: args.get(name) for name, by in self.filters.items()}
        return wanted + [
            {"Name": by, "Values": [str(value).lower() if value is True else str(value)]}
            for by, value in given.items()
            if value not in (None, "", False)
        ]


def one(describe: Describe, words: Mapping[str, Word]) -> Callable[[Aws, Mapping[str, Any]], dict[str, Any]]:
    """Return a lookup of exactly one item; none and several are errors, as with the official provider."""

    def answer(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
        found = describe.items(aws, args)
        if not found:
            raise AwsError("lookup", "NotFound", f"no matching EC2 {describe.what} found")
        if len(found) > 1:
            raise AwsError(
                "lookup", "TooMany", f"multiple EC2 {describe.what}s matched; use additional constraints"
            )
        return {
            name: at(found[0], word) if isinstance(word, str) else word(aws, found[0])
            for name, word in words.items()
        }

    return answer


def every(
    describe: Describe, words: Mapping[str, str], keep: Callable[[Any], bool] = lambda _item: True
) -> Callable[[Aws, Mapping[str, Any]], dict[str, Any]]:
    """Return a lookup of all items, a list for each output."""

    def answer(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
        found = [item for item in describe.items(aws, args) if keep(item)]
        return {"id": aws.region} | {name: [at(item, word) for item in found] for name, word in words.items()}

    return answer


def or_else(path: str, value: Any) -> Word:
    """Return the word for an output that has a value where AWS gives none."""

    def word(_aws: Aws, item: Any) -> Any:
        found = at(item, path)
        return value if found is None else found

    return word


def _tags(_aws: Aws, item: Any) -> dict[str, str]:
    return tag_map(item.get("Tags"))


def _owner(aws: Aws, item: Any) -> str:
    return str(item.get("OwnerId") or aws.account)


def _arn(kind: str, key: str) -> Word:
    return lambda aws, item: aws.arn("ec2", f"{kind}/{item[key]}")


def _list(path: str, words: Mapping[str, Word]) -> Word:
    def word(aws: Aws, item: Any) -> list[dict[str, Any]]:
        return [
            {name: at(part, by) if isinstance(by, str) else by(aws, part) for name, by in words.items()}
            for part in item.get(path) or ()
        ]

    return word


ADDRESSES = Describe(
    "describe_addresses",
    "Addresses",
    "EIP",
    {"id": "AllocationIds", "publicIp": "PublicIps"},
    gone="InvalidAllocationID.NotFound",
)
ADDRESS: Mapping[str, Word] = {
    "arn": _arn("elastic-ip", "AllocationId"),
    "associationId": "AssociationId",
    "domain": "Domain",
    "id": "AllocationId",
    "instanceId": "InstanceId",
    "networkInterfaceId": "NetworkInterfaceId",
    "privateIp": "PrivateIpAddress",
    "publicIp": "PublicIp",
    "publicIpv4Pool": "PublicIpv4Pool",
    "tags": _tags,
}

NAT_GATEWAYS = Describe(
    "describe_nat_gateways",
    "NatGateways",
    "NAT Gateway",
    {"id": "NatGatewayIds"},
    {"state": "state", "subnetId": "subnet-id", "vpcId": "vpc-id"},
    "NatGatewayNotFound",
)
NAT_GATEWAY: Mapping[str, Word] = {
    "allocationId": "NatGatewayAddresses.0.AllocationId",
    "associationId": "NatGatewayAddresses.0.AssociationId",
    "connectivityType": "ConnectivityType",
    "id": "NatGatewayId",
    "networkInterfaceId": "NatGatewayAddresses.0.NetworkInterfaceId",
    "privateIp": "NatGatewayAddresses.0.PrivateIp",
    "publicIp": "NatGatewayAddresses.0.PublicIp",
    "state": "State",
    "subnetId": "SubnetId",
    "tags": _tags,
    "vpcId": "VpcId",
}

SUBNETS = Describe(
    "describe_subnets",
    "Subnets",
    "Subnet",
    {"id": "SubnetIds"},
    {
        "availabilityZone": "availabilityZone",
        "availabilityZoneId": "availabilityZoneId",
        "cidrBlock": "cidrBlock",
        "state": "state",
        "vpcId": "vpc-id",
    },
    "InvalidSubnetID.NotFound",
)
SUBNET: Mapping[str, Word] = {
    "arn": lambda aws, item: item.get("SubnetArn") or aws.arn("ec2", f"subnet/{item['SubnetId']}"),
    "availabilityZone": "AvailabilityZone",
    "availabilityZoneId": "AvailabilityZoneId",
    "availableIpAddressCount": "AvailableIpAddressCount",
    "cidrBlock": "CidrBlock",
    "defaultForAz": "DefaultForAz",
    "id": "SubnetId",
    "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
    "ownerId": "OwnerId",
    "state": "State",
    "tags": _tags,
    "vpcId": "VpcId",
}


def _attribute(name: str) -> Word:
    def word(aws: Aws, item: Any) -> Any:
        answer = aws.call("ec2", "describe_vpc_attribute", VpcId=item["VpcId"], Attribute=name)
        return at(answer, f"{name[0].upper()}{name[1:]}.Value")

    return word


def _main_table(aws: Aws, item: Any) -> Any:
    wanted = [
        {"Name": "vpc-id", "Values": [item["VpcId"]]},
        {"Name": "association.main", "Values": ["true"]},
    ]
    return at(aws.call("ec2", "describe_route_tables", Filters=wanted), "RouteTables.0.RouteTableId")


VPCS = Describe(
    "describe_vpcs",
    "Vpcs",
    "VPC",
    {"id": "VpcIds"},
    {"cidrBlock": "cidr", "default": "isDefault", "state": "state"},
    "InvalidVpcID.NotFound",
)
VPC: Mapping[str, Word] = {
    "arn": _arn("vpc", "VpcId"),
    "cidrBlock": "CidrBlock",
    "cidrBlockAssociations": _list(
        "CidrBlockAssociationSet",
        {"associationId": "AssociationId", "cidrBlock": "CidrBlock", "state": "CidrBlockState.State"},
    ),
    "default": "IsDefault",
    "dhcpOptionsId": "DhcpOptionsId",
    "enableDnsHostnames": _attribute("enableDnsHostnames"),
    "enableDnsSupport": _attribute("enableDnsSupport"),
    "id": "VpcId",
    "instanceTenancy": "InstanceTenancy",
    "mainRouteTableId": _main_table,
    "ownerId": _owner,
    "state": "State",
    "tags": _tags,
}

ROUTE_TABLES = Describe(
    "describe_route_tables",
    "RouteTables",
    "Route Table",
    {"routeTableId": "RouteTableIds"},
    {"gatewayId": "association.gateway-id", "subnetId": "association.subnet-id", "vpcId": "vpc-id"},
    "InvalidRouteTableID.NotFound",
)
ROUTE_TABLE: Mapping[str, Word] = {
    "arn": _arn("route-table", "RouteTableId"),
    "associations": _list(
        "Associations",
        {
            "gatewayId": or_else("GatewayId", ""),
            "main": or_else("Main", False),
            "routeTableAssociationId": "RouteTableAssociationId",
            "routeTableId": "RouteTableId",
            "subnetId": or_else("SubnetId", ""),
        },
    ),
    "id": "RouteTableId",
    "ownerId": _owner,
    "routeTableId": "RouteTableId",
    "routes": _list(
        "Routes",
        {
            "cidrBlock": or_else("DestinationCidrBlock", ""),
            "gatewayId": or_else("GatewayId", ""),
            "natGatewayId": or_else("NatGatewayId", ""),
            "transitGatewayId": or_else("TransitGatewayId", ""),
            "vpcPeeringConnectionId": or_else("VpcPeeringConnectionId", ""),
        },
    ),
    "tags": _tags,
    "vpcId": "VpcId",
}

ZONES = Describe(
    "describe_availability_zones",
    "AvailabilityZones",
    "Availability Zone",
    {"name": "ZoneNames", "zoneId": "ZoneIds"},
    {"state": "state"},
    as_they_are={"allAvailabilityZones": "AllAvailabilityZones"},
)
ZONE: Mapping[str, Word] = {
    "groupLongName": or_else("GroupLongName", ""),
    "groupName": or_else("GroupName", ""),
    "id": "ZoneName",
    "name": "ZoneName",
    "nameSuffix": lambda aws, item: item["ZoneName"].removeprefix(aws.region),
    "networkBorderGroup": lambda aws, item: item.get("NetworkBorderGroup", aws.region),
    "optInStatus": or_else("OptInStatus", "opt-in-not-required"),
    "parentZoneId": or_else("ParentZoneId", ""),
    "parentZoneName": or_else("ParentZoneName", ""),
    "state": "State",
    "zoneId": "ZoneId",
    "zoneType": or_else("ZoneType", "availability-zone"),
}
