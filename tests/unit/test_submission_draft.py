"""What a submission asks for follows from what is declared, approved and wished."""

from dataclasses import replace
from datetime import date, timedelta
from ipaddress import IPv4Address
from typing import Any

import pytest

from onboarding.allowlist.comprehensive import compare
from onboarding.allowlist.drafting import (
    Wishes,
    draft,
    last_submission,
    next_revision,
    previous_of,
    same_draft,
    same_list,
    still_stands,
)
from onboarding.allowlist.ledger import Ledger
from onboarding.allowlist.submission import (
    Document,
    Submission,
    ledger_reference,
    to_document,
)
from onboarding.deployment import Role, Stack
from onboarding.errors import InputError
from tests.unit.ledger_world import event, ledger
from tests.unit.network_world import (
    AIR,
    OURS,
    SHOP,
    SPARE,
    STRAY,
    allocation,
    declared,
    environment,
    region,
    stack,
    views,
)
from tests.unit.test_submission import AT

OLD = STRAY
"""An address that was approved once and is not declared any more."""


def drafted(
    books: Ledger | None = None, *stacks: Stack, revision: int = 1, view: Any = None, **wishes: Any
) -> Submission:
    made = environment(*stacks)
    wish = Wishes(**{"merchants": (AIR, SHOP), **wishes})
    return draft(
        made,
        wish,
        previous=previous_of(books or Ledger.empty("production"), wish.merchants),
        comparison=compare(made, views(view)),
        revision=revision,
        created_at=AT,
        calls=[],
    )


def changes(submission: Submission) -> dict[IPv4Address, dict[str, str]]:
    return {
        entry.address: {name: change.value for name, change in entry.change_for.items()}
        for entry in submission.addresses
    }


def approved(*addresses: IPv4Address, merchants: tuple[str, ...] = (AIR, SHOP)) -> Ledger:
    return ledger(
        event("submitted", 0, sorted(addresses), merchants, submission="3 sha256:aa"),
        event("approved", 1, sorted(addresses), merchants, submission="3 sha256:aa"),
    )


def test_the_first_list_adds_everything_for_everybody() -> None:
    made = drafted()
    assert changes(made) == {one: {AIR: "add", SHOP: "add"} for one in OURS}
    assert made.previous is None
    assert made.incomplete == ()


def test_a_change_is_judged_for_each_merchant_on_its_own() -> None:
    made = drafted(approved(OURS[0], merchants=(AIR,)))
    assert changes(made)[OURS[0]] == {AIR: "keep", SHOP: "add"}
    assert to_document(made)["addresses"][0]["change"] == "add"


def test_merchants_that_are_not_named_stay_out_of_it() -> None:
    made = drafted(approved(*OURS), merchants=(SHOP,))
    assert changes(made) == {one: {SHOP: "keep"} for one in OURS}
    assert [one.name for one in made.merchants] == [SHOP]
    assert made.previous
    assert set(made.previous.approved_for) == {SHOP}


def test_the_previous_revision_is_the_approved_one() -> None:
    previous = drafted(approved(*OURS)).previous
    assert previous
    assert (previous.revision, previous.submission) == (3, "production-rev-3")


def test_an_approved_address_that_nobody_declares_is_never_dropped_in_silence() -> None:
    made = drafted(approved(*OURS, OLD))
    (gap,) = made.incomplete
    assert gap.code == "stale"
    assert f"--remove {OLD}" in gap.text
    assert OLD not in changes(made)


@pytest.mark.parametrize("wish", [{"remove": frozenset({OLD})}, {"remove_stale": True}])
def test_a_stale_address_is_asked_to_be_removed_when_it_is_wished(wish: dict[str, Any]) -> None:
    made = drafted(approved(*OURS, OLD), **wish)
    assert changes(made)[OLD] == {AIR: "remove", SHOP: "remove"}
    assert made.incomplete == ()


def test_removing_stale_ones_never_touches_declared_ones() -> None:
    assert set(
        changes(drafted(approved(*OURS), remove_stale=True)).values().__iter__().__next__().values()
    ) == {"keep"}


def test_a_removal_names_only_merchants_that_have_it() -> None:
    books = ledger(*approved(*OURS).events, *approved(OLD, merchants=(AIR,)).events)
    assert changes(drafted(books, remove_stale=True))[OLD] == {AIR: "remove"}


def test_an_active_address_cannot_be_asked_to_go() -> None:
    with pytest.raises(InputError, match="traffic leaves from it"):
        drafted(approved(*OURS), remove=frozenset({OURS[0]}))


def test_everything_can_be_given_up_at_once_active_or_not_declared_or_not() -> None:
    made = drafted(approved(*OURS, OLD), remove_all=True)
    assert changes(made) == {address: {AIR: "remove", SHOP: "remove"} for address in (*OURS, OLD)}
    assert made.incomplete == ()


def test_giving_up_asks_for_no_address_that_was_never_approved() -> None:
    made = drafted(approved(OURS[0]), remove_all=True)
    assert set(changes(made)) == {OURS[0]}


def test_a_merchant_can_be_given_up_alone() -> None:
    made = drafted(approved(*OURS), merchants=(SHOP,), remove_all=True)
    assert changes(made) == {address: {SHOP: "remove"} for address in OURS}


def test_where_nothing_is_approved_there_is_nothing_to_give_up() -> None:
    with pytest.raises(InputError, match="--remove-all: nothing is approved"):
        drafted(remove_all=True)


def test_what_is_not_approved_cannot_be_removed() -> None:
    with pytest.raises(InputError, match="nothing to remove"):
        drafted(approved(*OURS), remove=frozenset({OLD}))


def test_a_declared_spare_can_be_asked_to_go() -> None:
    ours = [declared(one, f"use1-az{n}/1") for n, one in enumerate(OURS, 1)]
    with_spare = stack(*ours, declared(SPARE, "use1-az1/2", Role.SPARE))
    held = replace(region(), allocations=(*region().allocations, allocation(SPARE, "use1-az1/2")))
    made = drafted(approved(*OURS, SPARE), with_spare, view=held, remove=frozenset({SPARE}))
    assert changes(made)[SPARE] == {AIR: "remove", SHOP: "remove"}


def test_dates_go_to_the_entries_they_are_about() -> None:
    day, later = AT.date() + timedelta(days=1), AT.date() + timedelta(days=9)
    made = drafted(approved(OURS[0], OLD), remove_stale=True, effective_from=day, retire_after=later)
    dates = {entry.address: (entry.effective_from, entry.retire_after) for entry in made.addresses}
    assert dates == {OURS[0]: (None, None), OURS[1]: (day, None), OLD: (None, later)}


@pytest.mark.parametrize(
    "wish",
    [
        {"effective_from": date(2020, 1, 1)},
        {"retire_after": date(2020, 1, 1)},
        {"effective_from": date(2027, 2, 1), "retire_after": date(2027, 1, 1)},
    ],
)
def test_dates_that_cannot_be_kept_are_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="--"):
        drafted(**wish)


def test_external_addresses_are_not_called_dedicated_and_name_who_runs_them() -> None:
    external = replace(
        declared(STRAY, "external/18.204.0.66"), allocation_id=None, nat_gateway_id=None, owner="Hosting AG"
    )
    (entry,) = drafted(None, stack(external, vpc_id=None)).addresses
    assert entry.dedicated is None
    assert (entry.owner, entry.account_id, entry.region) == ("Hosting AG", None, None)


def test_several_stacks_make_one_list() -> None:
    here = stack(declared(OURS[0], "use1-az1/1"), source="stack production.us-east-1")
    there = stack(
        declared(OURS[1], "use1-az2/1"), source="/home/kim/out/eu.json", region="eu-west-1", vpc_id=None
    )
    document = to_document(drafted(None, here, there))
    assert [entry["address"] for entry in document["addresses"]] == [str(one) for one in OURS]
    assert document["established"]["stacks"] == ["stack production.us-east-1", "eu.json"]


def test_the_revision_follows_what_was_handed_in() -> None:
    assert next_revision(Ledger.empty("production")) == 1
    assert next_revision(approved(*OURS)) == 4
    by_hand = ledger(event("submitted", 0, [OURS[0]]))
    assert next_revision(by_hand) == 1
    assert last_submission(by_hand) is None


def handed_in(document: Document, *more: str) -> Ledger:
    name = ledger_reference(document)
    asked = [IPv4Address(one["address"]) for one in document["addresses"]]
    events = [event("submitted", 0, asked, (AIR, SHOP), submission=name)]
    events += [event(action, day, asked, (AIR, SHOP), submission=name) for day, action in enumerate(more, 1)]
    return ledger(*events)


@pytest.mark.parametrize(("then", "stands"), [((), True), (("approved",), True), (("rejected",), False)])
def test_a_list_that_was_handed_in_stands_until_part_of_it_is_rejected(
    then: tuple[str, ...], stands: bool
) -> None:
    first = to_document(drafted())
    books = handed_in(first, *then)
    again = to_document(drafted(books, revision=2))
    assert still_stands(books, first, again) is stands


def test_a_list_that_changed_or_was_changed_after_it_was_handed_in_does_not_stand() -> None:
    first = to_document(drafted())
    books = handed_in(first)
    wider = to_document(drafted(books, revision=2, tickets=("FPX-2",)))
    assert not still_stands(books, first, wider)
    tampered = {**first, "digest": {**first["digest"], "value": "0" * 64}}
    assert not still_stands(books, tampered, to_document(drafted(books, revision=2)))


def test_drafts_that_differ_only_in_their_moment_are_the_same() -> None:
    first = to_document(drafted())
    later = to_document(replace(drafted(), created_at=AT + timedelta(days=3)))
    assert first != later
    assert same_draft(first, later)
    assert same_list(first, later)
    assert not same_draft(first, to_document(drafted(tickets=("FPX-9",))))
