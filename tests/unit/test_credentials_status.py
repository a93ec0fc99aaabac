"""The status table: ages, stages, proof and the exit code."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest

from onboarding.credentials.record import (
    LONGEST_LABEL,
    LONGEST_REASON,
    flaw_of_reason,
    proven,
    record_of,
    rolled_back,
    unproven,
)
from onboarding.credentials.status import Row, as_json, as_text, exit_code, latest
from onboarding.credentials.versions import SecretState, Version
from onboarding.errors import CannotTell
from onboarding.exit_codes import ExitCode
from onboarding.proof import Order, Origin, Proof

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
RECORD = proven(NOW - timedelta(days=4), IPv4Address("203.0.113.10"))


def version(name: str, age: timedelta, *labels: str) -> Version:
    return Version(name, NOW - age, frozenset(labels))


STATE = SecretState(
    (
        version("old", timedelta(days=400), "AWSPREVIOUS"),
        version("now", timedelta(days=9, hours=23), "AWSCURRENT", RECORD.label("now")),
        version("next", timedelta(hours=1), "AWSPENDING"),
    ),
    changed_at=NOW,
)
ROW = Row("acme-air", "stack production", "us-east-1", "flexpay/production/acme-air", STATE)


def test_the_age_is_that_of_the_version_in_use() -> None:
    assert ROW.age_days(NOW) == 9
    told = as_text([ROW], NOW)
    assert "9 days old" in told
    assert "a token was issued to 203.0.113.10" in told
    assert "staged:" in told
    assert "previous:" in told


def test_json_says_the_same() -> None:
    (secret,) = json.loads(as_json([ROW], NOW))["secrets"]
    assert secret["ageDays"] == 9
    assert secret["current"]["versionId"] == "now"
    assert secret["proof"] == {
        "basis": "proven",
        "since": "2026-03-16T12:00:00+00:00",
        "detail": "203.0.113.10",
    }


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (ROW, ExitCode.HOLDS),
        (replace(ROW, state=SecretState(())), ExitCode.WAITING),
        (replace(ROW, state=SecretState((), deleted_at=NOW)), ExitCode.FINDING),
        (replace(ROW, state=None, error=CannotTell("throttled")), ExitCode.CANNOT_TELL),
    ],
)
def test_every_condition_has_its_exit_code(row: Row, code: ExitCode) -> None:
    assert exit_code([row]) is code
    assert as_text([row], NOW)
    assert json.loads(as_json([row], NOW))


def test_regions_with_different_versions_in_use_are_a_finding() -> None:
    other = replace(ROW, region="eu-west-1", state=SecretState((version("x", timedelta(1), "AWSCURRENT"),)))
    assert exit_code([ROW, other]) is ExitCode.FINDING
    assert "do not have the same version" in as_text([ROW, other], NOW)
    assert exit_code([ROW, replace(ROW, region="eu-west-1")]) is ExitCode.HOLDS


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        unproven(NOW, "partner/desk: said so"),
        rolled_back(NOW, "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ],
)
def test_a_record_survives_its_label(record: object) -> None:
    label = record.label("0f8fad5b-d9cb-469f-a165-70867728950e")  # type: ignore[attr-defined]
    assert record_of(version("v", timedelta(0), "AWSCURRENT", label)) == record


def test_labels_that_are_not_ours_are_passed_over() -> None:
    assert record_of(version("v", timedelta(0), "AWSCURRENT", "flexpay:since/nonsense", "other")) is None
    assert record_of(None) is None


def test_the_longest_reason_still_fits_a_label() -> None:
    assert len(unproven(NOW, "x" * LONGEST_REASON).label("v" * 36)) <= LONGEST_LABEL
    assert flaw_of_reason("x" * LONGEST_REASON) is None
    for wrong in ("", "  ", "x" * (LONGEST_REASON + 1), "two\nlines", "caf\u00e9"):
        assert flaw_of_reason(wrong)


def proof(address: str, age: timedelta, merchant: str = "acme-air") -> Proof:
    where = (IPv4Address(address), NOW - age, Origin.LOCAL, Order.PROVEN)
    return Proof("production", merchant, *where, source="runner-7", run_id="r1")


def test_the_last_proof_is_the_merchants_latest_and_is_told() -> None:
    kept = {
        (one.merchant, one.address): one
        for one in (
            proof("203.0.113.10", timedelta(days=3)),
            proof("203.0.113.11", timedelta(days=1)),
            proof("203.0.113.12", timedelta(0), "acme-shop"),
        )
    }
    row = replace(ROW, last_proof=latest(kept, "acme-air"))
    assert "last proof 2026-03-19 12:00 UTC from 203.0.113.11 (local, runner-7)" in as_text([row], NOW)
    assert "before this version" not in as_text([row], NOW)
    (secret,) = json.loads(as_json([row], NOW))["secrets"]
    assert secret["lastProof"]["address"] == "203.0.113.11"
    assert secret["lastProof"]["beforeCurrentVersion"] is False


def test_a_proof_of_an_earlier_version_is_not_taken_for_one_of_the_current() -> None:
    row = replace(ROW, last_proof=proof("203.0.113.10", timedelta(days=5)))
    assert "before this version was in use" in as_text([row], NOW)
    (secret,) = json.loads(as_json([row], NOW))["secrets"]
    assert secret["lastProof"]["beforeCurrentVersion"] is True


def test_without_a_proof_it_says_so() -> None:
    assert "no proof kept yet" in as_text([ROW], NOW)
    assert json.loads(as_json([ROW], NOW))["secrets"][0]["lastProof"] is None
