"""The partner over real sockets: tokens, orders, offers and every refusal, from the client's side."""

import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.flexpay.book import Limits
from sandbox.flexpay.server import Partner, running
from tests.loopback.partner_client import (
    LISTED,
    MERCHANT,
    ORDERS,
    STRANGER,
    TOKEN,
    an_order,
    basic,
    bearer,
    call,
    open_connection,
    order_call,
    token_call,
)

Client = tuple[str, str]


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running(merchants=[MERCHANT], request_seconds=1) as one:
        one.allow("acme-air", LISTED)
        yield one


@pytest.fixture
def client(partner: Partner) -> Client:
    return partner.issue("acme-air")


@pytest.fixture
def token(partner: Partner, client: Client) -> str:
    return str(token_call(partner, client).json["access_token"])


def test_credentials_give_a_token_for_thirty_minutes(partner: Partner, client: Client) -> None:
    reply = token_call(partner, client)
    assert reply.status == 200
    assert reply.json["token_type"] == "Bearer"
    assert reply.json["expires_in"] == 1800
    assert reply.headers["cache-control"] == "no-store"
    assert client[1] not in str(list(partner.calls))


def test_a_body_at_the_token_endpoint_does_no_harm(partner: Partner, client: Client) -> None:
    headers = {**basic(client), "Content-Type": "application/json"}
    assert call(partner, "POST", TOKEN, headers=headers, body=b"").status == 200


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("", "query.grant_type"),
        ("?grant_type=password", "query.grant_type"),
        ("?grant_type=", "query.grant_type"),
    ],
)
def test_the_grant_type_belongs_in_the_query(
    partner: Partner, client: Client, query: str, param: str
) -> None:
    path = TOKEN.partition("?")[0] + query
    form = {"Content-Type": "application/x-www-form-urlencoded", **basic(client)}
    reply = call(partner, "POST", path, headers=form, body=b"grant_type=client_credentials")
    assert (reply.status, reply.json["param"]) == (400, param)
    assert reply.is_envelope()


def test_bad_clients_are_refused(partner: Partner, client: Client) -> None:
    wrong = [
        {},
        basic(("nobody", "x")),
        basic((client[0], "x")),
        basic((client[0], "")),
        {"Authorization": "Basic " + b64encode(client[0].encode()).decode()},
        {"Authorization": f"Bearer {client[1]}"},
    ]
    for headers in wrong:
        reply = call(partner, "POST", TOKEN, headers=headers)
        assert reply.status == 401
        assert reply.is_envelope()


def test_methods_and_paths_that_do_not_exist(partner: Partner, token: str) -> None:
    for method, path, allowed in (
        ("GET", TOKEN, "POST"),
        ("GET", ORDERS, "POST"),
        ("PUT", f"{ORDERS}/1", "GET"),
    ):
        reply = call(partner, method, path, headers=bearer(token))
        assert (reply.status, reply.headers["allow"]) == (405, allowed)
        assert reply.is_envelope()
    for path in ("/", "/api/flexpay/v1/orders", f"{ORDERS}/1/cancel"):
        assert call(partner, "GET", path, headers=bearer(token)).status == 404


def test_an_order_is_created_and_can_be_read(partner: Partner, token: str) -> None:
    created = order_call(partner, token)
    assert created.status == 200
    order_id = created.json["id"]
    assert created.json["redirectUrl"].endswith(order_id)
    assert {name: created.json[name] for name in an_order()} == an_order()
    read = call(partner, "GET", f"{ORDERS}/{order_id}", headers=bearer(token))
    assert (read.status, read.json) == (200, created.json)
    assert partner.calls.orders_created() == 1


def test_an_ineligible_order_is_answered_without_an_error_and_creates_nothing(
    partner: Partner, token: str
) -> None:
    reply = order_call(partner, token, an_order(price="1.00"))
    assert (reply.status, reply.json["errorCodes"]) == (200, ["MIN_PRICE"])
    assert "redirectUrl" not in reply.json
    assert "id" not in reply.json
    assert partner.calls.orders_created() == 0


def test_limits_are_per_merchant(partner: Partner, token: str) -> None:
    partner.register(*MERCHANT, limits=Limits(max_price="100.00"))
    assert order_call(partner, token).json["errorCodes"] == ["MAX_PRICE"]


def test_an_order_without_its_integration_id_proves_address_token_and_route(
    partner: Partner, token: str
) -> None:
    order = an_order()
    del order["integrationId"]
    reply = order_call(partner, token, order)
    assert reply.json == {
        "codeName": "INVALID_REQUEST_ERROR",
        "message": "field required",
        "statusCode": 400,
        "param": "body.integrationId",
    }
    assert partner.calls.orders_created() == 0


def test_what_is_not_json_is_refused(partner: Partner, token: str) -> None:
    json_type = {"Content-Type": "application/json"}
    for headers, body in (
        (json_type, b"{"),
        (json_type, b""),
        (json_type, b"\xff"),
        (json_type, b"[]"),
        (json_type, b"[" * 100_000),
        ({"Content-Type": "text/plain"}, b"{}"),
    ):
        reply = call(partner, "POST", ORDERS, headers={**bearer(token), **headers}, body=body)
        assert reply.status == 400, body[:20]
        assert reply.is_envelope()


def test_tokens_are_checked(partner: Partner, token: str) -> None:
    for headers in ({}, bearer("made-up"), {"Authorization": f"Basic {token}"}, bearer("")):
        reply = call(partner, "POST", ORDERS, headers=headers, value=an_order())
        assert reply.status == 401
        assert reply.is_envelope()


def test_a_token_runs_out_after_its_time(partner: Partner, token: str) -> None:
    partner.advance(1790)
    assert order_call(partner, token).status == 200
    partner.advance(20)
    assert order_call(partner, token).status == 401


def test_revoked_credentials_end_and_the_new_ones_overlap(
    partner: Partner, client: Client, token: str
) -> None:
    fresh = partner.issue("acme-air")
    assert token_call(partner, client).status == token_call(partner, fresh).status == 200
    partner.revoke(client[0])
    assert token_call(partner, client).status == 401
    assert order_call(partner, token).status == 401
    assert token_call(partner, fresh).status == 200


def test_merchants_are_kept_apart(partner: Partner, token: str) -> None:
    partner.register("acme-shop", "UP-87654321-9")
    partner.allow("acme-shop", LISTED)
    other = str(token_call(partner, partner.issue("acme-shop")).json["access_token"])
    foreign = order_call(partner, other)
    assert foreign.status == 403
    assert foreign.is_envelope()
    order_id = order_call(partner, token).json["id"]
    hidden = call(partner, "GET", f"{ORDERS}/{order_id}", headers=bearer(other))
    assert (hidden.status, hidden.json["message"]) == (404, f"Order with ID: {order_id} not found")


def test_two_environments_share_nothing(partner: Partner, client: Client, token: str) -> None:
    with running(merchants=[MERCHANT], environment="production") as production:
        production.allow("acme-air", LISTED)
        assert token_call(production, client).status == 401
        assert order_call(production, token).status == 401


def test_marketing_offers_take_the_same_token(partner: Partner, token: str) -> None:
    orders = [an_order(), an_order(price="1.00")]
    value = {"integrationId": MERCHANT[1], "orders": orders}
    reply = call(partner, "POST", "/api/checkout/v1/marketing/offers", headers=bearer(token), value=value)
    eligible, ineligible = reply.json["orders"]
    assert eligible["offers"][0]["apr"] == "0.1499"
    assert ineligible["errorCodes"] == ["MIN_PRICE"]


@pytest.mark.parametrize("prefix", ["/api/flexpay", "/api/flexpay/"])
def test_the_prefix_is_configurable(prefix: str) -> None:
    with running(merchants=[MERCHANT], prefix=prefix) as partner:
        assert partner.prefix == "/api/flexpay"  # as callers are told to put it before /v1/orders
        partner.allow("acme-air", LISTED)
        token = str(token_call(partner, partner.issue("acme-air")).json["access_token"])
        path = "/api/flexpay/v1/orders"
        assert call(partner, "POST", path, headers=bearer(token), value=an_order()).status == 200
        assert order_call(partner, token).status == 404


def test_echoes_answer_with_the_address_of_the_socket(partner: Partner) -> None:
    for url in partner.echo:
        reply = call(partner, "GET", "/", url=url, source=STRANGER, headers={"X-Forwarded-For": LISTED})
        assert reply.body == f"{STRANGER}\n".encode()
        assert reply.headers["content-type"] == "text/plain"


def test_a_connection_serves_many_calls_without_waiting(partner: Partner, client: Client) -> None:
    connection = open_connection(partner)
    connection.connect()
    started = time.monotonic()
    for _ in range(50):
        connection.request("POST", TOKEN, headers=basic(client))
        assert connection.getresponse().read()
    connection.close()
    assert time.monotonic() - started < 1  # a delayed acknowledgement alone costs 40 ms per call


def test_many_callers_are_served_at_once(partner: Partner, client: Client) -> None:
    partner.gate.latency_seconds = 0.2
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: token_call(partner, client), range(40)))
    assert {reply.status for reply in replies} == {200}
    assert 0.4 <= time.monotonic() - started < 4  # one after the other it would be 8 seconds


def test_chunked_bodies_are_read(partner: Partner, token: str) -> None:
    connection = open_connection(partner)
    connection.request(
        "POST",
        ORDERS,
        body=iter([b'{"price"', b': "1"}']),
        headers={**bearer(token), "Content-Type": "application/json"},
        encode_chunked=True,
    )
    assert connection.getresponse().status == 400
    connection.close()


def test_a_request_that_never_ends_times_out(partner: Partner) -> None:
    connection = open_connection(partner)
    connection.putrequest("POST", TOKEN)
    connection.putheader("Content-Length", "10")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 408
    assert b"API_TIMEOUT" in answer.read()
    connection.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"HELO\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 70_000,
        b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET http://[/ HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_garbage_is_answered_and_the_next_caller_served(
    partner: Partner, client: Client, garbage: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    connection = open_connection(partner)
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    connection.sock.sendall(garbage)
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 4")
    connection.close()
    assert token_call(partner, client).status == 200
    assert "Traceback" not in capfd.readouterr().err


def test_who_does_not_trust_the_authority_is_noted(partner: Partner) -> None:
    connection = open_connection(partner)
    connection._context = ssl.create_default_context()  # type: ignore[attr-defined]  # as with no --cacert
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.connect()
    deadline = time.monotonic() + 5
    while not len(partner.calls) and time.monotonic() < deadline:
        time.sleep(0.01)
    (seen,) = partner.calls.of("connection")
    assert "TLS handshake failed" in seen.notes[0]
