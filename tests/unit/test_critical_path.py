"""The longest chain of resources, from recorded calls."""

from typing import Any

from benchmarks.critical_path import critical_path, length

VPC, SUBNET, NAT, DOOR = (
    "a::b::aws:ec2/vpc:Vpc::v",
    "a::b::s:Subnet::s",
    "a::b::n:NatGateway::n",
    "a::b::d:D::d",
)


def resource(urn: str, *before: str, **inputs: Any) -> dict[str, Any]:
    return {"urn": urn, "type": urn.split("::")[2], "dependencies": list(before), "inputs": inputs}


def call(urn: str | None, action: str) -> dict[str, Any]:
    return {"resource": urn, "action": action}


def test_the_longest_chain_is_named_with_what_each_resource_takes() -> None:
    resources = [resource(VPC), resource(SUBNET, VPC), resource(NAT, SUBNET), resource(DOOR, VPC)]
    calls = [
        call(VPC, "CreateVpc"),
        call(VPC, "DescribeVpcs"),
        call(SUBNET, "CreateSubnet"),
        call(DOOR, "CreateSecurityGroup"),
        call(NAT, "CreateNatGateway"),
        call(None, "DescribeAddresses"),
    ]
    path = critical_path(resources, calls)
    assert [(step.urn, round(step.seconds, 1)) for step in path] == [(VPC, 2.3), (SUBNET, 2.0), (NAT, 102.0)]
    assert round(length(path), 1) == 106.3
    assert str(path[0]) == "Vpc `v` 2.3 s"


def test_looking_again_and_again_costs_once_and_changes_cost_each_time() -> None:
    looks = [call(VPC, "DescribeVpcs")] * 5
    changes = [call(VPC, "ModifyVpcAttribute")] * 2
    assert round(length(critical_path([resource(VPC)], [*looks, *changes])), 1) == 2.3


def test_what_was_not_touched_costs_nothing_and_still_hands_the_chain_on() -> None:
    resources = [resource(VPC), resource(SUBNET, VPC), resource(NAT, SUBNET)]
    path = critical_path(resources, [call(VPC, "ModifyVpcAttribute"), call(NAT, "CreateNatGateway")])
    assert [step.urn for step in path] == [VPC, NAT]
    assert critical_path(resources, []) == ()


def test_only_what_aws_takes_its_time_over_is_waited_for() -> None:
    def seconds(kind: str, action: str, **inputs: Any) -> float:
        urn = f"a::b::aws:{kind}::x"
        return round(length(critical_path([resource(urn, **inputs)], [call(urn, action)])), 1)

    assert seconds("ec2/vpcEndpoint:VpcEndpoint", "CreateVpcEndpoint", vpcEndpointType="Interface") == 63.0
    assert seconds("ec2/vpcEndpoint:VpcEndpoint", "CreateVpcEndpoint", vpcEndpointType="Gateway") == 3.0
    assert seconds("lambda/function:Function", "CreateFunction", vpcConfig={}) == 25.0
    assert seconds("lambda/function:Function", "CreateFunction") == 5.0
