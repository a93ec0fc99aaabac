"""The credentials commands as an operator uses them, against real sockets."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.flexpay.server import Partner, running
from tests.loopback.aws_standin import Aws
from tests.loopback.credentials_world import MERCHANT, NAME, SOURCE, Desk, desk_with, pair_json
from tests.loopback.verify_world import MERCHANTS


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with running(merchants=[(MERCHANT, MERCHANTS[MERCHANT][0], "Acme")]) as one:
        one.allow(MERCHANT, "127.60.0.1", "127.60.0.2", "127.60.0.3")
        yield one


@pytest.fixture
def desk(tmp_path: Path, partner: Partner, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return desk_with(tmp_path, partner, aws, monkeypatch)


@pytest.fixture
def two_regions(tmp_path: Path, partner: Partner, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return desk_with(tmp_path, partner, aws, monkeypatch, regions=("eu-west-1", "us-east-1"))


def test_the_story_of_a_pair_from_empty_to_retired(desk: Desk) -> None:
    assert desk.run("status").code == 3
    first, second = desk.issue(), desk.issue()
    desk.world.approve()
    assert desk.run("put", *SOURCE, stdin=pair_json(first)).code == 0
    assert desk.value() == first
    assert desk.run("stage", stdin=pair_json(second)).code == 0
    assert (desk.value(), desk.value("AWSPENDING")) == (first, second)
    promoted = desk.run("promote", *SOURCE)
    assert promoted.code == 0
    assert "a token was issued to 127.60.0.1" in promoted.stdout
    assert (desk.value(), desk.value("AWSPREVIOUS")) == (second, first)
    assert desk.run("retire").code == 3
    retired = desk.run("retire", "--cache-seconds", "0")
    assert retired.code == 0
    assert f"ends in {first[0][-4:]}" in retired.stdout
    assert desk.value("AWSPREVIOUS") is None
    status = desk.run("status", "--json")
    assert status.code == 0
    assert status.report["secrets"][0]["proof"]["basis"] == "proven"


def test_a_first_pair_may_come_before_the_approval(desk: Desk) -> None:
    pair = desk.issue()
    put = desk.run("put", stdin=pair_json(pair))
    assert put.code == 0
    assert "not approved" in put.stdout + put.stderr
    assert desk.value() == pair


def test_refused_credentials_are_a_finding_and_nothing_is_stored(desk: Desk) -> None:
    desk.world.approve()
    put = desk.run("put", *SOURCE, stdin=pair_json(("fp-nobody-00000", "S3cr3t-Wrong-1")))
    assert put.code == 1
    assert "401" in put.stderr
    assert desk.value() is None
    assert desk.value("AWSPENDING") is None


def test_while_the_partner_is_down_nothing_is_promoted(desk: Desk) -> None:
    from sandbox.flexpay.switches import Fault

    first, second = desk.issue(), desk.issue()
    desk.world.approve()
    desk.run("put", *SOURCE, stdin=pair_json(first))
    desk.run("stage", stdin=pair_json(second))
    with desk.partner.faulty(Fault("any", status=503)):
        assert desk.run("promote", *SOURCE).code == 4
    assert (desk.value(), desk.value("AWSPENDING")) == (first, second)
    assert desk.run("promote", *SOURCE).code == 0


def test_a_host_outside_the_egress_needs_a_reason_which_is_recorded(desk: Desk) -> None:
    desk.world.approve()
    pair = desk.issue()
    refused = desk.run("put", stdin=pair_json(pair))
    assert refused.code == 2
    assert "127.0.0.1, which is not an active address" in refused.stderr
    assert desk.run("put", "--source-address", "127.60.9.9", stdin=pair_json(pair)).code == 2
    assert desk.value() is None
    assert desk.run("put", "--unproven", "drill of 1 March", stdin=pair_json(pair)).code == 0
    assert "drill of 1 March" in desk.run("status").stdout


def test_a_pair_goes_to_every_region(two_regions: Desk) -> None:
    two_regions.world.approve()
    pair = two_regions.issue()
    put = two_regions.run("put", *SOURCE, "--json", stdin=pair_json(pair))
    assert put.code == 0
    assert [stack["region"] for stack in put.report["stacks"]] == ["eu-west-1", "us-east-1"]
    assert len({stack["versionId"] for stack in put.report["stacks"]}) == 1
    assert two_regions.value(region="eu-west-1") == two_regions.value(region="us-east-1") == pair


def test_one_region_that_fails_keeps_all_from_being_promoted(two_regions: Desk) -> None:
    first, second = two_regions.issue(), two_regions.issue()
    two_regions.world.approve()
    two_regions.run("put", *SOURCE, stdin=pair_json(first))
    order = {
        "action": "PutSecretValue",
        "kind": "error",
        "code": "InternalServiceError",
        "status": 400,
        "nth": 2,
    }
    fault = two_regions.aws.control("POST", "faults", order)
    put = two_regions.run("put", *SOURCE, "--json", stdin=pair_json(second))
    assert put.code == 4
    assert [stack["outcome"] for stack in put.report["stacks"]] == ["staged", "failed"]
    assert two_regions.value(region="eu-west-1") == two_regions.value(region="us-east-1") == first
    two_regions.aws.control("DELETE", f"faults/{fault['id']}")
    assert two_regions.run("put", *SOURCE, stdin=pair_json(second)).code == 0
    assert two_regions.value(region="eu-west-1") == two_regions.value(region="us-east-1") == second


@pytest.mark.parametrize("kind", ["lost", "dropped-after", "throttle"])
def test_an_answer_that_is_lost_does_nothing_twice(desk: Desk, kind: str) -> None:
    first, second = desk.issue(), desk.issue()
    desk.world.approve()
    desk.run("put", *SOURCE, stdin=pair_json(first))
    for action in ("PutSecretValue", "UpdateSecretVersionStage"):
        desk.aws.control("POST", "faults", {"action": action, "kind": kind, "times": 1})
    assert desk.run("put", *SOURCE, stdin=pair_json(second)).code == 0
    assert (desk.value(), desk.value("AWSPREVIOUS")) == (second, first)
    versions = desk.client("secretsmanager").list_secret_version_ids(SecretId=NAME, IncludeDeprecated=True)
    assert len(versions["Versions"]) == 2


def test_a_secret_marked_for_deletion_is_restored_on_request(desk: Desk) -> None:
    pair = desk.issue()
    desk.client("secretsmanager").delete_secret(SecretId=NAME)
    assert desk.run("status").code == 1
    refused = desk.run("put", stdin=pair_json(pair))
    assert refused.code == 1
    assert "--restore" in refused.stderr
    assert desk.run("put", "--restore", stdin=pair_json(pair)).code == 0
    assert desk.value() == pair


def test_the_pair_of_another_environment_is_recognised(desk: Desk) -> None:
    pair = desk.issue()
    (desk.world.folder / "allowlist" / "staging.yaml").touch()
    desk.client("secretsmanager").create_secret(
        Name=f"flexpay/staging/{MERCHANT}", SecretString=pair_json(pair)
    )
    put = desk.run("put", stdin=pair_json(pair))
    assert put.code == 2
    assert "in use in environment staging" in put.stderr
    assert desk.value() is None


def test_a_private_file_is_shredded_when_asked(desk: Desk) -> None:
    pair = desk.issue()
    path = desk.world.folder / "pair.json"
    path.write_text(pair_json(pair))
    path.chmod(0o644)
    assert desk.run("put", "--file", str(path)).code == 2
    path.chmod(0o600)
    kept = desk.run("put", "--file", str(path))
    assert kept.code == 0
    assert "--shred" in kept.stderr
    assert path.exists()
    assert desk.run("put", "--file", str(path), "--shred").code == 0
    assert not path.exists()


def test_a_file_is_kept_when_the_pair_was_not_stored(desk: Desk) -> None:
    desk.world.approve()
    path = desk.world.folder / "pair.json"
    path.write_text(pair_json(("fp-nobody-00000", "S3cr3t-Wrong-1")))
    path.chmod(0o600)
    assert desk.run("put", *SOURCE, "--file", str(path), "--shred").code == 1
    assert path.exists()


def test_an_open_descriptor_is_read(desk: Desk) -> None:
    pair = desk.issue()
    reader, writer = os.pipe()
    os.write(writer, pair_json(pair).encode())
    os.close(writer)
    try:
        assert desk.run("put", "--fd", str(reader)).code == 0
    finally:
        os.close(reader)
    assert desk.value() == pair


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--fd", "3", "--file", "x"], "exclude each other"),
        (["--unproven", ""], "is empty"),
        (["--unproven", "x", *SOURCE], "exclude each other"),
        (["--source-address", "300.1.1.1"], "not an IPv4 address"),
        (["--merchant", "nobody"], "not a merchant"),
    ],
)
def test_wrong_usage_is_told_before_any_work(desk: Desk, arguments: list[str], reason: str) -> None:
    desk.aws.control("DELETE", "calls")
    ran = desk.run("put", *arguments, stdin=pair_json(("fp-a", "S3cr3t-Value-1")))
    assert ran.code == 2
    assert reason in ran.stderr
    assert desk.aws.control("GET", "calls")["calls"] == []


def test_a_cache_beyond_all_time_is_wrong_usage(desk: Desk) -> None:
    ran = desk.run("retire", "--cache-seconds", "9" * 15)
    assert ran.code == 2
    assert "--cache-seconds" in ran.stderr


def test_a_secret_that_is_not_deployed_is_a_finding(desk: Desk) -> None:
    desk.client("secretsmanager").delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)
    ran = desk.run("put", stdin=pair_json(("fp-acme", "S3cr3t-Value-1")))
    assert ran.code == 1
    assert "pulumi up" in ran.stderr
    assert desk.run("status").code == 1


def test_without_aws_the_answer_is_cannot_tell(desk: Desk) -> None:
    desk.monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert desk.run("status").code == 4


def test_on_a_terminal_the_pair_is_asked_for_and_does_not_show(desk: Desk) -> None:
    pair = desk.issue()
    master, slave = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "onboarding", "credentials", "put", "-m", MERCHANT, *desk.common()],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = ""
    for prompt, typed in zip(("client ID: ", "client secret: "), pair, strict=True):
        while prompt not in shown:
            shown += os.read(master, 4096).decode()
        os.write(master, f"{typed}\n".encode())
    with contextlib.suppress(OSError):  # how a terminal ends when its last program is gone
        while part := os.read(master, 4096):
            shown += part.decode()
    os.close(master)
    assert child.wait(timeout=30) == 0, shown
    assert desk.value() == pair
    assert pair[0] not in shown
    assert pair[1] not in shown


# the exchange with a partner who encrypts


def answered(desk: Desk, request: str, pair: tuple[str, str]) -> str:
    """Do as the request says: save it, compare the fingerprint, run its openssl line."""
    folder = desk.world.folder / "their-desk"
    folder.mkdir(exist_ok=True)
    lines = [line.strip() for line in request.splitlines()]
    name = next(line for line in lines if line.startswith("1. Save this text as ")).rpartition(" ")[2]
    (folder / name).write_text(request)
    show = next(line for line in lines if line.startswith("openssl pkey "))
    encrypt = next(line for line in lines if line.startswith("openssl pkeyutl "))
    shown = subprocess.run(show, shell=True, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S602 - the line as the partner runs it
    assert shown.stdout.split()[-1] in lines
    done = subprocess.run(  # noqa: S602 - the line as the partner runs it
        encrypt,
        shell=True,
        cwd=folder,
        input=pair_json(pair) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_openssl_line_of_a_request_gives_an_answer_that_is_received(two_regions: Desk) -> None:
    first, second = two_regions.issue(), two_regions.issue()
    two_regions.world.approve()
    two_regions.run("put", *SOURCE, stdin=pair_json(first))
    request = two_regions.run("request")
    assert request.code == 0
    again = two_regions.run("request")
    assert again.stdout.splitlines()[-8:] == request.stdout.splitlines()[-8:]
    answer = answered(two_regions, request.stdout, second)
    before = {path for path in two_regions.world.folder.rglob("*") if path.is_file()}
    received = two_regions.run("receive", stdin=answer)
    assert received.code == 0, received.stderr
    assert {path for path in two_regions.world.folder.rglob("*") if path.is_file()} == before
    for region in two_regions.regions:
        assert two_regions.value("AWSPENDING", region) == second
        assert two_regions.value("AWSCURRENT", region) == first
    assert two_regions.run("promote", *SOURCE).code == 0
    key = two_regions.client("kms", "eu-west-1").describe_key(
        KeyId=f"alias/flexpay-intake-sandbox-{MERCHANT}"
    )["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"
    late = two_regions.run("receive", stdin=answer)
    assert late.code == 1
    assert "credentials request" in late.stderr
    assert two_regions.run("request").stdout.splitlines()[-8:] != request.stdout.splitlines()[-8:]


def test_an_answer_for_another_key_or_with_a_refused_pair_keeps_the_key(desk: Desk) -> None:
    request = desk.run("request").stdout
    wrong = answered(desk, request, ("fp-acme", "short"))
    refused = desk.run("receive", stdin=wrong)
    assert refused.code == 2
    assert "shorter than" in refused.stderr
    good = answered(desk, request, ("fp-acme", "S3cr3t-Value-1"))
    desk.client("kms").schedule_key_deletion(
        KeyId=desk.client("kms").describe_key(KeyId=f"alias/flexpay-intake-sandbox-{MERCHANT}")[
            "KeyMetadata"
        ]["KeyId"]
    )
    desk.run("request")
    other = desk.run("receive", stdin=good)
    assert other.code == 2
    assert "another key" in other.stderr
    assert desk.run("receive", stdin="nonsense").code == 2
    assert desk.value("AWSPENDING") is None


def test_json_output_is_one_document(desk: Desk) -> None:
    pair = desk.issue()
    for ran in (
        desk.run("put", "--json", stdin=pair_json(pair)),
        desk.run("stage", "--json", stdin=pair_json(desk.issue())),
        desk.run("status", "--json"),
        desk.run("promote", *SOURCE, "--json"),
        desk.run("rollback", "--json"),
        desk.run("retire", "--json", "--cache-seconds", "0"),
    ):
        assert next(iter(json.loads(ran.stdout))) in ("credentialsVersion", "credentialsStatusVersion")
