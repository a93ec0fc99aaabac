"""Every fault switch, seen by a client that hides nothing."""

import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from sandbox.flexpay.server import Partner, running
from sandbox.flexpay.switches import Fault
from tests.loopback.partner_client import (
    LISTED,
    MERCHANT,
    STRANGER,
    TOKEN,
    Reply,
    basic,
    call,
    fate_of,
    open_connection,
    order_call,
    token_call,
)

Client = tuple[str, str]
QUICK = 0.5
"""Seconds after which these clients give up."""


def label(value: Any) -> str:
    return (
        " ".join(f"{name}={one}" for name, one in value.to_json().items())
        if isinstance(value, Fault)
        else str(value)
    )


@pytest.fixture(scope="module")
def shared() -> Iterator[Partner]:
    with running(merchants=[MERCHANT]) as one:
        one.allow("acme-air", LISTED, STRANGER)
        yield one


@pytest.fixture
def partner(shared: Partner) -> Iterator[Partner]:
    shared.calls.clear()
    yield shared
    shared.no_fault()


@pytest.fixture(scope="module")
def client(shared: Partner) -> Client:
    return shared.issue("acme-air")


@pytest.fixture(scope="module")
def token(shared: Partner, client: Client) -> str:
    return str(token_call(shared, client).json["access_token"])


def struck(partner: Partner, client: Client, fault: Fault) -> Reply:
    """Return the answer of the token endpoint under a fault, and check that it is sound again after."""
    with partner.faulty(fault):
        reply = token_call(partner, client)
    assert token_call(partner, client).json["expires_in"] == 1800
    return reply


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 428, 429, 500, 502, 503, 504])
def test_a_status_comes_with_the_envelope_or_without(partner: Partner, client: Client, status: int) -> None:
    with_envelope = struck(partner, client, Fault(status=status))
    assert (with_envelope.status, with_envelope.json["statusCode"]) == (status, status)
    without = struck(partner, client, Fault(status=status, body="page"))
    assert (without.status, without.headers["content-type"]) == (status, "text/html; charset=utf-8")
    empty = struck(partner, client, Fault(status=status, body="empty"))
    assert (empty.status, empty.body) == (status, b"")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(body="page"), b"<!DOCTYPE html>"),
        (Fault(body="malformed"), b'{"access_token": "half", expires_in: }'),
        (Fault(body="not-utf8"), b'{"access_token": "\xff\xfe"}'),
        (Fault(body="empty"), b""),
        (Fault(body="truncated"), b'{"access_token": "'),
        (Fault(text="203.0.113.9, 198.51.100.7"), b"203.0.113.9, 198.51.100.7"),
    ],
)
def test_a_success_may_hold_anything(partner: Partner, client: Client, fault: Fault, expected: bytes) -> None:
    reply = struck(partner, client, fault)
    assert reply.status == 200
    assert reply.body.startswith(expected)
    if fault.body == "truncated":
        assert b"}" not in reply.body


@pytest.mark.parametrize(
    ("fault", "missing", "found"),
    [
        (Fault(set={"expires_in": -5}), (), {"expires_in": -5}),
        (Fault(set={"expires_in": 10**12}), (), {"expires_in": 10**12}),
        (Fault(set={"expires_in": "soon", "access_token": 7}), (), {"expires_in": "soon", "access_token": 7}),
        (Fault(remove=("expires_in",)), ("expires_in",), {}),
        (Fault(remove=("access_token",)), ("access_token",), {"expires_in": 1800}),
    ],
)
def test_fields_may_be_wrong_or_missing(
    partner: Partner, client: Client, fault: Fault, missing: tuple[str, ...], found: dict[str, Any]
) -> None:
    value = struck(partner, client, fault).json
    assert not set(missing) & set(value)
    assert {**value, **found} == value


def test_a_body_may_be_huge(partner: Partner, client: Client) -> None:
    assert len(struck(partner, client, Fault(body="huge", size=3 * 2**20)).body) > 3 * 2**20


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://evil.example{path}", f"https://evil.example{TOKEN}"),
        ("http://localhost:1/", "http://localhost:1/"),
    ],
)
def test_a_redirect_may_lead_anywhere(partner: Partner, client: Client, location: str, expected: str) -> None:
    reply = struck(partner, client, Fault(status=307, location=location))
    assert (reply.status, reply.headers["location"]) == (307, expected)
    assert struck(partner, client, Fault(location=location)).status == 302


def test_the_date_may_be_wrong(partner: Partner, client: Client) -> None:
    skewed = parsedate_to_datetime(struck(partner, client, Fault(date_skew=-900)).headers["date"]).timestamp()
    assert skewed == pytest.approx(time.time() - 900, abs=5)


def test_headers_may_be_added(partner: Partner, client: Client) -> None:
    reply = struck(partner, client, Fault(status=429, headers={"Retry-After": "7"}))
    assert reply.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("fault", "fate"),
    [
        (Fault(at="accept", action="close"), "closed"),
        (Fault(at="accept", action="reset"), "reset"),
        (Fault(at="accept", action="hold"), "timed out"),
        (Fault(at="accept", delay=60), "timed out"),
        (Fault(at="tls", action="close"), "closed"),
        (Fault(at="tls", action="reset"), "reset"),
        (Fault(at="tls", action="hold"), "timed out"),
        (Fault(at="tls", delay=60), "timed out"),
        (Fault(at="request", action="close"), "closed"),
        (Fault(at="request", action="reset"), "reset"),
        (Fault(at="request", action="hold"), "timed out"),
        (Fault(action="close"), "closed"),
        (Fault(action="reset"), "reset"),
        (Fault(delay=60), "timed out"),
        (Fault(at="headers", action="close"), "cut short"),
        (Fault(at="headers", action="reset"), "reset"),
        (Fault(at="headers", action="hold"), "timed out"),
        (Fault(at="body", action="close"), "cut short"),
        (Fault(at="body", action="reset"), "reset"),
        (Fault(at="body", action="hold"), "timed out"),
        (Fault(at="body", delay=60), "timed out"),
        (Fault(body="cut"), "cut short"),
        (Fault(port="closed"), "refused"),
        (Fault(port="unreachable"), "timed out"),
        (Fault(certificate="expired"), "certificate has expired"),
        (Fault(certificate="untrusted"), "unable to get local issuer certificate"),
        (Fault(certificate="wrong-name"), "Hostname mismatch, certificate is not valid for 'localhost'."),
    ],
    ids=label,
)
def test_a_connection_may_fail_in_any_phase_and_be_sound_afterwards(
    partner: Partner, client: Client, fault: Fault, fate: str
) -> None:
    with partner.faulty(fault):
        started = time.monotonic()
        assert fate_of(lambda: token_call(partner, client, timeout=QUICK)) == fate
        assert time.monotonic() - started < QUICK + 1
    assert fate_of(lambda: token_call(partner, client)) == "200"


def test_a_wait_shorter_than_the_callers_patience_is_only_slow(partner: Partner, client: Client) -> None:
    for fault in (Fault(at="accept", delay=0.2), Fault(at="tls", delay=0.2), Fault(delay=0.2)):
        started = time.monotonic()
        assert struck(partner, client, fault).status == 200
        assert time.monotonic() - started >= 0.2


def test_a_body_may_drip(partner: Partner, client: Client) -> None:
    started = time.monotonic()
    reply = struck(partner, client, Fault(at="body", delay=0.01, piece=4))
    assert reply.json["expires_in"] == 1800
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(
    ("fault", "orders", "fate"),
    [
        (Fault("orders", status=500), 0, "500"),
        (Fault("orders", status=500, processed=True), 1, "500"),
        (Fault("orders", at="request", action="close"), 0, "closed"),
        (Fault("orders", action="close"), 1, "closed"),
        (Fault("orders", at="body", action="reset"), 1, "reset"),
        (Fault("orders", delay=60), 1, "timed out"),
        (Fault("orders", at="request", delay=60), 0, "timed out"),
    ],
    ids=label,
)
def test_it_is_known_whether_an_order_came_of_a_failed_call(
    partner: Partner, token: str, fault: Fault, orders: int, fate: str
) -> None:
    with partner.faulty(fault):
        assert fate_of(lambda: order_call(partner, token, timeout=QUICK)) == fate
    assert partner.calls.orders_created() == orders
    assert all(one.faulty for one in partner.calls)


def test_a_fault_may_strike_one_peer_once(partner: Partner, client: Client) -> None:
    with partner.faulty(Fault("token", peer=STRANGER, nth=2, status=503)):
        fates = [
            token_call(partner, client, source=one).status for one in (STRANGER, LISTED, LISTED, STRANGER)
        ]
        assert fates == [200, 200, 200, 503]
        assert token_call(partner, client, source=STRANGER).status == 200


@pytest.mark.parametrize(
    ("fault", "fate"),
    [
        (Fault("orders", at="accept", action="reset"), "reset"),
        (Fault("orders", at="tls", action="hold"), "timed out"),
        (Fault("orders", certificate="expired"), "certificate has expired"),
        (Fault("orders", port="closed"), "refused"),
        (Fault("orders", port="unreachable"), "timed out"),
    ],
    ids=label,
)
def test_the_connection_of_the_order_may_fail_after_a_sound_token(
    partner: Partner, client: Client, fault: Fault, fate: str
) -> None:
    with partner.faulty(fault):
        first = token_call(partner, client)
        assert (first.status, first.headers["connection"]) == (200, "close")
        token = first.json["access_token"]
        assert fate_of(lambda: order_call(partner, token, timeout=QUICK)) == fate
    assert order_call(partner, token).status == 200


def test_a_kept_connection_ends_when_the_port_closes(partner: Partner, client: Client) -> None:
    connection = open_connection(partner)
    connection.request("POST", TOKEN, headers=basic(client))
    assert connection.getresponse().read()
    kept = connection.sock
    assert isinstance(kept, socket.socket)
    with partner.faulty(Fault(port="closed")):
        assert kept.recv(1) == b""
    connection.close()


def test_an_echo_may_lie_and_the_other_not(partner: Partner) -> None:
    faults = {
        b"203.0.113.99\n": Fault("echo-1", text="203.0.113.99\n"),
        b"127.0.10.1, 127.0.10.2": Fault("echo-1", text="127.0.10.1, 127.0.10.2"),
        b"<!DOCTYPE html>\n": Fault("echo-1", body="page", status=200),
    }
    for expected, fault in faults.items():
        with partner.faulty(fault):
            assert call(partner, "GET", "/", url=partner.echo[0]).body.startswith(expected)
            assert call(partner, "GET", "/", url=partner.echo[1]).body == f"{LISTED}\n".encode()
    with partner.faulty(Fault("echo-2", at="accept", action="hold")):
        assert fate_of(lambda: call(partner, "GET", "/", url=partner.echo[1], timeout=QUICK)) == "timed out"
        assert call(partner, "GET", "/", url=partner.echo[0]).status == 200
    with partner.faulty(Fault("echo-1", port="closed")):
        assert fate_of(lambda: call(partner, "GET", "/", url=partner.echo[0])) == "refused"
        assert fate_of(lambda: call(partner, "GET", "/", url=partner.echo[1])) == "200"


def test_a_port_of_another_listener_closes_once_a_token_was_issued(partner: Partner, client: Client) -> None:
    with partner.faulty(Fault("echo-2", port="closed", after="token")):
        assert fate_of(lambda: call(partner, "GET", "/", url=partner.echo[1])) == "200"
        assert token_call(partner, client).status == 200
        assert fate_of(lambda: call(partner, "GET", "/", url=partner.echo[1])) == "refused"


def test_callers_in_any_phase_do_not_hold_up_the_end() -> None:
    with running(merchants=[MERCHANT]) as partner:
        partner.allow("acme-air", LISTED)
        silent = socket.create_connection(("127.0.0.1", int(partner.url.rpartition(":")[2])))
        kept = open_connection(partner)
        kept.connect()
        partner.fault(Fault("echo-1", at="tls", action="hold"), Fault("echo-2", delay=60))
        first, second = partner.echo
        assert fate_of(lambda: call(partner, "GET", "/", url=first, timeout=0.2)) == "timed out"
        assert fate_of(lambda: call(partner, "GET", "/", url=second, timeout=0.2)) == "timed out"
        started = time.monotonic()
    assert time.monotonic() - started < 1
    silent.close()
    kept.close()
