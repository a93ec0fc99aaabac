"""`promote` and `put` from anywhere: the environment's functions bring the proof, and nobody else reads."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onboarding.aws.functions import Functions
from sandbox.flexpay.server import Partner, running
from tests.loopback.aws_standin import Aws
from tests.loopback.credentials_world import MERCHANT, SOURCE, pair_json
from tests.loopback.functions_world import ZONES, FunctionDesk, desk_with_functions
from tests.loopback.verify_world import MERCHANTS


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with running(merchants=[(MERCHANT, MERCHANTS[MERCHANT][0], "Acme")]) as one:
        yield one


@pytest.fixture
def desk(tmp_path: Path, partner: Partner, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> FunctionDesk:
    desk = desk_with_functions(tmp_path, partner, aws, monkeypatch)
    desk.world.approve()
    partner.calls.clear()
    return desk


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every event that a function is invoked with."""
    seen: list[Any] = []
    real = Functions.invoke

    def invoke(self: Functions, arn: str, event: Any) -> Any:
        seen.append(event)
        return real(self, arn, event)

    monkeypatch.setattr(Functions, "invoke", invoke)
    return seen


def stored(desk: FunctionDesk) -> tuple[str, str]:
    """Have a first pair stored, without a call to anybody."""
    pair = desk.issue()
    assert desk.run("put", "--unproven", "drill", stdin=pair_json(pair)).code == 0
    return pair


def invocations(desk: FunctionDesk) -> int:
    return len(desk.aws.control("GET", "calls?action=Invoke")["calls"])


def test_every_zone_proves_the_staged_pair_and_no_event_holds_a_value(
    desk: FunctionDesk, events: list[Any]
) -> None:
    stored(desk)
    events.clear()
    second = desk.issue()
    assert desk.run("stage", stdin=pair_json(second)).code == 0
    desk.aws.control("DELETE", "calls")
    promoted = desk.run("promote", "--json")
    assert promoted.code == 0, promoted.stderr
    assert sorted(desk.tokens()) == sorted((address, 200) for address in desk.addresses)
    assert promoted.report["proof"]["detail"] == ", ".join(desk.addresses)
    assert [sorted(event) for event in events] == [
        ["action", "merchant", "protocol", "stage", "versionId"]
    ] * 2
    assert not [part for part in second if part in json.dumps(events)]
    # whoever runs the command reads no value: what was read was read by the functions
    assert desk.aws.control("GET", "calls?action=Invoke")["calls"]
    mine = [
        call
        for call in desk.aws.control("GET", "calls?action=GetSecretValue")["calls"]
        if call["access_key"] == "sandbox"
    ]
    assert mine == []
    assert desk.value() == second


def test_a_pair_is_put_from_a_host_that_is_not_behind_the_egress(desk: FunctionDesk) -> None:
    first, second = desk.issue(), desk.issue()
    for pair in (first, second, first):
        put = desk.run("put", stdin=pair_json(pair))
        assert put.code == 0, put.stderr
        assert desk.value() == pair
    assert desk.value("AWSPENDING") is None
    assert {status for _, status in desk.tokens()} == {200}
    assert "127.0.0.1" not in {peer for peer, _ in desk.tokens()}


def test_a_refused_pair_is_shown_to_the_partner_once_and_given_up(desk: FunctionDesk) -> None:
    first = stored(desk)
    put = desk.run("put", stdin=pair_json((first[0], "S3cr3t-Of-Nobody")))
    assert put.code == 1
    assert desk.tokens() == [(desk.addresses[0], 401)]
    assert "not asked any more: use1-az4" in put.stderr
    assert (desk.value(), desk.value("AWSPENDING")) == (first, None)


def test_a_staged_pair_that_is_refused_is_not_promoted(desk: FunctionDesk) -> None:
    first = stored(desk)
    wrong = (first[0], "S3cr3t-Of-Nobody")
    assert desk.run("stage", stdin=pair_json(wrong)).code == 0
    promoted = desk.run("promote")
    assert promoted.code == 1
    assert "401" in promoted.stderr
    assert (desk.value(), desk.value("AWSPENDING")) == (first, wrong)
    assert desk.run("promote", "--unproven", "drill").code == 0


def test_a_staged_pair_never_leaves_by_a_wrong_way_out(desk: FunctionDesk) -> None:
    first, second = stored(desk), desk.issue()
    assert desk.run("stage", stdin=pair_json(second)).code == 0
    desk.reroute(ZONES[0], to=ZONES[1])
    promoted = desk.run("promote")
    assert promoted.code == 1
    assert (
        f"seen to leave from {desk.addresses[1]} and should leave from {desk.addresses[0]}" in promoted.stderr
    )
    assert desk.tokens() == []
    assert desk.value() == first


def test_an_invocation_whose_answer_is_lost_is_not_repeated(desk: FunctionDesk) -> None:
    first, second = stored(desk), desk.issue()
    assert desk.run("stage", stdin=pair_json(second)).code == 0
    before = invocations(desk)
    desk.aws.control("POST", "faults", {"service": "lambda", "action": "Invoke", "kind": "dropped-after"})
    assert desk.run("promote").code == 4
    assert invocations(desk) == before + 1
    assert len(desk.tokens()) == 1
    desk.aws.control("DELETE", "faults")
    assert desk.value() == first
    assert desk.run("promote").code == 0
    assert desk.value() == second


def test_an_address_that_is_not_approved_yet_is_left_out_and_said(
    tmp_path: Path, partner: Partner, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_with_functions(tmp_path, partner, aws, monkeypatch)
    desk.world.approve(waiting=desk.addresses[1:])
    partner.calls.clear()
    put = desk.run("put", stdin=pair_json(desk.issue()))
    assert put.code == 0, put.stderr
    assert desk.tokens() == [(desk.addresses[0], 200)]
    assert f"not proven from {ZONES[1]}: {desk.addresses[1]} is not approved yet" in put.stderr


def test_a_source_address_brings_the_proof_from_this_host_instead(
    desk: FunctionDesk, events: list[Any]
) -> None:
    pair = desk.issue()
    assert desk.run("put", *SOURCE, stdin=pair_json(pair)).code == 2  # not an address of this environment
    assert desk.run("put", "--source-address", desk.addresses[1], stdin=pair_json(pair)).code == 0
    assert desk.tokens() == [(desk.addresses[1], 200)]
    assert events == []
