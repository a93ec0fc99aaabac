"""Secrets are found in every form in which they turn up, and hidden text stays hidden."""

import base64
import copy
import json
import logging
import pickle
import traceback
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.redaction import Hidden, KnownSecrets, encodings, guarded

SECRET = 'p/ä"s+w\\0rd&=?~<x>'
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=64)


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"https://{SECRET}@host/",
        json.dumps({"client_secret": SECRET}),
        json.dumps({"client_secret": SECRET}, ensure_ascii=False),
        repr(SECRET),
        repr({"k": SECRET}),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        f"https://user:{quote(SECRET, safe='')}@host/",
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        "Basic " + base64.b64encode(f"client-id:{SECRET}".encode()).decode(),
        base64.b64encode(f"a {SECRET} b".encode()).decode(),
        base64.b64encode(f"ab {SECRET} b".encode()).decode(),
        base64.urlsafe_b64encode(f"abc {SECRET} b".encode()).decode(),
        base64.b64encode(json.dumps({"s": "x"}).encode() + SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_form(text: str) -> None:
    assert KnownSecrets([Hidden(SECRET)]).found_in(text)


@given(ASCII, st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_is_found_in_base64_at_any_place(secret: str, before: bytes, after: bytes) -> None:
    whole = before + secret.encode() + after
    known_secrets = KnownSecrets([Hidden(secret)])
    assert known_secrets.found_in(base64.b64encode(whole).decode())
    assert known_secrets.found_in(base64.urlsafe_b64encode(whole).decode())


@given(ASCII, ASCII)
def test_a_basic_header_is_found_even_when_only_the_secret_is_known(client_id: str, secret: str) -> None:
    header = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    assert KnownSecrets([Hidden(secret)]).found_in(header)


def test_nothing_is_found_in_innocent_text() -> None:
    known_secrets = KnownSecrets([Hidden("S3cr3t-Value-1")])
    text = "token call: not authorized (401) at https://localhost/api?grant_type=client_credentials"
    assert not known_secrets.found_in(text)


def test_of_two_secrets_that_begin_alike_either_is_found() -> None:
    known_secrets = KnownSecrets([Hidden("abcdefgh-and-less"), Hidden("abcdefgh-and-more")])
    assert known_secrets.found_in("x abcdefgh-and-more y")
    assert known_secrets.found_in("x abcdefgh-and-less y")
    assert not known_secrets.found_in("x abcdefgh-and-none y")


def test_values_too_short_stand_in_innocent_text_and_are_left() -> None:
    assert encodings("abc") == frozenset()
    assert not KnownSecrets([Hidden("abc")]).found_in("abc")


def test_the_pair_is_known_in_its_joined_form() -> None:
    known_secrets = KnownSecrets()
    known_secrets.register_pair("client", Hidden("S3cr3t-Value-1"))
    header = base64.b64encode(b"client:S3cr3t-Value-1").decode()
    assert known_secrets.found_in(f"Basic {header}")


def test_hidden_text_does_not_show_by_accident(caplog: pytest.LogCaptureFixture) -> None:
    hidden = Hidden("S3cr3t-Value-1")
    logging.getLogger("onboarding").warning("%s %r", hidden, [hidden])
    shown = f"{hidden} {hidden!r} {[hidden]} {caplog.text}"
    assert "S3cr3t" not in shown
    for serialise in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            serialise(hidden)


def test_hidden_text_is_compared_by_value() -> None:
    assert Hidden("a") == Hidden("a")
    assert Hidden("a") != Hidden("b")
    assert Hidden("a") != "a"
    assert len({Hidden("a"), Hidden("a")}) == 1
    assert Hidden("\udc80ä") == Hidden("\udc80ä")


def test_an_error_from_a_guarded_call_carries_no_frames_of_it() -> None:
    secret = "".join(("S3cr3t-", "Value-1"))

    def inner(text: str) -> None:
        try:
            {"": ""}[text]
        except KeyError as error:
            raise RuntimeError("failed") from error

    with pytest.raises(RuntimeError) as caught:
        guarded(lambda: inner(secret))
    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "failed" in told
    assert "in inner" not in told


def test_an_error_whose_text_holds_the_secret_is_replaced() -> None:
    secret = "".join(("S3cr3t-", "Value-1"))

    def inner() -> None:
        raise ValueError(f"invalid value: {secret}")

    with pytest.raises(RuntimeError, match="ValueError") as caught:
        guarded(inner, hiding=KnownSecrets([Hidden(secret)]))
    told = "".join(traceback.TracebackException.from_exception(caught.value).format())
    assert secret not in told
