"""Which call a fault strikes, and which faults are refused."""

import json
import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from sandbox.flexpay.certificates import FLAWS
from sandbox.flexpay.gate import Gate, Refusal
from sandbox.flexpay.messages import Answer, Request
from sandbox.flexpay.spoiling import spoil
from sandbox.flexpay.switches import Action, At, Body, Fault, Port, Switches, camel
from sandbox.flexpay.tokens import basic, bearer

PEER = "127.0.0.1"


def test_a_fault_strikes_its_endpoint_and_peer_only() -> None:
    switches = Switches()
    fault = Fault(endpoint="token", peer=PEER, status=503)
    switches.add(fault)
    assert switches.for_call("token", PEER) == [fault]
    assert switches.for_call("orders", PEER) == []
    assert switches.for_call("token", "127.0.0.2") == []


def test_any_means_the_partner_and_not_the_echoes() -> None:
    switches = Switches()
    switches.add(Fault(status=503))
    assert switches.for_call("order", PEER)
    assert not switches.for_call("echo-1", PEER)


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (Fault(status=500), [True, True, True]),
        (Fault(status=500, nth=2), [False, True, False]),
        (Fault(status=500, times=2), [True, True, False]),
    ],
)
def test_the_nth_call_the_first_few_or_all_are_struck(fault: Fault, struck: list[bool]) -> None:
    switches = Switches()
    switches.add(fault)
    assert [bool(switches.for_call("token", PEER)) for _ in struck] == struck


def test_calls_of_others_do_not_count() -> None:
    switches = Switches()
    switches.add(Fault(endpoint="token", peer=PEER, status=500, nth=1))
    switches.for_call("orders", PEER)
    switches.for_call("token", "127.0.0.2")
    assert switches.for_call("token", PEER)


def test_a_connection_fault_on_orders_waits_for_a_token() -> None:
    switches = Switches()
    switches.add(Fault(endpoint="orders", at="accept", action="reset"))
    assert not switches.for_connection("partner", PEER)
    assert switches.answered("token", PEER)  # whose connection is closed, so that there is a new one
    assert switches.for_connection("partner", PEER)


def test_a_fault_taken_away_strikes_no_more() -> None:
    switches = Switches()
    switches.remove(switches.add(Fault(status=500)))
    assert not switches.for_call("token", PEER)
    with pytest.raises(KeyError):
        switches.remove("fault-1")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([], "JSON object"),
        ({"endpoint": "tokens"}, "none of any, token"),
        ({"statsu": 500}, "unknown keys statsu; known are action"),
        ({"status": "500"}, "wrong type"),
        ({"status": 99}, "between 200 and 599"),
        ({"at": "sometime"}, "none of accept"),
        ({"body": "odd"}, "none of envelope"),
        ({"nth": 0}, "from 1"),
        ({"times": True}, "wrong type"),
        ({"delay": -1}, "negative"),
        ({"certificate": "old"}, "none of expired"),
        ({"at": "tls", "status": 500}, "two faults"),
        ({"port": "closed", "peer": PEER}, "for everybody"),
        ({"set": []}, "wrong type"),
        ({"remove": "expires_in"}, "wrong type"),
        ({"processed": "yes"}, "not true or false"),
        ({"dateSkew": 1e18}, "which no date shows"),
        ({"dateSkew": math.inf}, "which no date shows"),
        ({"headers": {"X": "€"}}, "cannot stand in a header"),
        ({"headers": {"X": 5}}, "cannot stand in a header"),
        ({"headers": {"X": "a\r\nSet-Cookie: b"}}, "cannot stand in a header"),
        ({"contentType": "€"}, "content_type: '€' cannot stand in a header"),
        ({"location": "http://€{path}"}, "location: .* cannot stand in a header"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_the_reason(raw: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Fault.from_json(raw)


def test_a_fault_survives_json() -> None:
    fault = Fault(
        endpoint="token", set={"expires_in": -1}, remove=("token_type",), date_skew=90.0, processed=True
    )
    assert Fault.from_json(fault.to_json()) == fault


@pytest.mark.parametrize(
    ("fault", "handled"),
    [
        (Fault(status=500), False),
        (Fault(status=500, processed=True), True),
        (Fault(body="page"), False),
        (Fault(body="cut"), True),
        (Fault(set={"expires_in": 0}), True),
        (Fault(at="body", action="reset"), True),
        (Fault(at="request", action="close"), False),
        (Fault(at="request", action="close", processed=True), True),
        (Fault(date_skew=60), True),
    ],
)
def test_an_order_is_created_only_where_the_fault_leaves_or_asks_for_it(fault: Fault, handled: bool) -> None:
    calls = []

    def real() -> Answer:
        calls.append(1)
        return Answer(200, b"{}")

    spoil([fault], Request("POST", "/", {}, {}, b"", PEER), real)
    assert bool(calls) is handled


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"refusal": "ignore"}, "refusal"),
        ({"enforce": "no"}, "enforce"),
        ({"gated": ["cards"]}, "gated"),
        ({"propagationSeconds": -1}, "propagationSeconds"),
        ({"colour": 1}, "known are refusal"),
    ],
)
def test_a_setting_that_cannot_be_changes_nothing(settings: dict[str, Any], expected: str) -> None:
    gate = Gate()
    with pytest.raises(ValueError, match=expected):
        gate.change({"latencySeconds": 1, **settings})
    assert gate == Gate()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic YTpi", ("a", "b")),
        ("basic YTpi", ("a", "b")),
        ("Basic YTpiOmM=", ("a", "b:c")),
        ("Basic YQ==", None),
        ("Basic !!!", None),
        ("Basic /////w==", None),
        ("Bearer YTpi", None),
        ("", None),
    ],
)
def test_basic_credentials_are_read_strictly(header: str, expected: tuple[str, str] | None) -> None:
    assert basic(header) == expected


@pytest.mark.parametrize(("header", "expected"), [("Bearer t", "t"), ("Bearer ", None), ("Basic t", None)])
def test_bearer_tokens_are_read_strictly(header: str, expected: str | None) -> None:
    assert bearer(header) == expected


def test_the_manual_names_every_field_and_its_examples_are_faults() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "sandbox-partner.md").read_text()
    examples = re.findall(r"--fault '([^']+)'", manual)
    assert len(examples) >= 3
    for example in examples:
        Fault.from_json(json.loads(example))
    named = {camel(one.name) for one in fields(Fault)} - {"piece", "size", "headers", "contentType"}
    for name in named:
        assert f'"{name}"' in manual or f"`{name}`" in manual, name
    for value in (
        *get_args(Refusal),
        *get_args(At),
        *get_args(Action),
        *get_args(Body),
        *get_args(Port),
        *FLAWS,
    ):
        assert f"`{value}`" in manual, value


def test_whatever_was_called_a_redirect_to_it_can_be_sent() -> None:
    asked = Request("GET", "/a €\r\n", {"q": ["é&"]}, {}, b"", PEER)
    answer = spoil([Fault(location="http://elsewhere{path}")], asked, lambda: Answer(200))
    assert answer.headers["Location"] == "http://elsewhere/a%20%E2%82%AC%0D%0A?q=%C3%A9%26"


def test_a_text_goes_out_word_for_word_even_where_it_is_no_unicode() -> None:
    asked = Request("GET", "/", {}, {}, b"", PEER)
    assert spoil([Fault(text="\ud800")], asked, lambda: Answer(200)).body == b"\xed\xa0\x80"
