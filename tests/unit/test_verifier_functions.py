"""Calling functions: waited for, invoked once, and every failure a measurement of its own."""

import io
import json
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from onboarding.aws.functions import READ_TIMEOUT_SECONDS, READY_SECONDS, Functions, NotReady
from onboarding.errors import CannotTell, Denied
from onboarding.verification.cloud import (
    MERCHANTS_PER_INVOCATION,
    Action,
    Request,
    StoredPair,
    batches,
    to_event,
    to_request,
)
from onboarding.verification.function_vantage import FunctionVantage
from onboarding.verification.measurement import CallRecord, PairMeasurement, Step, to_json
from onboarding.verification.probes import PairJob
from stacks.contract import VERIFIER_TIMEOUT_SECONDS

ARN = "arn:aws:lambda:us-east-1:123456789012:function:flexpay-production-verifier-use1-az1"
ACTIVE = {"State": "Active", "LastUpdateStatus": "Successful", "Timeout": VERIFIER_TIMEOUT_SECONDS}


class Lambda:
    """A boto3 client in memory: answers in order, the last one for ever."""

    def __init__(self, *, states: list[dict[str, Any]], answers: list[Any]) -> None:
        self._states = states
        self._answers = answers
        self.invoked: list[Any] = []

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]

    def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert InvocationType == "RequestResponse"
        self.invoked.append(json.loads(Payload))
        said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(said, Exception):
            raise said
        return {"Payload": io.BytesIO(json.dumps(said).encode())}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def pause(self, seconds: float) -> None:
        self.now += seconds


def functions(client: Any) -> tuple[Functions, Clock]:
    clock = Clock()
    return Functions(client, clock=lambda: clock.now, pause=clock.pause), clock


def failing(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")


def test_the_client_waits_longer_than_any_function_runs() -> None:
    assert READ_TIMEOUT_SECONDS > VERIFIER_TIMEOUT_SECONDS


def test_it_is_waited_for_until_it_is_active() -> None:
    client = Lambda(
        states=[{"State": "Pending"}, ACTIVE | {"LastUpdateStatus": "InProgress"}, ACTIVE], answers=[{"a": 1}]
    )
    reached, clock = functions(client)
    assert reached.invoke_when_ready(ARN, {"x": 1}) == {"a": 1}
    assert client.invoked == [{"x": 1}]
    assert clock.now > 0


def test_an_idle_function_is_woken_up() -> None:
    client = Lambda(
        states=[ACTIVE | {"State": "Inactive"}], answers=[failing("ResourceNotReadyException"), {}]
    )
    reached, _ = functions(client)
    assert reached.invoke_when_ready(ARN, {}) == {}


def test_waiting_has_an_end() -> None:
    client = Lambda(states=[{"State": "Pending"}], answers=[{}])
    reached, clock = functions(client)
    with pytest.raises(NotReady, match="not active yet"):
        reached.invoke_when_ready(ARN, {})
    assert READY_SECONDS <= clock.now < READY_SECONDS + 10
    assert not client.invoked


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"State": "Failed", "StateReason": "no subnet"}, "is broken: no subnet"),
        (ACTIVE | {"LastUpdateStatus": "Failed"}, "is broken"),
        (ACTIVE | {"Timeout": 900}, "may run 900 s"),
    ],
)
def test_a_function_that_cannot_be_relied_on_is_not_invoked(state: dict[str, Any], reason: str) -> None:
    client = Lambda(states=[state], answers=[{}])
    with pytest.raises(CannotTell, match=reason):
        functions(client)[0].invoke_when_ready(ARN, {})
    assert not client.invoked


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (failing("AccessDeniedException"), Denied),
        (failing("TooManyRequestsException"), CannotTell),
        (failing("ServiceException"), CannotTell),
        (failing("ResourceNotFoundException"), CannotTell),
        (ReadTimeoutError(endpoint_url="https://lambda"), CannotTell),
    ],
)
def test_no_failed_invocation_is_repeated(error: Exception, kind: type[CannotTell]) -> None:
    client = Lambda(states=[ACTIVE], answers=[error])
    with pytest.raises(kind):
        functions(client)[0].invoke(ARN, {"jobs": []})
    assert len(client.invoked) == 1


def test_an_answer_nested_without_end_is_none() -> None:
    class Endless(Lambda):
        def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
            return {"Payload": io.BytesIO(b"[" * 100_000)}

    called, _ = functions(Endless(states=[ACTIVE], answers=[]))
    assert called.invoke(ARN, {}) is None


def test_what_a_function_failed_of_is_told_without_its_stack() -> None:
    class Failing(Lambda):
        def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
            return super().invoke(FunctionName, InvocationType, Payload) | {"FunctionError": "Unhandled"}

    said = {"errorType": "ValueError", "errorMessage": "protocol: found 1", "stackTrace": ["secret frame"]}
    with pytest.raises(CannotTell, match="ValueError: protocol: found 1") as caught:
        functions(Failing(states=[ACTIVE], answers=[said]))[0].invoke(ARN, {})
    assert "frame" not in caught.value.diagnostics()
    assert "/aws/lambda/flexpay-production-verifier-use1-az1" in caught.value.hint


def test_requests_survive_the_journey() -> None:
    request = Request(Action.MEASURE, "run", (PairJob("acme-air", {"total": 1}, "air", orders=False),), True)
    assert to_request(json.loads(json.dumps(to_event(request)))) == request
    stored = Request(Action.PROVE, stored=StoredPair("acme-air", "v-1", "AWSPENDING"))
    assert to_request(json.loads(json.dumps(to_event(stored)))) == stored
    stranger = Request(Action.STRANGER, which="unknown-client")
    assert to_request(to_event(stranger)) == stranger


@pytest.mark.parametrize("count", [1, MERCHANTS_PER_INVOCATION, MERCHANTS_PER_INVOCATION + 1, 200])
def test_every_merchant_is_in_exactly_one_invocation(count: int) -> None:
    jobs = [PairJob(f"merchant-{number}") for number in range(count)]
    spread = batches(jobs)
    assert [job for batch in spread for job in batch] == jobs
    assert all(len(batch) <= MERCHANTS_PER_INVOCATION for batch in spread)


def vantage(answers: Any) -> FunctionVantage:
    def invoke(event: Mapping[str, Any]) -> Any:
        if isinstance(answers, Exception):
            raise answers
        return answers(event) if callable(answers) else answers

    return FunctionVantage("use1-az1", invoke, invoke, "run", IPv4Address("198.51.100.1"))


def measured(merchant: str) -> dict[str, Any]:
    return to_json(PairMeasurement(merchant, "host", Step(True), CallRecord("token", True)))


def test_evidence_is_told_under_the_zones_name() -> None:
    here = vantage({"pairs": [measured("acme-air")], "kept": ["acme-air"], "trouble": ""})
    (work,) = here.pair_work([PairJob("acme-air")])
    (found,) = work()
    assert (found.vantage, found.merchant) == ("function use1-az1", "acme-air")
    assert found.token
    assert found.token.ok
    assert here.kept == {"acme-air"}


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"pairs": 3, "kept": []},
        {"pairs": [{"merchant": "acme-air"}], "kept": []},
        {"pairs": [], "kept": []},
        {"pairs": [measured("acme-air"), measured("acme-shop")], "kept": []},
    ],
)
def test_an_answer_that_is_none_leaves_everything_open(said: Any) -> None:
    (work,) = vantage(said).pair_work([PairJob("acme-air", {"total": 1}, "air")])
    (found,) = work()
    assert (found.credentials.ok, found.credentials.answered) == (False, False)
    assert "may have been placed" in found.credentials.fact


def test_a_failed_invocation_is_told_for_each_of_its_merchants_and_for_no_other() -> None:
    jobs = [PairJob(f"merchant-{number}") for number in range(MERCHANTS_PER_INVOCATION + 1)]

    def invoke(event: Mapping[str, Any]) -> Any:
        if len(event["jobs"]) > 1:
            raise CannotTell("the line broke")
        return {"pairs": [measured(event["jobs"][0]["merchant"])], "kept": []}

    found = [pair for work in vantage(invoke).pair_work(jobs) for pair in work()]
    assert [pair.merchant for pair in found] == [job.merchant for job in jobs]
    assert [pair.credentials.ok for pair in found] == [False] * MERCHANTS_PER_INVOCATION + [True]


def test_a_place_that_cannot_be_asked_is_not_a_place_without_echo() -> None:
    found = vantage(CannotTell("no such function", hint="deploy")).place_work()()
    (sample,) = found.samples
    assert (sample.address, sample.call.ok, sample.call.answered) == (None, False, False)
    assert sample.call.next_step == "deploy"


def test_a_stranger_that_cannot_be_asked_is_not_refused() -> None:
    call = vantage(CannotTell("no such function")).stranger_work("unknown-client")()
    assert (call.ok, call.answered, call.kind) == (False, False, None)
