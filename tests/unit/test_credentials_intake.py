"""Strict intake: what is refused, why, and that the reason repeats nothing of it."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from onboarding.credentials.intake import Refused, from_fields, from_json
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.redaction import Hidden, KnownSecrets

ID = "fp-acme-air-7d0c41"
SECRET = "q7Yt-Vn2kXw9_LsPz4"


def fields(client_id: str, client_secret: str) -> ClientCredentials | Refused:
    return from_fields(Hidden(client_id), Hidden(client_secret))


def text(raw: str) -> ClientCredentials | Refused:
    return from_json(Hidden(raw))


@pytest.mark.parametrize(
    ("client_id", "client_secret"),
    [
        (ID, SECRET),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        ("acme", "aB3$%&/=?^~|{}x"),
        ("UP-12345678-9", "a+b/c==dEfG12"),
        ("aB3dE5gH7jK9mN2pQ4sT", "xY1zW2vU3tS4rQ5pO6nM"),
    ],
)
def test_plausible_pairs_are_taken_as_they_are(client_id: str, client_secret: str) -> None:
    taken = fields(client_id, client_secret)
    assert taken == ClientCredentials(client_id, Hidden(client_secret))
    assert text(f"\n {json.dumps({'client_id': client_id, 'client_secret': client_secret})} \r\n") == taken


@pytest.mark.parametrize(
    ("client_id", "client_secret", "reason"),
    [
        ("", SECRET, "client_id is empty"),
        (ID, "", "client_secret is empty"),
        (f" {ID}", SECRET, "client_id has white space"),
        (ID, f"{SECRET} ", "client_secret has white space"),
        (ID, f"{SECRET}\n", "client_secret holds a line break"),
        (ID, f"{SECRET}\r\n", "client_secret holds a line break"),
        (ID, f"{SECRET}\t", "client_secret has white space"),
        (ID, f"\ufeff{SECRET}", "client_secret holds a byte-order mark"),
        (ID, f'"{SECRET}"', "client_secret is wrapped in quotes"),
        (f"'{ID}'", SECRET, "client_id is wrapped in quotes"),
        (ID, f"\u201c{SECRET}\u201d", "client_secret is wrapped in quotes"),
        (ID, "q7Yt\u2011Vn2kXw9", "client_secret holds characters outside ASCII"),
        (ID, "q7Yt\u200bVn2kXw9", "client_secret holds characters outside ASCII"),
        (ID, "q7Yt\x00Vn2kXw9", "client_secret holds control characters"),
        (ID, "q7Yt Vn2kXw9", "client_secret holds white space"),
        (ID, "short", "client_secret is shorter than 8"),
        (ID, "x" * 1025 + SECRET, "client_secret is longer than 1024"),
        (SECRET, SECRET, "identical"),
        (f"{ID}:{SECRET}", SECRET, "client_id holds a colon"),
        (ID, f"{ID}:{SECRET}", "holds the client ID as well"),
        (ID, f"Basic {SECRET}", "Authorization header"),
        (ID, "<client_secret>", "placeholder"),
        ("{{client_id}}", SECRET, "placeholder"),
        ("your-client-id", SECRET, "placeholder"),
        (ID, "$CLIENT_SECRET", "placeholder"),
        (ID, "changeme", "placeholder"),
        (ID, "xxxxxxxxxxxx", "repeated"),
        (ID, "************", "repeated"),
        ("aB3dE5gH7jK9mN2pQ4sT", "acme-air-prod", "swapped"),
    ],
)
def test_what_is_wrong_with_a_field_is_said(client_id: str, client_secret: str, reason: str) -> None:
    refused = fields(client_id, client_secret)
    assert isinstance(refused, Refused)
    assert reason in refused.reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("\ufeff{}", "byte-order mark"),
        ("{\x00", "UTF-16"),
        (f"{ID}:{SECRET}", "not JSON"),
        (f"client_id={ID}", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        (f'"{SECRET}"', "not a JSON object"),
        (json.dumps({"client_id": ID}), "client_secret is missing"),
        (json.dumps({"clientId": ID, "clientSecret": SECRET}), "client_id is missing"),
        (json.dumps({"client_id": ID, "client_secret": SECRET, "environment": "x"}), "more fields"),
        (json.dumps({"client_id": 7, "client_secret": SECRET}), "client_id is not a string"),
        (f'{{"client_id": "{ID}", "client_id": "b", "client_secret": "{SECRET}"}}', "more than once"),
    ],
)
def test_what_is_wrong_with_the_text_is_said(raw: str, reason: str) -> None:
    refused = text(raw)
    assert isinstance(refused, Refused)
    assert reason in refused.reason


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_a_reason_repeats_nothing_of_what_it_refuses(start: str, middle: str, end: str) -> None:
    client_id, client_secret = f"{start}Zq~{middle}", f"{middle}Zq~{end}"
    for judged in (fields(client_id, client_secret), text(client_secret), text(client_id)):
        if isinstance(judged, Refused):
            assert "Zq~" not in judged.reason


def test_stored_text_nested_without_end_is_no_pair_like_any_other_text() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        ClientCredentials.from_json("[" * 100_000)


VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)


@given(VISIBLE, VISIBLE)
def test_whatever_is_taken_can_be_redacted_and_sent(client_id: str, client_secret: str) -> None:
    judged = fields(client_id, client_secret)
    assume(isinstance(judged, ClientCredentials))
    assert isinstance(judged, ClientCredentials)
    assert KnownSecrets([judged.client_secret]).found_in(judged.to_json())
    assert ":" not in judged.client_id
    assert ClientCredentials.from_json(judged.to_json()) == judged
