"""The last proof per merchant and address."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from onboarding.errors import InputError
from onboarding.proof import LocalProofs, Order, Proof, Vantage, from_json, last_proofs, to_json
from tests.unit.ledger_world import AIR, START, A

LOCAL = Proof("production", AIR, A, START, Vantage.LOCAL, Order.PROVEN, "build-7", "run-1")


def test_a_proof_comes_back_as_it_was() -> None:
    assert from_json(to_json(LOCAL), source="proof") == LOCAL


def test_moments_are_kept_in_utc() -> None:
    elsewhere = replace(LOCAL, proven_at=START.astimezone(timezone(timedelta(hours=9))))

    assert json.loads(to_json(elsewhere))["provenAt"] == "2026-01-05T09:00:00+00:00"


def test_a_local_proof_never_overrides_one_from_the_environment() -> None:
    cloud = replace(LOCAL, vantage=Vantage.FUNCTION, proven_at=START - timedelta(days=20))

    assert last_proofs({(AIR, A): LOCAL}, {(AIR, A): cloud}) == {(AIR, A): cloud}
    assert last_proofs({(AIR, A): LOCAL}, {}) == {(AIR, A): LOCAL}


def test_the_store_keeps_the_last_proof_even_if_an_older_one_arrives_later(tmp_path: Path) -> None:
    store = LocalProofs(tmp_path)
    later = replace(LOCAL, proven_at=START + timedelta(days=1), run_id="run-2")
    store.write(later)
    store.write(LOCAL)

    assert store.read("production") == {(AIR, A): later}
    assert store.read("staging") == {}
    assert (tmp_path / ".flexpay" / "proof" / "production" / f"{AIR}@{A}.json").is_file()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"proofVersion": 2}, "proofVersion: found 2"),
        ({"proofVersion": None}, "proofVersion: found None"),
        ({"provenAt": "2026-01-05T09:00:00"}, "no offset"),
        ({"provenAt": 5}, "not a proof"),
        ({"vantage": "moon"}, "not a proof"),
        ({"order": True}, "not a proof"),
        ({"address": "::1"}, "not a proof"),
        ({"merchant": ""}, "merchant: must be text"),
    ],
)
def test_a_spoiled_proof_is_refused_by_name(change: dict[str, object], reason: str) -> None:
    text = json.dumps({**json.loads(to_json(LOCAL)), **change})

    with pytest.raises(InputError, match=reason) as refused:
        from_json(text, source=".flexpay/proof/x.json")
    assert str(refused.value).startswith(".flexpay/proof/x.json: ")


@pytest.mark.parametrize("text", ["", "[]", "7", "null", '{"proofVersion": 1}', "[" * 100_000])
def test_what_is_no_proof_at_all_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^proof: "):
        from_json(text, source="proof")


def test_a_proof_under_another_name_is_refused(tmp_path: Path) -> None:
    store = LocalProofs(tmp_path)
    path = store.write(LOCAL)
    path.rename(path.with_name("acme-bus@203.0.114.10.json"))

    with pytest.raises(InputError, match="holds the proof of production/acme-air"):
        store.read("production")


def test_the_clock_is_aware() -> None:
    assert from_json(to_json(LOCAL), source="proof").proven_at == datetime(2026, 1, 5, 9, tzinfo=UTC)
