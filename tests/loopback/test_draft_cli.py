"""``allowlist draft`` as a user runs it: what it writes, when it refuses, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onboarding.allowlist.submission import faults
from sandbox.flexpay.book import Merchant as KnownMerchant
from sandbox.flexpay.messages import parse
from sandbox.flexpay.submission import examine
from sandbox.flexpay.submission_addresses import Known
from tests.loopback.aws_standin import Aws
from tests.loopback.toolkit import Toolkit, log_in, toolkit

__all__ = ["toolkit"]

ALL = {"submission.csv", "submission.html", "submission.json", "submission.md", "submission.txt"}


def test_a_deployed_environment_gives_a_complete_package(toolkit: Toolkit) -> None:
    said = toolkit.draft("--ticket", "FPX-1", "--date", "2026-11-20")
    assert said.code == 0, said.err
    assert set(toolkit.files()) == ALL
    document = toolkit.document()
    assert faults(document) == ()
    assert {entry["address"] for entry in document["addresses"]} == set(toolkit.world.ips)
    assert all(entry["dedicated"] and entry["change"] == "add" for entry in document["addresses"])
    assert document["createdAt"] == "2026-11-20T00:00:00Z"
    assert document["tickets"] == ["FPX-1"]
    assert document["established"]["stacks"] == ["out.json"], "no path of this machine"
    assert any("ec2:DescribeNatGateways" in call for call in document["established"]["calls"])
    assert all(one in said.out for one in toolkit.world.ips)
    assert "record submitted" in said.err
    assert (toolkit.folder / "allowlist" / "staging.yaml").exists()


def partners_objections(toolkit: Toolkit, *, revision: int, approved: dict[str, set[str]]) -> list[str]:
    """What the partner's own reader finds wrong with a package."""
    document = toolkit.document(revision)
    merchants = {
        one["name"]: KnownMerchant(one["name"], one["integrationId"], one["legalEntity"])
        for one in document["merchants"]
    }
    known = Known(
        environment="staging",
        merchants=merchants,
        hosts=frozenset({"api.flexpay.example"}),
        last_revision=revision - 1,
        approved={name: frozenset(held) for name, held in approved.items()},
        today=datetime.now(UTC).date(),
    )
    package, reasons = examine(parse(toolkit.files(revision)["submission.json"]), known)
    assert package is not None
    return list(reasons)


def test_the_partners_own_reader_finds_nothing_to_object_to(toolkit: Toolkit) -> None:
    toolkit.draft()
    assert partners_objections(toolkit, revision=1, approved={}) == []


def test_giving_up_an_environment_is_a_package_that_the_partner_understands(toolkit: Toolkit) -> None:
    toolkit.draft()
    listed = toolkit.document()["addresses"]
    toolkit.submit()
    toolkit.record("approved")
    toolkit.draft("--remove-all")
    document = toolkit.document(2)
    assert {entry["change"] for entry in document["addresses"]} == {"remove"}
    assert {entry["address"] for entry in document["addresses"]} == {entry["address"] for entry in listed}
    approved = {one["name"]: {entry["address"] for entry in listed} for one in document["merchants"]}
    assert partners_objections(toolkit, revision=2, approved=approved) == []


def test_drafting_again_rewrites_nothing(toolkit: Toolkit) -> None:
    toolkit.draft()
    first, stamps = toolkit.files(), [path.stat().st_mtime_ns for path in toolkit.out.rglob("*.*")]
    time.sleep(1.1)
    assert "nothing changed" in toolkit.draft().out
    assert toolkit.draft("--json").json["unchanged"] is True
    assert toolkit.files() == first
    assert [path.stat().st_mtime_ns for path in toolkit.out.rglob("*.*")] == stamps


def test_a_given_date_makes_the_same_bytes_anywhere(
    toolkit: Toolkit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795392000")
    toolkit.draft()
    first = toolkit.files()
    (toolkit.out / "staging-rev-1" / "submission.html").unlink()
    toolkit.draft()
    assert toolkit.files() == first
    assert toolkit.document()["createdAt"].startswith("2026-11-2")


def test_what_was_handed_in_stands_and_a_change_is_the_next_revision(toolkit: Toolkit) -> None:
    toolkit.draft()
    toolkit.submit()
    toolkit.record("approved")
    first = toolkit.files()
    again = toolkit.draft()
    assert (again.code, toolkit.files()) == (0, first)
    assert "nothing changed since it was handed in" in again.out
    address = toolkit.world.allocate("use1-az1/2")
    toolkit.world.declare("use1-az1/2", address, None, "spare")
    toolkit.deploy()
    assert toolkit.draft().code == 0
    second = toolkit.document(2)
    assert {entry["address"]: entry["change"] for entry in second["addresses"]} == {
        **dict.fromkeys(toolkit.world.ips[:2], "keep"),
        address["PublicIp"]: "add",
    }
    assert second["previous"]["submission"] == "staging-rev-1"
    assert toolkit.files() == first, "what was handed in is never touched"


def test_an_approved_address_that_is_gone_must_be_asked_to_go(toolkit: Toolkit) -> None:
    toolkit.draft()
    toolkit.submit()
    toolkit.record("approved")
    kept, gone = toolkit.world.addresses
    world = toolkit.world
    world.ec2.delete_route(RouteTableId=world.tables["use1-az4"], DestinationCidrBlock="0.0.0.0/0")
    world.ec2.delete_nat_gateway(NatGatewayId=gone["natGatewayId"])
    world.ec2.get_waiter("nat_gateway_deleted").wait(
        NatGatewayIds=[gone["natGatewayId"]], WaiterConfig={"Delay": 0.05, "MaxAttempts": 100}
    )
    world.addresses = [kept]
    toolkit.deploy()
    refused = toolkit.draft()
    assert refused.code == 1
    assert f"--remove {gone['address']}" in refused.err
    later = (date.today() + timedelta(days=30)).isoformat()
    said = toolkit.draft("--remove", gone["address"], "--retire-after", later)
    assert said.code == 0, said.err
    entry = next(one for one in toolkit.document(2)["addresses"] if one["address"] == gone["address"])
    assert (entry["change"], entry["retireAfter"]) == ("remove", later)
    assert gone["address"].encode() not in toolkit.files(2)["submission.txt"]


def test_a_bastion_nobody_declared_stops_it_and_leaves_nothing(toolkit: Toolkit) -> None:
    world = toolkit.world
    card = world.ec2.create_network_interface(SubnetId=world.public["use1-az1"])["NetworkInterface"]
    address = world.ec2.allocate_address(Domain="vpc")
    world.ec2.associate_address(
        AllocationId=address["AllocationId"], NetworkInterfaceId=card["NetworkInterfaceId"]
    )
    said = toolkit.draft()
    assert said.code == 1
    assert f"undeclared: {address['PublicIp']}" in said.err
    assert not toolkit.out.exists()
    assert not (toolkit.folder / "allowlist").exists()
    allowed = toolkit.draft("--allow-incomplete")
    assert allowed.code == 0
    assert "not for submission" in allowed.err
    assert toolkit.document()["incomplete"][0]["address"] == address["PublicIp"]
    assert b"NOT FOR SUBMISSION" in toolkit.files()["submission.md"]


def test_a_transit_gateway_route_is_cannot_tell(toolkit: Toolkit) -> None:
    world = toolkit.world
    transit = world.ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    world.ec2.create_route(
        RouteTableId=world.tables["use1-az1"], DestinationCidrBlock="52.0.0.0/8", TransitGatewayId=transit
    )
    said = toolkit.draft()
    assert said.code == 4
    assert "a transit gateway" in said.err
    assert not toolkit.out.exists()


@pytest.mark.parametrize("kind", ["throttle", "error"])
def test_aws_not_answering_is_4_by_name_and_writes_nothing(
    toolkit: Toolkit, aws: Aws, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onboarding.aws.clients.ATTEMPTS", 1)
    aws.control("POST", "faults", {"action": "DescribeRouteTables", "kind": kind, "times": 99})
    said = toolkit.draft()
    assert said.code == 4, said.err
    assert not toolkit.out.exists()


def test_another_accounts_credentials_are_cannot_tell_and_not_a_lost_address(
    toolkit: Toolkit, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolkit.deploy(accountId="999999999999")
    said = toolkit.draft()
    assert said.code == 4
    assert "123456789012" in said.err
    assert "missing" not in said.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--date", "yesterday"], "--date yesterday"),
        (["--remove", "not-an-ip"], "--remove not-an-ip"),
        (["--remove", "192.0.2.1"], "nothing to remove"),
        (["--effective-from", "1.12.2026"], "--effective-from"),
        (["--retire-after", "2020-01-01"], "--retire-after 2020-01-01"),
        (["--merchant", "nobody"], "not a merchant"),
        (["--max-entries", "0"], "--max-entries"),
        (["--separator", "tab"], "--separator"),
        (["--ledger", "broken.yaml"], "broken.yaml"),
    ],
)
def test_wrong_usage_is_2_and_changes_nothing(
    toolkit: Toolkit, monkeypatch: pytest.MonkeyPatch, arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(toolkit.folder)
    (toolkit.folder / "broken.yaml").write_text("ledgerVersion: 1\nenvironment: [")
    said = toolkit.draft(*arguments)
    assert said.code == 2, said.err
    assert word in said.err
    assert not toolkit.out.exists()


def test_a_list_longer_than_the_partners_form_is_a_finding(toolkit: Toolkit) -> None:
    said = toolkit.draft("--max-entries", "1")
    assert said.code == 1
    assert "2 addresses, and the form takes 1" in said.err
    assert not toolkit.out.exists()


def test_the_list_follows_the_form(toolkit: Toolkit) -> None:
    toolkit.draft("--format-list", "cidr", "--separator", "semicolon")
    text = toolkit.files()["submission.txt"].decode().strip()
    assert text.count("/32") == 2
    assert text.count(";") == 1


def test_one_merchant_can_be_handed_in_alone(toolkit: Toolkit) -> None:
    toolkit.draft("--merchant", "acme-air")
    assert [one["name"] for one in toolkit.document()["merchants"]] == ["acme-air"]


def test_json_goes_to_stdout_alone(toolkit: Toolkit) -> None:
    said = toolkit.draft("--json")
    assert faults(said.json["submission"]) == ()
    assert said.json["folder"].endswith("staging-rev-1")


def test_files_of_others_in_the_folder_survive_a_new_draft(toolkit: Toolkit) -> None:
    toolkit.draft()
    answer = toolkit.out / "staging-rev-1" / "answer-of-the-partner.txt"
    answer.write_text("received")
    toolkit.draft("--ticket", "FPX-2")
    assert answer.read_text() == "received"
    assert toolkit.document()["tickets"] == ["FPX-2"]


@pytest.mark.parametrize("damage", ["{", '{"a": 1}', "[" * 100_000], ids=["cut off", "another", "nested"])
def test_a_damaged_earlier_draft_is_reported_and_kept(toolkit: Toolkit, damage: str) -> None:
    toolkit.draft()
    path = toolkit.out / "staging-rev-1" / "submission.json"
    path.write_text(damage)
    said = toolkit.draft()
    assert said.code == 2
    assert str(path) in said.err
    assert path.read_text() == damage


def test_external_addresses_need_no_login(toolkit: Toolkit, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    external = {
        "slot": "external/18.204.0.66",
        "zone": "external",
        "address": "18.204.0.66",
        "allocationId": None,
        "natGatewayId": None,
        "role": "active",
        "owner": "Hosting AG",
        "purpose": "NAT of the data centre",
    }
    toolkit.deploy(egressAddresses=[external], vpcId=None, privateSubnets={}, routeTables={})
    said = toolkit.draft()
    assert said.code == 0, said.err
    (entry,) = toolkit.document()["addresses"]
    assert (entry["owner"], entry["dedicated"]) == ("Hosting AG", None)
    assert toolkit.document()["established"]["calls"] == []


def whole(folder: Path) -> bool:
    """Tell whether every revision that can be seen is complete and undamaged."""
    for revision in folder.glob("staging-rev-*"):
        if {path.name for path in revision.iterdir()} != ALL:
            return False
        if faults(json.loads((revision / "submission.json").read_text())):
            return False
    return True


WRITER = """
import sys
from pathlib import Path
from onboarding.submission_folder import SubmissionFolder
folder = SubmissionFolder(Path(sys.argv[1]), "staging")
texts = [dict(zip(("submission.csv", "submission.html", "submission.md", "submission.txt"), [c * 200000] * 4))
         for c in "ab"]
document = Path(sys.argv[2]).read_text()
print("writing", flush=True)
while True:
    for one in texts:
        folder.write(1, {**one, "submission.json": document})
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_writer_that_is_stopped_leaves_a_whole_revision(toolkit: Toolkit, stop: signal.Signals) -> None:
    toolkit.draft()
    document = toolkit.folder / "document.json"
    document.write_bytes(toolkit.files()["submission.json"])
    for wait in (0.03, 0.11):
        writer: Any = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(toolkit.out), str(document)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        with writer:
            writer.stdout.readline()
            time.sleep(wait)
            writer.send_signal(stop)
            writer.wait(10)
        assert whole(toolkit.out)


def test_a_revision_that_a_killed_writer_had_set_aside_comes_back(toolkit: Toolkit) -> None:
    toolkit.draft()
    toolkit.submit()
    first = toolkit.files()
    aside = toolkit.out / ".staging-rev-1.x7f"
    aside.mkdir()
    (toolkit.out / "staging-rev-1").rename(aside / "old")
    assert "nothing changed since it was handed in" in toolkit.draft().out
    assert toolkit.files() == first
    assert [path.name for path in toolkit.out.iterdir()] == ["staging-rev-1"]


def test_a_constant_number_of_calls_whatever_the_number_of_addresses(toolkit: Toolkit, aws: Aws) -> None:
    def calls() -> int:
        aws.control("DELETE", "calls")
        toolkit.draft()
        return len(aws.control("GET", "calls")["calls"])

    before = calls()
    for number in range(2, 7):
        address = toolkit.world.allocate(f"use1-az1/{number}")
        toolkit.world.declare(f"use1-az1/{number}", address, None, "spare")
    toolkit.deploy()
    assert calls() == before == 7


def test_nobody_logged_in_is_wrong_usage(toolkit: Toolkit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = toolkit.draft()
    assert said.code == 2
    assert "log in" in said.err


def test_without_permission_it_is_cannot_tell_and_names_it(
    toolkit: Toolkit, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="nobody")
    keys = iam.create_access_key(UserName="nobody")["AccessKey"]
    aws.control("PUT", "iam", {"enforce": True})
    log_in(aws, monkeypatch, key=keys["AccessKeyId"], secret=keys["SecretAccessKey"])
    said = toolkit.draft()
    assert said.code == 4
    assert "ec2:DescribeAddresses" in said.err
