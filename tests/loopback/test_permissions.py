"""docs/permissions.md is true: with enforcement on, what it lists is enough, needed, and no more."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.flexpay.server import Partner, running
from stacks import policies, verifier_policies
from tests.loopback.aws_standin import Aws, code_of
from tests.loopback.credentials_world import MERCHANT, NAME, SOURCE, Desk, desk_with, pair_json
from tests.loopback.functions_world import desk_with_functions
from tests.loopback.test_credentials_cli import answered
from tests.loopback.verify_world import MERCHANTS, Ran

ACCOUNT = "123456789012"
PAGE = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text()
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def documents(kind: str) -> dict[str, Any]:
    found = re.findall(rf"<!-- {kind}: (\w+) -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    return {name: json.loads(text) for name, text in found}


POLICIES = documents("policy")


def policy(name: str) -> dict[str, Any]:
    """Return a policy of the page for the stand-in's account and environment."""
    text = json.dumps(POLICIES[name]).replace("111122223333", ACCOUNT).replace("production", "sandbox")
    return dict(json.loads(text))


def needed(command: str) -> list[str]:
    """Return the actions that the table lists as needed by a command."""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 3 and cells[1] == f"`{command}`":
            return [action.strip() for action in cells[2].partition(";")[0].split(",")]
    raise KeyError(command)


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with running(merchants=[(MERCHANT, MERCHANTS[MERCHANT][0], "Acme")]) as one:
        one.allow(MERCHANT, "127.60.0.1")
        yield one


DeskFor = Callable[[str], Desk]


@pytest.fixture
def desk_for(tmp_path: Path, partner: Partner, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> DeskFor:
    """Return how to make the desk at which a command is run: with functions where it needs them."""

    def make(command: str) -> Desk:
        if command not in THROUGH_FUNCTIONS:
            return plain_desk(tmp_path, partner, aws, monkeypatch)
        desk = desk_with_functions(tmp_path, partner, aws, monkeypatch)
        desk.world.approve()
        return desk

    return make


@pytest.fixture
def desk(desk_for: DeskFor) -> Desk:
    return desk_for("")


def plain_desk(tmp_path: Path, partner: Partner, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return a desk whose secret is under the environment's own key, as deployed."""
    key = aws.client("kms").create_key(
        Policy=json.dumps(policies.key_policy(ACCOUNT, "us-east-1", [])),
        Tags=[{"TagKey": "flexpay:environment", "TagValue": "sandbox"}],
        BypassPolicyLockoutSafetyCheck=True,
    )["KeyMetadata"]["Arn"]
    desk = desk_with(tmp_path, partner, aws, monkeypatch, key=key)
    desk.world.approve()
    return desk


def become(desk: Desk, *documents: Any) -> None:
    """Log in as a role with these policies, enforcement on."""
    iam, sts = desk.aws.client("iam"), desk.aws.client("sts")
    name = f"role-{len(iam.list_roles()['Roles'])}"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    for number, document in enumerate(documents):
        iam.put_role_policy(RoleName=name, PolicyName=f"p{number}", PolicyDocument=json.dumps(document))
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="operator")["Credentials"]
    desk.aws.control("PUT", "iam", {"enforce": True})
    desk.login(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


def become_root(desk: Desk) -> None:
    desk.login("sandbox", "x")


def allowing(actions: list[str]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
    }


def prepared(desk: Desk) -> tuple[tuple[str, str], tuple[str, str]]:
    first, second = desk.issue(), desk.issue()
    assert desk.run("put", "--unproven", "drill", stdin=pair_json(first)).code == 0
    return first, second


def put(desk: Desk) -> Callable[[], Ran]:
    _, second = prepared(desk)
    return lambda: desk.run("put", stdin=pair_json(second))


def put_here(desk: Desk) -> Callable[[], Ran]:
    _, second = prepared(desk)
    return lambda: desk.run("put", *SOURCE, stdin=pair_json(second))


def stage(desk: Desk) -> Callable[[], Ran]:
    _, second = prepared(desk)
    return lambda: desk.run("stage", stdin=pair_json(second))


def promote(desk: Desk) -> Callable[[], Ran]:
    stage(desk)()
    return lambda: desk.run("promote")


def promote_here(desk: Desk) -> Callable[[], Ran]:
    stage(desk)()
    return lambda: desk.run("promote", *SOURCE)


def promote_unproven(desk: Desk) -> Callable[[], Ran]:
    stage(desk)()
    return lambda: desk.run("promote", "--unproven", "drill")


def rollback(desk: Desk) -> Callable[[], Ran]:
    put_here(desk)()
    return lambda: desk.run("rollback")


def retire(desk: Desk) -> Callable[[], Ran]:
    put_here(desk)()
    return lambda: desk.run("retire", "--cache-seconds", "0")


def status(desk: Desk) -> Callable[[], Ran]:
    prepared(desk)
    return lambda: desk.run("status")


def request(desk: Desk) -> Callable[[], Ran]:
    return lambda: desk.run("request")


def receive(desk: Desk) -> Callable[[], Ran]:
    _, second = prepared(desk)
    answer = answered(desk, desk.run("request").stdout, second)
    return lambda: desk.run("receive", stdin=answer)


COMMANDS = {
    "credentials put": put,
    "credentials put --source-address": put_here,
    "credentials stage": stage,
    "credentials promote": promote,
    "credentials promote --source-address": promote_here,
    "credentials promote --unproven": promote_unproven,
    "credentials rollback": rollback,
    "credentials retire": retire,
    "credentials status": status,
    "credentials request": request,
    "credentials receive": receive,
}
THROUGH_FUNCTIONS = ("credentials put", "credentials promote")
ROLES = {
    "operate": list(COMMANDS),
    "observe": ["credentials status"],
}

NOT_MISSED_HERE = {
    ("credentials request", "kms:DescribeKey"),  # only once there is a key to describe
    (
        "credentials request",
        "kms:TagResource",
    ),  # AWS asks for it when CreateKey has tags; the stand-in does not
}
QUICK = ("credentials promote --source-address", "credentials request", "credentials status")
"""Tried with the policies of the page in every run; the others when there is time."""


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_table_lists_is_enough(desk_for: DeskFor, command: str) -> None:
    desk = desk_for(command)
    act = COMMANDS[command](desk)
    become(desk, allowing(needed(command)))
    ran = act()
    assert ran.code == 0, ran.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "action"),
    [
        (command, action)
        for command in COMMANDS
        for action in needed(command)
        if (command, action) not in NOT_MISSED_HERE
    ],
)
def test_nothing_the_table_lists_can_be_left_out(desk_for: DeskFor, command: str, action: str) -> None:
    desk = desk_for(command)
    act = COMMANDS[command](desk)
    become(desk, allowing([other for other in needed(command) if other != action]))
    ran = act()
    assert ran.code == 4, ran.stdout
    assert "access denied" in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("role", "command"),
    [
        pytest.param(role, command, marks=[] if command in QUICK else [pytest.mark.long])
        for role, commands in ROLES.items()
        for command in commands
    ],
)
def test_the_policies_of_the_page_are_enough_for_their_commands(
    desk_for: DeskFor, role: str, command: str
) -> None:
    desk = desk_for(command)
    act = COMMANDS[command](desk)
    become(desk, policy(role))
    ran = act()
    assert ran.code == 0, ran.stderr


def without(document: dict[str, Any], sid: str) -> dict[str, Any]:
    kept = [statement for statement in document["Statement"] if statement["Sid"] != sid]
    assert len(kept) == len(document["Statement"]) - 1
    return {**document, "Statement": kept}


@pytest.mark.parametrize(
    "command",
    [pytest.param("credentials put", marks=pytest.mark.long), "credentials promote"],
)
def test_with_functions_whoever_operates_needs_to_read_nothing(desk_for: DeskFor, command: str) -> None:
    desk = desk_for(command)
    act = COMMANDS[command](desk)
    become(desk, without(policy("operate"), "ReadWhatIsStaged"))
    assert not reads(NAME, "AWSPENDING")
    ran = act()
    assert ran.code == 0, ran.stderr
    assert not reads(NAME)


@pytest.mark.parametrize(
    "command",
    ["credentials put --source-address", "credentials promote --source-address", "credentials rollback"],
)
def test_whoever_only_observes_changes_nothing(desk: Desk, command: str) -> None:
    act = COMMANDS[command](desk)
    become(desk, policy("observe"))
    assert act().code == 4


def mine(service: str) -> Any:
    """Return a client of whoever is logged in; the session is new, since boto3 keeps the first login."""
    import boto3

    make: Any = boto3.Session().client
    return make(service, region_name="us-east-1")


def reads(name: str, stage: str = "AWSCURRENT") -> bool:
    """Tell whether whoever is logged in may read a secret."""
    client = mine("secretsmanager")
    try:
        client.get_secret_value(SecretId=name, VersionStage=stage)
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    return True


@pytest.fixture
def three_secrets(desk: Desk) -> Desk:
    _, second = prepared(desk)
    desk.run("stage", stdin=pair_json(second))
    client = desk.client("secretsmanager")
    client.create_secret(Name=f"flexpay/production/{MERCHANT}", SecretString="other environment")
    client.create_secret(Name="payroll", SecretString="not ours")
    return desk


def deployed(make: Callable[[str, str, str, str], dict[str, Any]], desk: Desk) -> dict[str, Any]:
    key = desk.client("secretsmanager").describe_secret(SecretId=NAME)["KmsKeyId"]
    return make(ACCOUNT, "us-east-1", "sandbox", key)


@pytest.mark.parametrize(
    ("stage", "allowed"), [("AWSCURRENT", True), ("AWSPENDING", True), ("AWSPREVIOUS", False)]
)
def test_a_function_reads_what_may_become_current_and_nothing_earlier(
    three_secrets: Desk, stage: str, allowed: bool
) -> None:
    def role(account: str, region: str, environment: str, key: str) -> dict[str, Any]:
        return verifier_policies.zone_function(
            account,
            region,
            environment,
            key_arn=key,
            bucket_arn="arn:aws:s3:::proofs",
            log_group_arns=["arn:aws:logs:us-east-1:123456789012:log-group:none"],
            functions=["none"],
        )

    three_secrets.run("promote", *SOURCE)
    three_secrets.run("stage", stdin=pair_json(three_secrets.issue()))
    become(three_secrets, deployed(role, three_secrets))
    assert reads(NAME, stage) is allowed
    assert not reads(f"flexpay/production/{MERCHANT}")


def test_the_reader_role_reads_its_environment_and_nothing_else(three_secrets: Desk) -> None:
    become(three_secrets, deployed(policies.reader_policy, three_secrets))
    assert reads(NAME)
    assert not reads(NAME, "AWSPENDING")
    assert not reads(f"flexpay/production/{MERCHANT}")
    assert not reads("payroll")
    assert three_secrets.run("rollback").code == 4


def test_the_writer_role_hands_in_and_cannot_read(three_secrets: Desk) -> None:
    become(three_secrets, deployed(policies.writer_policy, three_secrets))
    pair = three_secrets.issue()
    ran = three_secrets.run("put", *SOURCE, stdin=pair_json(pair))
    assert ran.code == 0, ran.stderr
    assert "cannot compare" in ran.stderr
    for stage in ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"):
        assert not reads(NAME, stage)
    become_root(three_secrets)
    assert three_secrets.value() == pair


def test_whoever_operates_reads_what_is_staged_and_nothing_else(three_secrets: Desk) -> None:
    become(three_secrets, policy("operate"))
    assert reads(NAME, "AWSPENDING")
    assert not reads(NAME)
    assert not reads(f"flexpay/production/{MERCHANT}", "AWSPENDING")
    assert not reads("payroll")


@pytest.mark.parametrize("role", ["deploy", "operate", "observe"])
def test_no_policy_releases_an_address_even_with_another_that_does(desk: Desk, role: str) -> None:
    allocation = desk.client("ec2").allocate_address(Domain="vpc")["AllocationId"]
    become(desk, policy(role), allowing(["ec2:*"]))
    assert code_of(mine("ec2").release_address, AllocationId=allocation) == "UnauthorizedOperation"


def test_whoever_deploys_touches_no_credential(three_secrets: Desk) -> None:
    become(three_secrets, policy("deploy"), allowing(["secretsmanager:*", "kms:*"]))
    assert not reads(NAME)
    assert three_secrets.run("retire", "--staged").code == 4


def test_a_bounded_deployer_makes_and_keeps_roles_within_the_boundary_only(desk: Desk) -> None:
    boundary = desk.aws.client("iam").create_policy(
        PolicyName="boundary", PolicyDocument=json.dumps(allowing(["s3:GetObject"]))
    )["Policy"]["Arn"]
    become(desk, policy("deploy"), policy("bounded"), allowing(["iam:*"]))
    iam, document = mine("iam"), json.dumps(allowing(["s3:*"]))
    free = {"RoleName": "flexpay-sandbox-free", "AssumeRolePolicyDocument": TRUST}
    assert code_of(iam.create_role, **free) == "AccessDenied"
    assert code_of(iam.create_role, **free, PermissionsBoundary=f"{boundary}-other") == "AccessDenied"
    bound = {"RoleName": "flexpay-sandbox-bound"}
    iam.create_role(**bound, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=boundary)
    iam.put_role_policy(**bound, PolicyName="p", PolicyDocument=document)
    assert code_of(iam.delete_role_permissions_boundary, **bound) == "AccessDenied"
    become_root(desk)
    mine("iam").create_role(**free)
    become(desk, policy("deploy"), policy("bounded"), allowing(["iam:*"]))
    unbound = {"RoleName": free["RoleName"]}
    assert code_of(mine("iam").put_role_policy, **unbound, PolicyName="p", PolicyDocument=document) == (
        "AccessDenied"
    )
    mine("iam").put_role_permissions_boundary(**unbound, PermissionsBoundary=boundary)
    mine("iam").put_role_policy(**unbound, PolicyName="p", PolicyDocument=document)


def test_every_document_of_the_page_is_within_the_limits_of_aws() -> None:
    assert set(POLICIES) == {"deploy", "bounded", "verifier", "operate", "observe"}
    for name, document in POLICIES.items():
        assert len(json.dumps(document, separators=(",", ":"))) <= 6144, name
        for statement in document["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [action for action in actions if action.endswith("*")], name
            assert actions == sorted(actions), statement["Sid"]
    for name, document in documents("trust").items():
        for statement in document["Statement"]:
            subject = [key for key in statement["Condition"]["StringEquals"] if key.endswith(":sub")]
            assert subject, f"{name}: anybody at the provider could take the role"
