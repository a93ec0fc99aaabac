"""Proof by the environment's functions: the caller names a version and never has its value."""

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import pytest

from onboarding.aws.secret_store import SecretStore
from onboarding.credentials import workflow
from onboarding.credentials.function_prover import FunctionProver
from onboarding.credentials.proof import Proven, Stored
from onboarding.credentials.record import LONGEST_LABEL, Basis, proven, record_of
from onboarding.credentials.versions import PENDING
from onboarding.errors import CannotTell, Finding
from onboarding.verification.function_vantage import FunctionVantage
from onboarding.verification.measurement import CallRecord, PairMeasurement, Step, to_json
from tests.unit.credentials_world import ADDRESS, NAME, A, B, C, Functions, World

REFUSED = CallRecord("token", False, kind="unauthorized", fact="token call: not authorized (401)")
SILENT = CallRecord("token", False, kind="timeout-connect", fact="token call: no answer", answered=False)


pytestmark = pytest.mark.usefixtures("cheap_fingerprints")


def world_with_functions(*regions: str) -> World:
    world = World(regions or ("us-east-1",))
    world.functions = Functions(world)
    return world


def functions(world: World) -> Functions:
    assert world.functions
    return world.functions


def put(world: World, pair: Any, *, approved: bool = True) -> Any:
    return workflow.put(world.vaults(), NAME, pair, world.ground(approved=approved), now=world.now)


# what put and promote do with functions


def test_promotion_through_functions_needs_no_right_to_read() -> None:
    world = world_with_functions("eu-west-1", "us-east-1")
    put(world, A)
    workflow.stage(world.vaults(), NAME, B, now=world.now)
    for client in world.clients.values():
        client.may_read = False
        client.calls.clear()
    summary = workflow.promote(world.vaults(), world.ground(), now=world.now)
    assert world.values("AWSCURRENT") == [B.to_json()] * 2
    assert not any("GetSecretValue" in client.calls for client in world.clients.values())
    assert functions(world).proved[-2:] == [B.to_json()] * 2
    assert world.prover.proved == []
    assert summary.record
    assert (summary.record.basis, summary.record.detail) == (Basis.PROVEN, "203.0.113.10, 203.0.113.11")
    assert summary.notes == ("a zone was left out",)


@pytest.mark.parametrize("trouble", [Finding("401"), CannotTell("time-out")])
def test_without_a_token_from_the_functions_nothing_is_promoted(trouble: Finding | CannotTell) -> None:
    world = world_with_functions()
    put(world, A)
    workflow.stage(world.vaults(), NAME, B, now=world.now)
    functions(world).refusal = trouble
    with pytest.raises(type(trouble)):
        workflow.promote(world.vaults(), world.ground(), now=world.now)
    assert world.only.value_at("AWSCURRENT") == A.to_json()
    assert world.only.value_at("AWSPENDING") == B.to_json()


def test_a_promotion_that_stopped_half_way_is_proven_by_the_labels_of_each_region() -> None:
    world = world_with_functions("eu-west-1", "us-east-1")
    put(world, A)
    workflow.stage(world.vaults(), NAME, B, now=world.now)
    workflow.promote(world.vaults()[:1], world.ground(), now=world.now)
    workflow.promote(world.vaults(), world.ground(), now=world.now)
    assert world.values("AWSCURRENT") == [B.to_json()] * 2


def test_a_pair_is_staged_proven_by_the_functions_and_then_promoted() -> None:
    world = world_with_functions("eu-west-1", "us-east-1")
    for pair in (A, B, A):
        summary = put(world, pair)
        assert world.values("AWSCURRENT") == [pair.to_json()] * 2
        assert world.values("AWSPENDING") == [None] * 2
        assert "a zone was left out" in summary.notes
    assert world.prover.proved == []


def test_a_pair_that_the_functions_cannot_get_a_token_with_is_given_up_again() -> None:
    world = world_with_functions("eu-west-1", "us-east-1")
    put(world, A)
    functions(world).refusal = Finding("no token with the stored pair: 401", hint="check them")
    with pytest.raises(Finding, match="401") as caught:
        put(world, B)
    assert caught.value.hint == "check them"
    assert world.values("AWSCURRENT") == [A.to_json()] * 2
    assert world.values("AWSPENDING") == [None] * 2


def test_while_the_functions_cannot_tell_the_pair_stays_staged_and_a_second_run_finishes() -> None:
    world = world_with_functions()
    put(world, A)
    functions(world).refusal = CannotTell("time-out", hint="wait")
    with pytest.raises(CannotTell, match="staged and was not promoted"):
        put(world, B)
    assert world.only.value_at("AWSCURRENT") == A.to_json()
    assert world.only.value_at("AWSPENDING") == B.to_json()
    functions(world).refusal = None
    put(world, B)
    assert world.only.value_at("AWSCURRENT") == B.to_json()
    assert len(world.only.versions) == 2


def test_a_refused_first_pair_is_told_to_be_current_and_the_right_one_takes_its_place() -> None:
    world = world_with_functions()
    functions(world).refusal = Finding("401", hint="check them")
    with pytest.raises(Finding, match="current already") as caught:
        put(world, A)
    assert "credentials put" in caught.value.hint
    record = record_of(SecretStore(world.only).state("x").current)
    assert record
    assert record.basis is Basis.UNPROVEN
    functions(world).refusal = CannotTell("time-out", hint="wait")
    with pytest.raises(CannotTell, match=r"time-out; the pair is staged .* current already"):
        put(world, A)
    functions(world).refusal = None
    put(world, B)
    assert world.only.value_at("AWSCURRENT") == B.to_json()


def test_what_another_operator_staged_meanwhile_is_not_given_up_with_the_refused_pair() -> None:
    world = world_with_functions()
    put(world, A)

    class Meanwhile(Functions):
        def prove(self, stored: Any) -> Proven:
            workflow.stage(world.vaults(), NAME, C, now=world.now)
            raise Finding("401")

    world.functions = Meanwhile(world)
    with pytest.raises(Finding):
        put(world, B)
    assert world.only.value_at("AWSPENDING") == C.to_json()
    assert world.only.value_at("AWSCURRENT") == A.to_json()


def test_before_the_approval_no_function_is_asked_for_a_first_pair() -> None:
    world = world_with_functions()
    summary = put(world, A, approved=False)
    assert any("not approved" in note for note in summary.notes)
    assert functions(world).proved == []


def test_a_pair_that_became_current_unproven_is_proven_by_the_functions_later() -> None:
    world = world_with_functions()
    put(world, A, approved=False)
    put(world, A)
    assert functions(world).proved == [A.to_json()]
    record = record_of(SecretStore(world.only).state("x").current)
    assert record
    assert record.basis is Basis.PROVEN


def test_a_record_of_many_addresses_fits_into_a_label() -> None:
    many = [IPv4Address("203.113.113.100") + number for number in range(40)]
    label = proven(datetime(2026, 3, 1, tzinfo=UTC), *many).label("f" * 36)
    assert len(label) <= LONGEST_LABEL
    assert label.endswith("203.113.113.108 and 31 more")


# who is asked, and what their answers mean


class Zone:
    """One zone's function, which answers as it is told."""

    def __init__(self, number: int, answer: Any) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self._answer = answer
        self.address = ADDRESS + number
        self.vantage = FunctionVantage(f"use1-az{number}", self, self, "", self.address)

    def __call__(self, event: Mapping[str, Any]) -> Any:
        self.asked.append(event)
        if isinstance(self._answer, Exception):
            raise self._answer
        if isinstance(self._answer, Step):
            pair = PairMeasurement(event["merchant"], "host", self._answer)
        elif isinstance(self._answer, CallRecord):
            pair = PairMeasurement(event["merchant"], "host", Step(True), self._answer)
        else:
            return self._answer
        return {"versionId": event["versionId"], "pair": to_json(pair)}


GOOD = CallRecord("token", True)
STAGED = (Stored("production", "v" * 36, PENDING),)


def prove(*answers: Any, approved: frozenset[IPv4Address] = frozenset()) -> tuple[list[Zone], Any]:
    zones = [Zone(number, answer) for number, answer in enumerate(answers)]
    prover = FunctionProver("acme-air", {"production": [zone.vantage for zone in zones]}, approved)
    try:
        return zones, prover.prove(STAGED)
    except (Finding, CannotTell) as error:
        return zones, error


def test_every_zone_is_asked_once_for_the_version_and_nothing_else() -> None:
    zones, told = prove(GOOD, GOOD, GOOD)
    assert told == Proven(tuple(zone.address for zone in zones))
    for zone in zones:
        assert zone.asked == [
            {
                "protocol": 1,
                "action": "prove",
                "merchant": "acme-air",
                "versionId": "v" * 36,
                "stage": "AWSPENDING",
            }
        ]


def test_a_pair_that_the_partner_refuses_is_shown_to_it_once() -> None:
    zones, told = prove(REFUSED, REFUSED, REFUSED)
    assert [len(zone.asked) for zone in zones] == [1, 0, 0]
    assert isinstance(told, Finding)
    assert "use1-az0 (203.0.113.10): token call: not authorized (401)" in str(told)
    assert "not asked any more: use1-az1, use1-az2" in str(told)


def test_one_zone_without_a_token_is_enough_to_refuse() -> None:
    _, told = prove(GOOD, SILENT, REFUSED)
    assert isinstance(told, Finding)
    assert "use1-az1" in str(told)
    assert "use1-az2" in str(told)
    assert isinstance(prove(GOOD, GOOD, SILENT)[1], CannotTell)


@pytest.mark.parametrize(
    "answer",
    [
        CannotTell("the line broke", hint="again"),
        Step(False, "no such version", answered=False),
        {"versionId": "another", "pair": to_json(PairMeasurement("acme-air", "host", Step(True), GOOD))},
        {"versionId": "v" * 36, "pair": to_json(PairMeasurement("other", "host", Step(True), GOOD))},
        {"versionId": "v" * 36, "pair": to_json(PairMeasurement("acme-air", "host", Step(True)))},
        {"proven": 2},
        None,
    ],
)
def test_what_is_no_answer_about_this_version_proves_nothing(answer: Any) -> None:
    assert isinstance(prove(answer, GOOD)[1], CannotTell)
    assert isinstance(prove(GOOD, answer)[1], CannotTell)


def test_functions_of_an_earlier_release_are_to_be_deployed_again() -> None:
    old = CannotTell("function x failed: ValueError: action: found 'prove', known are look", hint="its log")
    assert "pulumi up" in prove(old)[1].hint


def test_an_address_that_waits_for_its_approval_is_left_out_and_named() -> None:
    zones, told = prove(GOOD, GOOD, approved=frozenset({ADDRESS}))
    assert [len(zone.asked) for zone in zones] == [1, 0]
    assert told.addresses == (ADDRESS,)
    assert told.notes == ("not proven from use1-az1: 203.0.113.11 is not approved yet",)


def test_a_stack_without_functions_is_named() -> None:
    zone = Zone(0, GOOD)
    prover = FunctionProver("acme-air", {"production": [zone.vantage]}, frozenset())
    told = prover.prove([*STAGED, Stored("production.eu", "v" * 36, PENDING)])
    assert len(zone.asked) == 1
    assert told.notes == ("not proven from production.eu: no function there leaves from an approved address",)


def test_functions_that_leave_from_no_approved_address_are_of_no_use() -> None:
    zone = Zone(0, GOOD)
    assert FunctionProver("acme-air", {"production": [zone.vantage]}, frozenset()).usable
    elsewhere = frozenset({IPv4Address("198.51.100.1")})
    assert not FunctionProver("acme-air", {"production": [zone.vantage]}, elsewhere).usable
    assert not FunctionProver("acme-air", {}, frozenset()).usable
