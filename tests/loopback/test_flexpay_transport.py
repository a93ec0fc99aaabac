"""What a session does and refuses to do, on real sockets."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
import requests

from onboarding.errors import InputError
from onboarding.flexpay.errors import Kind
from onboarding.flexpay.transport import Limits, NoAuthorization, exchange, open_session
from sandbox.flexpay.server import Partner, running
from sandbox.flexpay.switches import Fault

FAST = Limits(connect_seconds=0.5, read_seconds=0.5, total_seconds=1.0)


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with running() as partner:
        yield partner


@pytest.fixture(autouse=True)
def sound(partner: Partner) -> Iterator[None]:
    yield
    partner.no_fault()
    partner.calls.clear()


def test_the_source_address_is_what_the_other_side_sees(partner: Partner) -> None:
    with open_session(partner.ca, "127.60.3.4") as session:
        done = exchange(session, "GET", partner.echo[0], auth=NoAuthorization())
    assert done.body.strip() == b"127.60.3.4"


def test_proxy_and_netrc_of_the_environment_change_nothing(
    partner: Partner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login somebody password something\n")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with open_session(partner.ca) as session:
        sent = session.get(partner.echo[0], auth=NoAuthorization())
    assert sent.status_code == 200
    assert "Authorization" not in sent.request.headers


def test_plain_http_has_no_way_out(partner: Partner) -> None:
    with open_session() as session:
        done = exchange(session, "GET", partner.desk, auth=NoAuthorization())
        assert done.trouble is Kind.PLAIN_HTTP
        with pytest.raises(requests.exceptions.InvalidSchema):
            session.get(partner.desk)


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_redirects_are_not_followed(partner: Partner, scheme: str) -> None:
    partner.fault(Fault(endpoint="echo-1", location=f"{scheme}://localhost:{partner.echo[1].split(':')[-1]}"))
    with open_session(partner.ca) as session:
        done = exchange(session, "GET", partner.echo[0], auth=NoAuthorization())
        plain = session.get(partner.echo[0], allow_redirects=True)
    assert (done.status, plain.status_code) == (302, 302)
    assert not partner.calls.of("echo-2")


def test_the_public_authorities_do_not_vouch_for_the_sandbox(partner: Partner) -> None:
    with open_session() as session:
        done = exchange(session, "GET", partner.echo[0], auth=NoAuthorization())
    assert done.trouble is Kind.TLS_UNTRUSTED


def test_verification_cannot_be_switched_off_by_the_caller(partner: Partner) -> None:
    with open_session() as session, pytest.raises(requests.exceptions.SSLError):
        session.get(partner.echo[0], verify=False)


def test_a_bundle_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    for bundle in (broken, tmp_path / "missing.pem"):
        with pytest.raises(InputError, match=bundle.name):
            open_session(bundle)


def test_an_address_of_another_host_is_told_apart_from_an_unreachable_partner(partner: Partner) -> None:
    with open_session(partner.ca, "203.0.113.10") as session:
        done = exchange(session, "GET", partner.echo[0], auth=NoAuthorization())
    assert done.trouble is Kind.SOURCE_NOT_OWNED


def test_a_name_that_does_not_exist_is_a_dns_failure() -> None:
    with open_session() as session:
        done = exchange(session, "GET", "https://partner.invalid/", auth=NoAuthorization(), limits=FAST)
    assert done.trouble is Kind.DNS


def test_name_servers_that_say_nothing_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    hung = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: hung.wait(10))
    began = monotonic()
    with open_session() as session:
        done = exchange(session, "GET", "https://partner.example/", auth=NoAuthorization(), limits=FAST)
    hung.set()
    assert done.trouble is Kind.DNS
    assert monotonic() - began < 2


def test_every_phase_is_timed_and_a_kept_connection_has_fewer(partner: Partner) -> None:
    partner.fault(Fault(endpoint="echo-1", delay=0.1))
    with open_session(partner.ca) as session:
        first = exchange(session, "GET", partner.echo[0], auth=NoAuthorization())
        second = exchange(session, "GET", partner.echo[0], auth=NoAuthorization())
    assert set(first.seconds) == {"dns", "connect", "tls", "first byte", "total"}
    assert set(second.seconds) == {"first byte", "total"}
    assert first.seconds["first byte"] >= 0.1
    assert sum(spent for phase, spent in first.seconds.items() if phase != "total") <= first.seconds["total"]
    assert (second.peer, second.fingerprint) == (first.peer, first.fingerprint)
    assert first.fingerprint
    assert first.not_after


@pytest.mark.parametrize(
    "drip",
    [
        Fault(endpoint="echo-1", delay=0.2, at="body", text="127.0.0.1" * 50),
        Fault(endpoint="echo-1", delay=5, at="first-byte"),
        Fault(endpoint="echo-1", delay=5, at="headers"),
    ],
    ids=["body", "first byte", "headers"],
)
def test_a_call_ends_in_time_however_slowly_the_answer_drips(partner: Partner, drip: Fault) -> None:
    partner.fault(drip)
    began = monotonic()
    with open_session(partner.ca) as session:
        done = exchange(session, "GET", partner.echo[0], auth=NoAuthorization(), limits=FAST)
    assert done.trouble in (Kind.TIMEOUT_BODY, Kind.TIMEOUT_FIRST_BYTE)
    assert monotonic() - began < 2
