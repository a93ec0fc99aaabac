"""The commands that keep the books, run as a user runs them."""

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from onboarding.allowlist.ledger import Action, Ledger, Standing
from onboarding.allowlist.submission import Change, Submission, SubmittedAddress, to_document
from onboarding.cli.run import run
from onboarding.ledger_file import read_ledger, start
from onboarding.outputs import parse_outputs
from onboarding.proof import LocalProofs, Order, Origin, Proof
from tests.loopback.aws_standin import Aws
from tests.unit.ledger_world import AIR, RAIL
from tests.unit.test_ledger_text import GOOD, SPOILED

ONE, TWO = IPv4Address("203.0.114.10"), IPv4Address("203.0.114.11")


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Desk:
    """A project folder with outputs and a ledger, and a way to run commands in it."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def outputs(self) -> Path:
        return self.folder / "out.json"

    @property
    def path(self) -> Path:
        return self.folder / "allowlist" / "production.yaml"

    @property
    def books(self) -> Ledger:
        return read_ledger(self.path)

    def run(self, *arguments: str, deployed: bool = True) -> Answer:
        given = ["allowlist", *arguments, "-C", str(self.folder)]
        code = run(given + (["--outputs", str(self.outputs)] if deployed else []))
        out, err = self.capture.readouterr()
        return Answer(code, out, err)

    def record(self, action: str, reference: str, *more: str, deployed: bool = True) -> Answer:
        return self.run("record", action, "-r", reference, "--actor", "kim", *more, deployed=deployed)

    def submit(self, reference: str = "FPX-1", *more: str) -> Answer:
        return self.record("submitted", reference, "-a", str(ONE), "-a", str(TWO), *more)

    def snapshot(self) -> Mapping[Path, bytes]:
        return {
            path: path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }


def outputs(*addresses: IPv4Address, **changes: object) -> dict[str, Any]:
    merchant = {"secretArn": "arn:aws:x", "integrationId": "UP-12345678-9", "legalEntity": "Acme Inc."}
    return {
        "contractVersion": 1,
        "environment": "production",
        "region": "us-east-1",
        "accountId": "123456789012",
        "partner": {
            "serverUrl": "https://partner.example",
            "checkoutPrefix": "/api/checkout",
            "orders": "test",
            "caBundle": None,
            "echo": [],
        },
        "contacts": {"legalEntity": "Acme Inc.", "owner": "platform", "security": "security"},
        "vpcId": "vpc-0a1",
        "egressAddresses": [
            {
                "slot": f"use1-az{number}/1",
                "zone": f"use1-az{number}",
                "address": str(address),
                "allocationId": f"eipalloc-{number}",
                "natGatewayId": f"nat-{number}",
                "role": "active",
            }
            for number, address in enumerate(addresses, start=1)
        ],
        "egressByZone": {},
        "privateSubnets": {"use1-az1": "subnet-1"},
        "routeTables": {},
        "merchants": {name: {**merchant, "secretName": f"flexpay/production/{name}"} for name in (AIR, RAIL)},
        **changes,
    }


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    one = Desk(tmp_path / "project", capsys)
    start(one.path, "production")
    one.outputs.write_text(json.dumps(outputs(ONE, TWO)))
    return one


def test_the_books_from_submission_to_retirement(desk: Desk) -> None:
    assert desk.submit().code == 0
    assert desk.record("approved", "FPX-1", "-m", AIR, "-a", str(ONE), deployed=False).code == 0
    assert desk.record("rejected", "FPX-1", "-m", RAIL, "--note", "integration not ready").code == 0
    assert desk.record("approved", "FPX-2").code == 0
    assert desk.record("retired", "FPX-3", "-a", str(ONE)).code == 0

    standing = {(name, at): entry.standing for (name, at), entry in desk.books.standings.items()}
    assert standing == {
        (AIR, ONE): Standing.RETIRED,
        (AIR, TWO): Standing.APPROVED,
        (RAIL, ONE): Standing.REJECTED,
        (RAIL, TWO): Standing.REJECTED,
    }
    assert [one.action for one in desk.books.events] == [
        Action.SUBMITTED,
        Action.APPROVED,
        Action.REJECTED,
        Action.APPROVED,
        Action.RETIRED,
    ]


@pytest.mark.parametrize("action", ["submitted", "approved", "rejected", "retired"])
def test_saying_the_same_twice_changes_nothing(desk: Desk, action: str) -> None:
    named = ["-a", str(ONE), "-a", str(TWO)] if action in ("submitted", "retired") else []
    if action != "submitted":
        desk.submit("FPX-0")
    if action == "retired":
        desk.record("approved", "FPX-0")
    assert desk.record(action, "FPX-7", *named).code == 0
    before = desk.path.read_bytes()

    again = desk.record(action, "FPX-7", *named)

    assert (again.code, desk.path.read_bytes()) == (0, before)
    assert "already recorded" in again.out


def test_a_submission_script_that_runs_again_after_the_approval_changes_nothing(desk: Desk) -> None:
    desk.submit()
    desk.record("approved", "FPX-1")
    before = desk.path.read_bytes()

    assert desk.submit().code == 0
    assert desk.path.read_bytes() == before


def test_a_resubmission_under_the_same_ticket_is_no_repetition(desk: Desk) -> None:
    desk.submit()
    desk.record("rejected", "FPX-1")

    assert desk.submit().code == 0
    assert desk.books.entry(AIR, ONE).standing is Standing.WAITING
    assert desk.record("rejected", "FPX-1").code == 0
    assert desk.books.entry(AIR, ONE).standing is Standing.REJECTED


def test_a_list_from_before_the_tool_is_brought_in_with_its_dates(desk: Desk) -> None:
    assert desk.submit("MAIL-7", "--date", "2025-03-01").code == 0
    assert desk.record("approved", "MAIL-9", "--date", "2025-03-01").code == 0

    entry = desk.books.entry(AIR, ONE)
    assert entry.standing is Standing.APPROVED
    assert entry.since is not None
    assert entry.since.date().isoformat() == "2025-03-01"


def test_addresses_of_an_old_list_that_are_not_ours_need_to_be_said(desk: Desk) -> None:
    old = ["-a", "203.0.114.99", "--date", "2025-03-01"]

    refused = desk.record("submitted", "MAIL-7", *old)
    assert refused.code == 2
    assert "--undeclared" in refused.err

    assert desk.record("submitted", "MAIL-7", *old, "--undeclared").code == 0
    assert desk.books.entry(RAIL, IPv4Address("203.0.114.99")).standing is Standing.WAITING


REFUSED: dict[str, tuple[list[str], str]] = {
    "empty reference": (["approved", "-r", ""], "--reference is empty"),
    "blank reference": (["approved", "-r", "  "], "--reference is empty"),
    "reference of two lines": (["approved", "-r", "a\nb"], "reference: must be one line"),
    "note with escapes": (["approved", "-r", "X", "--note", "\x1b[2J"], "note: must be one line"),
    "unknown action": (["forgotten", "-r", "X"], "forgotten"),
    "address never submitted": (["approved", "-r", "X", "-a", "203.0.114.12"], "203.0.114.12 for"),
    "address that is none": (["approved", "-r", "X", "-a", "203.0.114.300"], "not an IPv4 address"),
    "unknown merchant": (["approved", "-r", "X", "-m", "acme-bus"], "acme-bus"),
    "date in the future": (["approved", "-r", "X", "--date", "2999-01-01"], "lies in the future"),
    "moment in the future": (["approved", "-r", "X", "--date", "2999-01-01T00:00Z"], "lies in the future"),
    "date before the submission": (
        ["approved", "-r", "X", "--date", "2020-01-01"],
        "is before the last event",
    ),
    "moment before the submission": (
        ["approved", "-r", "X", "--date", "2020-01-01T00:00Z"],
        "is before the last event",
    ),
    "date that is none": (["approved", "-r", "X", "--date", "tomorrow"], "--date tomorrow: not a date"),
    "moment before all time": (
        ["approved", "-r", "X", "--date", "0001-01-01T00:00:00+14:00"],
        "--date 0001-01-01T00:00:00+14:00: not a date",
    ),
    "moment after all time": (["approved", "-r", "X", "--date", "9999-12-31T23:59:59-12:00"], "not a date"),
    "moment without zone": (["approved", "-r", "X", "--date", "2026-01-01T10:00"], "not a date"),
    "retired without addresses": (["retired", "-r", "X"], "has to name its addresses"),
    "retired before approved": (["retired", "-r", "X", "-a", str(ONE)], "is waiting"),
    "submitted without a list": (["submitted", "-r", "X"], "what was handed in is missing"),
    "package for an approval": (["approved", "-r", "X", "--submission", "."], "for `record submitted`"),
    "package that an unset variable names": (["submitted", "-r", "X", "--submission", ""], "is empty"),
    "package that is none": (["submitted", "-r", "X", "--submission", "/nowhere"], "no submission.json"),
    "unknown merchant submitted": (["submitted", "-r", "X", "-m", "acme-bus", "-a", str(ONE)], "acme-bus"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_follow_is_refused_and_nothing_changes(desk: Desk, kind: str) -> None:
    arguments, reason = REFUSED[kind]
    desk.submit()
    before = desk.snapshot()

    refused = desk.run("record", *arguments, "--actor", "kim")

    assert (refused.code, refused.out) == (2, "")
    assert reason in refused.err
    assert "Traceback" not in refused.err
    assert desk.snapshot() == before


def test_an_actor_that_was_left_empty_is_refused_and_not_replaced(desk: Desk) -> None:
    before = desk.snapshot()
    refused = desk.run("record", "submitted", "-r", "X", "-a", str(ONE), "--actor", "")
    assert (refused.code, refused.out) == (2, "")
    assert "actor: must be one line" in refused.err
    assert desk.snapshot() == before


def test_a_list_of_the_year_one_can_be_recorded_and_read_back(desk: Desk) -> None:
    assert desk.submit("MAIL-1", "--date", "0001-01-01").code == 0
    assert desk.books.entry(AIR, ONE).standing is Standing.WAITING


def test_what_is_approved_is_not_approved_again_under_another_ticket(desk: Desk) -> None:
    desk.submit()
    desk.record("approved", "FPX-1")

    refused = desk.record("approved", "FPX-2", "-a", str(ONE))
    assert refused.code == 2
    assert f"{ONE} for {AIR} is approved since" in refused.err


def test_without_outputs_the_only_ledger_is_meant_and_with_two_none_is(desk: Desk) -> None:
    desk.submit()
    assert desk.record("approved", "FPX-1", "-m", AIR, deployed=False).code == 0
    start(desk.folder / "allowlist" / "staging.yaml", "staging")

    refused = desk.record("approved", "FPX-1", deployed=False)
    assert refused.code == 2
    assert "there are several ledgers" in refused.err


def test_a_missing_ledger_is_an_error_and_none_is_made(desk: Desk) -> None:
    desk.path.unlink()

    for command in (["record", "submitted", "-r", "X", "-a", str(ONE)], ["status", "--offline"], ["history"]):
        refused = desk.run(*command)
        assert refused.code == 2
        assert "no ledger here" in refused.err
    assert not desk.path.exists()


def test_the_actor_is_gits_user_where_nobody_is_logged_in_to_aws(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = desk.folder / "gitconfig"
    config.write_text("[user]\n  email = lee@acme.example\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    assert desk.run("record", "submitted", "-r", "FPX-1", "-a", str(ONE)).code == 0
    assert desk.books.events[0].actor == "lee@acme.example"


def test_an_actor_that_nobody_knows_is_asked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    refused = desk.run("record", "submitted", "-r", "FPX-1", "-a", str(ONE))
    assert refused.code == 2
    assert "--actor" in refused.err


def logged_in(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)


def test_the_actor_is_the_aws_caller_where_there_is_one(
    desk: Desk, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(monkeypatch, aws)

    assert desk.run("record", "submitted", "-r", "FPX-1", "-a", str(ONE)).code == 0
    assert desk.books.events[0].actor.startswith("arn:aws:")


def test_a_history_that_has_nothing_about_what_was_named_is_no_empty_one(desk: Desk) -> None:
    assert "nothing recorded yet" in desk.run("history", deployed=False).out
    desk.submit()
    told = desk.run("history", "-a", "203.0.114.99", deployed=False)
    assert told.out == "production: nothing recorded about what was named\n"


def test_history_tells_who_said_what_when_and_where_that_leaves_us(desk: Desk) -> None:
    desk.submit("FPX-1", "--date", "2025-03-01")
    desk.record("approved", "FPX-2", "-m", AIR, "--date", "2025-03-09")
    desk.record("rejected", "FPX-3", "--note", "wrong entity", "--date", "2025-03-10")

    story = desk.run("history").out
    assert story.index("handed in for review") < story.index("approved by") < story.index("wrong entity")
    assert f"{AIR}   203.0.114.10     approved since 2025-03-09 (FPX-2)" in story

    only_rail = desk.run("history", "-m", RAIL).out
    assert "approved by the partner" not in only_rail
    assert len(desk.run("history", "--json").json["ledgers"][0]["events"]) == 3
    assert desk.run("history", "-m", "acme-bus").code == 2
    repeated = desk.record("submitted", "FPX-1", "-a", str(ONE), "-a", str(TWO), "--json")
    assert repeated.json["environment"] == "production"


def test_check_needs_no_outputs_and_judges_every_ledger(desk: Desk) -> None:
    desk.submit()
    start(desk.folder / "allowlist" / "staging.yaml", "staging")

    checked = desk.run("check", "--json", deployed=False)
    assert checked.code == 0
    assert [one["events"] for one in checked.json["ledgers"]] == [1, 0]


def test_check_finds_branches_that_contradict_each_other(desk: Desk) -> None:
    desk.submit("FPX-1", "--date", "2025-03-01")
    both = desk.path.read_text()
    desk.record("rejected", "FPX-1", "--date", "2025-03-02")
    rejected = desk.path.read_text()
    desk.path.write_text(both)
    desk.record("approved", "FPX-1", "--date", "2025-03-03")
    desk.path.write_text(desk.path.read_text() + rejected.split("\n")[-2] + "\n")

    checked = desk.run("check")
    assert checked.code == 1
    assert "of another branch contradicts it" in checked.out
    assert desk.record("approved", "FPX-5").code == 0
    assert desk.run("check").code == 0


def package(
    desk: Desk,
    revision: int,
    changes: Mapping[IPv4Address, Mapping[str, Change]],
    environment: str = "production",
) -> Path:
    """Write a review package of one revision below ``review``; return its folder."""
    stack = parse_outputs(json.dumps(outputs(ONE, TWO)), source="test")
    document = to_document(
        Submission(
            environment=environment,
            revision=revision,
            created_at=datetime(2026, 1, 5, tzinfo=UTC),
            merchants=tuple(stack.merchants.values()),
            contacts=stack.contacts,
            partner=stack.partner,
            addresses=tuple(
                SubmittedAddress(address, change_for, "calls to the partner")
                for address, change_for in changes.items()
            ),
            previous=None,
            stacks=("production",),
            calls=(),
        )
    )
    folder = desk.folder / "review" / f"{environment}-rev-{revision}"
    folder.mkdir(parents=True)
    (folder / "submission.json").write_text(json.dumps(document))
    return folder


def test_a_package_says_what_was_submitted_for_whom_and_is_named_in_the_ledger(desk: Desk) -> None:
    package(desk, 1, {TWO: {AIR: Change.ADD}})
    package(
        desk,
        2,
        {ONE: {AIR: Change.ADD, RAIL: Change.ADD}, TWO: {AIR: Change.KEEP, RAIL: Change.REMOVE}},
    )

    assert desk.record("submitted", "FPX-1", "--submission", str(desk.folder / "review")).code == 0

    assert desk.books.standings.keys() == {(AIR, ONE), (AIR, TWO), (RAIL, ONE)}
    named = {one.submission for one in desk.books.events}
    assert all(name is not None and name.startswith("2 sha256:") for name in named)
    assert len(named) == 1


def test_one_revision_can_be_named_by_folder_or_file(desk: Desk) -> None:
    first = package(desk, 1, {ONE: {AIR: Change.ADD}})
    package(desk, 2, {TWO: {AIR: Change.ADD}})

    assert desk.record("submitted", "FPX-1", "--submission", str(first)).code == 0
    again = desk.record("submitted", "FPX-1", "--submission", str(first / "submission.json"), deployed=False)
    assert "already recorded" in again.out
    assert desk.books.standings.keys() == {(AIR, ONE)}


def test_packages_that_are_damaged_foreign_or_only_remove_are_refused(desk: Desk) -> None:
    damaged = package(desk, 1, {ONE: {AIR: Change.ADD}}) / "submission.json"
    damaged.write_text(damaged.read_text().replace(str(ONE), str(TWO)))
    cases = {
        damaged: "digest.value",
        package(desk, 2, {ONE: {AIR: Change.ADD}}, "staging"): "is for environment staging",
        package(desk, 3, {ONE: {AIR: Change.REMOVE}}): "only asks for removals",
    }
    before = desk.snapshot()

    for place, reason in cases.items():
        refused = desk.record("submitted", "FPX-1", "--submission", str(place))
        assert (refused.code, refused.out) == (2, "")
        assert reason in refused.err
    assert desk.snapshot() == before


def test_check_against_an_older_version_names_what_was_lost(desk: Desk) -> None:
    desk.submit()
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "the books"]):
        who = ["-c", "user.name=kim", "-c", "user.email=kim@acme.example"]
        subprocess.run(["git", *who, *words], cwd=desk.folder, check=True, capture_output=True)
    desk.record("approved", "FPX-1")
    assert desk.run("check", "--against", "HEAD", deployed=False).code == 0

    lost = desk.books.events[0].id
    desk.path.write_text("ledgerVersion: 1\nenvironment: production\nevents: []\n")

    found = desk.run("check", "--against", "HEAD", deployed=False)
    assert found.code == 1
    assert f"event {lost} is missing" in found.out
    assert desk.run("check", "--against", "nope", deployed=False).code == 2


COMMANDS = (["check"], ["history"], ["status", "--offline"], ["record", "approved", "-r", "X"])


@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_ledger_stops_every_command_and_stays_as_it_is(desk: Desk, kind: str) -> None:
    spoiled = SPOILED[kind][0](GOOD)
    desk.path.write_bytes(spoiled.encode())
    before = desk.snapshot()

    for command in COMMANDS:
        refused = desk.run(*command)
        assert (refused.code, refused.out) == (2, ""), command
        assert refused.err.startswith(f"error: {desk.path}:"), command
        assert refused.err.count("error:") == 1
        assert "internal error" not in refused.err
    assert desk.snapshot() == before


def without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda raw: {name: value for name, value in raw.items() if name != key}


def with_(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda raw: {**raw, **changes}


def address_with(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda raw: {**raw, "egressAddresses": [{**raw["egressAddresses"][0], **changes}]}


SPOILED_OUTPUTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a list": (lambda raw: [raw], "contractVersion"),
    "null": (lambda _: None, "contractVersion"),
    "no version": (without("contractVersion"), "contractVersion"),
    "a version of the future": (with_(contractVersion=2), "contractVersion: found 2"),
    "the version as text": (with_(contractVersion="1"), "contractVersion: found '1'"),
    "no environment": (without("environment"), "environment"),
    "an environment that is no text": (with_(environment=7), "environment"),
    "no addresses": (without("egressAddresses"), "egressAddresses"),
    "addresses as a map": (with_(egressAddresses={"a": 1}), "egressAddresses"),
    "an environment outside of the folder": (
        with_(environment="../production"),
        'environment: must be 1 to 40 lower case letters, digits and inner hyphens (found "../production")',
    ),
    "a region that no host can be named after": (with_(region=""), "region: must be a region"),
    "a merchant that no secret can be named after": (
        lambda raw: {**raw, "merchants": {"acme air": raw["merchants"][AIR]}},
        "merchants.acme air",
    ),
    "a partner that no URL names": (
        lambda raw: {**raw, "partner": {**raw["partner"], "serverUrl": "https://[::1"}},
        "partner.serverUrl: must be https://host",
    ),
    "an echo at a port there is not": (
        lambda raw: {**raw, "partner": {**raw["partner"], "echo": ["https://echo.example:99999"]}},
        "partner.echo.0: must be https://host",
    ),
    "an address that is none": (
        address_with(address="203.0.114.999"),
        'egressAddresses.0.address: Input is not a valid IPv4 address (found "203.0.114.999")',
    ),
    "an address of IPv6": (address_with(address="2001:db8::1"), "egressAddresses.0.address"),
    "an unknown role": (address_with(role="idle"), "egressAddresses.0.role"),
    "an address without slot": (address_with(slot=None), "egressAddresses.0.slot"),
    "no partner": (without("partner"), "partner"),
    "an unknown kind of orders": (with_(partner={"serverUrl": "x", "orders": "maybe"}), "partner"),
    "merchants as a list": (with_(merchants=[AIR]), "merchants"),
    "no contacts": (with_(contacts=None), "contacts"),
}


@pytest.mark.parametrize("kind", SPOILED_OUTPUTS)
def test_spoiled_outputs_stop_every_command_and_nothing_changes(desk: Desk, kind: str) -> None:
    spoil, place = SPOILED_OUTPUTS[kind]
    desk.submit()
    desk.outputs.write_text(json.dumps(spoil(outputs(ONE, TWO))))
    before = desk.snapshot()

    for command in COMMANDS:
        refused = desk.run(*command)
        assert (refused.code, refused.out) == (2, ""), command
        assert refused.err.startswith(f"error: {desk.outputs}: {place}"), refused.err
    assert desk.snapshot() == before


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000, '{"contractVersion": 1, "contractVersion"'])
def test_outputs_that_are_no_json_stop_every_command(desk: Desk, text: str) -> None:
    desk.outputs.write_text(text)

    refused = desk.run("status", "--offline")
    assert refused.code == 2
    assert refused.err.startswith(f"error: {desk.outputs}: not JSON")


def test_a_damaged_proof_is_named(desk: Desk) -> None:
    desk.submit()
    path = LocalProofs(desk.folder).write(proven(ONE))
    path.write_text(path.read_text()[:-9])

    refused = desk.run("status", "--offline")
    assert refused.code == 2
    assert refused.err.startswith(f"error: {path}: not a proof")


def proven(address: IPv4Address, merchant: str = AIR) -> Proof:
    return Proof(
        environment="production",
        merchant=merchant,
        address=address,
        proven_at=datetime.now(UTC) + timedelta(seconds=30),
        vantage=Origin.LOCAL,
        order=Order.PROVEN,
        source="build-7",
        run_id="run-1",
    )


@pytest.fixture
def deployed(desk: Desk, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> list[IPv4Address]:
    """Two zones' worth of real allocations, gateways and routes in the stand-in."""
    logged_in(monkeypatch, aws)
    ec2 = aws.client("ec2")
    vpc, public = aws.network()
    addresses, raw = [], outputs(ONE, TWO, vpcId=vpc)
    for number, entry in enumerate(raw["egressAddresses"]):
        held = ec2.allocate_address(Domain="vpc")
        made = ec2.create_nat_gateway(SubnetId=public, AllocationId=held["AllocationId"])["NatGateway"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number + 1}.0/24")["Subnet"]["SubnetId"]
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(
            RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=made["NatGatewayId"]
        )
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        raw["privateSubnets"][entry["zone"]] = subnet
        entry.update(
            address=held["PublicIp"],
            allocationId=held["AllocationId"],
            natGatewayId=made["NatGatewayId"],
        )
        addresses.append(IPv4Address(held["PublicIp"]))
    desk.outputs.write_text(json.dumps(raw))
    return addresses


def submit_all(desk: Desk, addresses: list[IPv4Address]) -> None:
    named = [word for address in addresses for word in ("-a", str(address))]
    assert desk.record("submitted", "FPX-1", *named).code == 0


def test_status_ends_with_3_then_3_then_0_on_the_way_to_an_approved_list(
    desk: Desk, deployed: list[IPv4Address]
) -> None:
    assert desk.run("status").code == 3
    submit_all(desk, deployed)
    waiting = desk.run("status")
    assert waiting.code == 3
    assert waiting.out.count(" waiting ") >= 4
    desk.record("approved", "FPX-1")

    approved = desk.run("status", "--json")
    assert approved.code == 0
    schema = json.loads(files("onboarding.allowlist").joinpath("status.schema.json").read_text("utf-8"))
    jsonschema.validate(approved.json, schema)
    rows = approved.json["environments"][0]["addresses"]
    assert {row["status"] for row in rows} == {"unproven"}

    for merchant in (AIR, RAIL):
        for address in deployed:
            LocalProofs(desk.folder).write(proven(address, merchant))
    proved = desk.run("status")
    assert (proved.code, "result=ok" in proved.out) == (0, True)


def test_status_finds_what_is_lost_stale_and_unmanaged(
    desk: Desk, deployed: list[IPv4Address], aws: Aws
) -> None:
    submit_all(desk, deployed)
    desk.record("approved", "FPX-1")
    raw = json.loads(desk.outputs.read_text())
    forgotten = raw["egressAddresses"].pop()
    gone = {**raw["egressAddresses"][0], "slot": "use1-az3/1", "address": "203.0.114.77"}
    raw["egressAddresses"].append({**gone, "allocationId": "eipalloc-0gone", "natGatewayId": None})
    desk.outputs.write_text(json.dumps(raw))
    desk.record(
        "submitted", "MAIL-1", "-a", "203.0.114.99", "--undeclared", "-m", AIR, "--date", "2025-01-01"
    )
    desk.record("approved", "MAIL-2", "-a", "203.0.114.99", "--date", "2025-01-02")

    found = desk.run("status", "--json")

    assert found.code == 1
    rows = found.json["environments"][0]["addresses"]
    status = {row["address"]: row["status"] for row in rows if row["merchant"] == AIR}
    assert status == {
        str(deployed[0]): "unproven",
        forgotten["address"]: "unmanaged",
        "203.0.114.77": "lost",
        "203.0.114.99": "stale",
    }


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "throttle"}, "throttling"),
        ({"kind": "error", "code": "UnauthorizedOperation", "status": 403}, "ec2:DescribeAddresses"),
    ],
)
def test_status_cannot_tell_where_aws_does_not_answer_and_says_why(
    desk: Desk, deployed: list[IPv4Address], aws: Aws, fault: dict[str, object], reason: str
) -> None:
    submit_all(desk, deployed)
    desk.record("approved", "FPX-1")
    aws.control("POST", "faults", {"action": "DescribeAddresses", **fault})

    silent = desk.run("status")
    assert silent.code == 4
    assert reason in silent.out
    assert desk.run("status", "--offline").code == 0


def test_status_cannot_tell_about_an_account_it_is_not_logged_in_to(
    desk: Desk, deployed: list[IPv4Address]
) -> None:
    raw = json.loads(desk.outputs.read_text())
    desk.outputs.write_text(json.dumps({**raw, "accountId": "999999999999"}))
    submit_all(desk, deployed)

    foreign = desk.run("status")
    assert foreign.code == 4
    assert "belong to account 123456789012" in foreign.out


def test_status_asks_aws_as_often_for_many_addresses_as_for_few(
    desk: Desk, deployed: list[IPv4Address], aws: Aws
) -> None:
    def calls() -> int:
        aws.control("DELETE", "calls")
        desk.run("status")
        return len(aws.control("GET", "calls")["calls"])

    few = calls()
    for _ in range(3):
        aws.client("ec2").allocate_address(Domain="vpc")

    assert calls() == few
    assert few <= 8


def test_status_writes_a_textfile_in_one_step(desk: Desk) -> None:
    desk.submit()
    target = desk.folder / "metrics" / "flexpay.prom"

    assert desk.run("status", "--offline", "--prometheus", str(target)).code == 3
    assert 'flexpay_egress_status_exit_code{environment="production"} 3' in target.read_text()
    assert list(target.parent.iterdir()) == [target]


def test_status_judges_several_environments_by_the_worst(desk: Desk) -> None:
    desk.submit()
    staging = desk.folder / "staging.json"
    staging.write_text(json.dumps(outputs(ONE, TWO, environment="staging")))
    start(desk.folder / "allowlist" / "staging.yaml", "staging")

    both = desk.run("status", "--offline", "--json", "--outputs", str(staging))
    assert both.code == 3
    assert [one["environment"] for one in both.json["environments"]] == ["production", "staging"]
    assert desk.run("status", "--offline", "--ledger", "x", "--outputs", str(staging)).code == 2
