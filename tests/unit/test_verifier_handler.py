"""What a function does with an event: nothing it was not deployed for, and nothing twice."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from onboarding.deployment import Orders, Partner
from onboarding.errors import CannotTell
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.proof import Order, Proof
from onboarding.redaction import Hidden
from onboarding.verification import function_cloud, handler, vantage
from onboarding.verification.cloud import Action, Request, StoredPair, to_event
from onboarding.verification.measurement import (
    CallRecord,
    EchoSample,
    PairMeasurement,
    Step,
)
from onboarding.verification.probes import PairJob

ADDRESS = IPv4Address("198.51.100.1")
SECRET = "s3cr3t-of-the-merchant"
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
SECRETS = {"acme-air": "flexpay/production/acme-air", "acme-shop": "flexpay/production/acme-shop"}
PLENTY = 300.0


class Cloud:
    """An AWS in memory."""

    def __init__(self, trouble: CannotTell | None = None) -> None:
        self.asked: list[str] = []
        self.kept: list[Proof] = []
        self.writes = 0
        self.counted: dict[str, float] = {}
        self._trouble = trouble

    def credentials(self, secret: str) -> ClientCredentials:
        self.asked.append(secret)
        return ClientCredentials("client", Hidden(SECRET))

    def version(self, secret: str, version_id: str, stage: str) -> ClientCredentials:
        self.asked.append(f"{secret} {version_id} {stage}")
        return ClientCredentials("client", Hidden(SECRET))

    def keep(self, proofs: Sequence[Proof]) -> None:
        if self._trouble:
            raise self._trouble
        self.writes += 1
        self.kept += proofs

    def count(self, values: Mapping[str, float]) -> None:
        self.counted.update(values)


class World:
    """What the partner and the echo services say to this function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: tuple[str | None, ...] = (str(ADDRESS), str(ADDRESS))
        self.refused: set[str] = set()
        self.measured: list[PairJob] = []
        self.leaking = False
        self.servers: set[str] = set()
        monkeypatch.setattr(vantage, "probe_pair", self._pair)
        monkeypatch.setattr(vantage, "probe_echo", self._echo)
        monkeypatch.setattr(vantage, "open_session", lambda *_: _Session())

    def _echo(self, _session: Any, url: str, **_: Any) -> EchoSample:
        index = int(url[-1]) - 1
        return EchoSample(url, self.seen[index], CallRecord("echo", self.seen[index] is not None))

    def _pair(
        self, _session: Any, partner: Any, job: PairJob, credentials: Any, **told: Any
    ) -> PairMeasurement:
        self.servers.add(partner.server_url)
        own = credentials()
        told["known_secrets"].register_pair(own.client_id, own.client_secret)
        self.measured.append(job)
        good = job.merchant not in self.refused
        fact = SECRET if self.leaking else ""
        return PairMeasurement(
            job.merchant,
            told["vantage"],
            Step(True),
            token=CallRecord("token", good, fact=fact),
            reachable=CallRecord("incomplete order", good),
            order=CallRecord("order", True) if job.order else None,
        )


class _Session:
    def close(self) -> None:
        pass


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def deployment(place: str = "use1-az1", **changed: Any) -> function_cloud.Deployment:
    echo = ("https://echo/1", "https://echo/2")
    partner = Partner("https://partner.example", "/api/checkout", Orders.TEST, echo=echo)
    values = {"address": ADDRESS, "proof_bucket": "proofs", **changed}
    return function_cloud.Deployment("production", partner, None, SECRETS, place, **values)


def ask(
    event: Mapping[str, Any], cloud: Cloud, *, remaining: float = PLENTY, **changed: Any
) -> dict[str, Any]:
    said = handler.answer(
        event,
        deployment(**changed),
        function_cloud.Cloud(cloud.credentials, cloud.version, cloud.keep, cloud.count),
        remaining=lambda: remaining,
        now=NOW,
    )
    json.dumps(said)  # the runtime does no less
    return said


def measure(*jobs: PairJob, keep_proofs: bool = True) -> dict[str, Any]:
    return to_event(Request(Action.MEASURE, "run-1", jobs, keep_proofs))


def test_it_measures_whom_it_is_asked_for_and_keeps_their_proof(world: World) -> None:
    cloud = Cloud()
    said = ask(measure(PairJob("acme-air", {"total": 1}, "air"), PairJob("acme-shop")), cloud)
    assert [one["merchant"] for one in said["pairs"]] == ["acme-air", "acme-shop"]
    assert sorted(said["kept"]) == ["acme-air", "acme-shop"]
    assert {(one.merchant, one.address, one.order) for one in cloud.kept} == {
        ("acme-air", ADDRESS, Order.PROVEN),
        ("acme-shop", ADDRESS, Order.NOT_PROVEN),
    }
    assert set(cloud.asked) == set(SECRETS.values())
    assert cloud.writes == 1


def test_each_order_is_placed_by_exactly_one_call(world: World) -> None:
    ask(measure(PairJob("acme-air", {"total": 1}, "air"), PairJob("acme-shop")), Cloud())
    assert sorted(job.merchant for job in world.measured) == ["acme-air", "acme-shop"]


@pytest.mark.parametrize("seen", [("198.51.100.9",) * 2, (str(ADDRESS), "198.51.100.9"), (None, None)])
def test_no_proof_is_kept_unless_every_echo_saw_the_declared_address(
    world: World, seen: tuple[str | None, ...]
) -> None:
    cloud = Cloud()
    world.seen = seen
    said = ask(measure(PairJob("acme-air")), cloud)
    assert (said["kept"], cloud.kept) == ([], [])
    assert "not seen to leave from 198.51.100.1" in said["trouble"]


def test_no_proof_of_a_merchant_that_was_turned_away(world: World) -> None:
    world.refused = {"acme-shop"}
    cloud = Cloud()
    assert ask(measure(PairJob("acme-air"), PairJob("acme-shop")), cloud)["kept"] == ["acme-air"]
    assert [one.merchant for one in cloud.kept] == ["acme-air"]
    world.refused |= {"acme-air"}
    assert ask(measure(PairJob("acme-air"), PairJob("acme-shop")), cloud)["kept"] == []
    assert cloud.writes == 1


def test_a_bucket_that_does_not_answer_leaves_the_measurements_alone(world: World) -> None:
    said = ask(measure(PairJob("acme-air")), Cloud(CannotTell("no bucket")))
    assert len(said["pairs"]) == 1
    assert (said["kept"], said["trouble"]) == ([], "no bucket")


def test_a_run_that_proves_nothing_keeps_nothing(world: World) -> None:
    cloud = Cloud()
    ask(measure(PairJob("acme-air"), keep_proofs=False), cloud)
    assert not cloud.kept


def test_nothing_is_begun_that_could_be_cut_off(world: World) -> None:
    late = handler.RESERVE_SECONDS - 1
    said = ask(measure(PairJob("acme-air", {"total": 1}, "air")), Cloud(), remaining=late)
    proven = ask(prove(), Cloud(), remaining=late)
    assert not world.measured
    assert "no call was made" in proven["pair"]["credentials"]["fact"]
    (pair,) = said["pairs"]
    assert (pair["credentials"]["ok"], pair["credentials"]["answered"]) == (False, False)
    assert "no call was made" in pair["credentials"]["fact"]


def test_a_scheduled_run_places_no_order_and_counts(world: World) -> None:
    cloud = Cloud()
    said = ask({"protocol": 1, "action": "scheduled"}, cloud)
    assert all(job.order is None for job in world.measured)
    assert (said["proven"], said["failed"]) == (2, 0)
    assert cloud.counted == {"Failed": 0, "Proven": 2, "AllProven": 1.0}
    assert {one.order for one in cloud.kept} == {Order.NOT_PROVEN}


def test_a_scheduled_run_that_leaves_from_elsewhere_counts_as_failed(world: World) -> None:
    world.seen = ("198.51.100.9", "198.51.100.9")
    cloud = Cloud()
    ask({"protocol": 1, "action": "scheduled"}, cloud)
    assert cloud.counted == {"Failed": 2, "Proven": 0, "AllProven": 0.0}
    assert not cloud.kept


def prove(**changed: str) -> dict[str, Any]:
    stored = {"merchant": "acme-air", "version_id": "v-1", "stage": "AWSPENDING", **changed}
    return to_event(Request(Action.PROVE, stored=StoredPair(**stored)))


@pytest.mark.parametrize("stage", ["AWSPENDING", "AWSCURRENT"])
def test_it_obtains_a_token_with_the_version_it_is_asked_for_and_posts_nothing(
    world: World, stage: str
) -> None:
    cloud = Cloud()
    said = ask(prove(stage=stage), cloud)
    assert cloud.asked == [f"flexpay/production/acme-air v-1 {stage}"]
    assert [(job.merchant, job.order, job.orders) for job in world.measured] == [("acme-air", None, False)]
    assert (said["versionId"], said["pair"]["token"]["ok"]) == ("v-1", True)
    assert not cloud.kept


@pytest.mark.parametrize(
    ("seen", "answered"),
    [(("198.51.100.9",) * 2, True), ((str(ADDRESS), "198.51.100.9"), True), ((None, None), False)],
)
def test_a_staged_pair_is_not_shown_to_the_partner_from_another_address(
    world: World, seen: tuple[str | None, ...], answered: bool
) -> None:
    cloud = Cloud()
    world.seen = seen
    said = ask(prove(), cloud)
    assert not cloud.asked
    assert not world.measured
    assert "no token was asked for" in said["pair"]["credentials"]["fact"]
    assert (said["pair"]["credentials"]["ok"], said["pair"]["credentials"]["answered"]) == (False, answered)


@pytest.mark.parametrize(
    "event",
    [measure(PairJob("acme-air")), {"protocol": 1, "action": "scheduled"}, prove()],
)
def test_the_control_function_asks_for_no_credential(world: World, event: dict[str, Any]) -> None:
    cloud = Cloud()
    with pytest.raises(ValueError, match="never holds a credential"):
        ask(event, cloud, place="control", address=None)
    assert not cloud.asked


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({}, "protocol: found None"),
        ({"protocol": 2, "action": "look"}, "protocol: found 2"),
        ({"protocol": 1, "action": "delete"}, "action: found 'delete'"),
        ({"protocol": 1, "action": "stranger", "which": "friend"}, "which: found 'friend'"),
        (prove(merchant="somebody-else"), "merchant: somebody-else: no merchant of this deployment"),
        (prove(stage="AWSPREVIOUS"), "stage: found 'AWSPREVIOUS', provable are AWSPENDING, AWSCURRENT"),
        ({"protocol": 1, "action": "prove", "merchant": 1}, "merchant, versionId, stage: missing"),
        (measure(PairJob("somebody-else")), "jobs: somebody-else: no merchant of this deployment"),
    ],
)
def test_an_event_that_is_no_request_is_refused_by_name(
    world: World, event: dict[str, Any], reason: str
) -> None:
    cloud = Cloud()
    with pytest.raises(ValueError, match=reason):
        ask(event, cloud)
    assert not cloud.asked


def test_an_event_cannot_name_another_partner(world: World) -> None:
    event = measure(PairJob("acme-air")) | {"partner": {"serverUrl": "https://evil.example"}}
    ask(event, Cloud())
    assert world.servers == {"https://partner.example"}


def test_an_answer_with_a_secret_in_it_is_not_given(world: World) -> None:
    world.leaking = True
    with pytest.raises(AssertionError, match="would have held a secret") as caught:
        ask(measure(PairJob("acme-air")), Cloud())
    assert SECRET not in str(caught.value)


def test_what_it_was_deployed_with_is_read_from_bundle_and_configuration(tmp_path: Path) -> None:
    partner = {
        "serverUrl": "https://p.example",
        "checkoutPrefix": "/c",
        "orders": "real",
        "echo": ["https://e"],
    }
    told = {"environment": "production", "partner": partner, "caBundle": True, "secrets": SECRETS}
    (tmp_path / "deployment.json").write_text(json.dumps(told))
    found = function_cloud.read_deployment(
        tmp_path,
        {"FLEXPAY_PLACE": "use1-az1", "FLEXPAY_ADDRESS": str(ADDRESS), "FLEXPAY_PROOF_BUCKET": "proofs"},
    )
    assert (found.place, found.address, found.proof_bucket) == ("use1-az1", ADDRESS, "proofs")
    assert (found.partner.server_url, found.partner.orders) == ("https://p.example", Orders.REAL)
    assert found.ca_bundle == tmp_path / "ca.pem"
    bare = function_cloud.read_deployment(tmp_path, {"FLEXPAY_PLACE": "control"})
    assert (bare.address, bare.proof_bucket) == (None, None)
