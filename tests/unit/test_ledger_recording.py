"""What may be recorded, from where, and at which moment."""

from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

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


STANDINGS: dict[str, Ledger] = {
    "unsubmitted": ledger(event("submitted", 0, [B])),
    "waiting": ledger(event("submitted", 0, [A])),
    "approved": ledger(event("submitted", 0, [A]), event("approved", 1, [A])),
    "rejected": ledger(event("submitted", 0, [A]), event("rejected", 1, [A])),
    "taken back": ledger(event("submitted", 0, [A]), event("approved", 1, [A]), event("rejected", 2, [A])),
    "retired": ledger(event("submitted", 0, [A]), event("approved", 1, [A]), event("retired", 2, [A])),
    "disputed": ledger(
        event("submitted", 0, [A]),
        event("approved", 1, [A]),
        event("retired", 2, [A]),
        event("rejected", 3, [A]),
    ),
}
MAY = {
    ("waiting", Action.APPROVED, False),
    ("waiting", Action.APPROVED, True),
    ("waiting", Action.REJECTED, False),
    ("waiting", Action.REJECTED, True),
    ("approved", Action.REJECTED, True),
    ("approved", Action.RETIRED, True),
    ("taken back", Action.RETIRED, True),
    ("disputed", Action.APPROVED, False),
    ("disputed", Action.APPROVED, True),
    ("disputed", Action.REJECTED, False),
    ("disputed", Action.REJECTED, True),
    ("disputed", Action.RETIRED, True),
}
"""Where an address stands, what is to be recorded, and whether the address is named."""


@pytest.mark.parametrize("named", [True, False], ids=["named", "not named"])
@pytest.mark.parametrize("action", [Action.APPROVED, Action.REJECTED, Action.RETIRED])
@pytest.mark.parametrize("standing", STANDINGS)
def test_every_step_has_to_follow_from_where_the_address_stands(
    standing: str, action: Action, named: bool
) -> None:
    request = Request(action, "FPX-9", "kim", merchants=(AIR,), addresses=(A,) if named else ())

    def recorded() -> list[tuple[Action, tuple[object, ...]]]:
        return [(one.action, one.addresses) for one in plan(STANDINGS[standing], request, now=NOW).events]

    if (standing, action, named) in MAY:
        assert recorded() == [(action, (A,))]
    elif standing == "unsubmitted" and not named and action is not Action.RETIRED:
        assert recorded() == [(action, (B,))], "what waits, and nothing else"
    else:
        with pytest.raises(InputError):
            recorded()


def submit(*addresses: IPv4Address, reference: str = "FPX-1", **more: Any) -> Request:
    listed = frozenset((AIR, address) for address in addresses)
    return Request(Action.SUBMITTED, reference, "kim", listed=listed, **more)


def test_a_longer_list_is_recorded_as_a_whole() -> None:
    books = ledger(event("submitted", 0, [A]))
    assert plan(books, submit(A), now=NOW).events == ()
    (made,) = plan(books, submit(A, B), now=NOW).events
    assert made.addresses == (A, B)


def test_the_same_list_is_handed_in_anew_after_it_was_refused() -> None:
    books = ledger(event("submitted", 0, [A]), event("rejected", 1, [A]))
    (made,) = plan(books, submit(A), now=NOW).events
    assert (made.action, made.addresses) == (Action.SUBMITTED, (A,))
    again = books.with_events(made, event("approved", 40, [A]))
    assert plan(again, submit(A), now=NOW + timedelta(days=20)).events == ()


def test_another_revision_under_the_same_reference_is_another_submission() -> None:
    books = ledger(event("submitted", 0, [A], submission="rev 1"))
    assert plan(books, submit(A, submission="rev 1"), now=NOW).events == ()
    (made,) = plan(books, submit(A, submission="rev 2"), now=NOW).events
    assert made.submission == "rev 2"


def test_an_address_that_is_not_in_the_package_is_named() -> None:
    with pytest.raises(InputError, match=f"^{B} is not part of what was submitted for {AIR}$"):
        plan(ledger(event("submitted", 0, [A])), submit(A, addresses=(B,)), now=NOW)


@pytest.mark.parametrize("reference", ["", " "])
def test_a_reference_is_what_every_event_is_found_by(reference: str) -> None:
    with pytest.raises(InputError, match="--reference is empty"):
        plan(ledger(event("submitted", 0)), approve(reference=reference), now=NOW)


def test_a_merchant_of_which_nothing_waits_is_named_with_those_there_are() -> None:
    request = Request(Action.APPROVED, "FPX-1", "kim", merchants=(RAIL,))
    with pytest.raises(InputError, match=f"--merchant {RAIL}: nothing of it waits") as refused:
        plan(ledger(event("submitted", 0)), request, now=NOW)
    assert refused.value.hint == f"the ledger of production knows {AIR}"


def test_a_refusal_says_where_the_address_stands_and_since_when() -> None:
    request = Request(Action.RETIRED, "FPX-9", "kim", addresses=(A,))
    with pytest.raises(InputError) as refused:
        plan(STANDINGS["rejected"], request, now=NOW)
    assert str(refused.value).startswith(f"{A} for {AIR} is rejected since 2026-01-06 (FPX-1), so it cannot")


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("moment", "refused"),
    [
        (START, "is before the last event"),
        (START + SECOND, None),
        (NOW, None),
        (NOW + SECOND, "lies in the future"),
        (START.date(), None),
        (START.date() - timedelta(days=1), "is before the last event"),
        (NOW.date() + timedelta(days=1), "lies in the future"),
    ],
)
def test_an_event_lies_between_the_last_one_and_now(moment: datetime | date, refused: str | None) -> None:
    books = ledger(event("submitted", 0))
    if refused is None:
        at(books, approve(moment))
        return
    with pytest.raises(InputError, match=f"--date .* {refused}"):
        at(books, approve(moment))


@pytest.mark.parametrize(("ahead", "refused"), [(5, False), (5 + 1 / 60, True)])
def test_a_clock_may_be_five_minutes_behind_the_ledger(ahead: float, refused: bool) -> None:
    books = ledger(event("submitted", 30 + ahead / 24 / 60))
    if not refused:
        assert at(books, approve()) == NOW + timedelta(minutes=ahead) + SECOND
        return
    with pytest.raises(InputError, match="lies in the future"):
        at(books, approve())
