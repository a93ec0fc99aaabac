"""The last proof per merchant and address."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from ipaddress import IPv4Address
from pathlib import Path
from threading import Lock
from time import sleep
from typing import Any

import pytest

from onboarding.aws.proof_bucket import AT_ONCE, ProofBucket
from onboarding.errors import InputError
from onboarding.proof import (
    LocalProofs,
    Order,
    Origin,
    Proof,
    from_json,
    last_proofs,
    name_together,
    to_json,
    to_json_together,
)
from tests.unit.ledger_world import AIR, START, A

LOCAL = Proof("production", AIR, A, START, Origin.LOCAL, Order.PROVEN, "build-7", "run-1")


def test_a_proof_comes_back_as_it_was() -> None:
    assert from_json(to_json(LOCAL), source="proof") == LOCAL


def test_moments_are_kept_in_utc() -> None:
    elsewhere = replace(LOCAL, proven_at=START.astimezone(timezone(timedelta(hours=9))))

    assert json.loads(to_json(elsewhere))["provenAt"] == "2026-01-05T09:00:00+00:00"


def test_a_local_proof_never_overrides_one_from_the_environment() -> None:
    cloud = replace(LOCAL, vantage=Origin.FUNCTION, proven_at=START - timedelta(days=20))

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
        ({"provenAt": 5}, "provenAt: must be text, found 5"),
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


@pytest.mark.parametrize("text", ["[]", "7", "null"])
def test_another_value_is_told_in_words_of_ours(text: str) -> None:
    with pytest.raises(InputError, match="not a JSON object"):
        from_json(text, source="proof")


def test_a_proof_under_another_name_is_refused(tmp_path: Path) -> None:
    store = LocalProofs(tmp_path)
    path = store.write(LOCAL)
    path.rename(path.with_name("acme-bus@203.0.114.10.json"))

    with pytest.raises(InputError, match="holds the proof of production/acme-air"):
        store.read("production")


def test_the_clock_is_aware() -> None:
    assert from_json(to_json(LOCAL), source="proof").proven_at == datetime(2026, 1, 5, 9, tzinfo=UTC)


class Bucket:
    """An S3 client in memory that counts what it is asked, and how much at a time."""

    PAGE = 3

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.most_at_once = self._at_once = 0
        self._counting = Lock()

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: str) -> None:  # noqa: N803 - boto3's names
        self.calls.append("put")
        self.objects[Key] = Body

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "0") -> dict[str, Any]:  # noqa: N803
        self.calls.append("list")
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        begin = int(ContinuationToken)
        page = {"Contents": [{"Key": key} for key in keys[begin : begin + self.PAGE]]}
        more = begin + self.PAGE < len(keys)
        return page | {"IsTruncated": more, "NextContinuationToken": str(begin + self.PAGE)}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        with self._counting:
            self.calls.append("get")
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        sleep(0.005)
        with self._counting:
            self._at_once -= 1
        return {"Body": BytesIO(self.objects[Key])}


def proofs_of(*merchants: str, day: int = 0, address: IPv4Address = A) -> list[Proof]:
    return [
        replace(
            LOCAL,
            merchant=one,
            address=address,
            vantage=Origin.FUNCTION,
            proven_at=START + timedelta(days=day),
        )
        for one in merchants
    ]


def test_many_merchants_of_one_run_are_one_call_to_write_and_two_to_read() -> None:
    bucket = Bucket()
    store = ProofBucket(bucket, "proofs")
    many = proofs_of(*(f"merchant-{number}" for number in range(200)))
    store.write(many)
    found = store.read("production")
    assert set(found.values()) == set(many)
    assert bucket.calls == ["put", "list", "get"]


def test_a_run_that_proves_fewer_leaves_the_others_last_proof_alone() -> None:
    bucket = Bucket()
    store = ProofBucket(bucket, "proofs")
    store.write(proofs_of("air", "shop", day=0))
    store.write(proofs_of("air", day=1))
    store.write(proofs_of("air", "shop", day=1, address=IPv4Address("203.0.113.99")))
    assert {(pair, one.proven_at) for pair, one in store.read("production").items()} == {
        (("air", A), START + timedelta(days=1)),
        (("shop", A), START),
        (("air", IPv4Address("203.0.113.99")), START + timedelta(days=1)),
        (("shop", IPv4Address("203.0.113.99")), START + timedelta(days=1)),
    }


def test_runs_that_prove_the_same_take_the_last_ones_place() -> None:
    bucket = Bucket()
    store = ProofBucket(bucket, "proofs")
    for day in range(50):
        store.write(proofs_of(*sorted(("air", "shop"), reverse=bool(day % 2)), day=day))
    assert len(bucket.objects) == 1
    assert {one.proven_at for one in store.read("production").values()} == {START + timedelta(days=49)}


def test_objects_are_read_side_by_side_but_not_all_at_once() -> None:
    bucket = Bucket()
    store = ProofBucket(bucket, "proofs")
    for number in range(60):
        store.write(proofs_of(f"merchant-{number}"))
    assert len(store.read("production")) == 60
    assert 1 < bucket.most_at_once <= AT_ONCE


def test_a_proof_that_stands_alone_is_read_as_well_and_the_newer_one_counts() -> None:
    bucket = Bucket()
    (older,) = proofs_of("air", day=0)
    bucket.objects[f"proofs/{older.name}"] = to_json(older).encode()
    store = ProofBucket(bucket, "proofs")
    assert store.read("production") == {("air", A): older}
    newer = proofs_of("air", "shop", day=2)
    store.write(newer)
    assert store.read("production")["air", A] == newer[0]


@pytest.mark.parametrize("body", ["", "[", "5", "[5]", "[[]]", '{"proofVersion": 1}', "[" * 100_000])
def test_an_object_that_holds_no_proofs_is_refused_by_its_name(body: str) -> None:
    bucket = Bucket()
    bucket.objects["proofs/production/x.json"] = body.encode()
    with pytest.raises(InputError, match=r"s3://proofs/proofs/production/x\.json"):
        ProofBucket(bucket, "proofs").read("production")


def test_a_proof_of_another_environment_proves_nothing_here() -> None:
    bucket = Bucket()
    foreign = [replace(one, environment="staging") for one in proofs_of("air")]
    bucket.objects["proofs/production/x.json"] = to_json_together(foreign).encode()
    with pytest.raises(InputError, match="holds a proof of staging"):
        ProofBucket(bucket, "proofs").read("production")


def test_proofs_of_two_addresses_have_no_place_together() -> None:
    with pytest.raises(ValueError, match="unpack"):
        name_together([*proofs_of("air"), *proofs_of("air", address=IPv4Address("203.0.113.99"))])
