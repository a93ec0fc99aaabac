"""The allow-list: judged on the socket's address, per merchant, with every way of turning somebody away."""

import time
from collections.abc import Iterator

import pytest

from sandbox.flexpay.gate import Refusal
from sandbox.flexpay.server import Partner, running
from tests.loopback.partner_client import (
    LISTED,
    MERCHANT,
    STRANGER,
    TOKEN,
    Reply,
    basic,
    call,
    fate_of,
    order_call,
    token_call,
)

Client = tuple[str, str]
MADE_UP = ("made-up", "made-up")


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running(merchants=[MERCHANT]) as one:
        one.allow("acme-air", LISTED)
        yield one


@pytest.fixture
def client(partner: Partner) -> Client:
    return partner.issue("acme-air")


def _kind(reply: Reply) -> str:
    return (
        f"{reply.status} envelope"
        if reply.headers["content-type"] == "application/json"
        else f"{reply.status} page"
    )


def test_an_empty_list_lets_nobody_in() -> None:
    with running(merchants=[MERCHANT]) as partner:
        assert _kind(token_call(partner, MADE_UP, source="127.0.0.1")) == "403 page"
        assert _kind(order_call(partner, "made-up", source="127.0.0.1")) == "403 page"


def test_a_stranger_is_refused_before_authentication(partner: Partner, client: Client) -> None:
    for reply in (
        token_call(partner, client, source=STRANGER),
        token_call(partner, MADE_UP, source=STRANGER),
        call(partner, "GET", TOKEN, source=STRANGER),
        order_call(partner, "made-up", source=STRANGER),
        call(partner, "GET", "/nowhere", source=STRANGER),
    ):
        assert _kind(reply) == "403 page"
    assert [one.refused for one in partner.calls] == [True] * 5
    assert token_call(partner, MADE_UP).status == 401


def test_no_header_lets_anybody_in(partner: Partner, client: Client) -> None:
    claims = dict.fromkeys(
        ("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"),
        LISTED,
    )
    reply = call(partner, "POST", TOKEN, headers={**basic(client), **claims}, source=STRANGER)
    assert reply.status == 403


def test_a_refusal_may_look_like_the_api(partner: Partner, client: Client) -> None:
    partner.gate.refusal = "403-envelope"
    assert _kind(token_call(partner, client, source=STRANGER)) == "403 envelope"


@pytest.mark.parametrize(
    ("refusal", "fate"), [("drop", "timed out"), ("hang-up", "closed"), ("reset", "reset")]
)
@pytest.mark.parametrize("gated", [("token", "orders"), ("token",)])
def test_a_refusal_may_happen_at_the_socket(
    partner: Partner, client: Client, refusal: Refusal, fate: str, gated: tuple[str, ...]
) -> None:
    partner.gate.refusal = refusal
    partner.gate.gated = gated
    assert fate_of(lambda: token_call(partner, client, source=STRANGER, timeout=0.4)) == fate
    assert token_call(partner, client).status == 200
    assert [one.refused for one in partner.calls] == [True, False]


def test_only_half_of_the_api_may_look_at_the_list(partner: Partner, client: Client) -> None:
    token = str(token_call(partner, client).json["access_token"])
    partner.gate.gated = ("orders",)
    assert token_call(partner, client, source=STRANGER).status == 200
    assert order_call(partner, token, source=STRANGER).status == 403
    partner.gate.gated = ("token",)
    assert token_call(partner, client, source=STRANGER).status == 403
    assert order_call(partner, token, source=STRANGER).status == 200


def test_a_list_that_is_not_enforced_answers_everybody_alike(partner: Partner, client: Client) -> None:
    partner.gate.enforce = False
    assert token_call(partner, client, source=STRANGER).status == 200
    assert _kind(token_call(partner, MADE_UP, source=STRANGER)) == _kind(token_call(partner, MADE_UP))


def test_an_address_of_another_merchant_is_refused_after_authentication(
    partner: Partner, client: Client
) -> None:
    partner.register("acme-shop", "UP-87654321-9")
    partner.allow("acme-shop", STRANGER)
    assert token_call(partner, MADE_UP, source=STRANGER).status == 401
    assert _kind(token_call(partner, client, source=STRANGER)) == "403 envelope"
    token = str(token_call(partner, client).json["access_token"])
    assert _kind(order_call(partner, token, source=STRANGER)) == "403 envelope"
    assert partner.calls.orders_created() == 0


def test_an_approval_comes_into_force_after_its_time(partner: Partner, client: Client) -> None:
    partner.gate.propagation_seconds = 600
    partner.allow("acme-air", STRANGER)
    assert token_call(partner, client, source=STRANGER).status == 403
    partner.advance(601)
    assert token_call(partner, client, source=STRANGER).status == 200


def test_an_address_taken_off_is_refused_at_once(partner: Partner, client: Client) -> None:
    assert token_call(partner, client).status == 200
    partner.disallow("acme-air", LISTED)
    assert token_call(partner, client).status == 403


@pytest.mark.parametrize("address", ["127.0.0.0/8", "::1", "localhost", ""])
def test_only_addresses_go_onto_the_list(partner: Partner, address: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the standard library's
        partner.allow("acme-air", address)
    assert partner.book.approved_for("acme-air") == {LISTED}


def test_dropped_callers_do_not_hold_up_the_end() -> None:
    with running(merchants=[MERCHANT]) as partner:
        partner.gate.refusal = "drop"
        with pytest.raises(TimeoutError):
            token_call(partner, MADE_UP, timeout=0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 1
