"""Elastic IP addresses and the NAT gateways that carry traffic from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..aws import AwsError, at, wait_for
from ..kinds import TEXT, Field, Problem
from ..model import ResourceType, Scope, Update, own_id, same
from .ec2 import TAGS, arn, create, described, ec2, state_of

NAT_CREATE_SECONDS = 600.0
NAT_DELETE_SECONDS = 1800.0


def _dashed(ip: str) -> str:
    return ip.replace(".", "-")


def _zone_name(scope: Scope, *, public: bool) -> str:
    classic = scope.aws.region == "us-east-1"
    if public:
        return "compute-1.amazonaws.com" if classic else f"{scope.aws.region}.compute.amazonaws.com"
    return "ec2.internal" if classic else f"{scope.aws.region}.compute.internal"


def _public_dns(scope: Scope, found: Any) -> str:
    return f"ec2-{_dashed(found['PublicIp'])}.{_zone_name(scope, public=True)}"


def _private_dns(scope: Scope, found: Any) -> str | None:
    ip = found.get("PrivateIpAddress")
    return f"ip-{_dashed(ip)}.{_zone_name(scope, public=False)}" if ip else None


def _release(scope: Scope) -> None:
    """Detach, then release, as the official provider does."""
    found = ELASTIC_IP.read(scope)
    if found is None:
        return
    if found.get("associationId"):
        scope.call("ec2", "disassociate_address", AssociationId=found["associationId"])
    try:
        scope.call("ec2", "release_address", AllocationId=scope.id)
    except AwsError as error:
        if error.code != "InvalidAllocationID.NotFound":
            raise


def _reassociate(scope: Scope) -> None:
    found = ELASTIC_IP.read(scope)
    if found and found.get("associationId"):
        scope.call("ec2", "disassociate_address", AssociationId=found["associationId"])
    if scope.new.get("instance") or scope.new.get("networkInterface"):
        ec2(
            "associate_address",
            {
                "AllocationId": own_id,
                "InstanceId": "instance",
                "NetworkInterfaceId": "networkInterface",
                "PrivateIpAddress": "associateWithPrivateIp",
            },
        )(scope)


ELASTIC_IP = ResourceType(
    type="aws:ec2/eip:Eip",
    inputs={
        "address": Field(TEXT, replaces=True),
        "associateWithPrivateIp": Field(TEXT, local=True),
        "domain": Field(TEXT, computed=True, replaces=True, allowed=("vpc", "standard")),
        "instance": Field(TEXT, computed=True),
        "networkBorderGroup": Field(TEXT, computed=True, replaces=True),
        "networkInterface": Field(TEXT, computed=True),
        "publicIpv4Pool": Field(TEXT, computed=True, replaces=True),
    },
    outputs=(
        "allocationId",
        "arn",
        "associationId",
        "carrierIp",
        "customerOwnedIp",
        "privateDns",
        "privateIp",
        "publicDns",
        "publicIp",
    ),
    create=create(
        "allocate_address",
        {**same("address", "networkBorderGroup", "publicIpv4Pool"), "Domain": "domain"},
        tag="elastic-ip",
        id="AllocationId",
    ),
    read=described(
        "describe_addresses",
        "AllocationIds",
        "Addresses",
        {
            "address": lambda scope, found: scope.old.get("address") and found["PublicIp"],
            "allocationId": "AllocationId",
            "arn": arn("elastic-ip"),
            "associationId": "AssociationId",
            "carrierIp": "CarrierIp",
            "customerOwnedIp": "CustomerOwnedIp",
            "domain": "Domain",
            "instance": "InstanceId",
            "networkBorderGroup": "NetworkBorderGroup",
            "networkInterface": "NetworkInterfaceId",
            "privateDns": _private_dns,
            "privateIp": "PrivateIpAddress",
            "publicDns": _public_dns,
            "publicIp": "PublicIp",
            "publicIpv4Pool": "PublicIpv4Pool",
        },
        "InvalidAllocationID.NotFound",
    ),
    updates=(
        Update(("instance", "networkInterface", "associateWithPrivateIp"), _reassociate, on_create=True),
    ),
    delete=_release,
    tags=TAGS,
)


def _nat_problems(inputs: Mapping[str, Any]) -> Iterable[Problem]:
    if inputs.get("connectivityType") == "private" and inputs.get("allocationId"):
        yield "allocationId", 'is not supported with connectivityType "private"'
    if inputs.get("connectivityType") == "public" and not inputs.get("allocationId"):
        yield "allocationId", 'is required with connectivityType "public"'


def _nat_state(scope: Scope) -> str | None:
    return state_of(
        scope, "describe_nat_gateways", "NatGatewayIds", "NatGateways.0.State", "NatGatewayNotFound"
    )


def _nat_ready(scope: Scope) -> None:
    """Wait until the gateway carries traffic; one that failed says why."""
    wait_for(
        lambda: _nat_state(scope),
        what=f"waiting for NAT gateway {scope.id}",
        until=frozenset({"available", "failed"}),
        pending=frozenset({"pending"}),
        seconds=NAT_CREATE_SECONDS,
    )
    gateway = at(scope.call("ec2", "describe_nat_gateways", NatGatewayIds=[scope.id]), "NatGateways.0")
    if gateway["State"] == "failed":
        code, message = gateway.get("FailureCode", "failed"), gateway.get("FailureMessage", "no reason given")
        raise AwsError(f"waiting for NAT gateway {scope.id}", code, message)


def _nat_delete(scope: Scope) -> None:
    ec2("delete_nat_gateway", {"NatGatewayId": own_id}, ignore=("NatGatewayNotFound",))(scope)
    wait_for(
        lambda: _nat_state(scope),
        what=f"waiting for NAT gateway {scope.id} to be deleted",
        until=frozenset({"deleted", "gone"}),
        pending=frozenset({"deleting", "available", "pending"}),
        seconds=NAT_DELETE_SECONDS,
    )


def _primary(name: str) -> Any:
    def look(_scope: Scope, found: Any) -> Any:
        addresses = found.get("NatGatewayAddresses") or [{}]
        first = next((item for item in addresses if item.get("IsPrimary")), addresses[0])
        return first.get(name)

    return look


NAT_GATEWAY = ResourceType(
    type="aws:ec2/natGateway:NatGateway",
    inputs={
        "allocationId": Field(TEXT, replaces=True),
        "connectivityType": Field(TEXT, replaces=True, default="public", allowed=("public", "private")),
        "privateIp": Field(TEXT, computed=True, replaces=True),
        "subnetId": Field(TEXT, required=True, replaces=True),
    },
    outputs=("associationId", "networkInterfaceId", "publicIp"),
    create=create(
        "create_nat_gateway",
        same("allocationId", "connectivityType", "subnetId", PrivateIpAddress="privateIp"),
        tag="natgateway",
        id="NatGateway.NatGatewayId",
    ),
    read=described(
        "describe_nat_gateways",
        "NatGatewayIds",
        "NatGateways",
        {
            "allocationId": _primary("AllocationId"),
            "associationId": _primary("AssociationId"),
            "connectivityType": "ConnectivityType",
            "networkInterfaceId": _primary("NetworkInterfaceId"),
            "privateIp": _primary("PrivateIp"),
            "publicIp": _primary("PublicIp"),
            "subnetId": "SubnetId",
        },
        "NatGatewayNotFound",
        exists=lambda found: found.get("State") != "deleted",
    ),
    delete=_nat_delete,
    ready=_nat_ready,
    problems=_nat_problems,
    tags=TAGS,
)

TYPES = (ELASTIC_IP, NAT_GATEWAY)
