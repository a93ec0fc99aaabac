"""What waits for what in the program, held against what AWS itself requires.

The tables are written from AWS's documentation and know nothing of the program. A resource may wait for
another because it is told a value that only AWS gives out (``ISSUED``), or because AWS demands the order
(``DEMANDED``). Every other wait is time that an operator spends for nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.program.cloud import Cloud
from tests.program.golden import CONFIGURATIONS, deploy_named

VPC, SUBNET, TABLE = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/routeTable:RouteTable"
INTERNET, NAT, EIP = (
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/eip:Eip",
)
GROUP = "aws:ec2/securityGroup:SecurityGroup"
FLOW_LOG, LOG_GROUP = "aws:ec2/flowLog:FlowLog", "aws:cloudwatch/logGroup:LogGroup"
ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
KEY, SECRET = "aws:kms/key:Key", "aws:secretsmanager/secret:Secret"
BUCKET = "aws:s3/bucket:Bucket"
BLOCK, BUCKET_POLICY = (
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketPolicy:BucketPolicy",
)
FUNCTION, CONFIG = (
    "aws:lambda/function:Function",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
)
SCHEDULE = "aws:scheduler/schedule:Schedule"

ISSUED: Mapping[str, tuple[str, ...]] = {
    VPC: ("id", "defaultRouteTableId"),
    SUBNET: ("id",),
    TABLE: ("id",),
    INTERNET: ("id",),
    NAT: ("id",),
    EIP: ("allocationId", "publicIp"),
    GROUP: ("id",),
    KEY: ("id", "arn"),
    SECRET: ("arn",),
    BUCKET: ("id", "arn"),  # the engine makes the name up, and says so only once the bucket is there
}
"""Type → what nobody knows of it before it is made. Names that we choose are known beforehand, and so are
the ARNs that are made of them: who only names such a thing need not wait for it."""

DEMANDED: Mapping[tuple[str, str], str] = {
    (
        NAT,
        INTERNET,
    ): "a public gateway in a VPC without an attached internet gateway fails: Gateway.NotAttached",
    (ROLE_POLICY, ROLE): "the policy is put into the role",
    (FUNCTION, ROLE): "CreateFunction takes the role on trial",
    (FUNCTION, ROLE_POLICY): "CreateFunction refuses a VPC where the role may not make network interfaces",
    (FUNCTION, LOG_GROUP): "a function that logs first makes a log group of its own, which is kept for ever",
    (CONFIG, FUNCTION): "it is a setting of the function",
    (FLOW_LOG, ROLE): "CreateFlowLogs takes the role",
    (FLOW_LOG, ROLE_POLICY): "a delivery that is refused is tried again only much later",
    (FLOW_LOG, LOG_GROUP): "flow logs make a log group that is missing, without an end to what it keeps",
    (BUCKET_POLICY, BLOCK): "two changes of one bucket's access at a time: OperationAborted",
    (SCHEDULE, ROLE): "CreateSchedule takes the role on trial",
    (SCHEDULE, ROLE_POLICY): "a rate begins with its first call, which must be permitted",
    (SCHEDULE, FUNCTION): "a rate begins with its first call, which must find the function",
}
"""(who waits, for what) → why AWS demands it, whether or not a value is handed over."""


class Made:
    """What the program registered in one configuration."""

    def __init__(self, cloud: Cloud) -> None:
        self.inputs = {urn: cloud.inputs_of(urn) for urn in cloud.waits}
        self.waits = {urn: sorted(cloud.waits[urn]) for urn in cloud.waits}
        self.outputs = cloud.made

    def unneeded(self) -> Iterator[str]:
        for urn, others in self.waits.items():
            for other in others:
                if other in self.inputs and not self.needs(urn, other):
                    yield f"{short(urn)} waits for {short(other)}"

    def needs(self, urn: str, other: str) -> bool:
        return self.told(urn, other) or (
            (kind(urn), kind(other)) in DEMANDED and self.belong_together(urn, other)
        )

    def told(self, urn: str, other: str) -> bool:
        """Whether a value that only AWS gives out is handed from one to the other."""
        values = {str(self.outputs[other].get(name)) for name in ISSUED.get(kind(other), ())}
        return any(value in text for text in texts(self.inputs[urn]) for value in values)

    def belong_together(self, urn: str, other: str) -> bool:
        """Whether the demand is about these two, and not about others of their types."""
        inputs = self.inputs[urn]
        match kind(urn), kind(other):
            case _, type_ if type_ == INTERNET:
                subnet = inputs["subnetId"]
                return any(
                    self.inputs[one]["vpcId"] == self.inputs[other]["vpcId"]
                    for one in self.inputs
                    if kind(one) == SUBNET and self.outputs[one]["id"] == subnet
                )
            case who, type_ if type_ == ROLE_POLICY:
                if who == FUNCTION and "vpcConfig" not in inputs:
                    return False
                return self.role_of(other) in (self.role_of(urn), inputs.get("target", {}).get("roleArn"))
            case who, type_ if (who, type_) == (FUNCTION, LOG_GROUP):
                return bool(self.inputs[other]["name"] == f"/aws/lambda/{inputs['name']}")
            case _, type_ if type_ == BLOCK:
                return bool(self.inputs[other]["bucket"] == inputs["bucket"])
        named = {str(self.outputs[other].get(name)) for name in ("id", "arn", "name")}
        return any(value in named for value in texts(inputs))

    def role_of(self, urn: str) -> Any:
        """The ARN of the role that a function, a flow log or a role's policy has."""
        inputs = self.inputs[urn]
        named = inputs.get("role") or inputs.get("iamRoleArn") or inputs.get("target", {}).get("roleArn")
        return next(
            (
                self.outputs[one]["arn"]
                for one in self.inputs
                if kind(one) == ROLE and named in (self.outputs[one]["arn"], self.inputs[one]["name"])
            ),
            None,
        )


def kind(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def short(urn: str) -> str:
    return f"{kind(urn).rpartition(':')[2]} {urn.split('::')[3]}"


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_nothing_waits_for_what_aws_does_not_require(name: str) -> None:
    assert [*Made(deploy_named(name)[1]).unneeded()] == []


def test_every_demand_of_the_table_is_met_with_in_some_configuration() -> None:
    met = {
        (kind(urn), kind(other))
        for name in CONFIGURATIONS
        for urn, others in Made(deploy_named(name)[1]).waits.items()
        for other in others
    }
    assert set(DEMANDED) - met == set()
