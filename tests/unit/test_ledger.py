from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.allowlist.ledger import (
    Action,
    Event,
    ImpossibleOrder,
    Ledger,
    Standing,
    fold,
    in_order,
    new_event,
)
from tests.unit.ledger_world import AIR, RAIL, START, A, B, C, event, histories, ledger, steady


@steady
@given(histories(), st.randoms())
def test_the_order_in_which_events_are_found_means_nothing(events: list[Event], shuffle: object) -> None:
    shuffled = list(events)
    shuffle.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random as object here

    assert ledger(*shuffled) == ledger(*events)
    assert ledger(*shuffled).standings == ledger(*events).standings


@steady
@given(histories(), st.integers(0, 8))
def test_folding_a_part_and_then_the_rest_is_folding_the_whole(events: list[Event], cut: int) -> None:
    ordered = in_order(events)

    assert fold(ordered[cut:], onto=fold(ordered[:cut])) == fold(ordered)


@steady
@given(histories())
def test_an_event_that_stands_there_twice_counts_once(events: list[Event]) -> None:
    assert ledger(*events, *events) == ledger(*events)


@steady
@given(st.data())
def test_whatever_two_branches_add_can_be_folded_together(data: st.DataObject) -> None:
    base = data.draw(histories())
    ours = data.draw(histories(base=base))
    theirs = data.draw(histories(base=base))

    merged = ledger(*base, *ours, *theirs)

    assert (
        merged.standings.keys()
        == ledger(*base, *ours).standings.keys() | ledger(*base, *theirs).standings.keys()
    )
    once = ledger(*base, *ours).ever_approved_addresses() | ledger(*base, *theirs).ever_approved_addresses()
    assert merged.ever_approved_addresses() == once


@steady
@given(histories())
def test_an_address_was_approved_exactly_if_an_event_says_so(events: list[Event]) -> None:
    said = {pair for one in events if one.action is Action.APPROVED for pair in one.pairs}

    assert {pair for pair, entry in ledger(*events).standings.items() if entry.ever_approved} == said


@steady
@given(histories())
def test_merchants_and_addresses_do_not_touch_each_other(events: list[Event]) -> None:
    whole = ledger(*events)
    for merchant, address in whole.standings:
        alone = [
            new_event(
                "production",
                at=one.at,
                action=one.action,
                merchants=[merchant],
                addresses=[address],
                reference=one.reference,
                actor=one.actor,
            )
            for one in whole.events
            if (merchant, address) in one.pairs
        ]
        # ids differ, and with them the order within one second, so they are folded as they stood
        assert fold(alone)[merchant, address].standing is whole.entry(merchant, address).standing


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([event("approved", 1)], "approved, but never submitted"),
        ([event("rejected", 1)], "rejected, but never submitted"),
        ([event("retired", 1)], "retired, but never submitted"),
        ([event("submitted", 0), event("retired", 1)], "retired, but never approved"),
        ([event("submitted", 0), event("rejected", 1), event("retired", 2)], "never approved"),
        ([event("submitted", 0, [A]), event("approved", 1, [A, B])], "203.0.114.11 for acme-air"),
        ([event("submitted", 0), event("approved", 1, merchants=[RAIL])], "for acme-rail"),
        ([event("approved", 0), event("submitted", 1)], "approved, but never submitted"),
    ],
)
def test_impossible_orders_are_refused_by_event_and_address(events: list[Event], reason: str) -> None:
    with pytest.raises(ImpossibleOrder, match=reason) as refused:
        _ = ledger(*events).standings
    assert refused.value.event_id in {one.id for one in events}


def test_nothing_is_known_about_what_was_never_submitted() -> None:
    entry = Ledger.empty("production").entry(AIR, A)

    assert (entry.standing, entry.since, entry.ever_approved) == (Standing.UNSUBMITTED, None, False)
    assert not Ledger.empty("production").ever_approved()


def test_part_of_a_submission_can_be_approved() -> None:
    books = ledger(event("submitted", 0, merchants=[AIR, RAIL]), event("approved", 3, [A]))

    assert books.approved_for(AIR) == {A}
    assert books.approved_for(RAIL) == frozenset()
    assert books.entry(AIR, B).standing is Standing.WAITING
    assert books.ever_approved(AIR)
    assert not books.ever_approved(RAIL)


def test_a_rejected_address_can_be_submitted_again_and_waits_anew() -> None:
    books = ledger(
        event("submitted", 0), event("rejected", 2, note="shared"), event("submitted", 5, reference="FPX-9")
    )

    assert books.entry(AIR, A).standing is Standing.WAITING
    assert books.entry(AIR, A).since == START + timedelta(days=5)
    assert books.entry(AIR, A).reference == "FPX-9"


def test_a_second_revision_does_not_set_the_clock_of_the_first_back() -> None:
    books = ledger(
        event("submitted", 0, submission="1 sha256:a"), event("submitted", 4, submission="2 sha256:b")
    )

    assert books.entry(AIR, A).since == START
    assert books.entry(AIR, A).submission == "2 sha256:b"


def test_a_comprehensive_list_leaves_what_is_approved_approved() -> None:
    books = ledger(event("submitted", 0, [A]), event("approved", 1, [A]), event("submitted", 9, [A, B]))

    assert books.approved_for(AIR) == {A}
    assert books.entry(AIR, A).since == START + timedelta(days=1)
    assert books.entry(AIR, B).standing is Standing.WAITING


def test_an_approval_remembers_which_revision_it_is_about() -> None:
    books = ledger(event("submitted", 0, submission="3 sha256:abc"), event("approved", 1))

    assert books.entry(AIR, A).submission == "3 sha256:abc"


def test_an_approval_that_is_taken_back_is_no_approval_but_was_one() -> None:
    books = ledger(event("submitted", 0), event("approved", 1), event("rejected", 2, [A]))

    assert books.approved_for(AIR) == {B}
    assert books.ever_approved_addresses() == {A, B}
    assert books.entry(AIR, A).disputed is None


def test_two_branches_that_contradict_each_other_are_noticed_until_somebody_settles_it() -> None:
    merged = ledger(event("submitted", 0), event("rejected", 1), event("approved", 2))
    assert merged.entry(AIR, A).disputed == event("rejected", 1).id

    settled = merged.with_events(event("approved", 3, reference="FPX-8"))
    assert settled.entry(AIR, A).disputed is None
    assert settled.approved_for(AIR) == {A, B}


def test_the_same_approval_recorded_on_two_branches_is_one_approval() -> None:
    books = ledger(event("submitted", 0), event("approved", 1), event("approved", 2, reference="MAIL-2"))

    assert books.entry(AIR, A).since == START + timedelta(days=1)
    assert books.entry(AIR, A).disputed is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"merchants": []}, "merchants: at least one"),
        ({"addresses": []}, "addresses: at least one"),
        ({"merchants": ["Acme Air"]}, "not a merchant's name"),
        ({"reference": ""}, "reference: must be one line"),
        ({"reference": "two\nlines"}, "reference: must be one line"),
        ({"actor": "   "}, "actor: must be one line"),
        ({"note": "\x1b[31mred"}, "note: must be one line"),
        ({"note": "left\u202eright"}, "note: must be one line"),
        ({"reference": "x" * 2001}, "reference: must be one line"),
        ({"reference": None}, "reference: must be one line"),
        ({"submission": ""}, "submission: must be one line"),
    ],
)
def test_values_that_no_ledger_may_hold(change: dict[str, object], reason: str) -> None:
    given: dict[str, object] = {
        "at": START,
        "action": Action.SUBMITTED,
        "merchants": [AIR],
        "addresses": [C],
        "reference": "FPX-1",
        "actor": "kim",
    }
    with pytest.raises(ValueError, match=reason):
        new_event("production", **{**given, **change})  # type: ignore[arg-type]  # wrong values are the point


@pytest.mark.parametrize(
    "at",
    [
        START.astimezone(timezone(timedelta(hours=2))),
        START.replace(tzinfo=None),
        START.replace(microsecond=1),
        START.astimezone(timezone(timedelta(hours=2))).replace(microsecond=1),
    ],
)
def test_an_event_is_at_a_whole_second_of_utc(at: datetime) -> None:
    with pytest.raises(ValueError, match="not a whole second in UTC"):
        replace(event("submitted", 0), at=at)


def test_an_approved_address_is_retired_and_one_that_never_was_is_not() -> None:
    submitted, approved, retired = (
        event(name, day) for day, name in enumerate(("submitted", "approved", "retired"))
    )
    books = ledger(submitted, approved, retired)
    assert books.entry(AIR, A).standing is Standing.RETIRED
    assert books.entry(AIR, A).ever_approved
    with pytest.raises(ImpossibleOrder, match="never approved before"):
        fold([submitted, retired])


def test_the_same_words_in_another_environment_are_another_event() -> None:
    assert event("submitted", 0).id != event("submitted", 0, environment="staging").id
