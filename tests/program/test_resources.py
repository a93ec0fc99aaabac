"""What holds for everything that any configuration registers."""

import json
from typing import Any

import pytest

from stacks.protection import Kind, keeping
from tests.program.cloud import ACCOUNT, EIP, NAT, ROUTE, Cloud
from tests.program.golden import CONFIGURATIONS, deploy_named
from tests.program.run import STACK, deploy, stack_config

CARRIES_NO_TAGS = {
    "aws:ec2/route:Route",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:kms/alias:Alias",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:scheduler/schedule:Schedule",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
}
"""AWS keeps no tags on these."""
MAY_GO = {
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ec2/defaultRouteTable:DefaultRouteTable",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/flowLog:FlowLog",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:lambda/function:Function",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:scheduler/schedule:Schedule",
}
"""Not protected: they hold no address and no credential, or cannot go while what they hold is protected."""


@pytest.fixture(params=CONFIGURATIONS)
def cloud(request: pytest.FixtureRequest) -> Cloud:
    return deploy_named(request.param)[1]


def custom(cloud: Cloud) -> list[Any]:
    return [one for one in cloud.recorded if one.typ.startswith("aws:")]


def test_everything_that_can_carry_tags_says_whose_it_is(cloud: Cloud) -> None:
    for one in custom(cloud):
        if one.typ not in CARRIES_NO_TAGS:
            assert one.inputs["tags"]["flexpay:environment"] == "production", one.name
            assert one.inputs["tags"]["Name"].startswith("flexpay-production-"), one.name


def test_tags_from_the_settings_are_on_everything() -> None:
    _, cloud = deploy(stack_config(tags={"team": "payments"}))
    tagged = [one for one in custom(cloud) if one.typ not in CARRIES_NO_TAGS]
    assert tagged
    assert all(one.inputs["tags"]["team"] == "payments" for one in tagged)


def test_addresses_and_gateways_are_tagged_with_their_slot(cloud: Cloud) -> None:
    for kind in (EIP, NAT):
        for name, one in cloud.of_type(kind).items():
            assert one.inputs["tags"]["flexpay:slot"].replace("/", "-") == name.removeprefix("egress-")


def test_addresses_are_tagged_with_their_stack(cloud: Cloud) -> None:
    for one in cloud.of_type(EIP).values():
        assert one.inputs["tags"]["flexpay:stack"] == STACK


def test_everything_hangs_under_its_component(cloud: Cloud) -> None:
    inner = {"StaticEgress", "Network", "SecretsStore", "Verifier"}
    for line in cloud.names:
        chain = line.partition("::")[0].split("$")
        if len(chain) > 1:
            assert chain[0] == "flexpay:index:Environment"
            assert chain[1].rpartition(":")[2] in inner


def test_only_what_may_go_is_unprotected(cloud: Cloud) -> None:
    for (kind, name), options in cloud.options.items():
        if kind.startswith("aws:"):
            assert bool(options.protect) is (kind not in MAY_GO), (kind, name)


@pytest.mark.parametrize("protect", [True, False])
def test_addresses_stay_in_aws_whatever_the_setting(protect: bool) -> None:
    _, cloud = deploy(stack_config(protect=protect))
    kept = [options for (kind, _), options in cloud.options.items() if kind == EIP]
    assert kept
    assert all(options.retain_on_delete and bool(options.protect) is protect for options in kept)


def test_a_planned_replacement_frees_the_gateway_and_never_the_address() -> None:
    assert not keeping(Kind.GATEWAY, protect=True, planned=True).protect
    assert keeping(Kind.GATEWAY, protect=True).delete_before_replace
    assert keeping(Kind.ADDRESS, protect=True, planned=True).protect
    assert keeping(Kind.ADDRESS, protect=False, planned=True).retain_on_delete
    assert keeping(Kind.ROUTING, protect=True, planned=True).protect


def test_gateways_wait_for_the_internet_gateway(cloud: Cloud) -> None:
    for name in cloud.of_type(NAT):
        depends = cloud.options[NAT, name].depends_on
        assert isinstance(depends, list)
        assert [type(one).__name__ for one in depends] == ["InternetGateway"]


def test_nothing_waits_that_aws_does_not_make_wait(cloud: Cloud) -> None:
    waiting = {kind for (kind, _), options in cloud.options.items() if options.depends_on}
    assert waiting <= {
        NAT,
        "aws:ec2/flowLog:FlowLog",
        "aws:lambda/function:Function",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:scheduler/schedule:Schedule",
    }


def test_private_subnets_have_no_other_way_out() -> None:
    _, cloud = deploy(stack_config())
    (closed,) = cloud.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").values()
    assert (closed.inputs["ingress"], closed.inputs["egress"]) == ([], [])
    (main,) = cloud.of_type("aws:ec2/defaultRouteTable:DefaultRouteTable").values()
    assert main.inputs["routes"] == []
    subnets = cloud.of_type("aws:ec2/subnet:Subnet")
    assert set(subnets) == set(cloud.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation"))
    assert all(one.inputs["mapPublicIpOnLaunch"] is False for one in subnets.values())
    assert "ipv6" not in json.dumps([one.inputs for one in cloud.recorded], default=str).lower()
    outward = {name: one.inputs for name, one in cloud.of_type(ROUTE).items()}
    assert {name for name, route in outward.items() if "gatewayId" in route} == {"network-public"}


def test_interface_endpoints_take_https_from_the_vpc_only() -> None:
    _, cloud = deploy_named("endpoints")
    (door,) = cloud.of_type("aws:ec2/securityGroup:SecurityGroup").values()
    (rule,) = door.inputs["ingress"]
    assert (rule["fromPort"], rule["toPort"], rule["cidrBlocks"]) == (443, 443, ["10.64.0.0/16"])
    assert door.inputs["egress"] == []


def test_alarms_watch_every_gateway() -> None:
    _, cloud = deploy_named("endpoints")
    watched = {
        (one.inputs["metricName"], one.inputs["dimensions"]["NatGatewayId"])
        for one in cloud.of_type("aws:cloudwatch/metricAlarm:MetricAlarm").values()
    }
    assert len(watched) == 2 * len(cloud.of_type(NAT))
    for one in cloud.of_type("aws:cloudwatch/metricAlarm:MetricAlarm").values():
        about_ports = one.inputs["metricName"] == "ErrorPortAllocation"
        assert ("55,000" in one.inputs["alarmDescription"]) is about_ports


def test_no_secret_has_a_value(cloud: Cloud) -> None:
    kinds = {one.typ for one in cloud.recorded}
    assert "aws:secretsmanager/secret:Secret" in kinds
    assert "aws:secretsmanager/secretVersion:SecretVersion" not in kinds
    for one in cloud.recorded:
        assert not {"secretString", "secretBinary", "secretStringWo"} & set(one.inputs)


def test_every_role_carries_the_house_rules() -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    house = {"permissionsBoundary": boundary, "path": "/payments/"}
    network = {"cidr": "10.64.0.0/16", "zones": ["use1-az1"], "flowLogs": True}
    _, cloud = deploy(stack_config(iam=house, network=network))
    roles = cloud.of_type("aws:iam/role:Role")
    assert roles
    for role in roles.values():
        assert (role.inputs["permissionsBoundary"], role.inputs["path"]) == (boundary, "/payments/")
    assert all(one.inputs["path"] == "/payments/" for one in cloud.of_type("aws:iam/policy:Policy").values())


def test_iam_names_carry_the_region_and_fit() -> None:
    network = {"cidr": "10.64.0.0/16", "zones": ["use1-az1"], "flowLogs": True}
    config = stack_config(environment="e" * 30, network=network) | {"aws:region": "ap-southeast-1"}
    _, cloud = deploy(config)
    for kind, longest in (("aws:iam/role:Role", 64), ("aws:iam/policy:Policy", 128)):
        for one in cloud.of_type(kind).values():
            assert "ap-southeast-1" in one.inputs["name"]
            assert len(one.inputs["name"]) <= longest
