"""Lookups (`aws.get_…`): a table from token to what it takes and how it is answered.

Long because a lookup is one function that lists every output; none of them shares state with another.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .aws import Aws, AwsError, at
from .kinds import FLAG, TEXT, TEXT_MAP, TEXTS, Field, ListOf, Problem, Record, SetOf
from .model import tag_map
from .values import has_unknown, plain

_FILTERS = Field(SetOf(Record({"name": Field(TEXT, required=True), "values": Field(TEXTS, required=True)})))


@dataclass(frozen=True)
class Invoke:
    """One lookup: its arguments, and a function from AWS and arguments to the result."""

    answer: Callable[[Aws, Mapping[str, Any]], dict[str, Any]]
    args: Mapping[str, Field] = field(default_factory=dict)


def run(token: str, given: Mapping[str, Any], aws: Aws) -> tuple[dict[str, Any], list[Problem]]:
    """Answer a lookup; raises ValueError for one that is not mapped, AwsError when AWS refuses."""
    invoke = TABLE.get(token)
    if invoke is None:
        raise ValueError(
            f"invoke {token} is not mapped by the sandbox provider; mapped: {', '.join(sorted(TABLE))}"
        )
    if has_unknown(given):
        raise ValueError(f"invoke {token}: arguments are not known yet")
    fields = {**invoke.args, "region": Field(TEXT)}
    args = {name: value for name, value in plain(given).items() if value is not None}
    problems: list[Problem] = []
    for name, value in args.items():
        if name in fields:
            problems += fields[name].problems(value, name)
        else:
            problems.append((name, f"argument of {token} that the sandbox provider does not map"))
    problems += [
        (name, f"{token} requires it") for name, spec in fields.items() if spec.required and name not in args
    ]
    if problems:
        return {}, problems
    return {"region": aws.region, **args, **invoke.answer(aws, args)}, []


def _caller(aws: Aws, _args: Mapping[str, Any]) -> dict[str, Any]:
    found = aws.call("sts", "get_caller_identity")
    return {
        "accountId": found["Account"],
        "arn": found["Arn"],
        "id": found["Account"],
        "userId": found["UserId"],
    }


def _region(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    name = args.get("name") or args.get("id") or aws.region
    return {
        "description": name,
        "endpoint": args.get("endpoint") or f"ec2.{name}.amazonaws.com",
        "id": name,
        "name": name,
        "region": name,
    }


def _partition(aws: Aws, _args: Mapping[str, Any]) -> dict[str, Any]:
    suffix = "amazonaws.com.cn" if aws.partition == "aws-cn" else "amazonaws.com"
    return {
        "dnsSuffix": suffix,
        "id": aws.partition,
        "partition": aws.partition,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def _filters(args: Mapping[str, Any], **named: tuple[str, Any]) -> list[dict[str, Any]] | None:
    """Return EC2 filters from `filters`, `tags` and the arguments that stand for a filter."""
    wanted = [{"Name": item["name"], "Values": item["values"]} for item in args.get("filters") or ()]
    wanted += [{"Name": f"tag:{key}", "Values": [value]} for key, value in (args.get("tags") or {}).items()]
    wanted += [
        {"Name": name, "Values": [str(value)]} for name, value in named.values() if value not in (None, "")
    ]
    return wanted or None


def _zones(aws: Aws, args: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = aws.call(
        "ec2",
        "describe_availability_zones",
        AllAvailabilityZones=args.get("allAvailabilityZones"),
        Filters=_filters(args, state=("state", args.get("state"))),
        ZoneNames=[args["name"]] if args.get("name") else None,
        ZoneIds=[args["zoneId"]] if args.get("zoneId") else None,
    )["AvailabilityZones"]
    return sorted(found, key=lambda zone: str(zone["ZoneName"]))


def _availability_zones(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    zones = [
        zone
        for zone in _zones(aws, args)
        if zone["ZoneName"] not in (args.get("excludeNames") or ())
        and zone["ZoneId"] not in (args.get("excludeZoneIds") or ())
    ]
    return {
        "groupNames": sorted({zone["GroupName"] for zone in zones if zone.get("GroupName")}),
        "id": aws.region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
    }


def _availability_zone(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    zone = _only("Availability Zone", _zones(aws, args))
    name = zone["ZoneName"]
    return {
        "groupLongName": zone.get("GroupLongName", ""),
        "groupName": zone.get("GroupName", ""),
        "id": name,
        "name": name,
        "nameSuffix": name.removeprefix(aws.region),
        "networkBorderGroup": zone.get("NetworkBorderGroup", aws.region),
        "optInStatus": zone.get("OptInStatus", "opt-in-not-required"),
        "parentZoneId": zone.get("ParentZoneId", ""),
        "parentZoneName": zone.get("ParentZoneName", ""),
        "state": zone["State"],
        "zoneId": zone["ZoneId"],
        "zoneType": zone.get("ZoneType", "availability-zone"),
    }


def _only(what: str, found: list[Any]) -> Any:
    if not found:
        raise AwsError("lookup", "NotFound", f"no matching EC2 {what} found")
    if len(found) > 1:
        raise AwsError("lookup", "TooMany", f"multiple EC2 {what}s matched; use additional constraints")
    return found[0]


def _found(aws: Aws, operation: str, key: str, gone: str, **params: Any) -> list[Any]:
    """Return what a describing call finds; an id that does not exist is nothing found."""
    try:
        return list(aws.call("ec2", operation, **params)[key])
    except AwsError as error:
        if error.code == gone:
            return []
        raise


def _eip(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    address = _only(
        "EIP",
        _found(
            aws,
            "describe_addresses",
            "Addresses",
            "InvalidAllocationID.NotFound",
            AllocationIds=[args["id"]] if args.get("id") else None,
            PublicIps=[args["publicIp"]] if args.get("publicIp") else None,
            Filters=_filters(args),
        ),
    )
    allocation = address["AllocationId"]
    return {
        "arn": aws.arn("ec2", f"elastic-ip/{allocation}"),
        "associationId": address.get("AssociationId"),
        "domain": address.get("Domain"),
        "id": allocation,
        "instanceId": address.get("InstanceId"),
        "networkInterfaceId": address.get("NetworkInterfaceId"),
        "privateIp": address.get("PrivateIpAddress"),
        "publicIp": address["PublicIp"],
        "publicIpv4Pool": address.get("PublicIpv4Pool"),
        "tags": tag_map(address.get("Tags")),
    }


def _eips(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    found = aws.call("ec2", "describe_addresses", Filters=_filters(args))["Addresses"]
    return {
        "allocationIds": [item["AllocationId"] for item in found],
        "id": aws.region,
        "publicIps": [item["PublicIp"] for item in found],
    }


def _nat_gateway(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    found = _found(
        aws,
        "describe_nat_gateways",
        "NatGateways",
        "NatGatewayNotFound",
        NatGatewayIds=[args["id"]] if args.get("id") else None,
        Filters=_filters(
            args,
            state=("state", args.get("state")),
            subnet=("subnet-id", args.get("subnetId")),
            vpc=("vpc-id", args.get("vpcId")),
        ),
    )
    gateway = _only("NAT Gateway", found)
    address = (gateway.get("NatGatewayAddresses") or [{}])[0]
    return {
        "allocationId": address.get("AllocationId"),
        "associationId": address.get("AssociationId"),
        "connectivityType": gateway.get("ConnectivityType"),
        "id": gateway["NatGatewayId"],
        "networkInterfaceId": address.get("NetworkInterfaceId"),
        "privateIp": address.get("PrivateIp"),
        "publicIp": address.get("PublicIp"),
        "state": gateway["State"],
        "subnetId": gateway.get("SubnetId"),
        "tags": tag_map(gateway.get("Tags")),
        "vpcId": gateway["VpcId"],
    }


def _nat_gateways(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    found = aws.pages(
        "ec2",
        "describe_nat_gateways",
        "NatGateways",
        Filters=_filters(args, vpc=("vpc-id", args.get("vpcId"))) or [],
    )
    return {"id": aws.region, "ids": [item["NatGatewayId"] for item in found if item["State"] != "deleted"]}


def _subnet(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    found = _found(
        aws,
        "describe_subnets",
        "Subnets",
        "InvalidSubnetID.NotFound",
        SubnetIds=[args["id"]] if args.get("id") else None,
        Filters=_filters(
            args,
            zone=("availabilityZone", args.get("availabilityZone")),
            zone_id=("availabilityZoneId", args.get("availabilityZoneId")),
            cidr=("cidrBlock", args.get("cidrBlock")),
            state=("state", args.get("state")),
            vpc=("vpc-id", args.get("vpcId")),
        ),
    )
    subnet = _only("Subnet", found)
    return {
        "arn": subnet.get("SubnetArn") or aws.arn("ec2", f"subnet/{subnet['SubnetId']}"),
        "availabilityZone": subnet["AvailabilityZone"],
        "availabilityZoneId": subnet["AvailabilityZoneId"],
        "availableIpAddressCount": subnet["AvailableIpAddressCount"],
        "cidrBlock": subnet["CidrBlock"],
        "defaultForAz": subnet.get("DefaultForAz"),
        "id": subnet["SubnetId"],
        "mapPublicIpOnLaunch": subnet["MapPublicIpOnLaunch"],
        "ownerId": subnet.get("OwnerId"),
        "state": subnet["State"],
        "tags": tag_map(subnet.get("Tags")),
        "vpcId": subnet["VpcId"],
    }


def _subnets(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    found = aws.pages("ec2", "describe_subnets", "Subnets", Filters=_filters(args) or [])
    return {"id": aws.region, "ids": [item["SubnetId"] for item in found]}


def _attribute(aws: Aws, vpc: str, name: str) -> Any:
    answer = aws.call("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=name)
    return at(answer, f"{name[0].upper()}{name[1:]}.Value")


def _main_table(aws: Aws, vpc: str) -> Any:
    wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    return at(aws.call("ec2", "describe_route_tables", Filters=wanted), "RouteTables.0.RouteTableId")


def _vpc(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    found = _found(
        aws,
        "describe_vpcs",
        "Vpcs",
        "InvalidVpcID.NotFound",
        VpcIds=[args["id"]] if args.get("id") else None,
        Filters=_filters(
            args,
            cidr=("cidr", args.get("cidrBlock")),
            default=("isDefault", "true" if args.get("default") else None),
            state=("state", args.get("state")),
        ),
    )
    vpc = _only("VPC", found)
    identifier = vpc["VpcId"]
    return {
        "arn": aws.arn("ec2", f"vpc/{identifier}"),
        "cidrBlock": vpc["CidrBlock"],
        "cidrBlockAssociations": [
            {
                "associationId": item["AssociationId"],
                "cidrBlock": item["CidrBlock"],
                "state": at(item, "CidrBlockState.State"),
            }
            for item in vpc.get("CidrBlockAssociationSet") or ()
        ],
        "default": vpc.get("IsDefault"),
        "dhcpOptionsId": vpc.get("DhcpOptionsId"),
        "enableDnsHostnames": _attribute(aws, identifier, "enableDnsHostnames"),
        "enableDnsSupport": _attribute(aws, identifier, "enableDnsSupport"),
        "id": identifier,
        "instanceTenancy": vpc.get("InstanceTenancy"),
        "mainRouteTableId": _main_table(aws, identifier),
        "ownerId": vpc.get("OwnerId") or aws.account,
        "state": vpc["State"],
        "tags": tag_map(vpc.get("Tags")),
    }


def _route_table(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    found = _found(
        aws,
        "describe_route_tables",
        "RouteTables",
        "InvalidRouteTableID.NotFound",
        RouteTableIds=[args["routeTableId"]] if args.get("routeTableId") else None,
        Filters=_filters(
            args,
            gateway=("association.gateway-id", args.get("gatewayId")),
            subnet=("association.subnet-id", args.get("subnetId")),
            vpc=("vpc-id", args.get("vpcId")),
        ),
    )
    table = _only("Route Table", found)
    identifier = table["RouteTableId"]
    return {
        "arn": aws.arn("ec2", f"route-table/{identifier}"),
        "associations": [
            {
                "gatewayId": item.get("GatewayId", ""),
                "main": item.get("Main", False),
                "routeTableAssociationId": item["RouteTableAssociationId"],
                "routeTableId": identifier,
                "subnetId": item.get("SubnetId", ""),
            }
            for item in table["Associations"]
        ],
        "id": identifier,
        "ownerId": table.get("OwnerId") or aws.account,
        "routeTableId": identifier,
        "routes": [
            {
                "cidrBlock": item.get("DestinationCidrBlock", ""),
                "gatewayId": item.get("GatewayId", ""),
                "natGatewayId": item.get("NatGatewayId", ""),
                "transitGatewayId": item.get("TransitGatewayId", ""),
                "vpcPeeringConnectionId": item.get("VpcPeeringConnectionId", ""),
            }
            for item in table["Routes"]
        ],
        "tags": tag_map(table.get("Tags")),
        "vpcId": table["VpcId"],
    }


def _quota(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    if not args.get("quotaCode"):
        raise ValueError("invoke getServiceQuota: the sandbox provider looks quotas up by quotaCode only")
    found = aws.call(
        "service-quotas", "get_service_quota", ServiceCode=args["serviceCode"], QuotaCode=args["quotaCode"]
    )["Quota"]
    return {
        "adjustable": found["Adjustable"],
        "arn": found["QuotaArn"],
        "defaultValue": found["Value"],
        "globalQuota": found["GlobalQuota"],
        "id": found["QuotaArn"],
        "quotaCode": found["QuotaCode"],
        "quotaName": found["QuotaName"],
        "serviceName": found["ServiceName"],
        "usageMetrics": [],
        "value": found["Value"],
    }


_STATEMENT_LISTS = {
    "actions": "Action",
    "notActions": "NotAction",
    "resources": "Resource",
    "notResources": "NotResource",
}


def _one_or_all(values: list[str]) -> Any:
    """Return the only item of a list of one, else all of them, the way the official provider writes it."""
    return values[0] if len(values) == 1 else sorted(values, reverse=True)


def _principals(given: list[Mapping[str, Any]]) -> Any:
    if any(item["type"] == "*" for item in given):
        return "*"
    merged: dict[str, list[str]] = {}
    for item in given:
        merged.setdefault(item["type"], []).extend(item["identifiers"])
    return {kind: _one_or_all(identifiers) for kind, identifiers in merged.items()}


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": given["sid"]} if given.get("sid") else {}
    statement["Effect"] = given.get("effect") or "Allow"
    for name, key in _STATEMENT_LISTS.items():
        if given.get(name):
            statement[key] = _one_or_all(given[name])
    for name, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(name):
            statement[key] = _principals(given[name])
    conditions: dict[str, dict[str, list[str]]] = {}
    for item in given.get("conditions") or ():
        conditions.setdefault(item["test"], {}).setdefault(item["variable"], []).extend(item["values"])
    if conditions:
        statement["Condition"] = {
            test: {variable: _one_or_all(values) for variable, values in variables.items()}
            for test, variables in conditions.items()
        }
    return statement


def _policy_document(_aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {"Version": args.get("version") or "2012-10-17"}
    if args.get("policyId"):
        document["Id"] = args["policyId"]
    document["Statement"] = [_statement(item) for item in args.get("statements") or ()]
    text = json.dumps(document, indent=2)
    return {
        "id": str(zlib.crc32(text.encode())),
        "json": text,
        "minifiedJson": json.dumps(document, separators=(",", ":")),
    }


_PRINCIPAL = Field(
    SetOf(Record({"identifiers": Field(TEXTS, required=True), "type": Field(TEXT, required=True)}))
)
_STATEMENT = Record(
    {
        **{name: Field(TEXTS) for name in _STATEMENT_LISTS},
        "conditions": Field(
            SetOf(
                Record(
                    {
                        "test": Field(TEXT, required=True),
                        "values": Field(TEXTS, required=True),
                        "variable": Field(TEXT, required=True),
                    }
                )
            )
        ),
        "effect": Field(TEXT, allowed=("Allow", "Deny")),
        "notPrincipals": _PRINCIPAL,
        "principals": _PRINCIPAL,
        "sid": Field(TEXT),
    }
)


def _texts(*names: str) -> dict[str, Field]:
    return {name: Field(TEXT) for name in names}


_LOOKUP = {"filters": _FILTERS, "tags": Field(TEXT_MAP)}

TABLE: dict[str, Invoke] = {
    "aws:index/getCallerIdentity:getCallerIdentity": Invoke(_caller, _texts("id")),
    "aws:index/getRegion:getRegion": Invoke(_region, _texts("endpoint", "id", "name")),
    "aws:index/getPartition:getPartition": Invoke(_partition, _texts("id")),
    "aws:index/getAvailabilityZone:getAvailabilityZone": Invoke(
        _availability_zone,
        {"allAvailabilityZones": Field(FLAG), "filters": _FILTERS, **_texts("name", "state", "zoneId")},
    ),
    "aws:index/getAvailabilityZones:getAvailabilityZones": Invoke(
        _availability_zones,
        {
            "allAvailabilityZones": Field(FLAG),
            "excludeNames": Field(TEXTS),
            "excludeZoneIds": Field(TEXTS),
            "filters": _FILTERS,
            "state": Field(TEXT),
        },
    ),
    "aws:ec2/getElasticIp:getElasticIp": Invoke(_eip, {**_LOOKUP, **_texts("id", "publicIp")}),
    "aws:ec2/getEips:getEips": Invoke(_eips, _LOOKUP),
    "aws:ec2/getNatGateway:getNatGateway": Invoke(
        _nat_gateway, {**_LOOKUP, **_texts("id", "state", "subnetId", "vpcId")}
    ),
    "aws:ec2/getNatGateways:getNatGateways": Invoke(_nat_gateways, {**_LOOKUP, **_texts("vpcId")}),
    "aws:ec2/getSubnet:getSubnet": Invoke(
        _subnet,
        {**_LOOKUP, **_texts("availabilityZone", "availabilityZoneId", "cidrBlock", "id", "state", "vpcId")},
    ),
    "aws:ec2/getSubnets:getSubnets": Invoke(_subnets, _LOOKUP),
    "aws:ec2/getVpc:getVpc": Invoke(
        _vpc, {**_LOOKUP, "default": Field(FLAG), **_texts("cidrBlock", "id", "state")}
    ),
    "aws:ec2/getRouteTable:getRouteTable": Invoke(
        _route_table, {**_LOOKUP, **_texts("gatewayId", "routeTableId", "subnetId", "vpcId")}
    ),
    "aws:iam/getPolicyDocument:getPolicyDocument": Invoke(
        _policy_document, {**_texts("policyId", "version"), "statements": Field(ListOf(_STATEMENT))}
    ),
    "aws:servicequotas/getServiceQuota:getServiceQuota": Invoke(
        _quota, {**_texts("quotaCode"), "serviceCode": Field(TEXT, required=True)}
    ),
}
