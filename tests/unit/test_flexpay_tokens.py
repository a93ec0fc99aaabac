import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.flexpay.answers import Exchange
from onboarding.flexpay.errors import Diagnosis, Kind
from onboarding.flexpay.tokens import Token, TokenKeeper, lifetime_of, read_token
from onboarding.redaction import Hidden


def answer(**fields: Any) -> Exchange:
    return Exchange(status=200, body=json.dumps({"access_token": "t" * 20, **fields}).encode())


def token(lifetime: float = 1800.0, at: float = 0.0, value: str = "first-token") -> Token:
    return Token(Hidden(value), lifetime, at)


@pytest.mark.parametrize(
    ("stated", "seconds", "noted"),
    [
        (1800, 1800.0, False),
        (0.5, 0.5, False),
        (None, 1800.0, True),
        (0, 1800.0, True),
        (-1, 1800.0, True),
        ("1800", 1800.0, True),
        (True, 1800.0, True),
        ([], 1800.0, True),
        (float("nan"), 1800.0, True),
        (float("inf"), 86400.0, True),
        (10**400, 86400.0, True),
        (86401, 86400.0, True),
    ],
)
def test_a_lifetime_is_counted_on_only_when_it_is_a_sane_number(
    stated: Any, seconds: float, noted: bool
) -> None:
    lifetime, notes = lifetime_of(stated)
    assert (lifetime, bool(notes)) == (seconds, noted)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_whatever_is_stated_the_token_is_renewed_before_it_runs_out(stated: Any) -> None:
    lifetime, _ = lifetime_of(stated)
    kept = token(lifetime, at=100.0)
    assert 0 < lifetime <= 86400
    assert 100 <= kept.renew_at <= kept.expires_at


@pytest.mark.parametrize(("lifetime", "margin"), [(1800, 60), (600, 60), (300, 30), (10, 1)])
def test_the_margin_is_a_minute_or_a_tenth(lifetime: float, margin: float) -> None:
    kept = token(lifetime)
    assert kept.expires_at - kept.renew_at == pytest.approx(margin)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", Kind.NOT_JSON),
        (b"[]", Kind.WRONG_SHAPE),
        (b"{}", Kind.WRONG_SHAPE),
        (b'{"access_token": ""}', Kind.WRONG_SHAPE),
        (b'{"access_token": 5}', Kind.WRONG_SHAPE),
        (b'{"access_token": "a\\nX-Injected: 1"}', Kind.WRONG_SHAPE),
        ('{"access_token": "schlüssel"}'.encode(), Kind.WRONG_SHAPE),
    ],
)
def test_a_token_that_cannot_be_sent_is_no_token(body: bytes, kind: Kind) -> None:
    told = read_token(Exchange(status=200, body=body), 0.0)
    assert isinstance(told, Diagnosis)
    assert told.kind is kind


def test_a_token_is_read_with_its_lifetime() -> None:
    read = read_token(answer(expires_in=600), asked_at=7.0)
    assert isinstance(read, Token)
    assert (read.lifetime_seconds, read.expires_at) == (600.0, 607.0)
    assert "ttt" not in repr(read)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Endpoint:
    """Counts token calls; fails while ``down``."""

    def __init__(self, clock: Callable[[], float], delay: float = 0.0) -> None:
        self.calls = 0
        self.down: Exception | None = None
        self._clock = clock
        self._delay = delay

    def __call__(self) -> Token:
        self.calls += 1
        time.sleep(self._delay)
        if self.down:
            raise self.down
        return token(1800, self._clock(), f"token-{self.calls:04}")


def together(number: int, work: Callable[[], Any]) -> list[Any]:
    """Run the same work in many threads at once; returns results and errors."""
    start, results = threading.Barrier(number), []

    def one() -> None:
        start.wait()
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - handed to the test
            results.append(error)

    threads = [threading.Thread(target=one) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_fifty_threads_on_a_cold_cache_make_one_call() -> None:
    endpoint = Endpoint(time.monotonic, delay=0.05)
    keeper = TokenKeeper(endpoint)
    got = together(50, keeper.token)
    assert endpoint.calls == 1
    assert len({id(one) for one in got}) == 1


def test_fifty_threads_share_one_failure() -> None:
    endpoint = Endpoint(time.monotonic, delay=0.05)
    endpoint.down = OSError("down")
    got = together(50, TokenKeeper(endpoint).token)
    assert all(isinstance(one, OSError) for one in got)
    assert endpoint.calls == 1


def test_fifty_threads_that_were_refused_make_one_renewal() -> None:
    endpoint = Endpoint(time.monotonic, delay=0.05)
    keeper = TokenKeeper(endpoint)
    refused = keeper.token()

    def again() -> Token:
        keeper.discard(refused)
        return keeper.token()

    got = together(50, again)
    assert endpoint.calls == 2
    assert refused not in got


def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    clock = Clock()
    endpoint = Endpoint(clock)
    keeper = TokenKeeper(endpoint, clock=clock)
    first = keeper.token()
    clock.now = 1739.0
    assert keeper.token() is first
    clock.now = 1741.0
    assert keeper.token() is not first
    assert endpoint.calls == 2


def test_a_valid_token_stays_in_use_while_the_endpoint_is_down() -> None:
    clock = Clock()
    endpoint = Endpoint(clock)
    keeper = TokenKeeper(endpoint, clock=clock)
    first = keeper.token()
    endpoint.down = OSError("down")
    clock.now = 1750.0
    assert keeper.token() is first
    assert keeper.token() is first
    assert endpoint.calls == 2  # no second attempt before the pause is over
    clock.now = 1756.0
    assert keeper.token() is first
    assert endpoint.calls == 3
    clock.now = 1801.0
    with pytest.raises(OSError, match="down"):
        keeper.token()
    endpoint.down = None
    assert keeper.token() is not first


def test_threads_go_on_with_the_valid_token_while_one_renews() -> None:
    clock = Clock()
    endpoint = Endpoint(clock)
    keeper = TokenKeeper(endpoint, clock=clock)
    first = keeper.token()
    entered, leave = threading.Event(), threading.Event()

    def slow() -> Token:
        entered.set()
        leave.wait(5)
        return token(1800, clock(), "second-token")

    keeper._fetch = slow
    clock.now = 1750.0
    renewing = threading.Thread(target=keeper.token)
    renewing.start()
    assert entered.wait(5)
    assert keeper.token() is first
    leave.set()
    renewing.join()
    assert keeper.token().value == Hidden("second-token")
