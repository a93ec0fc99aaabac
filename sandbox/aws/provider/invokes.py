"""Lookups (`aws.get_…`): a table from token to what it takes and how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import lookups
from .aws import Aws
from .kinds import FLAG, TEXT, TEXT_MAP, TEXTS, Field, Problem, Record, SetOf
from .policy_document import STATEMENTS, policy_document
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


def _zones(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    found = lookups.ZONES.items(aws, args)
    zones = [
        zone
        for zone in sorted(found, key=lambda zone: str(zone["ZoneName"]))
        if zone["ZoneName"] not in (args.get("excludeNames") or ())
        and zone["ZoneId"] not in (args.get("excludeZoneIds") or ())
    ]
    return {
        "groupNames": sorted({zone["GroupName"] for zone in zones if zone.get("GroupName")}),
        "id": aws.region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
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


def _texts(*names: str) -> dict[str, Field]:
    return {name: Field(TEXT) for name in names}


_LOOKUP = {"filters": _FILTERS, "tags": Field(TEXT_MAP)}

TABLE: dict[str, Invoke] = {
    "aws:index/getCallerIdentity:getCallerIdentity": Invoke(_caller, _texts("id")),
    "aws:index/getRegion:getRegion": Invoke(_region, _texts("endpoint", "id", "name")),
    "aws:index/getPartition:getPartition": Invoke(_partition, _texts("id")),
    "aws:index/getAvailabilityZone:getAvailabilityZone": Invoke(
        lookups.one(lookups.ZONES, lookups.ZONE),
        {"allAvailabilityZones": Field(FLAG), "filters": _FILTERS, **_texts("name", "state", "zoneId")},
    ),
    "aws:index/getAvailabilityZones:getAvailabilityZones": Invoke(
        _zones,
        {
            "allAvailabilityZones": Field(FLAG),
            "excludeNames": Field(TEXTS),
            "excludeZoneIds": Field(TEXTS),
            "filters": _FILTERS,
            "state": Field(TEXT),
        },
    ),
    "aws:ec2/getElasticIp:getElasticIp": Invoke(
        lookups.one(lookups.ADDRESSES, lookups.ADDRESS), {**_LOOKUP, **_texts("id", "publicIp")}
    ),
    "aws:ec2/getEips:getEips": Invoke(
        lookups.every(lookups.ADDRESSES, {"allocationIds": "AllocationId", "publicIps": "PublicIp"}), _LOOKUP
    ),
    "aws:ec2/getNatGateway:getNatGateway": Invoke(
        lookups.one(lookups.NAT_GATEWAYS, lookups.NAT_GATEWAY),
        {**_LOOKUP, **_texts("id", "state", "subnetId", "vpcId")},
    ),
    "aws:ec2/getNatGateways:getNatGateways": Invoke(
        lookups.every(lookups.NAT_GATEWAYS, {"ids": "NatGatewayId"}, lambda item: item["State"] != "deleted"),
        {**_LOOKUP, **_texts("vpcId")},
    ),
    "aws:ec2/getSubnet:getSubnet": Invoke(
        lookups.one(lookups.SUBNETS, lookups.SUBNET),
        {**_LOOKUP, **_texts("availabilityZone", "availabilityZoneId", "cidrBlock", "id", "state", "vpcId")},
    ),
    "aws:ec2/getSubnets:getSubnets": Invoke(lookups.every(lookups.SUBNETS, {"ids": "SubnetId"}), _LOOKUP),
    "aws:ec2/getVpc:getVpc": Invoke(
        lookups.one(lookups.VPCS, lookups.VPC),
        {**_LOOKUP, "default": Field(FLAG), **_texts("cidrBlock", "id", "state")},
    ),
    "aws:ec2/getRouteTable:getRouteTable": Invoke(
        lookups.one(lookups.ROUTE_TABLES, lookups.ROUTE_TABLE),
        {**_LOOKUP, **_texts("gatewayId", "routeTableId", "subnetId", "vpcId")},
    ),
    "aws:ec2/getRouteTables:getRouteTables": Invoke(
        lookups.every(lookups.ROUTE_TABLES, {"ids": "RouteTableId"}), {**_LOOKUP, **_texts("vpcId")}
    ),
    "aws:iam/getPolicyDocument:getPolicyDocument": Invoke(
        policy_document, {**_texts("policyId", "version"), "statements": STATEMENTS}
    ),
    "aws:servicequotas/getServiceQuota:getServiceQuota": Invoke(
        _quota, {**_texts("quotaCode"), "serviceCode": Field(TEXT, required=True)}
    ),
}
