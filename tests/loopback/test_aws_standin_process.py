"""The stand-in as a process: its first line, its end, and the world it keeps."""

import json
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.__main__ import main
from sandbox.aws.faults import Faults
from sandbox.aws.record import Record
from sandbox.aws.server import Running
from sandbox.aws.state import StateError, StateFile
from tests.loopback.aws_standin import Aws

LEAVE_SECONDS = 10


@contextmanager
def process(state: Path, *, end: signal.Signals) -> Iterator[Aws]:
    """Run the stand-in; at the end it must leave at once, quietly, and with 0 unless it was killed."""
    command = [sys.executable, "-m", "sandbox.aws", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stderr is not None
            line = child.stdout.readline()
            assert line, child.stderr.read()
            yield Aws(Running(json.loads(line)["url"], Record(), Faults()))
        finally:
            child.send_signal(end)
            rest, talk = child.communicate(timeout=LEAVE_SECONDS)
    assert (rest, talk) == ("", "")
    assert child.returncode == (-signal.SIGKILL if end is signal.SIGKILL else 0)


Refused = Callable[..., str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Start the command with arguments that it must refuse; returns what it says."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["sandbox.aws", *arguments])
        assert main() == 2
        return capsys.readouterr().err

    return run


def seen(aws: Aws) -> dict[str, Any]:
    """Return what must come back after a restart."""
    ec2, store, kms = aws.client("ec2"), aws.client("secretsmanager"), aws.client("kms")
    return {
        "addresses": ec2.describe_addresses()["Addresses"],
        "gateways": ec2.describe_nat_gateways()["NatGateways"],
        "vpcs": ec2.describe_vpcs()["Vpcs"],
        "secret": store.get_secret_value(SecretId="s")["SecretString"],
        "stages": store.describe_secret(SecretId="s")["VersionIdsToStages"],
        "keys": sorted(key["KeyId"] for key in kms.list_keys()["Keys"]),
        "roles": aws.client("iam").list_roles()["Roles"],
        "functions": aws.client("lambda").list_functions()["Functions"],
        "queues": aws.client("sqs").list_queues().get("QueueUrls", []),
        "objects": aws.client("s3").get_object(Bucket="proofs", Key="a/b")["Body"].read(),
    }


def build(aws: Aws) -> tuple[str, bytes]:
    """Make something of every service that must survive; returns a key and what it sealed."""
    _, allocation = aws.gateway()
    ec2 = aws.client("ec2")
    ec2.create_tags(Resources=[allocation], Tags=[{"Key": "slot", "Value": "use1-az1/1"}])
    store = aws.client("secretsmanager")
    store.create_secret(Name="s", SecretString="canary")
    store.put_secret_value(SecretId="s", SecretString="next", VersionStages=["AWSPENDING"])
    kms = aws.client("kms")
    kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    role = aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    aws.client("lambda").create_function(
        FunctionName="f", Runtime="python3.12", Handler="h.h", Role=role, Code={"ZipFile": b"x"}
    )
    aws.client("sqs").create_queue(QueueName="q")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="proofs")
    s3.put_object(Bucket="proofs", Key="a/b", Body=b"proof")
    return key, kms.encrypt(KeyId=key, Plaintext=b"sealed")["CiphertextBlob"]


def test_a_killed_stand_in_comes_back_with_everything(tmp_path: Path, refused: Refused) -> None:
    state = tmp_path / "aws.state"
    with process(state, end=signal.SIGKILL) as aws:
        _, sealed = build(aws)
        before = seen(aws)
        released = aws.client("ec2").allocate_address(Domain="vpc")
        aws.client("ec2").release_address(AllocationId=released["AllocationId"])
        assert "in use by another stand-in" in refused("--state", str(state))
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    with process(state, end=signal.SIGINT) as aws:
        after = seen(aws)
        for part, value in before.items():
            assert after[part] == value if part != "queues" else len(after[part]) == 1, part
        assert aws.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"sealed"
        # what the world remembers without showing it has to come back as well
        again = aws.client("ec2").allocate_address(Address=released["PublicIp"])
        assert again["PublicIp"] == released["PublicIp"]
        gateway = after["gateways"][0]
        ec2 = aws.client("ec2")
        ec2.delete_nat_gateway(NatGatewayId=gateway["NatGatewayId"])
        ec2.release_address(AllocationId=gateway["NatGatewayAddresses"][0]["AllocationId"])
        aws.control("POST", "reset")
    with process(state, end=signal.SIGTERM) as aws:
        assert aws.client("ec2").describe_addresses()["Addresses"] == []
        assert aws.client("secretsmanager").list_secrets()["SecretList"] == []


def test_a_file_that_holds_no_world_is_refused_and_left_alone(tmp_path: Path, refused: Refused) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not a world\n" * 100, encoding="utf-8")
    assert "cannot be read" in refused("--state", str(notes))
    assert notes.read_text(encoding="utf-8").startswith("not a world")
    link = tmp_path / "link"
    link.symlink_to(notes)
    assert str(link) in refused("--state", str(link))
    assert str(tmp_path / "missing") in refused("--state", str(tmp_path / "missing" / "state"))


def test_a_taken_port_is_named(aws: Aws, refused: Refused) -> None:
    port = aws.url.rpartition(":")[2]
    assert f"port {port} cannot be used" in refused("--port", port)


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_number_that_no_port_has_is_named(port: str, refused: Refused) -> None:
    assert f"port {port} cannot be used: port must be 0-65535" in refused("--port", port)


def test_a_world_that_is_refused_is_let_go_at_once(tmp_path: Path) -> None:
    kept = tmp_path / "aws.state"
    StateFile(kept).close()
    with closing(sqlite3.connect(kept)) as other, other:
        other.execute("UPDATE written_by SET value = 'another' WHERE name = 'moto'")
    refusals = []
    for _ in range(2):
        # a refusal that is remembered keeps the frames that opened the file
        with pytest.raises(StateError) as refusal:
            StateFile(kept)
        refusals.append(str(refusal.value).partition(" by ")[0])
    assert refusals == [f"{kept} was written"] * 2
