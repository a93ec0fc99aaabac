"""The request text and the answer to it."""

import base64
from datetime import UTC, datetime

import pytest

from onboarding.credentials.revocation import Revocation, letter, tail_of
from onboarding.credentials.sealed import (
    LARGEST_ANSWER,
    Request,
    encrypt_line,
    fingerprint_line,
    parse_answer,
    render,
)

REQUEST = Request(
    "production", "acme-air", "Acme Air Inc.", "UP-1234-1", b"\x30" * 550, datetime(2026, 3, 1, tzinfo=UTC)
)
CIPHER = bytes(range(256)) * 2


def test_the_request_holds_what_the_other_side_needs() -> None:
    told = render(REQUEST)
    for part in (REQUEST.fingerprint, encrypt_line(REQUEST), fingerprint_line(REQUEST), REQUEST.file_name):
        assert part in told
    assert all(len(line) <= 64 for line in told.partition("-----BEGIN PUBLIC KEY-----\n")[2].splitlines())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\n".join(f"> {line}" for line in text.splitlines()),
        lambda text: f"\n\n  {text}  \n",
        lambda text: text.replace("\n", ""),
    ],
)
def test_an_answer_is_read_however_mail_wrapped_it(spoil: object) -> None:
    assert parse_answer(spoil(base64.encodebytes(CIPHER).decode())) == CIPHER  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("not base64 at all!", "not base64"),
        (base64.b64encode(CIPHER[:-3]).decode(), f"{LARGEST_ANSWER} are expected"),
    ],
)
def test_a_spoiled_answer_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_answer(text)


def test_the_letter_names_the_pair_without_giving_it_away() -> None:
    about = Revocation(False, "v-1", tail_of("client-A-0123456789"), datetime(2026, 3, 1, tzinfo=UTC))
    told = letter("production", "acme-air", "UP-1234-1", "Acme Air Inc.", about)
    assert "ends in 6789" in told
    assert "2026-03-01" in told
    assert "client-A" not in told
    assert tail_of("short-id") is None
