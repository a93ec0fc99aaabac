"""``preflight`` as a user runs it, against the AWS stand-in."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from onboarding.cli.run import run
from tests.loopback.aws_standin import Aws
from tests.loopback.egress_world import EgressWorld, client
from tests.loopback.toolkit import Said, log_in

ROOT = Path(__file__).resolve().parents[2]
ROLE_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}


class Project:
    """A folder with the shipped settings, and the command."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture
        (folder / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
        (folder / "stacks").mkdir()
        self.settings = folder / "stacks" / "Pulumi.production.yaml"
        self.settings.write_text((ROOT / "stacks" / "Pulumi.production.yaml").read_text())

    def run(self, *arguments: str) -> Said:
        code = run(["preflight", "-s", "production", "-C", str(self.folder), *arguments])
        said = self._capture.readouterr()
        return Said(code, said.out, said.err)

    def drain(self) -> None:
        """Forget what other commands said."""
        self._capture.readouterr()

    def check(self, id_: str) -> Any:
        checks = self.run("--json").json["stacks"][0]["checks"]
        return next(one for one in checks if one["id"] == id_)


@pytest.fixture
def project(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Project:
    become(aws, monkeypatch, {"Effect": "Allow", "Action": "*", "Resource": "*"})
    return Project(tmp_path, capsys)


def become(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, *statements: Any, name: str = "deploy", path: str = "/"
) -> None:
    """Log the process in as a role with these statements."""
    iam = aws.client("iam")
    iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(ROLE_TRUST))
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    arn = f"arn:aws:iam::123456789012:role{path}{name}"
    keys = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    log_in(
        aws,
        monkeypatch,
        key=keys["AccessKeyId"],
        secret=keys["SecretAccessKey"],
        token=keys["SessionToken"],
    )


def test_an_empty_account_passes_in_under_two_seconds(project: Project) -> None:
    first = project.run()
    assert first.code == 0, first.out + first.err
    assert "nothing stands in the way" in first.out
    took = []
    for _ in range(3):
        began = time.monotonic()
        project.run()
        took.append(time.monotonic() - began)
    assert min(took) < 2.0


def test_nothing_is_changed_by_looking(project: Project, aws: Aws) -> None:
    aws.control("DELETE", "calls")
    project.run()
    made = [
        one
        for one in aws.control("GET", "calls")["calls"]
        if not re.match("Get|Describe|List|Simulate", one["action"]) and one.get("error") != "DryRunOperation"
    ]
    assert {one["action"] for one in made} <= {"AllocateAddress", "CreateVpc", "CreateInternetGateway"}
    ec2 = aws.client("ec2")
    assert ec2.describe_addresses()["Addresses"] == []
    assert len(ec2.describe_vpcs()["Vpcs"]) == 1, "the default one"


def test_a_quota_that_would_stop_up_half_way_is_a_finding(project: Project, aws: Aws) -> None:
    aws.control("PUT", "limits", {"addresses": 2})
    said = project.run()
    assert said.code == 1
    assert "0 of 2 used, 3 more needed" in said.out


def test_a_zone_that_the_region_does_not_have_is_a_finding(project: Project) -> None:
    project.settings.write_text(project.settings.read_text().replace("use1-az4", "use1-az9"))
    said = project.run()
    assert said.code == 1
    assert "use1-az9 is not a zone of us-east-1" in said.out
    assert "usable here: use1-az1" in said.out


def test_a_secret_that_waits_to_be_deleted_blocks_its_name(project: Project, aws: Aws) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name="flexpay/production/acme-air", SecretString="{}")
    assert project.check("secret-names")["outcome"] == "pass"
    secrets.delete_secret(SecretId="flexpay/production/acme-air", RecoveryWindowInDays=30)
    found = project.check("secret-names")
    assert found["outcome"] == "fail"
    assert "restore-secret --secret-id flexpay/production/acme-air" in found["next"]


def test_a_key_that_waits_to_be_deleted_is_found_by_its_alias(project: Project, aws: Aws) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/flexpay-production", TargetKeyId=key)
    assert project.check("key-policy")["outcome"] == "pass"
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert "cancel-key-deletion" in project.check("key-policy")["next"]


def test_a_missing_permission_is_named(project: Project, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    may = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    may_not = {"Effect": "Deny", "Action": ["kms:CreateKey", "ec2:AllocateAddress"], "Resource": "*"}
    become(aws, monkeypatch, may, may_not, name="narrow")
    aws.control("PUT", "iam", {"enforce": True})
    said = project.run()
    assert said.code == 1
    assert "the caller may not ec2:AllocateAddress, kms:CreateKey" in said.out


def test_a_role_with_a_path_is_found(project: Project, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    may = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    become(aws, monkeypatch, may, name="housed", path="/payments/")
    assert project.check("permissions")["outcome"] == "pass"


def test_who_may_not_simulate_gets_cannot_tell_by_name(
    project: Project, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    become(aws, monkeypatch, may, name="blind")
    aws.control("PUT", "iam", {"enforce": True})
    said = project.run()
    assert said.code == 4
    assert "kms:CreateKey" in said.out
    assert "iam:SimulatePrincipalPolicy" in said.out


@pytest.mark.parametrize(("denied", "outcome"), [(False, "warn"), (True, "pass")])
def test_whether_an_approved_address_can_be_released_is_tried_without_releasing_it(
    project: Project, aws: Aws, monkeypatch: pytest.MonkeyPatch, denied: bool, outcome: str
) -> None:
    world = EgressWorld(aws.url, environment="production", zones=("use1-az1",))
    outputs = project.folder / "out.json"
    world.write(outputs)
    common = ["--outputs", str(outputs), "-C", str(project.folder)]
    review = str(project.folder / "review")
    assert run(["allowlist", "draft", "--out", review, *common]) == 0
    record = ["allowlist", "record", "submitted", "-r", "F-1", "--actor", "kim"]
    assert run([*record, "--submission", review, *common]) == 0
    record[2] = "approved"
    assert run([*record, *common]) == 0
    if denied:
        may = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        may_not = {"Effect": "Deny", "Action": "ec2:ReleaseAddress", "Resource": "*"}
        become(aws, monkeypatch, may, may_not, name="guarded")
        aws.control("PUT", "iam", {"enforce": True})
    project.drain()
    found = project.check("release-denied")
    assert found["outcome"] == outcome, found
    aws.control("PUT", "iam", {"enforce": False})
    assert world.ips[0] in {one["PublicIp"] for one in client(aws.url).describe_addresses()["Addresses"]}


def test_a_throttled_question_is_cannot_tell_and_the_others_are_answered(
    project: Project, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onboarding.aws.clients.ATTEMPTS", 1)
    aws.control("POST", "faults", {"action": "DescribeAvailabilityZones", "kind": "throttle", "times": 99})
    said = project.run()
    assert said.code == 4
    assert "throttl" in said.out
    assert "pass         quota-addresses" in said.out


def test_wrong_usage_is_2(project: Project) -> None:
    project.settings.write_text(project.settings.read_text().replace("zones:", "zone:"))
    said = project.run()
    assert said.code == 2
    assert "did you mean zones" in said.err
    assert run(["preflight"]) == 2
