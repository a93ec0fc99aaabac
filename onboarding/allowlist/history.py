"""Pure: the ledger told as a story and as data, and where two versions of it contradict each other."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from typing import Any

from onboarding.allowlist.ledger import (
    NEVER_SUBMITTED,
    Action,
    Entry,
    Event,
    Ledger,
    Pair,
    Standing,
    content,
    next_entry,
)

_SAID = {
    Action.SUBMITTED: "handed in for review",
    Action.APPROVED: "approved by the partner",
    Action.REJECTED: "rejected",
    Action.RETIRED: "no longer let in by the partner",
}


def selected(
    ledger: Ledger, merchants: Sequence[str] = (), addresses: Sequence[IPv4Address] = ()
) -> tuple[Event, ...]:
    """Return the events about some merchants and addresses; all of them where none are named."""
    return tuple(
        event
        for event in ledger.events
        if (not merchants or set(merchants) & set(event.merchants))
        and (not addresses or set(addresses) & set(event.addresses))
    )


def as_story(ledger: Ledger, merchants: Sequence[str] = (), addresses: Sequence[IPv4Address] = ()) -> str:
    """Tell in plain text what happened, oldest first, and where that leaves every address."""
    events = selected(ledger, merchants, addresses)
    if not events:
        about = " about what was named" if ledger.events else " yet"
        return f"{ledger.environment}: nothing recorded{about}"
    lines = [f"{ledger.environment}: {_count(len(events), 'event')}"]
    effects = _effects(ledger)
    day = ""
    for event in events:
        if (today := f"{event.at:%Y-%m-%d}") != day:
            lines += ["", day := today]
        lines += _told(event, effects[event.id])
    lines += ["", "Today", *_today(ledger, merchants, addresses)]
    return "\n".join(lines)


def _effects(ledger: Ledger) -> dict[str, list[tuple[Pair, Entry, Entry]]]:
    """Return, for every event, what it changed for whom."""
    standings: dict[Pair, Entry] = {}
    effects: dict[str, list[tuple[Pair, Entry, Entry]]] = {}
    for event in ledger.events:
        effects[event.id] = []
        for pair in event.pairs:
            before = standings.get(pair, NEVER_SUBMITTED)
            standings[pair] = next_entry(before, event)
            effects[event.id].append((pair, before, standings[pair]))
    return effects


def _told(event: Event, effects: Iterable[tuple[Pair, Entry, Entry]]) -> list[str]:
    what = _count(len(event.addresses), "address", "addresses")
    lines = [f"  {event.at:%H:%M}  {what} {_SAID[event.action]} for {', '.join(event.merchants)}"]
    lines.append(f"         {', '.join(map(str, event.addresses))}")
    if event.submission:
        revision, _, digest = event.submission.partition(" ")
        lines.append(f"         revision {revision}{f', {digest}' if digest else ''}")
    lines.append(f"         {event.reference}, recorded by {event.actor}, event {event.id}")
    if event.note:
        lines.append(f"         “{event.note}”")
    changes = list(effects)
    if all(before == after for _, before, after in changes):
        lines.append("         changed nothing: already so")
    for (merchant, address), before, after in changes:
        if after.disputed:
            lines.append(
                f"         contradicts event {after.disputed} about {address} for {merchant}, "
                f"which was {before.standing}"
            )
        elif event.action is Action.REJECTED and before.standing is Standing.APPROVED:
            lines.append(f"         takes back the approval of {address} for {merchant}")
    return lines


def _today(ledger: Ledger, merchants: Sequence[str], addresses: Sequence[IPv4Address]) -> list[str]:
    shown = {
        pair: entry
        for pair, entry in ledger.standings.items()
        if (not merchants or pair[0] in merchants) and (not addresses or pair[1] in addresses)
    }
    width = max(len(merchant) for merchant, _ in shown)
    return [
        f"  {merchant:<{width}}  {address!s:<15}  {entry.standing} since {entry.since:%Y-%m-%d} "
        f"({entry.reference})"
        for (merchant, address), entry in sorted(shown.items())
    ]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def as_data(
    ledger: Ledger, merchants: Sequence[str] = (), addresses: Sequence[IPv4Address] = ()
) -> dict[str, Any]:
    """Return the selected events as JSON values, the way the ledger writes them."""
    return {
        "environment": ledger.environment,
        "events": [{"id": event.id, **content(event)} for event in selected(ledger, merchants, addresses)],
    }


def missing(current: Ledger, older: Ledger) -> tuple[str, ...]:
    """Return one sentence per event of an older version that the current one has lost.

    An event is its content (``event_id``), so a changed event is a lost one.
    """
    kept = {event.id for event in current.events}
    sentences = [
        f"event {event.id} is missing: {event.at:%Y-%m-%d} {event.action} "
        f"{', '.join(map(str, event.addresses))} for {', '.join(event.merchants)} ({event.reference})"
        for event in older.events
        if event.id not in kept
    ]
    if current.environment != older.environment:
        sentences.insert(0, f"environment was {older.environment} and is {current.environment}")
    return tuple(sentences)


def disputes(ledger: Ledger) -> tuple[str, ...]:
    """Return one sentence per address about which two merged branches say different things."""
    return tuple(
        f"{address} for {merchant}: event {entry.event} says {entry.standing}, event {entry.disputed} of "
        "another branch contradicts it; ask the partner and record what holds"
        for (merchant, address), entry in sorted(ledger.standings.items())
        if entry.disputed
    )
