"""What the moment of an event may be; everything else about recording is shown through the command."""

from datetime import UTC, date, datetime, timedelta

import pytest

from onboarding.allowlist.ledger import Action, Ledger
from onboarding.allowlist.recording import Request, plan
from onboarding.errors import InputError
from tests.unit.ledger_world import AIR, RAIL, START, A, B, event, ledger

NOW = START + timedelta(days=30)


def approve(moment: datetime | date | None = None, reference: str = "FPX-1") -> Request:
    return Request(Action.APPROVED, reference, "kim", moment=moment)


def at(books: Ledger, request: Request, now: datetime = NOW) -> datetime:
    (made,) = plan(books, request, now=now).events
    return made.at


def test_an_event_of_the_same_second_comes_after_the_one_it_needs() -> None:
    books = ledger(event("submitted", 30))

    assert at(books, approve()) == NOW + timedelta(seconds=1)
    assert plan(books.with_events(*plan(books, approve(), now=NOW).events), approve(), now=NOW).events == ()


def test_a_day_of_today_is_now_and_a_day_of_the_past_is_its_beginning() -> None:
    books = ledger(event("submitted", 0))

    assert at(books, approve(NOW.date())) == NOW
    assert at(books, approve(date(2026, 1, 20))) == datetime(2026, 1, 20, tzinfo=UTC)


def test_on_the_day_of_the_submission_the_approval_comes_after_it() -> None:
    assert at(ledger(event("submitted", 0)), approve(START.date())) == START + timedelta(seconds=1)


def test_days_are_counted_in_utc() -> None:
    late = datetime(2026, 2, 4, 23, 30, tzinfo=UTC)

    with pytest.raises(InputError, match="lies in the future"):
        plan(ledger(event("submitted", 0)), approve(date(2026, 2, 5)), now=late)


def test_a_ledger_from_the_future_means_that_a_clock_is_wrong() -> None:
    with pytest.raises(InputError, match="lies in the future") as refused:
        plan(ledger(event("submitted", 31)), approve(), now=NOW)
    assert "clock" in refused.value.hint


def test_another_addresss_later_event_does_not_stand_in_the_way_of_an_older_date() -> None:
    books = ledger(event("submitted", 0, [A]), event("submitted", 9, [B]))
    request = Request(Action.APPROVED, "FPX-1", "kim", addresses=(A,), moment=date(2026, 1, 8))

    assert at(books, request) == datetime(2026, 1, 8, tzinfo=UTC)


def test_merchants_that_wait_for_different_addresses_get_events_of_their_own() -> None:
    books = ledger(event("submitted", 0, [A], [AIR, RAIL]), event("submitted", 1, [B], [AIR]))
    made = plan(books, approve(), now=NOW).events

    assert {(one.merchants, one.addresses) for one in made} == {((AIR,), (A, B)), ((RAIL,), (A,))}


def test_every_named_pair_has_to_be_possible_when_both_sides_are_named() -> None:
    books = ledger(event("submitted", 0, [A], [AIR, RAIL]), event("submitted", 1, [B], [AIR]))
    request = Request(Action.APPROVED, "FPX-1", "kim", merchants=(AIR, RAIL), addresses=(A, B))

    with pytest.raises(InputError, match=f"{B} for {RAIL} is unsubmitted"):
        plan(books, request, now=NOW)


def test_a_partial_repetition_records_only_what_is_new() -> None:
    books = ledger(event("submitted", 0), event("approved", 1, [A]))
    (made,) = plan(books, approve(), now=NOW).events

    assert made.addresses == (B,)


def test_an_approval_says_which_revision_it_is_about_when_there_is_one() -> None:
    books = ledger(event("submitted", 0, submission="3 sha256:abc"))

    assert plan(books, approve(), now=NOW).events[0].submission == "3 sha256:abc"
