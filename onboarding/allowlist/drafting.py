"""Decides what a submission says: who is asked to do what about which address, and its revision.

Just over 300 lines: every rule about one list, which read best in the order in which they apply.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from ipaddress import IPv4Address
from pathlib import PurePath
from typing import Any

from onboarding.allowlist.comprehensive import Comparison
from onboarding.allowlist.ledger import Action, Ledger, Standing
from onboarding.allowlist.submission import (
    Change,
    Document,
    Gap,
    Previous,
    Submission,
    SubmittedAddress,
    ledger_reference,
    revision_of,
    submission_name,
)
from onboarding.deployment import EgressAddress, Environment, Role, Stack
from onboarding.errors import InputError

_NOT_OF_THE_LIST = ("createdAt", "established", "digest", "revision", "submission", "previous", "notes")
_NOT_OF_AN_ADDRESS = ("change", "changeFor")


@dataclass(frozen=True)
class Wishes:
    """What the operator asked for on top of what is declared."""

    merchants: tuple[str, ...]
    remove: frozenset[IPv4Address] = frozenset()
    remove_stale: bool = False
    """Also ask for the removal of every approved address that no outputs declare any more."""
    remove_all: bool = False
    """Ask for the removal of everything that is approved: the environment or merchants are given up."""
    effective_from: date | None = None
    retire_after: date | None = None
    tickets: tuple[str, ...] = ()


def previous_of(ledger: Ledger, merchants: Iterable[str]) -> Previous | None:
    """Return what the ledger has as approved for these merchants; None before the first approval."""
    approved_for = {merchant: ledger.approved_for(merchant) for merchant in merchants}
    if not any(approved_for.values()):
        return None
    revisions = [
        revision
        for merchant, addresses in approved_for.items()
        for address in addresses
        if (revision := revision_of(ledger.entry(merchant, address).submission)) is not None
    ]
    last = max(revisions, default=None)
    return Previous(
        approved_for=approved_for,
        revision=last,
        submission=submission_name(ledger.environment, last) if last is not None else None,
    )


def last_submission(ledger: Ledger) -> str | None:
    """Return how the ledger names the newest revision that was handed in; None before the first."""
    named = [
        event.submission
        for event in ledger.events
        if event.action in (Action.SUBMITTED, Action.APPROVED) and revision_of(event.submission) is not None
    ]
    return max(named, key=lambda name: revision_of(name) or 0, default=None)


def next_revision(ledger: Ledger) -> int:
    """Return the revision to draft: one after the last that was handed in."""
    return (revision_of(last_submission(ledger)) or 0) + 1


def stale(environment: Environment, previous: Previous | None) -> frozenset[IPv4Address]:
    """Return the approved addresses that no outputs declare: somebody else may hold them tomorrow."""
    declared = {address.address for address in environment.addresses}
    return previous.addresses - declared if previous else frozenset()


def draft(
    environment: Environment,
    wishes: Wishes,
    *,
    previous: Previous | None,
    comparison: Comparison,
    revision: int,
    created_at: datetime,
    calls: Sequence[str],
) -> Submission:
    """Write the submission.

    Its ``incomplete`` names every reason not to hand it in; whether to write it all the same is
    the caller's decision. Raises InputError for wishes that contradict what is deployed or
    approved.
    """
    _check(environment, wishes, previous, created_at.date())
    gone = stale(environment, previous)
    removals = _removals(environment, wishes, gone)
    entries = [
        entry
        for declared in environment.addresses
        if (
            entry := _declared(
                environment, declared, wishes, previous, removals=removals, shared=comparison.shared
            )
        )
    ]
    entries += [_undeclared(address, wishes, previous) for address in sorted(gone & removals)]
    gaps = [*comparison.gaps, *(_stale_gap(address, previous) for address in sorted(gone - removals))]
    return Submission(
        environment=environment.name,
        revision=revision,
        created_at=created_at,
        merchants=tuple(environment.merchants[name] for name in wishes.merchants),
        contacts=environment.contacts,
        partner=environment.partner,
        addresses=tuple(entries),
        previous=previous,
        stacks=tuple(_source(stack) for stack in environment.stacks),
        calls=tuple(calls),
        incomplete=tuple(gaps),
        notes=comparison.notes,
        tickets=wishes.tickets,
    )


def _removals(
    environment: Environment, wishes: Wishes, gone: frozenset[IPv4Address]
) -> frozenset[IPv4Address]:
    if wishes.remove_all:
        return gone | {declared.address for declared in environment.addresses}
    return wishes.remove | (gone if wishes.remove_stale else frozenset())


def _source(stack: Stack) -> str:
    # where a file lies on this machine is nobody else's business, and differs between machines
    return stack.source if stack.name else PurePath(stack.source).name


def _check(environment: Environment, wishes: Wishes, previous: Previous | None, today: date) -> None:
    approved = previous.addresses if previous else frozenset()
    if wishes.remove_all and not approved:
        raise InputError(
            f"--remove-all: nothing is approved for {', '.join(wishes.merchants)}",
            hint="`flexpay-onboard allowlist status` lists what is approved",
        )
    for address in sorted(wishes.remove):
        if address not in approved:
            raise InputError(
                f"--remove {address}: not approved for {', '.join(wishes.merchants)}, so there is nothing "
                "to remove",
                hint="`flexpay-onboard allowlist status` lists what is approved",
            )
    for declared in environment.addresses:
        if declared.address in wishes.remove and declared.role is Role.ACTIVE:
            raise InputError(
                f"--remove {declared.address}: traffic leaves from it, the active one of {declared.slot}",
                hint="move the traffic to another slot first; `flexpay-onboard rollover` leads through it "
                "(--remove-all gives up everything)",
            )
    for name, day in (("--effective-from", wishes.effective_from), ("--retire-after", wishes.retire_after)):
        if day and day < today:
            raise InputError(f"{name} {day}: lies before the submission's own date, {today}")
    if wishes.effective_from and wishes.retire_after and wishes.retire_after < wishes.effective_from:
        raise InputError(
            f"--retire-after {wishes.retire_after}: removed addresses would go before the new ones come "
            f"into effect on {wishes.effective_from}",
            hint="let both be let in for a while: traffic moves in between",
        )
    if not environment.addresses and not (wishes.remove or wishes.remove_stale or wishes.remove_all):
        raise InputError(
            f"environment {environment.name}: the outputs declare no address", hint="run `pulumi up` first"
        )


def _declared(
    environment: Environment,
    declared: EgressAddress,
    wishes: Wishes,
    previous: Previous | None,
    *,
    removals: frozenset[IPv4Address],
    shared: frozenset[IPv4Address],
) -> SubmittedAddress | None:
    going = declared.address in removals
    change_for = {}
    for merchant in wishes.merchants:
        approved = previous is not None and declared.address in previous.approved_for.get(merchant, ())
        if going and approved:
            change_for[merchant] = Change.REMOVE
        elif not going:
            change_for[merchant] = Change.KEEP if approved else Change.ADD
    if not change_for:
        return None
    entry = SubmittedAddress(
        address=declared.address,
        change_for=change_for,
        purpose=declared.purpose or _purpose(environment, declared),
        slot=declared.slot,
        zone=declared.zone,
        region=None if declared.external else declared.region,
        account_id=None if declared.external else declared.account_id,
        allocation_id=declared.allocation_id,
        nat_gateway_id=declared.nat_gateway_id,
        role=declared.role,
        owner=declared.owner,
        dedicated=None if declared.external else declared.address not in shared,
    )
    return _dated(entry, wishes)


def _purpose(environment: Environment, declared: EgressAddress) -> str:
    calls = f"Calls from the servers of {environment.contacts.legal_entity} to the Flex Pay API"
    if declared.role is Role.SPARE:
        return f"{calls}, once it takes over from another address of {declared.zone}; spare until then"
    return calls


def _undeclared(address: IPv4Address, wishes: Wishes, previous: Previous | None) -> SubmittedAddress:
    approved_for = previous.approved_for if previous else {}
    entry = SubmittedAddress(
        address=address,
        change_for={
            merchant: Change.REMOVE
            for merchant in wishes.merchants
            if address in approved_for.get(merchant, ())
        },
        purpose="To be removed: not used any more, and whoever holds it next must not be let in",
    )
    return _dated(entry, wishes)


def _dated(entry: SubmittedAddress, wishes: Wishes) -> SubmittedAddress:
    if entry.change is Change.ADD:
        return replace(entry, effective_from=wishes.effective_from)
    if entry.change is Change.REMOVE:
        return replace(entry, retire_after=wishes.retire_after)
    return entry


def _stale_gap(address: IPv4Address, previous: Previous | None) -> Gap:
    approved_for = previous.approved_for if previous else {}
    merchants = sorted(name for name, addresses in approved_for.items() if address in addresses)
    return Gap(
        "stale",
        f"{address} is approved for {', '.join(merchants)}, and none of the named stacks declares it: name "
        f"the stack that holds it with --stack, or ask for its removal with --remove {address} (or "
        "--remove-stale for all such)",
        address,
    )


def same_list(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two documents hand in the same list: same addresses, merchants, contacts, dates.

    What differs only because one was approved in between (add turned into keep) is no difference.
    """
    return _essence(one) == _essence(other)


def _essence(document: Mapping[str, Any]) -> Document:
    kept = {key: value for key, value in document.items() if key not in _NOT_OF_THE_LIST}
    kept["addresses"] = [
        {
            **{key: value for key, value in entry.items() if key not in _NOT_OF_AN_ADDRESS},
            "removed": sorted(name for name, change in entry["changeFor"].items() if change == "remove"),
            "listed": sorted(name for name, change in entry["changeFor"].items() if change != "remove"),
        }
        for entry in document["addresses"]
    ]
    return kept


def same_draft(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two documents differ in nothing but the moment they were written."""
    return _timeless(one) == _timeless(other)


def _timeless(document: Mapping[str, Any]) -> Document:
    kept = {key: value for key, value in document.items() if key not in ("createdAt", "digest")}
    return {**kept, "established": {**document["established"], "at": None}}


def still_stands(ledger: Ledger, handed_in: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether a revision that was handed in already says what a new one would say.

    It does not where the partner rejected part of it, where the file was changed after it was
    handed in, or where anything about the list is different now.
    """
    reference = last_submission(ledger) or ""
    if "sha256:" in reference and reference != ledger_reference(handed_in):
        return False
    if not same_list(handed_in, new):
        return False
    return not any(
        ledger.entry(merchant, IPv4Address(entry["address"])).standing is Standing.REJECTED
        for entry in handed_in["addresses"]
        for merchant in entry["changeFor"]
    )
