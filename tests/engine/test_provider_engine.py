"""The sandbox's provider under the real engine, with a small program of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.aws import server
from sandbox.engine.install import prepare_bin

pytestmark = pytest.mark.engine

REPOSITORY = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 120
PROGRAM = """
import os

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
options = pulumi.ResourceOptions
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id)
subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.1.0/24")
address = aws.ec2.Eip(
    "address",
    domain="vpc",
    address=os.environ.get("PROBE_RECOVER"),
    opts=options(import_=os.environ.get("PROBE_ADOPT")),
)
nat = aws.ec2.NatGateway(
    "nat", subnet_id=subnet.id, allocation_id=address.allocation_id, opts=options(depends_on=[gateway])
)
table = aws.ec2.RouteTable("table", vpc_id=vpc.id)
aws.ec2.Route("route", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", nat_gateway_id=nat.id)
key = aws.kms.Key("key", deletion_window_in_days=7, description=config.require_secret("canary"))
aws.secretsmanager.Secret("secret", kms_key_id=key.arn, recovery_window_in_days=0)
if os.environ.get("PROBE_UNMAPPED"):
    aws.ec2.VpnGateway("vpn", vpc_id=vpc.id)
pulumi.export("address", address.public_ip)
pulumi.export("allocation", address.id)
pulumi.export("account", aws.get_caller_identity().account_id)
"""
CANARY = "canary-7c1e5a"


class Stack:
    """One project folder with one stack, on an AWS stand-in."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        program = folder / "program"
        program.mkdir()
        (program / "Pulumi.yaml").write_text("name: probe\nruntime: python\n")
        (program / "__main__.py").write_text(PROGRAM)
        (folder / "backend").mkdir()
        prepare_bin(folder / "bin")
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self.environment = kept | {
            "PATH": os.pathsep.join((str(folder / "bin"), str(Path(sys.executable).parent), kept["PATH"])),
            "HOME": str(folder),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "probe",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        self.run("stack", "init", "test")
        self.configure({"aws:region": "us-east-1", "probe:canary": CANARY})
        self.run("config", "set", "--secret", "canary", CANARY)
        self.run("config", "set", "--path", "aws:allowedAccountIds[0]", "123456789012")

    def run(self, *arguments: str, fine: bool = True, **probe: str) -> subprocess.CompletedProcess[str]:
        """Run pulumi, telling the program something; insist on success unless told otherwise."""
        told = {f"PROBE_{name.upper()}": value for name, value in probe.items()}
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder / "program",
            env=self.environment | told,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert not fine or done.returncode == 0, done.stdout + done.stderr
        return done

    def configure(self, values: Mapping[str, str]) -> None:
        """Set configuration, in the clear."""
        for key, value in values.items():
            self.run("config", "set", key, value)

    def steps(self, **probe: str) -> list[dict[str, Any]]:
        """Return what a preview would do, replacements in their order."""
        done = self.run("preview", "--json", "--show-replacement-steps", fine=True, **probe)
        return [step for step in json.loads(done.stdout)["steps"] if step["op"] != "same"]

    def state(self) -> str:
        """Return the stack's state as it is stored."""
        return self.run("stack", "export").stdout

    def output(self, name: str) -> str:
        """Return one output."""
        return self.run("stack", "output", name).stdout.strip()


@pytest.fixture(scope="module")
def aws() -> Iterator[server.Running]:
    with server.running() as running:
        yield running


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, aws: server.Running) -> Stack:
    made = Stack(tmp_path_factory.mktemp("provider"), aws.url)
    made.run("up", "--yes", "--skip-preview")
    return made


def ec2(aws: server.Running) -> Any:
    return boto3.client(
        "ec2", "us-east-1", endpoint_url=aws.url, aws_access_key_id="test", aws_secret_access_key="test"
    )


def test_an_up_is_settled(stack: Stack, aws: server.Running) -> None:
    assert stack.output("account") == "123456789012"
    assert stack.run("preview", "--expect-no-changes").returncode == 0
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert CANARY not in stack.state()


def test_a_replacing_input_replaces_what_hangs_on_it(stack: Stack) -> None:
    steps = stack.steps(recover="127.9.9.9")
    told = [(step["op"], step["urn"].rpartition("::")[2], step.get("replaceReasons")) for step in steps]
    assert told == [
        ("create-replacement", "address", ["address"]),
        ("replace", "address", ["address"]),
        ("create-replacement", "nat", ["allocationId"]),
        ("replace", "nat", ["allocationId"]),
        ("update", "route", None),
        ("delete-replaced", "nat", None),
        ("delete-replaced", "address", None),
    ]
    assert steps[0]["detailedDiff"] == {"address": {"kind": "add-replace", "inputDiff": True}}
    assert steps[2]["detailedDiff"] == {"allocationId": {"kind": "update-replace", "inputDiff": True}}


def test_what_is_not_mapped_fails_by_name(stack: Stack) -> None:
    done = stack.run("preview", fine=False, unmapped="yes")
    assert done.returncode != 0
    assert "aws:ec2/vpnGateway:VpnGateway is not mapped by the sandbox provider" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_wrong_account_leaves_the_state_alone(stack: Stack) -> None:
    before = json.loads(stack.state())["deployment"]["resources"]
    config = stack.folder / "program" / "Pulumi.test.yaml"
    text = config.read_text()
    config.write_text(text.replace("123456789012", '"210987654321"'))
    try:
        for command in (
            ("refresh", "--yes", "--skip-preview", "--run-program"),
            ("up", "--yes", "--skip-preview"),
        ):
            done = stack.run(*command, fine=False)
            assert done.returncode != 0
            assert (
                "AWS account ID not allowed: 123456789012 (allowed: 210987654321)"
                in done.stdout + done.stderr
            )
    finally:
        config.write_text(text)
    after = json.loads(stack.state())["deployment"]["resources"]
    assert {
        item["urn"]: item.get("id") for item in after if "id" in item and "providers" not in item["type"]
    } == {item["urn"]: item.get("id") for item in before if "id" in item and "providers" not in item["type"]}


def test_an_existing_address_is_adopted_and_an_unknown_one_is_refused(
    aws: server.Running, stack: Stack
) -> None:
    up = ("up", "--yes", "--skip-preview", "--stack", "adopting")
    stack.run("stack", "init", "adopting", "--copy-config-from", "test", "--no-select")
    missing = stack.run(*up, fine=False, adopt="eipalloc-0123456789abcdef0")
    assert missing.returncode != 0
    assert "does not exist" in missing.stdout + missing.stderr
    allocation = ec2(aws).allocate_address(Domain="vpc")
    adopted = allocation["AllocationId"]
    stack.run(*up, adopt=adopted)
    shown = stack.run("stack", "output", "address", "--stack", "adopting").stdout.strip()
    assert shown == allocation["PublicIp"]
    stack.run("preview", "--expect-no-changes", "--stack", "adopting", adopt=adopted)
    stack.run("destroy", "--yes", "--skip-preview", "--stack", "adopting")
    assert adopted not in json.dumps(ec2(aws).describe_addresses()["Addresses"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_leaves_at_once_when_told(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.aws.provider"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert int(process.stdout.readline()) > 0
    told = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert time.monotonic() - told < 2
    assert (process.returncode, errors) == (0, "")


def test_it_does_not_outlive_a_killed_engine() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.aws.provider"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert int(process.stdout.readline()) > 0
    process.stdin.close()  # what the kernel does to the pipe when the engine is killed
    assert process.wait(timeout=10) == 0
    process.stdout.close()
