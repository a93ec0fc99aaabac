"""VPCs, subnets and internet gateways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..aws import AwsError, at
from ..kinds import CIDR, FLAG, TEXT, Field, Problem
from ..model import ResourceType, Scope, Update, own_id, same
from .ec2 import TAGS, arn, create, described, ec2, owner
from .left_interfaces import after_what_lambda_left


def _attribute(name: str) -> Any:
    """Return a field that asks for one VPC attribute."""

    def look(scope: Scope, _found: Any) -> Any:
        return at(
            scope.call("ec2", "describe_vpc_attribute", VpcId=scope.id, Attribute=name),
            f"{name[0].upper()}{name[1:]}.Value",
        )

    return look


def _one(operation: str, path: str, *filters: tuple[str, str]) -> Any:
    """Return a field that looks up something of the VPC's own, such as its main route table."""

    def look(scope: Scope, _found: Any) -> Any:
        wanted = [{"Name": name, "Values": [scope.id if value == "@" else value]} for name, value in filters]
        return at(scope.call("ec2", operation, Filters=wanted), path)

    return look


def _set_attribute(operation: str, ids: str, name: str, *, on_create: bool = True) -> Update:
    parameter = f"{name[0].upper()}{name[1:]}"

    def run(scope: Scope) -> None:
        scope.call("ec2", operation, **{ids: scope.id, parameter: {"Value": bool(scope.new.get(name))}})

    return Update((name,), run, on_create=on_create)


_MAIN = ("association.main", "true")


def _other_tenancy(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    """AWS changes the tenancy of a VPC in one direction only (the official provider's CustomizeDiff)."""
    back = old.get("instanceTenancy") == "dedicated" and new.get("instanceTenancy") == "default"
    return frozenset() if back else frozenset({"instanceTenancy"})


def _set_tenancy(scope: Scope) -> None:
    scope.call("ec2", "modify_vpc_tenancy", VpcId=scope.id, InstanceTenancy=scope.new["instanceTenancy"])


VPC = ResourceType(
    type="aws:ec2/vpc:Vpc",
    inputs={
        "cidrBlock": Field(CIDR, required=True, replaces=True),
        "enableDnsHostnames": Field(FLAG, computed=True),
        "enableDnsSupport": Field(FLAG, default=True),
        "enableNetworkAddressUsageMetrics": Field(FLAG, computed=True),
        "instanceTenancy": Field(TEXT, default="default", allowed=("default", "dedicated")),
    },
    outputs=(
        "arn",
        "defaultNetworkAclId",
        "defaultRouteTableId",
        "defaultSecurityGroupId",
        "dhcpOptionsId",
        "mainRouteTableId",
        "ownerId",
    ),
    create=create("create_vpc", same("cidrBlock", "instanceTenancy"), tag="vpc", id="Vpc.VpcId"),
    read=described(
        "describe_vpcs",
        "VpcIds",
        "Vpcs",
        {
            "arn": arn("vpc"),
            "cidrBlock": "CidrBlock",
            "defaultNetworkAclId": _one(
                "describe_network_acls", "NetworkAcls.0.NetworkAclId", ("vpc-id", "@"), ("default", "true")
            ),
            "defaultRouteTableId": _one(
                "describe_route_tables", "RouteTables.0.RouteTableId", ("vpc-id", "@"), _MAIN
            ),
            "defaultSecurityGroupId": _one(
                "describe_security_groups",
                "SecurityGroups.0.GroupId",
                ("vpc-id", "@"),
                ("group-name", "default"),
            ),
            "dhcpOptionsId": "DhcpOptionsId",
            "enableDnsHostnames": _attribute("enableDnsHostnames"),
            "enableDnsSupport": _attribute("enableDnsSupport"),
            "enableNetworkAddressUsageMetrics": _attribute("enableNetworkAddressUsageMetrics"),
            "instanceTenancy": "InstanceTenancy",
            "mainRouteTableId": _one(
                "describe_route_tables", "RouteTables.0.RouteTableId", ("vpc-id", "@"), _MAIN
            ),
            "ownerId": owner,
        },
        "InvalidVpcID.NotFound",
    ),
    updates=(
        _set_attribute("modify_vpc_attribute", "VpcId", "enableDnsSupport"),
        _set_attribute("modify_vpc_attribute", "VpcId", "enableDnsHostnames"),
        _set_attribute("modify_vpc_attribute", "VpcId", "enableNetworkAddressUsageMetrics"),
        Update(("instanceTenancy",), _set_tenancy),
    ),
    also_replaces=_other_tenancy,
    delete=ec2("delete_vpc", {"VpcId": own_id}, ignore=("InvalidVpcID.NotFound",)),
    tags=TAGS,
)


def _one_zone(inputs: Mapping[str, Any]) -> Iterable[Problem]:
    if inputs.get("availabilityZone") and inputs.get("availabilityZoneId"):
        yield "availabilityZoneId", "conflicts with availabilityZone; give one of them"


SUBNET = ResourceType(
    type="aws:ec2/subnet:Subnet",
    inputs={
        "availabilityZone": Field(TEXT, computed=True, replaces=True),
        "availabilityZoneId": Field(TEXT, computed=True, replaces=True),
        "cidrBlock": Field(CIDR, required=True, replaces=True),
        "mapPublicIpOnLaunch": Field(FLAG, default=False),
        "vpcId": Field(TEXT, required=True, replaces=True),
    },
    outputs=("arn", "ownerId"),
    create=create(
        "create_subnet",
        same("availabilityZone", "availabilityZoneId", "cidrBlock", "vpcId"),
        tag="subnet",
        id="Subnet.SubnetId",
    ),
    read=described(
        "describe_subnets",
        "SubnetIds",
        "Subnets",
        {
            "arn": arn("subnet"),
            "availabilityZone": "AvailabilityZone",
            "availabilityZoneId": "AvailabilityZoneId",
            "cidrBlock": "CidrBlock",
            "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
            "ownerId": owner,
            "vpcId": "VpcId",
        },
        "InvalidSubnetID.NotFound",
    ),
    updates=(_set_attribute("modify_subnet_attribute", "SubnetId", "mapPublicIpOnLaunch"),),
    delete=after_what_lambda_left(
        ec2("delete_subnet", {"SubnetId": own_id}, ignore=("InvalidSubnetID.NotFound",)),
        found_by="subnet-id",
    ),
    problems=_one_zone,
    tags=TAGS,
)


def _detach(scope: Scope) -> None:
    if scope.old.get("vpcId"):
        scope.call("ec2", "detach_internet_gateway", InternetGatewayId=scope.id, VpcId=scope.old["vpcId"])


def _move(scope: Scope) -> None:
    _detach(scope)
    if scope.new.get("vpcId"):
        scope.call("ec2", "attach_internet_gateway", InternetGatewayId=scope.id, VpcId=scope.new["vpcId"])


def _delete_gateway(scope: Scope) -> None:
    try:
        _detach(scope)
    except AwsError as error:
        if error.code not in ("Gateway.NotAttached", "InvalidInternetGatewayID.NotFound"):
            raise
    ec2(
        "delete_internet_gateway",
        {"InternetGatewayId": own_id},
        ignore=("InvalidInternetGatewayID.NotFound",),
    )(scope)


INTERNET_GATEWAY = ResourceType(
    type="aws:ec2/internetGateway:InternetGateway",
    inputs={"vpcId": Field(TEXT, computed=True)},
    outputs=("arn", "ownerId"),
    create=create(
        "create_internet_gateway", {}, tag="internet-gateway", id="InternetGateway.InternetGatewayId"
    ),
    read=described(
        "describe_internet_gateways",
        "InternetGatewayIds",
        "InternetGateways",
        {"arn": arn("internet-gateway"), "ownerId": owner, "vpcId": "Attachments.0.VpcId"},
        "InvalidInternetGatewayID.NotFound",
    ),
    updates=(Update(("vpcId",), _move, on_create=True),),
    delete=_delete_gateway,
    tags=TAGS,
)

TYPES = (VPC, SUBNET, INTERNET_GATEWAY)
