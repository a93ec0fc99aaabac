"""The ledger as values: what was submitted, approved, rejected and retired, and where that leaves us.

State is derived by folding the events, for each merchant and address on its own, because Flex Pay
reviews addresses and issues credentials per merchant and environment (partner page
"Authorization"). Whatever two branches add to a ledger that both of them could read, the union of
their events can be folded again: an event only ever needs an earlier one, and a union takes none away.
Over 300 lines: events, what each needs before it, and their fold are one law.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address

from onboarding.allowlist.clocks import instant

LEDGER_VERSION = 1
LONGEST_TEXT = 2000
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
"""What a merchant or an environment may be called, as the settings have it."""

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode

Pair = tuple[str, IPv4Address]
"""A merchant and an address: what the partner decides about."""


class Action(StrEnum):
    """What happened."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    """Refused by the partner, an approval taken back, or a request withdrawn by us."""
    RETIRED = "retired"
    """The partner confirmed that it lets the address in no more."""


class Standing(StrEnum):
    """Where an address stands with the partner, for one merchant."""

    UNSUBMITTED = "unsubmitted"
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETIRED = "retired"


class ImpossibleOrder(ValueError):  # noqa: N818 - names what is wrong, like the errors of the standard library
    """An event without the earlier one it needs; ``event_id`` says which."""

    def __init__(self, event_id: str, reason: str) -> None:
        super().__init__(f"event {event_id}: {reason}")
        self.event_id = event_id


@dataclass(frozen=True)
class Event:
    """One thing that happened. Merchants and addresses are sorted, and every pair of them is meant.

    Raises ValueError for values that no ledger may hold.
    """

    id: str
    """Content-derived (``event_id``), so that an edited line is noticed and a copied one harmless."""
    at: datetime
    """UTC, whole seconds."""
    action: Action
    submission: str | None
    """Revision and digest of the review package, ``3 sha256:…``; None when there was none."""
    merchants: tuple[str, ...]
    addresses: tuple[IPv4Address, ...]
    reference: str
    """The ticket, mail or call that can be looked up."""
    actor: str
    note: str | None = None

    def __post_init__(self) -> None:
        if self.at.utcoffset() != timedelta(0) or self.at.microsecond:
            raise ValueError(f"at: {self.at.isoformat()} is not a whole second in UTC")
        if not self.merchants or tuple(sorted(set(self.merchants))) != self.merchants:
            raise ValueError("merchants: at least one is needed, sorted, each named once")
        if not self.addresses or tuple(sorted(set(self.addresses))) != self.addresses:
            raise ValueError("addresses: at least one is needed, sorted, each named once")
        for merchant in self.merchants:
            if not NAME.fullmatch(merchant):
                raise ValueError(f"merchants: {merchant!r} is not a merchant's name")
        for name in ("reference", "actor", "submission", "note"):
            _check_text(name, getattr(self, name))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every merchant and address the event is about."""
        return tuple((merchant, address) for merchant in self.merchants for address in self.addresses)


def _check_text(name: str, text: str | None) -> None:
    if text is None and name in ("submission", "note"):
        return
    if not text or not text.strip() or len(text) > LONGEST_TEXT or not text.isprintable():
        raise ValueError(f"{name}: must be one line of 1 to {LONGEST_TEXT} printable characters")


def content(event: Event) -> dict[str, object]:
    """Return what an event says, without its id, in the order of the file."""
    return {
        "at": instant(event.at),
        "action": event.action.value,
        "submission": event.submission,
        "merchants": list(event.merchants),
        "addresses": [str(address) for address in event.addresses],
        "reference": event.reference,
        "actor": event.actor,
        "note": event.note,
    }


def written(event: Event) -> str:
    """Return an event's content as the text that stands in the file and that its id covers."""
    return _ENCODE(content(event))


def event_id(environment: str, text: str) -> str:
    """Return the id of an event ``written`` so: 16 hex digits of SHA-256, over the environment too.

    The environment is part of it, so that an approval copied from another environment's ledger
    does not pass for one of this. It shows damage and mistakes, not who wrote a line.
    """
    return hashlib.sha256(f"{LEDGER_VERSION} {environment} {text}".encode()).hexdigest()[:16]


def new_event(
    environment: str,
    *,
    at: datetime,
    action: Action,
    merchants: Iterable[str],
    addresses: Iterable[IPv4Address],
    reference: str,
    actor: str,
    submission: str | None = None,
    note: str | None = None,
) -> Event:
    """Make an event with its id; sorts merchants and addresses and cuts ``at`` to seconds, in UTC.

    Raises ValueError for values that no ledger may hold.
    """
    draft = Event(
        id="",
        at=at.astimezone(UTC).replace(microsecond=0),
        action=action,
        submission=submission,
        merchants=tuple(sorted(set(merchants))),
        addresses=tuple(sorted(set(addresses))),
        reference=reference,
        actor=actor,
        note=note,
    )
    return replace(draft, id=event_id(environment, written(draft)))


@dataclass(frozen=True)
class Entry:
    """Where one address stands for one merchant."""

    standing: Standing = Standing.UNSUBMITTED
    since: datetime | None = None
    """When it came to stand there; of a repeated submission or approval, the first."""
    reference: str = ""
    submission: str | None = None
    note: str | None = None
    """Why, where the partner gave a reason."""
    event: str = ""
    """Id of the event that put it there."""
    ever_approved: bool = False
    disputed: str | None = None
    """Id of an event of another branch that says otherwise, until a later event settles it."""


NEVER_SUBMITTED = Entry()

_EXPECTED = {
    Action.APPROVED: (Standing.WAITING,),
    Action.REJECTED: (Standing.WAITING, Standing.APPROVED),
    Action.RETIRED: (Standing.APPROVED, Standing.REJECTED),
}
"""Where an address stands before each action when one person after the other keeps the books."""


def next_entry(before: Entry, event: Event) -> Entry:
    """Return where a pair stands after one more event about it.

    Raises ImpossibleOrder for a decision about what was never submitted, and for the retirement
    of what was never approved.
    """
    if event.action is Action.SUBMITTED:
        return _resubmitted(before, event)
    if before.standing is Standing.UNSUBMITTED:
        raise ImpossibleOrder(event.id, f"{event.action}, but never submitted before")
    if event.action is Action.RETIRED and not before.ever_approved:
        raise ImpossibleOrder(event.id, "retired, but never approved before")
    if event.action.value == before.standing.value:
        return replace(before, disputed=None) if before.disputed else before
    return Entry(
        standing=Standing(event.action.value),
        since=event.at,
        reference=event.reference,
        submission=event.submission or before.submission,
        note=event.note,
        event=event.id,
        ever_approved=before.ever_approved or event.action is Action.APPROVED,
        disputed=None if before.standing in _EXPECTED[event.action] else before.event,
    )


def _resubmitted(before: Entry, event: Event) -> Entry:
    if before.standing is Standing.APPROVED:
        return before  # a comprehensive list names the approved addresses again
    return Entry(
        standing=Standing.WAITING,
        since=before.since if before.standing is Standing.WAITING else event.at,
        reference=event.reference,
        submission=event.submission,
        note=event.note,
        event=event.id,
        ever_approved=before.ever_approved,
    )


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the events ordered by (at, id), each once."""
    return tuple(sorted({event.id: event for event in events}.values(), key=lambda one: (one.at, one.id)))


def fold(events: Iterable[Event], onto: Mapping[Pair, Entry] | None = None) -> dict[Pair, Entry]:
    """Fold events, which must be in order, onto what earlier ones left.

    Raises ImpossibleOrder, naming the merchant and address as well as the event.
    """
    standings = dict(onto or {})
    for event in events:
        for pair in event.pairs:
            try:
                standings[pair] = next_entry(standings.get(pair, NEVER_SUBMITTED), event)
            except ImpossibleOrder as error:
                merchant, address = pair
                reason = str(error).partition(": ")[2]
                raise ImpossibleOrder(event.id, f"{address} for {merchant}: {reason}") from None
    return standings


@dataclass(frozen=True)
class Ledger:
    """One environment's events, and what follows from them. Order and repetition do not matter."""

    environment: str
    events: tuple[Event, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", in_order(self.events))

    @classmethod
    def empty(cls, environment: str) -> "Ledger":
        """Return the ledger of an environment in which nothing was submitted yet."""
        return cls(environment)

    def with_events(self, *events: Event) -> "Ledger":
        """Return the ledger with more events in it."""
        return Ledger(self.environment, self.events + events)

    @cached_property
    def standings(self) -> Mapping[Pair, Entry]:
        """Every pair that was ever submitted. Raises ImpossibleOrder."""
        return fold(self.events)

    def entry(self, merchant: str, address: IPv4Address) -> Entry:
        """Return where an address stands for a merchant."""
        return self.standings.get((merchant, address), NEVER_SUBMITTED)

    def approved_for(self, merchant: str) -> frozenset[IPv4Address]:
        """Return the addresses from which the partner lets a merchant in today."""
        return self._approved.get(merchant, frozenset())

    @cached_property
    def _approved(self) -> Mapping[str, frozenset[IPv4Address]]:
        found: dict[str, set[IPv4Address]] = {}
        for (merchant, address), entry in self.standings.items():
            if entry.standing is Standing.APPROVED:
                found.setdefault(merchant, set()).add(address)
        return {merchant: frozenset(addresses) for merchant, addresses in found.items()}

    def ever_approved(self, merchant: str | None = None) -> bool:
        """Tell whether anything was ever approved, for one merchant or at all: the roll-out is over."""
        return any(
            entry.ever_approved
            for (name, _), entry in self.standings.items()
            if merchant is None or name == merchant
        )

    def ever_approved_addresses(self) -> frozenset[IPv4Address]:
        """Return every address that was approved once, for whomever."""
        return frozenset(address for (_, address), entry in self.standings.items() if entry.ever_approved)

    @property
    def merchants(self) -> tuple[str, ...]:
        """Every merchant the ledger names, sorted."""
        return tuple(sorted({merchant for merchant, _ in self.standings}))
