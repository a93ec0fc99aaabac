"""VPC endpoints and flow logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..aws import AwsError, at, wait_for
from ..kinds import FLAG, JSON, TEXT, TEXTS, WHOLE, Field, Problem
from ..model import ResourceType, Scope, Update, same
from .ec2 import TAGS, arn, create, described, ec2, owner, state_of

ENDPOINT_SECONDS = 600.0
_GONE = "InvalidVpcEndpointId.NotFound"
_LISTS = {"routeTableIds": "RouteTableIds", "securityGroupIds": "SecurityGroupIds", "subnetIds": "SubnetIds"}


def _modify(scope: Scope) -> None:
    params: dict[str, Any] = {}
    for name, parameter in _LISTS.items():
        was, wanted = set(scope.old.get(name) or ()), set(scope.new.get(name) or ())
        params[f"Add{parameter}"] = sorted(wanted - was) or None
        params[f"Remove{parameter}"] = sorted(was - wanted) or None
    for name, parameter in (("policy", "PolicyDocument"), ("ipAddressType", "IpAddressType")):
        if scope.new.get(name) != scope.old.get(name):
            params[parameter] = scope.new.get(name)
    if scope.new.get("privateDnsEnabled") != scope.old.get("privateDnsEnabled"):
        params["PrivateDnsEnabled"] = scope.new.get("privateDnsEnabled")
    scope.call("ec2", "modify_vpc_endpoint", VpcEndpointId=scope.id, **params)


def _state(scope: Scope) -> str | None:
    state = state_of(scope, "describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints.0.State", _GONE)
    return state.lower() if state else None


def _ready(scope: Scope) -> None:
    wait_for(
        lambda: _state(scope),
        what=f"waiting for VPC endpoint {scope.id}",
        until=frozenset({"available", "pendingacceptance"}),
        pending=frozenset({"pending"}),
        seconds=ENDPOINT_SECONDS,
    )


def _delete(scope: Scope) -> None:
    if _state(scope) in (None, "deleted"):
        return
    answer = scope.call("ec2", "delete_vpc_endpoints", VpcEndpointIds=[scope.id])
    failed = at(answer, "Unsuccessful.0.Error") or {}
    if failed and failed.get("Code") != _GONE:
        raise AwsError("ec2:DeleteVpcEndpoints", str(failed.get("Code")), str(failed.get("Message")))
    wait_for(
        lambda: _state(scope),
        what=f"waiting for VPC endpoint {scope.id} to be deleted",
        until=frozenset({"deleted", "gone"}),
        pending=frozenset({"deleting", "available"}),
        seconds=ENDPOINT_SECONDS,
    )


def _prefix_list(scope: Scope, found: Any) -> Any:
    if found.get("VpcEndpointType") != "Gateway":
        return None
    wanted = [{"Name": "prefix-list-name", "Values": [found["ServiceName"]]}]
    return at(scope.call("ec2", "describe_prefix_lists", Filters=wanted), "PrefixLists.0.PrefixListId")


def _private_dns(_old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    """Only an interface endpoint changes it in place (the official provider's CustomizeDiff)."""
    return frozenset() if new.get("vpcEndpointType") == "Interface" else frozenset({"privateDnsEnabled"})


VPC_ENDPOINT = ResourceType(
    type="aws:ec2/vpcEndpoint:VpcEndpoint",
    inputs={
        "ipAddressType": Field(TEXT, computed=True),
        "policy": Field(JSON, computed=True),
        "privateDnsEnabled": Field(FLAG, computed=True),
        "routeTableIds": Field(TEXTS, computed=True),
        "securityGroupIds": Field(TEXTS, computed=True),
        "serviceName": Field(TEXT, required=True, replaces=True),
        "subnetIds": Field(TEXTS, computed=True),
        "vpcEndpointType": Field(TEXT, replaces=True, default="Gateway", allowed=("Gateway", "Interface")),
        "vpcId": Field(TEXT, required=True, replaces=True),
    },
    outputs=(
        "arn",
        "dnsEntries",
        "networkInterfaceIds",
        "ownerId",
        "prefixListId",
        "requesterManaged",
        "state",
    ),
    create=create(
        "create_vpc_endpoint",
        {
            **same("ipAddressType", "routeTableIds", "securityGroupIds", "serviceName", "subnetIds"),
            **same("vpcEndpointType", "vpcId"),
            "PolicyDocument": "policy",
            # always told, so that AWS's own default does not count
            "PrivateDnsEnabled": lambda scope: bool(scope.new.get("privateDnsEnabled")),
        },
        tag="vpc-endpoint",
        id="VpcEndpoint.VpcEndpointId",
    ),
    read=described(
        "describe_vpc_endpoints",
        "VpcEndpointIds",
        "VpcEndpoints",
        {
            "arn": arn("vpc-endpoint"),
            "dnsEntries": lambda _scope, found: [
                {"dnsName": entry.get("DnsName"), "hostedZoneId": entry.get("HostedZoneId")}
                for entry in found.get("DnsEntries") or ()
            ],
            "ipAddressType": "IpAddressType",
            "networkInterfaceIds": "NetworkInterfaceIds",
            "ownerId": owner,
            "policy": "PolicyDocument",
            "prefixListId": _prefix_list,
            "privateDnsEnabled": "PrivateDnsEnabled",
            "requesterManaged": "RequesterManaged",
            "routeTableIds": "RouteTableIds",
            "securityGroupIds": lambda _scope, found: [
                group["GroupId"] for group in found.get("Groups") or ()
            ],
            "serviceName": "ServiceName",
            "state": "State",
            "subnetIds": "SubnetIds",
            "vpcEndpointType": "VpcEndpointType",
            "vpcId": "VpcId",
        },
        _GONE,
        exists=lambda found: str(found.get("State")).lower() != "deleted",
    ),
    ready=_ready,
    updates=(Update((*_LISTS, "ipAddressType", "policy", "privateDnsEnabled"), _modify),),
    also_replaces=_private_dns,
    delete=_delete,
    tags=TAGS,
)

_SUBJECTS = {"eniId": "NetworkInterface", "subnetId": "Subnet", "vpcId": "VPC"}


def _subject(scope: Scope) -> tuple[str, str]:
    return next((kind, scope.new[name]) for name, kind in _SUBJECTS.items() if scope.new.get(name))


def _flow_log_problems(inputs: Mapping[str, Any]) -> Iterable[Problem]:
    given = [name for name in _SUBJECTS if inputs.get(name)]
    if len(given) != 1:
        yield "vpcId", f"give exactly one of {', '.join(_SUBJECTS)}; given: {', '.join(given) or 'none'}"


def _created(_scope: Scope, answer: dict[str, Any]) -> str:
    failed = at(answer, "Unsuccessful.0.Error")
    if failed:
        raise AwsError("ec2:CreateFlowLogs", str(failed.get("Code")), str(failed.get("Message")))
    return str(at(answer, "FlowLogIds.0"))


def _resource(prefix: str) -> Any:
    return lambda _scope, found: found["ResourceId"] if str(found["ResourceId"]).startswith(prefix) else None


FLOW_LOG = ResourceType(
    type="aws:ec2/flowLog:FlowLog",
    inputs={
        "eniId": Field(TEXT, replaces=True),
        "iamRoleArn": Field(TEXT, replaces=True),
        "logDestination": Field(TEXT, computed=True, replaces=True),
        "logDestinationType": Field(
            TEXT, replaces=True, default="cloud-watch-logs", allowed=("cloud-watch-logs", "s3")
        ),
        "logFormat": Field(TEXT, computed=True, replaces=True),
        "maxAggregationInterval": Field(WHOLE, replaces=True, default=600, allowed=(60, 600)),
        "subnetId": Field(TEXT, replaces=True),
        "trafficType": Field(TEXT, replaces=True, allowed=("ACCEPT", "ALL", "REJECT")),
        "vpcId": Field(TEXT, replaces=True),
    },
    outputs=("arn",),
    create=create(
        "create_flow_logs",
        {
            **same(
                "logDestination", "logDestinationType", "logFormat", "maxAggregationInterval", "trafficType"
            ),
            "DeliverLogsPermissionArn": "iamRoleArn",
            "ResourceIds": lambda scope: [_subject(scope)[1]],
            "ResourceType": lambda scope: _subject(scope)[0],
        },
        tag="vpc-flow-log",
        id=_created,
    ),
    read=described(
        "describe_flow_logs",
        "FlowLogIds",
        "FlowLogs",
        {
            "arn": arn("vpc-flow-log"),
            "eniId": _resource("eni-"),
            "iamRoleArn": "DeliverLogsPermissionArn",
            "logDestination": lambda scope, found: (
                found.get("LogDestination")
                or (found.get("LogGroupName") and scope.aws.arn("logs", f"log-group:{found['LogGroupName']}"))
            ),
            "logDestinationType": "LogDestinationType",
            "logFormat": "LogFormat",
            "maxAggregationInterval": "MaxAggregationInterval",
            "subnetId": _resource("subnet-"),
            "trafficType": "TrafficType",
            "vpcId": _resource("vpc-"),
        },
        "InvalidFlowLogId.NotFound",
    ),
    delete=ec2(
        "delete_flow_logs", {"FlowLogIds": lambda scope: [scope.id]}, ignore=("InvalidFlowLogId.NotFound",)
    ),
    problems=_flow_log_problems,
    tags=TAGS,
)

TYPES = (VPC_ENDPOINT, FLOW_LOG)
