"""The policies of docs/permissions.md are enough for the real engine, with enforcement on."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.engine.project import STACK, Project
from tests.loopback.test_permissions import TRUST, policy

pytestmark = pytest.mark.engine
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


def test_with_the_verifiers_policy_beside_it_the_verifier_is_deployed_called_and_taken_down_with_the_stack(
    project: Project,
) -> None:
    deployer = enforced(project)
    grant(project, DEPLOYER, "verifier")
    verifier = {"enabled": True, "schedule": "rate(1 hour)"}
    project.configure(lambda config: config.update(verifier=verifier, protect=False))
    deploys(project, deployer)
    assert len(project.outputs()["verifierFunctions"]) == 3
    looks(project, {"verify --ledger ledger.yaml --via function": 3})
    kept = {"Bucket": project.outputs()["proofBucket"], "Key": "proofs/acme-air/203.0.113.10.json"}
    for body in (b"first", b"second"):
        project.client("s3").put_object(**kept, Body=body)
    project.client("s3").delete_object(**kept)
    project.configure(lambda config: config.update(verifier={"enabled": False}))
    deploys(project, deployer)
    assert project.outputs().get("proofBucket") is None
    done = project.pulumi("destroy", "--yes", "--skip-preview", extra=deployer)
    assert done.returncode == 0, done.stdout + done.stderr
    assert denied(project) == []
