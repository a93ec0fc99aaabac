"""One case per resource type: how to make one, change it in place, replace it, and import it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.provider.values import Archive, Asset
from tests.loopback.provider_driver import Driver, Resource

Inputs = dict[str, Any]


def policy(action: str, resource: str = "*", **principal: Any) -> str:
    """Return a policy document with one statement."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource} | principal
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def bucket_policy(world: World, action: str) -> str:
    """Return a policy for the objects of the world's bucket."""
    return policy(action, f"{world.bucket()['arn']}/*", Principal={"AWS": "arn:aws:iam::123456789012:root"})


def code(text: str) -> Archive:
    """Return a function's code with the hash that the engine would have computed."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Archive("assets", {"handler.py": Asset("text", text, digest)}, digest)


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class World:
    """What a case needs around it; made when first asked for, never shared between tests."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.tag = os.urandom(3).hex()
        self._made: dict[str, Resource] = {}

    def make(self, label: str, kind: str, **inputs: Any) -> Resource:
        """Return the resource of that label, creating it the first time."""
        if label not in self._made:
            self._made[label] = self.driver.create(kind, f"{label}-{self.tag}", inputs)
        return self._made[label]

    @property
    def vpc(self) -> Resource:
        return self.make("vpc", "aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16")

    @property
    def other_vpc(self) -> Resource:
        return self.make("other-vpc", "aws:ec2/vpc:Vpc", cidrBlock="10.1.0.0/16")

    def subnet(self, number: int = 1, *, with_way_out: bool = False) -> Resource:
        if with_way_out:
            assert self.gateway.id
        return self.make(
            f"subnet-{number}", "aws:ec2/subnet:Subnet", vpcId=self.vpc.id, cidrBlock=f"10.0.{number}.0/24"
        )

    @property
    def gateway(self) -> Resource:
        return self.make("igw", "aws:ec2/internetGateway:InternetGateway", vpcId=self.vpc.id)

    def address(self, number: int = 1) -> Resource:
        return self.make(f"eip-{number}", "aws:ec2/eip:Eip", domain="vpc")

    def nat(self, number: int = 1) -> Resource:
        assert self.gateway.id
        return self.make(
            f"nat-{number}",
            "aws:ec2/natGateway:NatGateway",
            subnetId=self.subnet().id,
            allocationId=self.address(number).id,
        )

    def table(self, number: int = 1) -> Resource:
        return self.make(f"table-{number}", "aws:ec2/routeTable:RouteTable", vpcId=self.vpc.id)

    def group(self, number: int = 1) -> Resource:
        return self.make(f"group-{number}", "aws:ec2/securityGroup:SecurityGroup", vpcId=self.vpc.id)

    def key(self, number: int = 1) -> Resource:
        return self.make(f"key-{number}", "aws:kms/key:Key", deletionWindowInDays=7)

    def secret(self, number: int = 1) -> Resource:
        return self.make(f"secret-{number}", "aws:secretsmanager/secret:Secret", recoveryWindowInDays=0)

    def role(self, number: int = 1) -> Resource:
        return self.make(f"role-{number}", "aws:iam/role:Role", assumeRolePolicy=TRUST)

    def managed_policy(self, number: int = 1) -> Resource:
        return self.make(f"policy-{number}", "aws:iam/policy:Policy", policy=policy("s3:GetObject"))

    def bucket(self, number: int = 1) -> Resource:
        return self.make(f"bucket-{number}", "aws:s3/bucket:Bucket")

    def topic(self, number: int = 1) -> Resource:
        return self.make(f"topic-{number}", "aws:sns/topic:Topic")

    def queue(self, number: int = 1) -> Resource:
        return self.make(f"queue-{number}", "aws:sqs/queue:Queue")

    def schedule_group(self, number: int = 1) -> Resource:
        return self.make(f"schedules-{number}", "aws:scheduler/scheduleGroup:ScheduleGroup")

    def function(self, number: int = 1) -> Resource:
        return self.make(
            f"function-{number}",
            "aws:lambda/function:Function",
            role=self.role()["arn"],
            handler="handler.main",
            runtime="python3.12",
            code=code("def main(event, context): return 0"),
        )

    def log_group(self, number: int = 1) -> Resource:
        return self.make(f"logs-{number}", "aws:cloudwatch/logGroup:LogGroup")


Make = Callable[[World], Inputs]


def nothing(_world: World) -> Inputs:
    """Return no inputs."""
    return {}


@dataclass(frozen=True)
class Instead:
    """A value for an input that takes the place of another input."""

    value: Any
    of: str


@dataclass(frozen=True)
class Case:
    """How one type is put through its life. `change` and `replace` are laid over `inputs`.

    `replace` has another value for each replacing input. `imports` is the import id, `unseen`
    the inputs an import cannot know.
    """

    inputs: Make
    change: Make = nothing
    replace: Make = nothing
    imports: Callable[[Resource], str | None] = field(default=lambda resource: resource.id)
    unseen: frozenset[str] = frozenset()
    sometimes: frozenset[str] = frozenset()
    """Inputs among `replace` that replace as things stand here, and elsewhere do not."""
    stays: bool = False
    """The type is a setting of something else, so that it is still there after delete."""


TAGGED = {"tags": {"Name": "first", "a.b/c": "x"}}
RETAGGED = {"tags": {"Name": "second", "new": "y"}}


def route(world: World) -> Inputs:
    """Return a default route through a NAT gateway."""
    return {
        "routeTableId": world.table().id,
        "destinationCidrBlock": "0.0.0.0/0",
        "natGatewayId": world.nat().id,
    }


def rule(world: World) -> Inputs:
    """Return a rule that lets https through."""
    return {
        "securityGroupId": world.group().id,
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "cidrIpv4": "0.0.0.0/0",
        "description": "https",
    }


def alarm(_world: World) -> Inputs:
    """Return an alarm on failed port allocations."""
    return {
        "comparisonOperator": "GreaterThanThreshold",
        "evaluationPeriods": 1,
        "metricName": "ErrorPortAllocation",
        "namespace": "AWS/NATGateway",
        "period": 60,
        "statistic": "Sum",
        "threshold": 0.5,
        "dimensions": {"NatGatewayId": "nat-1"},
        "treatMissingData": "notBreaching",
        **TAGGED,
    }


_HTTPS_OUT = {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0", "10.0.0.0/8"]}
_DNS_OUT = {
    "protocol": "udp",
    "fromPort": 53,
    "toPort": 53,
    "cidrBlocks": ["10.0.0.2/32"],
    "description": "dns",
}
_OPEN = {"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}


def main_table_of(resource: Resource) -> str:
    """Return the VPC of a default route table, by which it is imported."""
    return str(resource["vpcId"])


CASES: Mapping[str, Case] = {
    "aws:ec2/vpc:Vpc": Case(
        lambda _w: {"cidrBlock": "10.0.0.0/16", **TAGGED},
        lambda _w: {"enableDnsHostnames": True, "enableDnsSupport": True, **RETAGGED},
        lambda _w: {"cidrBlock": "10.9.0.0/16", "instanceTenancy": "dedicated"},
        sometimes=frozenset({"instanceTenancy"}),
    ),
    "aws:ec2/subnet:Subnet": Case(
        lambda w: {"vpcId": w.vpc.id, "cidrBlock": "10.0.9.0/24", "availabilityZoneId": "use1-az1", **TAGGED},
        lambda _w: {"mapPublicIpOnLaunch": True, **RETAGGED},
        lambda w: {
            "vpcId": w.other_vpc.id,
            "cidrBlock": "10.0.10.0/24",
            "availabilityZoneId": "use1-az2",
            "availabilityZone": Instead("us-east-1f", of="availabilityZoneId"),
        },
    ),
    "aws:ec2/internetGateway:InternetGateway": Case(
        lambda w: {"vpcId": w.vpc.id, **TAGGED}, lambda w: {"vpcId": w.other_vpc.id, **RETAGGED}
    ),
    "aws:ec2/eip:Eip": Case(
        lambda _w: {"domain": "vpc", **TAGGED},
        lambda _w: RETAGGED,
        lambda _w: {
            "address": "127.1.2.3",
            "domain": "standard",
            "networkBorderGroup": "us-east-1-lax-1",
            "publicIpv4Pool": "ipv4pool-ec2-012345",
        },
    ),
    "aws:ec2/natGateway:NatGateway": Case(
        lambda w: {"subnetId": w.subnet(with_way_out=True).id, "allocationId": w.address().id, **TAGGED},
        lambda _w: RETAGGED,
        lambda w: {
            "subnetId": w.subnet(2).id,
            "allocationId": w.address(2).id,
            "privateIp": "10.0.1.99",
            "connectivityType": Instead("private", of="allocationId"),
        },
    ),
    "aws:ec2/routeTable:RouteTable": Case(
        lambda w: {
            "vpcId": w.vpc.id,
            "routes": [
                {"cidrBlock": "0.0.0.0/0", "natGatewayId": w.nat().id},
                {"cidrBlock": "192.0.2.0/24", "gatewayId": w.gateway.id},
            ],
            **TAGGED,
        },
        lambda w: {
            "routes": [
                {"cidrBlock": "198.51.100.0/24", "gatewayId": w.gateway.id},
                {"cidrBlock": "0.0.0.0/0", "natGatewayId": w.nat(2).id},
            ],
            **RETAGGED,
        },
        lambda w: {"vpcId": w.other_vpc.id},
    ),
    "aws:ec2/route:Route": Case(
        route,
        lambda w: {"natGatewayId": w.nat(2).id},
        lambda w: {
            "routeTableId": w.table(2).id,
            "destinationCidrBlock": "192.0.2.0/24",
            "destinationIpv6CidrBlock": Instead("::/0", of="destinationCidrBlock"),
            "destinationPrefixListId": Instead("pl-0123", of="destinationCidrBlock"),
        },
        lambda resource: f"{resource['routeTableId']}_{resource['destinationCidrBlock']}",
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Case(
        lambda w: {"routeTableId": w.table().id, "subnetId": w.subnet().id},
        lambda w: {"routeTableId": w.table(2).id},
        lambda w: {"subnetId": w.subnet(2).id, "gatewayId": Instead(w.gateway.id, of="subnetId")},
        lambda resource: f"{resource['subnetId']}/{resource['routeTableId']}",
    ),
    "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation": Case(
        lambda w: {"vpcId": w.vpc.id, "routeTableId": w.table().id},
        lambda w: {"routeTableId": w.table(2).id},
        imports=lambda _resource: None,
        stays=True,
    ),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": Case(
        lambda w: {"defaultRouteTableId": w.vpc["defaultRouteTableId"], "routes": [], **TAGGED},
        lambda w: {"routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": w.gateway.id}], **RETAGGED},
        lambda w: {"defaultRouteTableId": w.other_vpc["defaultRouteTableId"]},
        main_table_of,
        stays=True,
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Case(
        lambda w: {"vpcId": w.vpc.id, "ingress": [], "egress": [], **TAGGED},
        lambda _w: {"egress": [_HTTPS_OUT], **RETAGGED},
        lambda w: {"vpcId": w.other_vpc.id},
        stays=True,
    ),
    "aws:ec2/securityGroup:SecurityGroup": Case(
        lambda w: {"vpcId": w.vpc.id, "egress": [_HTTPS_OUT, _DNS_OUT], "ingress": [_OPEN], **TAGGED},
        lambda _w: {"egress": [_DNS_OUT], "ingress": [], "revokeRulesOnDelete": True, **RETAGGED},
        lambda w: {"vpcId": w.other_vpc.id, "description": "another", "name": "another"},
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Case(
        lambda w: {**rule(w), **TAGGED},
        lambda _w: {"fromPort": 8443, "toPort": 8443, "description": "other", **RETAGGED},
        lambda w: {"securityGroupId": w.group(2).id},
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Case(
        lambda w: {**rule(w), **TAGGED},
        lambda _w: {"fromPort": 8443, "toPort": 8443, "description": "other", **RETAGGED},
        lambda w: {"securityGroupId": w.group(2).id},
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Case(
        lambda w: {
            "vpcId": w.vpc.id,
            "serviceName": "com.amazonaws.us-east-1.s3",
            "routeTableIds": [w.table().id],
            **TAGGED,
        },
        lambda w: {
            "routeTableIds": [w.table().id, w.table(2).id],
            "policy": policy("s3:GetObject", Principal="*"),
            **RETAGGED,
        },
        lambda w: {
            "vpcId": w.other_vpc.id,
            "serviceName": "com.amazonaws.us-east-1.dynamodb",
            "vpcEndpointType": "Interface",
            "privateDnsEnabled": True,
        },
        sometimes=frozenset({"privateDnsEnabled"}),
    ),
    "aws:ec2/flowLog:FlowLog": Case(
        lambda w: {
            "vpcId": w.vpc.id,
            "trafficType": "ALL",
            "logDestination": w.log_group()["arn"],
            "iamRoleArn": w.role()["arn"],
            **TAGGED,
        },
        lambda _w: RETAGGED,
        lambda w: {
            "vpcId": w.other_vpc.id,
            "trafficType": "REJECT",
            "maxAggregationInterval": 60,
            "subnetId": Instead(w.subnet().id, of="vpcId"),
            "eniId": Instead("eni-0123", of="vpcId"),
            "logDestinationType": "s3",
            "logFormat": "${srcaddr}",
            "logDestination": w.log_group(2)["arn"],
            "iamRoleArn": w.role(2)["arn"],
        },
    ),
    "aws:kms/key:Key": Case(
        lambda _w: {"description": "first", "deletionWindowInDays": 7, "enableKeyRotation": True, **TAGGED},
        lambda _w: {
            "description": "second",
            "deletionWindowInDays": 10,
            "enableKeyRotation": False,
            "isEnabled": False,
            "policy": policy("kms:*", Principal={"AWS": "arn:aws:iam::123456789012:root"}),
            **RETAGGED,
        },
        lambda _w: {"keyUsage": "SIGN_VERIFY", "customerMasterKeySpec": "ECC_NIST_P256", "multiRegion": True},
        unseen=frozenset({"deletionWindowInDays"}),
    ),
    "aws:kms/alias:Alias": Case(
        lambda w: {"name": "alias/one", "targetKeyId": w.key()["arn"]},
        lambda w: {"targetKeyId": w.key(2).id},
        lambda _w: {"name": "alias/two"},
    ),
    "aws:secretsmanager/secret:Secret": Case(
        lambda w: {
            "name": "flexpay/x/acme",
            "description": "d",
            "kmsKeyId": w.key()["arn"],
            "recoveryWindowInDays": 0,
            **TAGGED,
        },
        lambda w: {
            "description": "e",
            "kmsKeyId": w.key(2)["arn"],
            "policy": policy("secretsmanager:GetSecretValue", Principal={"AWS": "123456789012"}),
            **RETAGGED,
        },
        lambda _w: {"name": "flexpay/x/other"},
        unseen=frozenset({"recoveryWindowInDays"}),
    ),
    "aws:secretsmanager/secretPolicy:SecretPolicy": Case(
        lambda w: {
            "secretArn": w.secret().id,
            "policy": policy("secretsmanager:GetSecretValue", Principal={"AWS": "123456789012"}),
        },
        lambda _w: {
            "policy": policy("secretsmanager:DescribeSecret", Principal={"AWS": "123456789012"}),
            "blockPublicPolicy": True,
        },
        lambda w: {"secretArn": w.secret(2).id},
        unseen=frozenset({"blockPublicPolicy"}),
        stays=True,
    ),
    "aws:iam/role:Role": Case(
        lambda _w: {"assumeRolePolicy": TRUST, "description": "d", "path": "/flexpay/", **TAGGED},
        lambda w: {
            "assumeRolePolicy": TRUST.replace("lambda", "scheduler"),
            "description": "e",
            "maxSessionDuration": 7200,
            "permissionsBoundary": w.managed_policy()["arn"],
            "forceDetachPolicies": True,
            **RETAGGED,
        },
        lambda _w: {"name": "another", "path": "/"},
    ),
    "aws:iam/policy:Policy": Case(
        lambda _w: {"policy": policy("s3:GetObject"), "description": "d", "path": "/flexpay/", **TAGGED},
        lambda _w: {"policy": policy("s3:PutObject"), **RETAGGED},
        lambda _w: {"name": "another", "path": "/", "description": "e"},
    ),
    "aws:iam/rolePolicy:RolePolicy": Case(
        lambda w: {"role": w.role().id, "policy": policy("s3:GetObject")},
        lambda _w: {"policy": policy("s3:PutObject")},
        lambda w: {"role": w.role(2).id, "name": "another"},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Case(
        lambda w: {"role": w.role().id, "policyArn": w.managed_policy()["arn"]},
        replace=lambda w: {"role": w.role(2).id, "policyArn": w.managed_policy(2)["arn"]},
    ),
    "aws:cloudwatch/logGroup:LogGroup": Case(
        lambda w: {"retentionInDays": 14, "kmsKeyId": w.key()["arn"], **TAGGED},
        lambda _w: {"retentionInDays": 30, "skipDestroy": False, **RETAGGED},
        lambda _w: {"name": "another", "logGroupClass": "INFREQUENT_ACCESS"},
    ),
    "aws:lambda/function:Function": Case(
        lambda w: {
            "role": w.role()["arn"],
            "handler": "handler.main",
            "runtime": "python3.12",
            "code": code("def main(event, context): return 1"),
            "vpcConfig": {"subnetIds": [w.subnet().id], "securityGroupIds": [w.group().id]},
            "environment": {"variables": {"MODE": "zone", "LEVEL": "1"}},
            "timeout": 30,
            **TAGGED,
        },
        lambda w: {
            "description": "d",
            "code": code("def main(event, context): return 2"),
            "environment": {"variables": {"MODE": "control"}},
            "memorySize": 256,
            "reservedConcurrentExecutions": 2,
            "role": w.role(2)["arn"],
            "timeout": 60,
            **RETAGGED,
        },
        lambda _w: {"name": "another"},
        unseen=frozenset({"code"}),
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": Case(
        lambda w: {"functionName": w.function().id, "maximumRetryAttempts": 0},
        lambda w: {
            "maximumRetryAttempts": 1,
            "maximumEventAgeInSeconds": 60,
            "destinationConfig": {"onFailure": {"destination": w.queue()["arn"]}},
        },
        lambda w: {"functionName": w.function(2).id, "qualifier": "1"},
    ),
    "aws:lambda/permission:Permission": Case(
        lambda w: {
            "function": w.function().id,
            "action": "lambda:InvokeFunction",
            "principal": "scheduler.amazonaws.com",
            "sourceArn": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/a",
        },
        replace=lambda w: {
            "function": w.function(2).id,
            "action": "lambda:GetFunction",
            "principal": "sns.amazonaws.com",
            "sourceArn": "arn:aws:sns:us-east-1:123456789012:a",
            "sourceAccount": "123456789012",
            "statementId": "another",
            "qualifier": "1",
        },
        imports=lambda resource: f"{resource['function']}/{resource['statementId']}",
    ),
    "aws:scheduler/schedule:Schedule": Case(
        lambda w: {
            "groupName": w.schedule_group().id,
            "scheduleExpression": "rate(5 minutes)",
            "flexibleTimeWindow": {"mode": "OFF"},
            "target": {
                "arn": w.function()["arn"],
                "roleArn": w.role()["arn"],
                "input": "{}",
                "retryPolicy": {"maximumRetryAttempts": 0},
            },
        },
        lambda w: {
            "scheduleExpression": "rate(10 minutes)",
            "description": "d",
            "state": "DISABLED",
            "flexibleTimeWindow": {"mode": "FLEXIBLE", "maximumWindowInMinutes": 2},
            "target": {"arn": w.function(2)["arn"], "roleArn": w.role()["arn"]},
        },
        lambda w: {"groupName": w.schedule_group(2).id, "name": "another"},
    ),
    "aws:scheduler/scheduleGroup:ScheduleGroup": Case(
        lambda _w: TAGGED, lambda _w: RETAGGED, lambda _w: {"name": "another"}
    ),
    "aws:s3/bucket:Bucket": Case(
        lambda _w: TAGGED,
        lambda _w: {"forceDestroy": True, **RETAGGED},
        lambda _w: {"bucket": "another-bucket", "objectLockEnabled": True},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Case(
        lambda w: {"bucket": w.bucket().id, "versioningConfiguration": {"status": "Enabled"}},
        lambda _w: {"versioningConfiguration": {"status": "Suspended"}},
        lambda w: {"bucket": w.bucket(2).id},
        stays=True,
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Case(
        lambda w: {
            "bucket": w.bucket().id,
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": "aws:kms",
                        "kmsMasterKeyId": w.key()["arn"],
                    },
                    "bucketKeyEnabled": True,
                }
            ],
        },
        lambda _w: {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
        lambda w: {"bucket": w.bucket(2).id},
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Case(
        lambda w: {"bucket": w.bucket().id, "blockPublicAcls": True, "blockPublicPolicy": True},
        lambda _w: {"ignorePublicAcls": True, "restrictPublicBuckets": True, "blockPublicAcls": False},
        lambda w: {"bucket": w.bucket(2).id},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Case(
        lambda w: {"bucket": w.bucket().id, "policy": bucket_policy(w, "s3:GetObject")},
        lambda w: {"policy": bucket_policy(w, "s3:PutObject")},
        lambda w: {"bucket": w.bucket(2).id},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Case(
        lambda w: {
            "bucket": w.bucket().id,
            "rules": [
                {
                    "id": "old",
                    "status": "Enabled",
                    "filter": {"prefix": "proof/"},
                    "noncurrentVersionExpiration": {"noncurrentDays": 90},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
                }
            ],
        },
        lambda _w: {"rules": [{"id": "old", "status": "Disabled", "expiration": {"days": 365}}]},
        lambda w: {"bucket": w.bucket(2).id},
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Case(
        lambda w: {"bucket": w.bucket().id, "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        lambda _w: {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
        lambda w: {"bucket": w.bucket(2).id},
    ),
    "aws:sns/topic:Topic": Case(
        lambda w: {"displayName": "alarms", "kmsMasterKeyId": w.key().id, **TAGGED},
        lambda _w: {
            "displayName": "others",
            "policy": policy("sns:Publish", Principal={"Service": "cloudwatch.amazonaws.com"}),
            **RETAGGED,
        },
        lambda _w: {"name": "another"},
    ),
    "aws:sns/topicPolicy:TopicPolicy": Case(
        lambda w: {
            "arn": w.topic().id,
            "policy": policy("sns:Publish", Principal={"Service": "cloudwatch.amazonaws.com"}),
        },
        lambda _w: {"policy": policy("sns:Publish", Principal={"Service": "scheduler.amazonaws.com"})},
        lambda w: {"arn": w.topic(2).id},
        stays=True,
    ),
    "aws:sns/topicSubscription:TopicSubscription": Case(
        lambda w: {"topic": w.topic().id, "protocol": "sqs", "endpoint": w.queue()["arn"]},
        lambda _w: {"rawMessageDelivery": True, "filterPolicy": '{"kind": ["alarm"]}'},
        lambda w: {"topic": w.topic(2).id, "protocol": "lambda", "endpoint": w.queue(2)["arn"]},
    ),
    "aws:sqs/queue:Queue": Case(
        lambda w: {"delaySeconds": 5, "kmsMasterKeyId": w.key().id, **TAGGED},
        lambda _w: {
            "delaySeconds": 0,
            "visibilityTimeoutSeconds": 60,
            "policy": policy("sqs:SendMessage", Principal={"Service": "sns.amazonaws.com"}),
            **RETAGGED,
        },
        lambda _w: {"name": "another"},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Case(
        alarm,
        lambda _w: {
            "threshold": 2,
            "alarmActions": ["arn:aws:sns:us-east-1:123456789012:a"],
            "dimensions": {"NatGatewayId": "nat-2"},
            **RETAGGED,
        },
        lambda _w: {"name": "another"},
    ),
}
