"""`flexpay-onboard verify` as users run it: exit codes, reports, secrets, interruption."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from onboarding.aws.proof_bucket import ProofBucket
from onboarding.proof import Order, Origin, Proof
from onboarding.redaction import encodings
from onboarding.verification.catalog import CHECKS
from sandbox.flexpay.server import Partner, running
from sandbox.flexpay.switches import Fault
from tests.loopback.aws_standin import Aws
from tests.loopback.verify_world import ADDRESSES, CONTROL, MERCHANTS, Ran, World, onboard, sources

ROOT = Path(__file__).parents[2]
SHOP = "acme-shop"


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with running() as partner:
        for name, (integration_id, _) in MERCHANTS.items():
            partner.register(name, integration_id)
        yield partner


@pytest.fixture
def world(partner: Partner, tmp_path: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in aws_variables(aws).items():
        monkeypatch.setenv(name, value)
    partner.no_fault()
    partner.calls.clear()
    for merchant in MERCHANTS:
        partner.disallow(merchant, *ADDRESSES)
    world = World(tmp_path, partner)
    world.write()
    yield world
    partner.no_fault()


def aws_variables(aws: Aws) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
    }


def stored(world: World, aws: Aws) -> dict[str, tuple[str, str]]:
    """Approve everything, have credentials issued and put them in the store; returns them."""
    world.approve()
    issued = world.let_in()
    for merchant, (client_id, secret) in issued.items():
        text = json.dumps({"client_id": client_id, "client_secret": secret})
        aws.client("secretsmanager").create_secret(Name=f"flexpay/sandbox/{merchant}", SecretString=text)
    return issued


def verify(world: World, *more: str, addresses: tuple[str, ...] = ADDRESSES) -> Ran:
    return onboard(
        "verify", "--outputs", str(world.outputs_file), "-C", str(world.folder), *sources(addresses), *more
    )


def results(ran: Ran, check: str) -> list[dict[str, Any]]:
    return [one for one in ran.report["results"] if one["id"] == check]


def test_0_when_everything_holds(world: World, aws: Aws) -> None:
    stored(world, aws)
    ran = verify(world, "--control-source", CONTROL)
    assert ran.code == 0, ran.stdout
    lines = ran.stdout.splitlines()
    assert lines[0] == "sandbox: everything holds; test order accepted for every merchant"
    assert lines[-1].startswith("result=ok exit=0 checks=")
    assert "--via local" in ran.stderr


def test_1_when_credentials_are_refused(world: World, aws: Aws) -> None:
    issued = stored(world, aws)
    world.partner.revoke(issued[SHOP][0])
    ran = verify(world)
    assert ran.code == 1
    assert "credentials status" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("result=finding exit=1 ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--skip", "no-such-check"],
        ["--merchant", "nobody"],
        ["--source-address", "203.0.113.77"],
        ["--source-address", "127.60.0.200"],
        ["--source-address", "::1"],
        ["--source-address", "not-an-address"],
        ["--control-source", ADDRESSES[0]],
        ["--control-source", "203.0.113.77"],
        ["--wait", "soon"],
        ["--wait", "0s"],
        ["--wait", "25h"],
        ["--wait", "-5m"],
        ["--report", "json"],
        ["--report", "yaml=x"],
        ["--report", "json=/nonexistent/x.json"],
        ["--via", "function"],
        ["--via", "elsewhere"],
        ["--concurrency", "0"],
        ["--ledger", "/nonexistent.yaml"],
        ["--no-such-option"],
        ["--stack", "both"],
    ],
    ids=" ".join,
)
def test_2_for_what_cannot_work_and_nobody_is_called(world: World, arguments: list[str]) -> None:
    ran = verify(world, *arguments)
    assert ran.code == 2, (ran.stdout, ran.stderr)
    assert ran.stdout == ""
    assert ran.stderr.startswith("error: ")
    assert "next: " in ran.stderr
    assert len(world.partner.calls) == 0


def test_3_before_approval_and_it_says_which_address_waits_for_what(world: World) -> None:
    ran = verify(world, "--json")
    assert ran.code == 3
    waiting = results(ran, "addresses-approved")
    assert {(one["merchant"], one["address"]) for one in waiting} == {
        (merchant, address) for merchant in MERCHANTS for address in ADDRESSES
    }
    assert all(one["outcome"] == "waiting" and "allowlist draft" in one["nextAction"] for one in waiting)
    assert not world.partner.calls.of("token")


def test_4_when_the_partner_is_down(world: World, aws: Aws) -> None:
    stored(world, aws)
    world.partner.fault(Fault(endpoint="token", status=503, body="page"))
    ran = verify(world)
    assert ran.code == 4
    assert "result=cannot-tell exit=4" in ran.stdout


def broken_secret(world: World, aws: Aws, how: str) -> None:
    store = aws.client("secretsmanager")
    secret = f"flexpay/sandbox/{SHOP}"
    if how == "pending deletion":
        store.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    elif how == "binary":
        store.put_secret_value(SecretId=secret, SecretBinary=b"\x00\x01")
    elif how == "not JSON":
        store.put_secret_value(SecretId=secret, SecretString="hunter2-hunter2")
    elif how == "another shape":
        store.put_secret_value(SecretId=secret, SecretString='{"user": "hunter2-hunter2"}')
    else:
        store.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize("how", ["pending deletion", "binary", "not JSON", "another shape", "no such secret"])
def test_a_secret_that_cannot_be_used_is_a_finding_with_a_way_out(world: World, aws: Aws, how: str) -> None:
    stored(world, aws)
    broken_secret(world, aws, how)
    ran = verify(world, "--json", "--merchant", SHOP)
    told = results(ran, "credentials-present")[0]
    assert (ran.code, told["outcome"]) == (1, "fail")
    assert told["nextAction"]
    assert "hunter2" not in ran.stdout + ran.stderr
    assert not [one for one in world.partner.calls.of("token") if one.merchant]


AWS_FAULTS: list[dict[str, Any]] = [
    {"kind": "throttle"},
    {"kind": "error", "code": "AccessDeniedException", "status": 400},
    {"kind": "error", "code": "ExpiredTokenException", "status": 400},
    {"kind": "error", "code": "InternalServiceError", "status": 500},
    {"kind": "lost"},
    {"kind": "dropped"},
    {"kind": "delay", "seconds": 4},
]


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give AWS one attempt and a second, so that a fault is told soon."""
    monkeypatch.setattr("onboarding.cli.proofs.AWS_READ_TIMEOUT_SECONDS", 1)
    monkeypatch.setattr("onboarding.cli.proofs.AWS_ATTEMPTS", 1)


@pytest.mark.parametrize("fault", AWS_FAULTS, ids=lambda fault: str(fault.get("code", fault["kind"])))
def test_a_store_that_gives_no_usable_answer_cannot_tell(
    world: World, aws: Aws, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    stored(world, aws)
    aws.control("POST", "faults", {"action": "GetSecretValue", **fault})
    ran = verify(world, "--json", "--merchant", SHOP, addresses=ADDRESSES[:1])
    told = results(ran, "credentials-present")[0]
    assert (ran.code, told["outcome"]) == (4, "error"), told
    assert told["nextAction"]


def test_every_report_at_once_and_the_evidence_verifies(
    world: World, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = stored(world, aws)
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    files = {
        name: tmp_path / f"out.{name}" for name in ("text", "json", "junit", "markdown", "html", "prometheus")
    }
    files["evidence"] = tmp_path / "evidence.zip"
    ran = verify(world, *(part for name, path in files.items() for part in ("--report", f"{name}={path}")))
    assert ran.code == 0, ran.stderr
    assert files["text"].read_text() == ran.stdout
    assert summary.read_text() == files["markdown"].read_text()
    assert ElementTree.fromstring(files["junit"].read_text()).tag == "testsuites"  # noqa: S314 - our own
    document = json.loads(files["json"].read_text())
    schema = json.loads((ROOT / "onboarding/verification/report.schema.json").read_text())
    jsonschema.validate(document, schema)
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(files["evidence"]).extractall(folder)
    page = (ROOT / "docs" / "reports.md").read_text()
    (check,) = [line.partition("&& ")[2] for line in page.splitlines() if "&& sha256sum" in line]
    subprocess.run(check.split(), cwd=folder, check=True)
    (folder / "report.json").write_text("{}")
    assert subprocess.run(check.split(), cwd=folder, check=False).returncode == 1
    (folder / "report.json").write_text(files["json"].read_text())
    everything = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".zip"]
    assert len(everything) > 15
    for path in everything:
        text = path.read_text(encoding="utf-8")
        for client_id, secret in issued.values():
            assert not [form for form in encodings(secret) if form in text], path
            assert f"{client_id}:{secret}" not in text


def test_a_report_that_would_hold_a_secret_is_not_written(
    world: World, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = stored(world, aws)
    secret = issued[SHOP][1]
    monkeypatch.setattr("onboarding.verification.reports.as_text.last_line", lambda _: f"secret {secret}")
    target = tmp_path / "out.json"
    ran = verify(world, "--report", f"json={target}")
    assert ran.code == 70
    assert secret not in ran.stdout + ran.stderr
    assert not target.exists()


def test_reports_are_also_written_when_something_is_wrong(world: World, tmp_path: Path) -> None:
    target = tmp_path / "out.junit.xml"
    ran = verify(world, "--report", f"junit={target}")
    assert ran.code == 3
    assert 'errors="6"' in target.read_text()


def test_proofs_are_kept_per_merchant_and_address(world: World, aws: Aws) -> None:
    from onboarding.proof import LocalProofs, Order, Origin

    stored(world, aws)
    verify(world, "--merchant", SHOP, addresses=ADDRESSES[:2])
    kept = LocalProofs(world.folder).read("sandbox")
    assert {(merchant, str(address)) for merchant, address in kept} == {(SHOP, one) for one in ADDRESSES[:2]}
    assert all((one.vantage, one.order) == (Origin.LOCAL, Order.PROVEN) for one in kept.values())


def test_the_list_names_every_check_and_format() -> None:
    ran = onboard("verify", "--list")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.stdout.splitlines()[: len(CHECKS)]] == [one.id for one in CHECKS]
    assert "evidence" in ran.stdout
    assert len(json.loads(onboard("verify", "--list", "--json").stdout)["checks"]) == len(CHECKS)


def test_ctrl_c_ends_at_once_with_130_and_leaves_no_half_written_report(
    world: World, aws: Aws, tmp_path: Path
) -> None:
    stored(world, aws)
    world.partner.fault(Fault(endpoint="token", at="request", action="hold"))
    target = tmp_path / "out.json"
    command = [sys.executable, "-m", "onboarding", "verify", "--outputs", str(world.outputs_file)]
    running_ = subprocess.Popen(
        [*command, "-C", str(world.folder), *sources(), "--report", f"json={target}"],
        cwd=ROOT,
        env={**os.environ, **aws_variables(aws)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not world.partner.calls.of("echo-2") and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    interrupted = time.monotonic()
    running_.send_signal(signal.SIGINT)
    out, err = running_.communicate(timeout=20)
    assert running_.returncode == 130, err
    assert time.monotonic() - interrupted < 3
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not target.exists()
    assert not list(tmp_path.glob(".out.json*"))


def test_a_reader_that_has_seen_enough_does_not_change_the_verdict(world: World) -> None:
    verify = f"{sys.executable} -m onboarding verify --outputs {world.outputs_file} -C {world.folder}"
    command = f"({verify}; echo exit $? >&2) | head -1"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("sandbox: ")
    assert "Traceback" not in done.stderr
    assert "exit 4" in done.stderr


def routed(world: World, aws: Aws) -> tuple[World, str]:
    """Build a private subnet that leaves through a gateway; returns its world and its route table."""
    ec2 = aws.client("ec2")
    gateway, allocation = aws.gateway()
    described = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]
    vpc = described["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.8.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
    address = ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]["PublicIp"]
    network = {
        "vpcId": vpc,
        "privateSubnets": {"use1-az1": subnet},
        "egressByZone": {"use1-az1": "use1-az1/1"},
    }
    behind = replace(world, addresses=(address,), network=network)
    behind.write()
    return behind, table


def test_routes_are_read_from_aws_and_a_wrong_one_is_a_finding(world: World, aws: Aws) -> None:
    behind, table = routed(world, aws)
    ran = verify(behind, "--json", addresses=tuple(behind.addresses))
    assert (ran.code, [one["outcome"] for one in results(ran, "egress-routes")]) == (3, ["pass"])
    aws.client("ec2").delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    ran = verify(behind, "--json", addresses=tuple(behind.addresses))
    assert (ran.code, [one["outcome"] for one in results(ran, "egress-routes")]) == (1, ["fail"])


@pytest.mark.parametrize(
    "action", ["DescribeRouteTables", "DescribeNatGateways", "DescribeSubnets", "DescribeVpcs"]
)
@pytest.mark.parametrize("fault", AWS_FAULTS, ids=lambda fault: str(fault.get("code", fault["kind"])))
def test_a_fault_of_any_question_about_the_network_cannot_tell(
    world: World, aws: Aws, action: str, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    behind, _ = routed(world, aws)
    aws.control("POST", "faults", {"action": action, **fault})
    ran = verify(behind, "--json", addresses=tuple(behind.addresses))
    told = results(ran, "egress-routes")
    assert (ran.code, [one["outcome"] for one in told]) == (4, ["error"])
    assert told[0]["nextAction"]
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("action", ["ListObjectsV2", "GetObject"])
@pytest.mark.parametrize("fault", AWS_FAULTS, ids=lambda fault: str(fault.get("code", fault["kind"])))
def test_proofs_that_cannot_be_read_are_left_out_and_that_is_said(
    world: World, aws: Aws, action: str, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    stored(world, aws)
    bucket = aws.client("s3")
    bucket.create_bucket(Bucket="proofs")
    proof = Proof(
        environment="sandbox",
        merchant=SHOP,
        address=IPv4Address(ADDRESSES[0]),
        proven_at=datetime.now(UTC),
        vantage=Origin.FUNCTION,
        order=Order.PROVEN,
        source="use1-az1",
        run_id="run-1",
    )
    ProofBucket(bucket, "proofs").write([proof])
    behind = replace(world, network={"proofBucket": "proofs"})
    behind.write()
    aws.control("POST", "faults", {"service": "s3", "action": action, **fault})
    ran = verify(behind, "--merchant", SHOP)
    assert ran.code == 0, ran.stdout
    assert "proofs of functions are left out" in ran.stderr
    assert "Traceback" not in ran.stderr
    aws.control("DELETE", "faults")
    assert "left out" not in verify(behind, "--merchant", SHOP).stderr


def test_a_network_that_cannot_be_read_cannot_tell(world: World, aws: Aws) -> None:
    behind, _ = routed(world, aws)
    for network, fault in (
        ({**behind.network, "vpcId": "vpc-00000000"}, None),
        (behind.network, {"action": "DescribeRouteTables", "kind": "error", "code": "UnauthorizedOperation"}),
    ):
        changed = replace(behind, network=network)
        changed.write()
        if fault:
            aws.control("POST", "faults", fault)
        ran = verify(changed, "--json", addresses=tuple(behind.addresses))
        told = results(ran, "egress-routes")
        assert (ran.code, [one["outcome"] for one in told]) == (4, ["error"])
        assert told[0]["nextAction"]
