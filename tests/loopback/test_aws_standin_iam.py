"""With enforcement on, the stand-in allows and denies what AWS would."""

import json
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.loopback.aws_standin import Aws, code_of

OURS, THEIRS = "123456789012", "210987654321"
NAME = "flexpay/sandbox/acme-air"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


TRUST = document(
    {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OURS}:root"}, "Action": "sts:AssumeRole"}
)


class Role:
    """A role's session in the stand-in."""

    def __init__(
        self, aws: Aws, name: str, *statements: dict[str, Any], account: str = OURS, **more: Any
    ) -> None:
        root = account if account != OURS else "sandbox"
        self._aws, self._iam = aws, aws.client("iam", root)
        trust = TRUST.replace(OURS, account)
        self.arn = self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)["Role"]["Arn"]
        if statements:
            self.may(name, *statements)
        session = aws.client("sts", root).assume_role(RoleArn=self.arn, RoleSessionName="test")
        self._keys = session["Credentials"]

    def may(self, name: str, *statements: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))

    def client(self, service: str) -> Any:
        keys = self._keys
        return self._aws.client(service, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


@pytest.fixture
def strict(aws: Aws) -> Aws:
    aws.control("PUT", "iam", {"enforce": True})
    return aws


@pytest.fixture
def secret(strict: Aws) -> str:
    store = strict.client("secretsmanager")
    arn: str = store.create_secret(Name=NAME, SecretString="one")["ARN"]
    store.create_secret(Name="other", SecretString="two")
    return arn


def test_off_everybody_may_do_everything(aws: Aws) -> None:
    aws.client("ec2", "AKIAUNKNOWNUNKNOWN00").describe_vpcs()
    aws.control("PUT", "iam", {"enforce": True})
    assert code_of(aws.client("ec2", "AKIAUNKNOWNUNKNOWN00").describe_vpcs) == "AuthFailure"
    unknown = aws.client("secretsmanager", "AKIAUNKNOWNUNKNOWN00")
    assert code_of(unknown.list_secrets) == "UnrecognizedClientException"
    aws.client("ec2").describe_vpcs()


@pytest.mark.parametrize(("service", "operation"), [("iam", "list_users"), ("kms", "list_keys")])
def test_a_call_without_a_signature_is_refused(strict: Aws, service: str, operation: str) -> None:
    unsigned = Config(signature_version=UNSIGNED)
    anonymous = boto3.client(service, endpoint_url=strict.url, region_name="us-east-1", config=unsigned)
    assert code_of(getattr(anonymous, operation)) == "MissingAuthenticationToken"


def test_deleting_many_objects_needs_permission_on_the_objects(strict: Aws) -> None:
    strict.client("s3").create_bucket(Bucket="proofs")
    what = {"Bucket": "proofs", "Delete": {"Objects": [{"Key": "one"}]}}
    bucket_only = Role(strict, "bucket-only", allow("s3:*", "arn:aws:s3:::proofs")).client("s3")
    assert code_of(bucket_only.delete_objects, **what) == "AccessDenied"
    both = allow(["s3:DeleteObject", "s3:DeleteObjectVersion"], "arn:aws:s3:::proofs/*")
    Role(strict, "objects", both).client("s3").delete_objects(**what)


def test_a_role_reads_the_secret_it_is_given_and_no_other(strict: Aws, secret: str) -> None:
    reader = Role(strict, "reader", allow("secretsmanager:GetSecretValue", secret)).client("secretsmanager")
    assert reader.get_secret_value(SecretId=NAME)["SecretString"] == "one"
    assert reader.get_secret_value(SecretId=secret)["SecretString"] == "one"
    assert code_of(reader.get_secret_value, SecretId="other") == "AccessDeniedException"
    assert code_of(reader.put_secret_value, SecretId=NAME, SecretString="x") == "AccessDeniedException"


def test_a_denial_names_who_what_and_where(strict: Aws, secret: str) -> None:
    reader = Role(strict, "nobody").client("secretsmanager")
    with pytest.raises(ClientError) as refused:
        reader.get_secret_value(SecretId=NAME)
    message = refused.value.response["Error"]["Message"]
    for part in ("assumed-role/nobody/test", "secretsmanager:GetSecretValue", secret):
        assert part in message


def test_prefixes_and_explicit_denials_decide(strict: Aws, secret: str) -> None:
    prefix = "arn:aws:secretsmanager:*:*:secret:flexpay/sandbox/*"
    role = Role(strict, "prefix", allow("secretsmanager:*", prefix), deny("secretsmanager:Delete*"))
    store = role.client("secretsmanager")
    assert store.get_secret_value(SecretId=NAME)["SecretString"] == "one"
    store.create_secret(Name="flexpay/sandbox/new")
    assert code_of(store.create_secret, Name="elsewhere") == "AccessDeniedException"
    assert code_of(store.delete_secret, SecretId=NAME) == "AccessDeniedException"


def test_a_condition_on_the_stage_keeps_pending_values_from_readers(strict: Aws, secret: str) -> None:
    strict.client("secretsmanager").put_secret_value(
        SecretId=NAME, SecretString="next", VersionStages=["AWSPENDING"]
    )
    stages = {"StringEquals": {"secretsmanager:VersionStage": ["AWSCURRENT", "AWSPREVIOUS"]}}
    role = Role(strict, "staged", allow("secretsmanager:GetSecretValue", secret, Condition=stages))
    store = role.client("secretsmanager")
    assert store.get_secret_value(SecretId=NAME, VersionStage="AWSCURRENT")["SecretString"] == "one"
    pending = {"SecretId": NAME, "VersionStage": "AWSPENDING"}
    assert code_of(store.get_secret_value, **pending) == "AccessDeniedException"


def test_another_account_reads_only_when_both_sides_allow(strict: Aws, secret: str) -> None:
    owner = strict.client("secretsmanager")
    theirs = Role(strict, "reader", allow("secretsmanager:GetSecretValue", secret), account=THEIRS)
    store = theirs.client("secretsmanager")
    assert code_of(store.get_secret_value, SecretId=secret) == "AccessDeniedException"
    statement = {
        **allow("secretsmanager:GetSecretValue"),
        "Principal": {"AWS": f"arn:aws:iam::{THEIRS}:root"},
        "Condition": {"ArnLike": {"aws:PrincipalArn": theirs.arn}},
    }
    owner.put_resource_policy(SecretId=secret, ResourcePolicy=document(statement))
    assert store.get_secret_value(SecretId=secret)["SecretString"] == "one"
    stranger = Role(strict, "stranger", allow("secretsmanager:*"), account=THEIRS).client("secretsmanager")
    assert code_of(stranger.get_secret_value, SecretId=secret) == "AccessDeniedException"
    theirs.may("reader", allow("s3:*"))
    assert code_of(store.get_secret_value, SecretId=secret) == "AccessDeniedException"


def test_a_secrets_own_policy_can_shut_out_even_root(strict: Aws, secret: str) -> None:
    owner = strict.client("secretsmanager")
    everybody = {**deny("secretsmanager:GetSecretValue"), "Principal": "*"}
    owner.put_resource_policy(SecretId=secret, ResourcePolicy=document(everybody))
    assert code_of(owner.get_secret_value, SecretId=secret) == "AccessDeniedException"


def test_a_key_decides_for_itself_and_can_insist_on_its_service(strict: Aws) -> None:
    root = f"arn:aws:iam::{OURS}:root"
    via = {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}
    policy = document(
        {**allow("kms:*"), "Principal": {"AWS": root}},
        {**deny("kms:Decrypt"), "Principal": "*", "Condition": {"StringNotEquals": via["StringEquals"]}},
    )
    kms = strict.client("kms")
    key = kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    strict.client("secretsmanager").create_secret(Name=NAME, SecretString="one", KmsKeyId=key)
    secrets_only = Role(strict, "secrets-only", allow("secretsmanager:*")).client("secretsmanager")
    assert code_of(secrets_only.get_secret_value, SecretId=NAME) == "AccessDeniedException"
    both = Role(strict, "both", allow(["secretsmanager:*", "kms:Decrypt", "kms:Encrypt"]))
    assert both.client("secretsmanager").get_secret_value(SecretId=NAME)["SecretString"] == "one"
    sealed = both.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert code_of(both.client("kms").decrypt, CiphertextBlob=sealed) == "AccessDeniedException"


def test_a_key_policy_that_locks_everybody_out_is_refused(aws: Aws) -> None:
    kms = aws.client("kms")
    stranger = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{THEIRS}:root"}}
    assert code_of(kms.create_key, Policy=document(stranger)) == "MalformedPolicyDocumentException"
    assert code_of(kms.create_key, Policy="not a policy") == "MalformedPolicyDocumentException"
    kms.create_key(Policy=document(stranger), BypassPolicyLockoutSafetyCheck=True)


def test_a_tagged_address_can_be_kept_from_all_but_one_role(strict: Aws) -> None:
    ec2 = strict.client("ec2")
    keeper = Role(strict, "keeper", allow("ec2:*"))
    guard = deny(
        ["ec2:ReleaseAddress", "ec2:DisassociateAddress", "ec2:DeleteTags"],
        Condition={
            "StringEquals": {"aws:ResourceTag/flexpay": "approved"},
            "ArnNotEquals": {"aws:PrincipalArn": keeper.arn},
        },
    )
    operator = Role(strict, "operator", allow("ec2:*"), guard).client("ec2")
    tags = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "flexpay", "Value": "approved"}]}]
    kept = ec2.allocate_address(Domain="vpc", TagSpecifications=tags)["AllocationId"]
    free = ec2.allocate_address(Domain="vpc")["AllocationId"]
    assert code_of(operator.release_address, AllocationId=kept) == "UnauthorizedOperation"
    assert (
        code_of(operator.delete_tags, Resources=[kept], Tags=[{"Key": "flexpay"}]) == "UnauthorizedOperation"
    )
    operator.release_address(AllocationId=free)
    keeper.client("ec2").release_address(AllocationId=kept)


def test_a_dry_run_tells_permission_without_doing_anything(strict: Aws) -> None:
    _, subnet = strict.network()
    ec2 = strict.client("ec2")
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    asked = {"SubnetId": subnet, "AllocationId": allocation, "DryRun": True}
    assert code_of(ec2.create_nat_gateway, **asked) == "DryRunOperation"
    assert code_of(ec2.create_vpc, CidrBlock="10.9.0.0/16", DryRun=True) == "DryRunOperation"
    limited = Role(strict, "limited", allow("ec2:Describe*")).client("ec2")
    assert code_of(limited.create_nat_gateway, **asked) == "UnauthorizedOperation"
    assert ec2.describe_nat_gateways()["NatGateways"] == []
    assert limited.describe_vpcs()["Vpcs"]


def test_tagging_while_creating_needs_its_own_permission(strict: Aws) -> None:
    only = Role(strict, "only-create", allow("ec2:AllocateAddress")).client("ec2")
    only.allocate_address(Domain="vpc")
    tags = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "a", "Value": "b"}]}]
    assert code_of(only.allocate_address, TagSpecifications=tags) == "UnauthorizedOperation"
    creating = {"StringEquals": {"ec2:CreateAction": "AllocateAddress"}}
    both = Role(
        strict, "both", allow("ec2:AllocateAddress"), allow("ec2:CreateTags", Condition=creating)
    ).client("ec2")
    made = both.allocate_address(TagSpecifications=tags)["AllocationId"]
    later = {"Resources": [made], "Tags": [{"Key": "c", "Value": "d"}]}
    assert code_of(both.create_tags, **later) == "UnauthorizedOperation"


def test_a_boundary_takes_away(strict: Aws, secret: str) -> None:
    iam = strict.client("iam")
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(allow("ec2:*")))["Policy"]["Arn"]
    role = Role(strict, "bounded", allow("*"), PermissionsBoundary=boundary)
    role.client("ec2").describe_vpcs()
    assert code_of(role.client("secretsmanager").get_secret_value, SecretId=NAME) == "AccessDeniedException"


def test_a_role_is_assumed_only_by_those_it_trusts(strict: Aws) -> None:
    iam = strict.client("iam")
    trusted = Role(strict, "trusted", allow("sts:AssumeRole"))
    other = Role(strict, "other", allow("sts:AssumeRole"))
    trust = document({"Effect": "Allow", "Principal": {"AWS": trusted.arn}, "Action": "sts:AssumeRole"})
    target = iam.create_role(RoleName="target", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    asked = {"RoleArn": target, "RoleSessionName": "session"}
    assert trusted.client("sts").assume_role(**asked)["Credentials"]
    assert code_of(other.client("sts").assume_role, **asked) == "AccessDenied"
    assert other.client("sts").get_caller_identity()["Arn"].endswith("assumed-role/other/test")


@pytest.mark.parametrize("account", [OURS, THEIRS])
@pytest.mark.parametrize("by_name", [True, False])
def test_who_is_trusted_by_name_needs_a_policy_in_another_account_only(
    strict: Aws, account: str, by_name: bool
) -> None:
    """AssumeRole: within an account the caller's policy allows it, or the trust policy names the caller."""
    caller = Role(strict, "caller", account=account)
    named = caller.arn if by_name else f"arn:aws:iam::{account}:root"
    trust = document({"Effect": "Allow", "Principal": {"AWS": named}, "Action": "sts:AssumeRole"})
    made = strict.client("iam").create_role(RoleName="target", AssumeRolePolicyDocument=trust)
    asked = {"RoleArn": made["Role"]["Arn"], "RoleSessionName": "session"}
    if by_name and account == OURS:
        caller.client("sts").assume_role(**asked)
    else:
        assert code_of(caller.client("sts").assume_role, **asked) == "AccessDenied"
    caller.may("caller", allow("sts:AssumeRole"))
    assert caller.client("sts").assume_role(**asked)["Credentials"]


TAGGED = {"StringEquals": {"aws:RequestTag/environment": "production"}}


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "tagging"),
    [
        ("iam", "create_role", {"RoleName": "r", "AssumeRolePolicyDocument": TRUST}, "iam:TagRole"),
        ("kms", "create_key", {}, "kms:TagResource"),
        ("logs", "create_log_group", {"logGroupName": "g"}, "logs:TagResource"),
        ("secretsmanager", "create_secret", {"Name": "s"}, "secretsmanager:TagResource"),
        ("sqs", "create_queue", {"QueueName": "q"}, "sqs:TagQueue"),
    ],
)
def test_tags_at_creation_need_their_own_permission_and_can_be_insisted_on(
    strict: Aws, service: str, operation: str, arguments: dict[str, Any], tagging: str
) -> None:
    action = f"{service}:{''.join(part.capitalize() for part in operation.split('_'))}"
    spelled: dict[str, dict[str, Any]] = {
        "kms": {"Tags": [{"TagKey": "environment", "TagValue": "production"}]},
        "logs": {"tags": {"environment": "production"}},
        "sqs": {"tags": {"environment": "production"}},
    }
    tags = spelled.get(service, {"Tags": [{"Key": "environment", "Value": "production"}]})
    role = Role(strict, "maker", allow(action, Condition=TAGGED), allow("kms:PutKeyPolicy"))
    make = getattr(role.client(service), operation)
    with pytest.raises(ClientError, match=tagging):
        make(**arguments, **tags)
    role.may("maker", allow([action, tagging], Condition=TAGGED), allow("kms:PutKeyPolicy"))
    with pytest.raises(ClientError, match=action):
        make(**arguments)
    make(**arguments, **tags)


def test_alarms_are_described_by_whoever_may_describe_all(strict: Aws) -> None:
    ours = f"arn:aws:cloudwatch:us-east-1:{OURS}:alarm:flexpay-*"
    role = Role(strict, "alarms", allow(["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms"], ours))
    cloudwatch = role.client("cloudwatch")
    cloudwatch.delete_alarms(AlarmNames=["flexpay-1", "flexpay-2"])
    assert code_of(cloudwatch.delete_alarms, AlarmNames=["flexpay-1", "other"]) == "AccessDeniedException"
    assert code_of(cloudwatch.describe_alarms, AlarmNames=["flexpay-1"]) == "AccessDeniedException"
    role.may("alarms", allow("cloudwatch:DescribeAlarms"))
    assert cloudwatch.describe_alarms(AlarmNames=["flexpay-1"])["MetricAlarms"] == []


def test_passing_a_role_needs_permission(strict: Aws) -> None:
    role = strict.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    maker = Role(strict, "maker", allow("lambda:*"))
    arguments = {
        "FunctionName": "f",
        "Runtime": "python3.12",
        "Handler": "h.h",
        "Role": role,
        "Code": {"ZipFile": b"x"},
    }
    assert code_of(maker.client("lambda").create_function, **arguments) == "AccessDeniedException"
    service = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    maker.may("maker", allow("lambda:*"), allow("iam:PassRole", role, Condition=service))
    assert maker.client("lambda").create_function(**arguments)["FunctionName"] == "f"


def test_a_policy_in_use_is_not_deleted(aws: Aws) -> None:
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName="used", PolicyDocument=document(allow("s3:GetObject")))["Policy"][
        "Arn"
    ]
    iam.create_role(RoleName="user", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="user", PolicyArn=arn)
    assert code_of(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    iam.detach_role_policy(RoleName="user", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)


def test_policies_can_be_simulated(aws: Aws) -> None:
    role = Role(aws, "simulated", allow("ec2:*"), deny("ec2:ReleaseAddress"))
    answer = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=role.arn, ActionNames=["ec2:AllocateAddress", "ec2:ReleaseAddress", "kms:Decrypt"]
    )
    decisions = [result["EvalDecision"] for result in answer["EvaluationResults"]]
    assert decisions == ["allowed", "explicitDeny", "implicitDeny"]
    unknown = {"PolicySourceArn": role.arn + "x", "ActionNames": ["ec2:AllocateAddress"]}
    assert code_of(aws.client("iam").simulate_principal_policy, **unknown) == "NoSuchEntity"


def test_an_operator_that_is_not_known_is_no_verdict(strict: Aws, secret: str) -> None:
    odd = {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}
    store = Role(strict, "odd", allow("secretsmanager:*", Condition=odd)).client("secretsmanager")
    assert code_of(store.get_secret_value, SecretId=NAME) == "NotImplemented"
