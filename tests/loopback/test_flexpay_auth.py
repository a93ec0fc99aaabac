"""The auth object for applications, against a partner that counts."""

import json
import logging
import pickle
import threading
import traceback
from collections.abc import Iterator

import pytest
import requests

from onboarding.errors import InputError
from onboarding.flexpay import ClientCredentials, FlexPayAuth, PartnerRefused, PartnerUnusable, open_session
from onboarding.redaction import Hidden, KnownSecrets
from sandbox.flexpay.server import Partner, running
from sandbox.flexpay.switches import Fault
from tests.loopback.canaries import without_test_frames

MERCHANT, SOURCE = "acme-shop", "127.0.0.1"
ORDER: dict[str, object] = {"merchantConfig": {}}


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with running() as partner:
        partner.register(MERCHANT, "UP-12345678-2")
        partner.allow(MERCHANT, SOURCE)
        yield partner


@pytest.fixture
def issued(partner: Partner) -> Iterator[ClientCredentials]:
    partner.no_fault()
    partner.calls.clear()
    client_id, secret = partner.issue(MERCHANT)
    yield ClientCredentials(client_id, Hidden(secret))
    partner.no_fault()


@pytest.fixture
def session(partner: Partner) -> Iterator[requests.Session]:
    with open_session(partner.ca) as session:
        yield session


def auth_of(partner: Partner, issued: ClientCredentials) -> FlexPayAuth:
    return FlexPayAuth(partner.url, lambda: issued, ca_bundle=partner.ca)


def test_fifty_threads_on_a_cold_cache_make_one_token_call(
    partner: Partner, issued: ClientCredentials, session: requests.Session
) -> None:
    auth = auth_of(partner, issued)
    statuses: list[int] = []

    def one() -> None:
        answer = session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=auth)
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=one) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [400] * 50
    assert len(partner.calls.of("token")) == 1


def test_marketing_and_checkout_share_the_token(
    partner: Partner, issued: ClientCredentials, session: requests.Session
) -> None:
    auth = auth_of(partner, issued)
    for path in ("/api/checkout/v1/orders", "/api/checkout/v1/marketing/offers"):
        session.post(f"{partner.url}{path}", json=ORDER, auth=auth)
    assert len(partner.calls.of("token")) == 1


def test_a_401_is_answered_once_with_a_fresh_token(
    partner: Partner, issued: ClientCredentials, session: requests.Session
) -> None:
    auth = auth_of(partner, issued)
    session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=auth)
    partner.advance(1801)
    answer = session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=auth)
    assert answer.status_code == 400
    assert [one.status_code for one in answer.history] == [401]
    assert len(partner.calls.of("token")) == 2


def test_a_lasting_401_is_not_retried_in_a_loop(
    partner: Partner, issued: ClientCredentials, session: requests.Session
) -> None:
    partner.fault(Fault(endpoint="orders", status=401, body="envelope"))
    answer = session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=auth_of(partner, issued))
    assert answer.status_code == 401
    assert len(partner.calls.of("orders")) == 2
    assert len(partner.calls.of("token")) == 2


def test_a_stream_is_not_sent_twice(
    partner: Partner, issued: ClientCredentials, session: requests.Session
) -> None:
    partner.fault(Fault(endpoint="orders", status=401, body="envelope"))
    answer = session.post(
        f"{partner.url}/api/checkout/v1/orders", data=iter([b"{}"]), auth=auth_of(partner, issued)
    )
    assert answer.status_code == 401
    assert len(partner.calls.of("orders")) == 1


def test_other_failures_are_never_repeated(
    partner: Partner, issued: ClientCredentials, session: requests.Session
) -> None:
    partner.fault(Fault(endpoint="orders", status=500, body="envelope"))
    auth = auth_of(partner, issued)
    assert session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=auth).status_code == 500
    assert len(partner.calls.of("orders")) == 1


def test_refused_credentials_are_tried_once_per_request(partner: Partner, session: requests.Session) -> None:
    partner.calls.clear()
    wrong = FlexPayAuth(
        partner.url, lambda: ClientCredentials("fp-nobody", Hidden("n" * 20)), ca_bundle=partner.ca
    )
    with pytest.raises(PartnerRefused, match="token call: not authorized"):
        session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=wrong)
    assert len(partner.calls.of("token")) == 1
    assert not partner.calls.of("orders")


def test_a_partner_that_gives_no_usable_answer_is_a_different_error(
    partner: Partner, issued: ClientCredentials, session: requests.Session
) -> None:
    partner.fault(Fault(endpoint="token", status=503, body="page"))
    with pytest.raises(PartnerUnusable):
        session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=auth_of(partner, issued))


@pytest.mark.parametrize("url", ["http://localhost:1", "ftp://localhost", "localhost", ""])
def test_plain_http_is_refused(url: str, issued: ClientCredentials) -> None:
    with pytest.raises(InputError, match="https"):
        FlexPayAuth(url, lambda: issued)


def test_another_host_gets_neither_token_nor_secret(
    partner: Partner, issued: ClientCredentials, session: requests.Session
) -> None:
    other = partner.echo[0]
    with pytest.raises(InputError, match="another host"):
        session.get(other, auth=auth_of(partner, issued))
    assert not partner.calls.of("echo-1")


def test_nothing_shows_the_secret_or_the_token(
    partner: Partner,
    issued: ClientCredentials,
    session: requests.Session,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    auth = auth_of(partner, issued)
    answer = session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=auth)
    bearer = answer.request.headers["Authorization"].removeprefix("Bearer ")
    for text in (repr(auth), str(vars(auth)), caplog.text):
        assert issued.client_secret.reveal() not in text
        assert bearer not in text
    with pytest.raises(TypeError):
        pickle.dumps(auth)


@pytest.mark.parametrize("spoil", ["revoked", "not JSON", "third field"])
def test_no_frame_of_a_failure_holds_the_secret(
    partner: Partner, session: requests.Session, spoil: str
) -> None:
    client_id, secret = partner.issue(MERCHANT)
    stored = {"client_id": client_id, "client_secret": secret}
    if spoil == "revoked":
        partner.revoke(client_id)
    text = {"not JSON": f"{client_id}={secret}", "third field": json.dumps(stored | {"x": 1})}.get(
        spoil, json.dumps(stored)
    )
    auth = FlexPayAuth(partner.url, lambda: text, ca_bundle=partner.ca)
    with pytest.raises((PartnerRefused, ValueError)) as caught:
        session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=auth)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(without_test_frames(told).format())
    assert "onboarding/flexpay" in shown
    assert not KnownSecrets([Hidden(secret)]).found_in(shown)


def test_the_secret_may_come_as_the_stores_json(
    partner: Partner, issued: ClientCredentials, session: requests.Session
) -> None:
    auth = FlexPayAuth(partner.url, issued.to_json, ca_bundle=partner.ca)
    assert session.post(f"{partner.url}/api/checkout/v1/orders", json=ORDER, auth=auth).status_code == 400
