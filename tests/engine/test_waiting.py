"""While AWS takes its time over one thing, everything that AWS does not require it for is made meanwhile.

The states that take longest are held in the stand-in and let go one after the other; what was begun by then
is read from its record of calls. No clock decides: a resource that waits for more than AWS requires is one
that is never begun while the other is held. That no quick one waits either is held by
tests/program/test_waiting.py.
"""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3  # noqa: F401  # loaded once per worker, not within a test's time
import pytest

from tests.engine.project import ASKED_WITHOUT_A_CHANGE, STACK, Project, asked_without_a_change, everything

pytestmark = pytest.mark.engine
HELD_SECONDS = 3000.0
GIVE_UP_SECONDS = 120
NAT, ENDPOINT, FUNCTION = "nat-gateway-available", "interface-endpoint-available", "vpc-function-active"
ZONES = ("use1-az1", "use1-az4")

BEGINS = {
    "aws:cloudwatch/logGroup:LogGroup": "CreateLogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "PutMetricAlarm",
    "aws:ec2/eip:Eip": "AllocateAddress",
    "aws:ec2/flowLog:FlowLog": "CreateFlowLogs",
    "aws:ec2/internetGateway:InternetGateway": "CreateInternetGateway",
    "aws:ec2/natGateway:NatGateway": "CreateNatGateway",
    "aws:ec2/route:Route": "CreateRoute",
    "aws:ec2/routeTable:RouteTable": "CreateRouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "AssociateRouteTable",
    "aws:ec2/securityGroup:SecurityGroup": "CreateSecurityGroup",
    "aws:ec2/subnet:Subnet": "CreateSubnet",
    "aws:ec2/vpc:Vpc": "CreateVpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "CreateVpcEndpoint",
    "aws:iam/policy:Policy": "CreatePolicy",
    "aws:iam/role:Role": "CreateRole",
    "aws:iam/rolePolicy:RolePolicy": "PutRolePolicy",
    "aws:kms/alias:Alias": "CreateAlias",
    "aws:kms/key:Key": "CreateKey",
    "aws:lambda/function:Function": "CreateFunction",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "PutFunctionEventInvokeConfig",
    "aws:s3/bucket:Bucket": "CreateBucket",
    "aws:s3/bucketPolicy:BucketPolicy": "PutBucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "PutPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "PutBucketEncryption"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": "PutBucketVersioning",
    "aws:scheduler/schedule:Schedule": "CreateSchedule",
    "aws:secretsmanager/secret:Secret": "CreateSecret",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "PutResourcePolicy",
}
"""Type → the call with which AWS begins to make one."""
MADE_WITH_THE_VPC = {
    "aws:ec2/defaultRouteTable:DefaultRouteTable",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
}
"""Types of which AWS has made the only one already."""


def behind_gateways(kind: str, inputs: Mapping[str, Any]) -> bool:
    """Whether AWS requires a NAT gateway: a route leads to an available one, and an alarm names it."""
    return "natGatewayId" in inputs or "NatGatewayId" in (inputs.get("dimensions") or {})


def behind_functions(kind: str, inputs: Mapping[str, Any]) -> bool:
    """Whether AWS requires a function in a VPC: its own settings, and a rate that begins by calling it."""
    settings = kind.endswith(":FunctionEventInvokeConfig") and "control" not in inputs["functionName"]
    return settings or kind.endswith(":Schedule")


class Update:
    """An ``up`` under way, and what AWS was asked for so far."""

    def __init__(self, project: Project, plan: list[tuple[str, dict[str, Any]]]) -> None:
        self.project = project
        self.plan = plan

    def expected(self, *held: Callable[[str, Mapping[str, Any]], bool]) -> Counter[str]:
        """Return how often each call is made while what is held stays away."""
        return Counter(
            BEGINS[kind] for kind, inputs in self.plan if not any(needs(kind, inputs) for needs in held)
        )

    def begun(self) -> Counter[str]:
        calls = self.project.control("GET", "/sandbox/calls")["calls"]
        return Counter(call["action"] for call in calls if call["action"] in set(BEGINS.values()))

    def reaches(self, expected: Counter[str]) -> None:
        """Wait until all of it has begun, and insist that nothing else has."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while (missing := expected - self.begun()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not missing, f"these wait for what AWS does not require for them: {dict(missing)}"
        assert self.begun() == expected, "begun before AWS can make it"

    def hold(self, *states: str, **free: float) -> None:
        overrides = dict.fromkeys(states, HELD_SECONDS) | free
        self.project.control("PUT", "/sandbox/latency", {"overrides": overrides})


@contextmanager
def under_way(project: Project) -> Iterator[subprocess.Popen[str]]:
    # an operation that waits for AWS keeps its place among those that may run at once
    process = subprocess.Popen(
        [
            "pulumi",
            "up",
            "--yes",
            "--skip-preview",
            "--non-interactive",
            "--parallel",
            "64",
            "--stack",
            STACK,
        ],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def planned(project: Project) -> list[tuple[str, dict[str, Any]]]:
    """Return type and inputs of every resource of AWS that an ``up`` would make."""
    states = [step["newState"] for step in project.preview()["steps"]]
    return [
        (state["type"], state["inputs"])
        for state in states
        if state["type"].startswith("aws:") and state["type"] not in MADE_WITH_THE_VPC
    ]


def test_everything_else_is_made_while_aws_takes_its_time(project: Project) -> None:
    project.configure(lambda config: everything(config, ZONES))
    update = Update(project, planned(project))
    update.hold(NAT, ENDPOINT, FUNCTION)
    project.control("DELETE", "/sandbox/calls")
    with under_way(project) as process:
        update.reaches(update.expected(behind_gateways, behind_functions))
        update.hold(NAT, ENDPOINT)
        almost = update.expected(behind_gateways)
        update.reaches(almost)

        ec2 = project.client("ec2")
        first, second = (one["NatGatewayId"] for one in ec2.describe_nat_gateways()["NatGateways"])
        update.hold(NAT, ENDPOINT, **{first: 0.0})
        alarms = sum("NatGatewayId" in (inputs.get("dimensions") or {}) for _, inputs in update.plan)
        assert alarms
        update.reaches(almost + Counter({"CreateRoute": 1, "PutMetricAlarm": alarms // len(ZONES)}))

        update.hold(ENDPOINT)
        update.reaches(update.expected())
        assert process.poll() is None, "it ended while the endpoints were not there yet"
        update.hold()
        said, _ = process.communicate(timeout=GIVE_UP_SECONDS)
        assert process.returncode == 0, said
    routed = [
        call["parameters"]["NatGatewayId"]
        for call in project.control("GET", "/sandbox/calls?action=CreateRoute")["calls"]
        if "NatGatewayId" in call["parameters"]
    ]
    assert routed == [first, second]
    assert asked_without_a_change(project) == ASKED_WITHOUT_A_CHANGE
