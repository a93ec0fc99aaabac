"""The policies of docs/permissions.md are enough for the real engine, with enforcement on."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sandbox.world import ACCOUNT
from tests.engine.project import STACK, TOPIC, Project
from tests.loopback.test_permissions import TRUST, policy

pytestmark = pytest.mark.engine
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
EVERYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
DEPLOYER = f"flexpay-deploy-{STACK}"
"""The name that the page's policy expects of the role."""


def grant(project: Project, role: str, name: str) -> None:
    """Attach a policy of the page, as a managed one, whose size AWS limits."""
    document = json.dumps(policy(name), separators=(",", ":"))
    iam = project.client("iam")
    arn = iam.create_policy(PolicyName=f"{role}-{name}", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)


def role_with(project: Project, role: str, *policies: str) -> Mapping[str, str]:
    """Return the environment of somebody who has exactly these policies of the page."""
    arn = project.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    for name in policies:
        grant(project, role, name)
    keys = project.client("sts").assume_role(RoleArn=arn, RoleSessionName="pipeline")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def with_everything(config: dict[str, Any]) -> None:
    config["network"] |= {"flowLogs": True, "endpoints": ["s3", "secretsmanager"]}


def enforced(project: Project) -> Mapping[str, str]:
    """Make permissions count; returns the deploying role's environment."""
    project.configure(with_everything)
    deployer = role_with(project, DEPLOYER, "deploy")
    project.control("PUT", "/sandbox/iam", {"enforce": True})
    return deployer


def denied(project: Project) -> list[str]:
    """Return the calls that were refused for lack of a permission."""
    found = project.control("GET", "/sandbox/calls")["calls"]
    return [
        f"{call['service']}:{call['action']}"
        for call in found
        if call["error"] in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
    ]


def deploys(project: Project, who: Mapping[str, str]) -> None:
    project.control("DELETE", "/sandbox/calls")
    for arguments in (
        ("up", "--yes", "--skip-preview"),
        ("preview", "--expect-no-changes"),
        ("refresh", "--yes", "--skip-preview", "--expect-no-changes"),
    ):
        done = project.pulumi(*arguments, extra=who)
        assert done.returncode == 0, done.stdout + done.stderr
    assert denied(project) == []


LOOKING = {
    "addresses discover": 0,
    "addresses list": 0,
    "allowlist draft --out review": 0,
    "allowlist status --ledger ledger.yaml": 3,
    "overview --ledger ledger.yaml": 3,
    "rollover --ledger ledger.yaml": 0,
}
"""Command → exit code on a stack of which nothing was submitted."""


def looks(project: Project, commands: Mapping[str, int]) -> None:
    """Run commands as somebody who has the observe policy."""
    (project.folder / "ledger.yaml").write_text(f"ledgerVersion: 1\nenvironment: {STACK}\nevents: []\n")
    observer = role_with(project, "observer", "observe")
    for command, code in commands.items():
        project.control("DELETE", "/sandbox/calls")
        done = project.run("flexpay-onboard", *command.split(), "-s", STACK, extra=observer)
        assert done.returncode == code, (command, done.stdout, done.stderr)
        assert denied(project) == [], command


def test_the_policies_are_enough_for_preflight_up_preview_and_refresh_and_then_to_look(
    project: Project,
) -> None:
    deployer = enforced(project)
    asked = project.run("flexpay-onboard", "preflight", "-s", STACK, "--json", extra=deployer)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    checks = {one["id"]: one for one in json.loads(asked.stdout)["stacks"][0]["checks"]}
    assert checks["permissions"]["outcome"] == "pass", checks["permissions"]
    deploys(project, deployer)
    assert len(project.outputs()["egressAddresses"]) == 3
    looks(project, LOOKING)


def left_by_lambda(project: Project) -> str:
    """Leave an interface in the functions' group, as Lambda does for a while after they are gone."""
    ec2 = project.client("ec2")
    named = [{"Name": "tag:Name", "Values": [f"flexpay-{STACK}-verifier-functions"]}]
    (group,) = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    made = ec2.create_network_interface(
        SubnetId=project.outputs()["privateSubnets"]["use1-az1"],
        Groups=[group["GroupId"]],
        Description=f"AWS Lambda VPC ENI-flexpay-{STACK}-verifier-use1-az1-0",
    )
    return str(made["NetworkInterface"]["NetworkInterfaceId"])


def test_with_the_verifiers_policy_beside_it_the_verifier_is_deployed_called_and_taken_down_with_the_stack(
    project: Project,
) -> None:
    deployer = enforced(project)
    grant(project, DEPLOYER, "verifier")
    verifier = {"enabled": True, "schedule": "rate(1 hour)", "alarmTopicArn": TOPIC}
    project.configure(lambda config: config.update(verifier=verifier, protect=False))
    deploys(project, deployer)
    assert len(project.outputs()["verifierFunctions"]) == 3
    looks(project, {"verify --ledger ledger.yaml --via function": 3})
    kept = {"Bucket": project.outputs()["proofBucket"], "Key": "proofs/acme-air/203.0.113.10.json"}
    for body in (b"first", b"second"):
        project.client("s3").put_object(**kept, Body=body)
    project.client("s3").delete_object(**kept)
    left = left_by_lambda(project)
    project.configure(lambda config: config.update(verifier={"enabled": False}))
    deploys(project, deployer)
    assert project.outputs().get("proofBucket") is None
    interfaces = project.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    assert left not in {one["NetworkInterfaceId"] for one in interfaces}
    done = project.pulumi("destroy", "--yes", "--skip-preview", extra=deployer)
    assert done.returncode == 0, done.stdout + done.stderr
    assert denied(project) == []


FIRST, SPARE = "use1-az1/1", "use1-az1/2"
ACTIVE = {slot: {"role": "active"} for slot in (FIRST, "use1-az4/1", "use1-az6/1")}
AT_REST = {"role": "spare"}
RAIL = {"name": "acme-rail", "integrationId": "UP-12345678-3", "legalEntity": "Acme Rail"}
READER = "arn:aws:iam::210987654321:role/checkout"
CHANGES: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "tags": lambda config: config.update(tags={"team": "payments"}),
    "other tags": lambda config: config.update(tags={"owner": "platform"}),
    "another merchant": lambda config: config["merchants"].append(RAIL),
    "readers": lambda config: config.update(secrets={"readers": [READER]}),
    "no readers": lambda config: config.update(secrets={}),
    "a spare": lambda config: config.update(egress={"addresses": {**ACTIVE, SPARE: AT_REST}}),
    "traffic to the spare": lambda config: config["egress"].update(
        addresses={**ACTIVE, FIRST: AT_REST, SPARE: ACTIVE[FIRST]}, replace=[FIRST]
    ),
    "the old gateway gone": lambda config: config["egress"].pop("replace"),
    "other endpoints": lambda config: config["network"].update(endpoints=["kms", "dynamodb"]),
    "neither endpoints nor flow logs": lambda config: config["network"].update(endpoints=[], flowLogs=False),
    "a verifier with alarms": lambda config: config.update(
        verifier={"enabled": True, "schedule": "rate(1 hour)", "alarmTopicArn": TOPIC}
    ),
    "another bundle": lambda config: config["partner"].update(checkoutPrefix="/api/checkouts"),
    "another schedule": lambda config: config["verifier"].update(schedule="rate(2 hours)"),
    "a boundary": lambda config: config.update(iam={"permissionsBoundary": BOUNDARY}),
    "tags of all": lambda config: config.update(tags={"owner": "nobody"}),
    "no tags": lambda config: config.update(tags={}),
    "no verifier, and nothing protected": lambda config: config.update(verifier={}, protect=False),
    "one merchant less": lambda config: config["merchants"].pop(),
    "one zone less": lambda config: (
        config["network"].update(zones=["use1-az1", "use1-az4"]),
        config.update(egress={}),
    ),
}
"""What changes in the settings of a stack over the years, in an order in which each is possible."""


@pytest.mark.long
def test_every_change_of_settings_needs_no_more_than_the_policies(project: Project) -> None:
    deployer = enforced(project)
    grant(project, DEPLOYER, "verifier")
    deploys(project, deployer)
    project.client("iam").create_policy(PolicyName="boundary", PolicyDocument=json.dumps(EVERYTHING))
    free = project.client("ec2").allocate_address(Domain="vpc")["AllocationId"]

    def adopt(config: dict[str, Any]) -> None:
        remaining = {slot: ACTIVE[slot] for slot in (FIRST, "use1-az4/1")}
        config["egress"] = {"addresses": {**remaining, "use1-az4/2": {**AT_REST, "allocation": free}}}

    for name, change in (*CHANGES.items(), ("an address of ours", adopt)):
        if name == "a boundary":
            grant(project, DEPLOYER, "bounded")
        project.configure(change)
        project.control("DELETE", "/sandbox/calls")
        done = project.pulumi("up", "--yes", "--skip-preview", extra=deployer)
        assert (done.returncode, denied(project)) == (0, []), (name, done.stdout, done.stderr)
