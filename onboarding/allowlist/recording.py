"""Pure: what `allowlist record` adds to a ledger, or why it must not.

Stricter than reading. Reading accepts whatever two branches can have recorded side by side; here
one person speaks after all of it, so every step has to follow from where the addresses stand now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from ipaddress import IPv4Address

from onboarding.allowlist.clocks import instant
from onboarding.allowlist.ledger import Action, Entry, Event, Ledger, Pair, Standing, new_event
from onboarding.errors import InputError

CLOCK_TOLERANCE = timedelta(minutes=5)
_TICK = timedelta(seconds=1)
_DAY = timedelta(days=1)

_UNDONE_BY = {
    Action.SUBMITTED: (Action.REJECTED, Action.RETIRED),
    Action.APPROVED: (Action.REJECTED, Action.RETIRED),
    Action.REJECTED: (Action.SUBMITTED, Action.APPROVED),
    Action.RETIRED: (Action.SUBMITTED, Action.APPROVED),
}
"""After these, the same action under the same reference is a new one and not a repetition."""


@dataclass(frozen=True)
class Request:
    """What somebody wants recorded."""

    action: Action
    reference: str
    actor: str
    merchants: tuple[str, ...] = ()
    """Empty: those it can be meant for."""
    addresses: tuple[IPv4Address, ...] = ()
    """Empty: every address that waits for this; a retirement has to name them."""
    listed: frozenset[Pair] = frozenset()
    """For submissions: what the review package asks to let in."""
    moment: datetime | date | None = None
    """When it happened; a date without a time is a day in UTC. None: now."""
    submission: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Recording:
    """Events to append; none when the ledger says all of it already."""

    events: tuple[Event, ...]
    pairs: frozenset[Pair]
    """What the request is about, new or already recorded."""


def plan(ledger: Ledger, request: Request, *, now: datetime) -> Recording:
    """Return what to append for a request. Raises InputError where it does not follow."""
    if not request.reference.strip():
        raise InputError(
            "--reference is empty", hint="name the ticket, mail or call in which this was said or done"
        )
    recorded = _recorded(ledger, request)
    wanted = _wanted(ledger, request, recorded)
    fresh = wanted - recorded
    if not fresh:
        return Recording((), wanted)
    if request.action is Action.SUBMITTED:
        fresh = wanted  # a list is handed in as a whole, and one event says what was on it
    at = _moment(request.moment, ledger, fresh, now)
    try:
        events = tuple(
            new_event(
                ledger.environment,
                at=at,
                action=request.action,
                merchants=merchants,
                addresses=addresses,
                reference=request.reference,
                actor=request.actor,
                submission=request.submission or _common_submission(ledger, merchants, addresses),
                note=request.note,
            )
            for addresses, merchants in _grouped(fresh).items()
        )
    except ValueError as error:
        raise InputError(f"cannot be recorded: {error}") from None
    return Recording(events, wanted)


def _recorded(ledger: Ledger, request: Request) -> frozenset[Pair]:
    """Return the pairs for which the ledger already holds this action under this reference."""
    found: set[Pair] = set()
    for event in ledger.events:
        same = event.action is request.action and event.reference == request.reference
        if same and request.submission in (None, event.submission):
            found.update(event.pairs)
        elif event.action in _UNDONE_BY[request.action]:
            found.difference_update(event.pairs)
    return frozenset(found)


def _wanted(ledger: Ledger, request: Request, recorded: frozenset[Pair]) -> frozenset[Pair]:
    if request.action is Action.SUBMITTED:
        possible: frozenset[Pair] = request.listed
    else:
        possible = recorded | {pair for pair, entry in ledger.standings.items() if _may(request, entry)}
    wanted = frozenset(
        (merchant, address)
        for merchant, address in possible
        if (not request.merchants or merchant in request.merchants)
        and (not request.addresses or address in request.addresses)
    )
    _everything_named(ledger, request, wanted)
    if not wanted:
        raise InputError(
            f"nothing of {ledger.environment} waits to be {request.action}",
            hint="see `flexpay-onboard allowlist history`",
        )
    return wanted


def _may(request: Request, entry: Entry) -> bool:
    if request.action is Action.APPROVED:
        return entry.standing is Standing.WAITING or entry.disputed is not None
    if request.action is Action.REJECTED:
        taken_back = bool(request.addresses) and entry.standing is Standing.APPROVED
        return entry.standing is Standing.WAITING or taken_back or entry.disputed is not None
    retirable = entry.standing in (Standing.APPROVED, Standing.REJECTED) or entry.disputed is not None
    return bool(request.addresses) and entry.ever_approved and retirable


def _everything_named(ledger: Ledger, request: Request, wanted: frozenset[Pair]) -> None:
    if request.action is Action.RETIRED and not request.addresses:
        raise InputError(
            "a retirement has to name its addresses",
            hint="repeat --address for each; an approved address is never retired by default",
        )
    for merchant in request.merchants:
        for address in request.addresses:
            if (merchant, address) not in wanted:
                raise _refusal(ledger, request, merchant, address)
    for address in request.addresses:
        if not any(address == found for _, found in wanted):
            merchants = request.merchants or ledger.merchants or ("any merchant",)
            raise _refusal(ledger, request, merchants[0], address)
    for merchant in request.merchants:
        if not any(merchant == found for found, _ in wanted):
            known = ", ".join(ledger.merchants) or "none"
            raise InputError(
                f"--merchant {merchant}: nothing of it waits to be {request.action}",
                hint=f"the ledger of {ledger.environment} knows {known}",
            )


def _refusal(ledger: Ledger, request: Request, merchant: str, address: IPv4Address) -> InputError:
    entry = ledger.entry(merchant, address)
    if request.action is Action.SUBMITTED:
        return InputError(
            f"{address} is not part of what was submitted for {merchant}",
            hint="draft a revision that names it, or leave --address out to record the whole package",
        )
    where = f"{address} for {merchant} is {entry.standing}"
    if entry.since:
        where += f" since {entry.since:%Y-%m-%d} ({entry.reference})"
    hints = {
        Standing.UNSUBMITTED: "record its submission first, with --date if that was in the past",
        Standing.WAITING: "only what was approved can be retired; a request we take back is `rejected`",
        Standing.APPROVED: "nothing is left to do; the partner taking it back is `rejected --address`",
        Standing.REJECTED: "draft and submit a new revision first",
        Standing.RETIRED: "draft and submit a new revision first",
    }
    return InputError(f"{where}, so it cannot be {request.action}", hint=hints[entry.standing])


def _grouped(pairs: Iterable[Pair]) -> Mapping[tuple[IPv4Address, ...], list[str]]:
    """Return sets of addresses with the merchants they are meant for: one event each."""
    by_merchant: dict[str, set[IPv4Address]] = {}
    for merchant, address in pairs:
        by_merchant.setdefault(merchant, set()).add(address)
    grouped: dict[tuple[IPv4Address, ...], list[str]] = {}
    for merchant, addresses in sorted(by_merchant.items()):
        grouped.setdefault(tuple(sorted(addresses)), []).append(merchant)
    return grouped


def _common_submission(
    ledger: Ledger, merchants: Iterable[str], addresses: tuple[IPv4Address, ...]
) -> str | None:
    named = {ledger.entry(merchant, address).submission for merchant in merchants for address in addresses}
    return named.pop() if len(named) == 1 else None


def _latest(ledger: Ledger, pairs: frozenset[Pair]) -> datetime | None:
    for event in reversed(ledger.events):
        if any(pair in pairs for pair in event.pairs):
            return event.at
    return None


def _moment(
    moment: datetime | date | None, ledger: Ledger, pairs: frozenset[Pair], now: datetime
) -> datetime:
    """Return the second to record: after everything already known about the same addresses."""
    now = now.astimezone(UTC).replace(microsecond=0)
    latest = _latest(ledger, pairs)
    if latest and latest > now + CLOCK_TOLERANCE:
        raise InputError(
            f"the ledger's last event about these addresses lies in the future ({instant(latest)})",
            hint="set this machine's clock right",
        )
    if isinstance(moment, datetime):
        moment = moment.astimezone(UTC).replace(microsecond=0)
        if moment > now:
            raise InputError(f"--date {instant(moment)} lies in the future")
        if latest and moment <= latest:
            raise _too_early(instant(moment), latest)
        return moment
    if moment is None or moment == now.date():
        return _next_free(ledger, now, now + CLOCK_TOLERANCE)
    if moment > now.date():
        raise InputError(f"--date {moment} lies in the future", hint="days are counted in UTC")
    if latest and latest.date() > moment:
        raise _too_early(str(moment), latest)
    start = datetime.combine(moment, time_of_day(), UTC)
    return _next_free(ledger, start, start + _DAY - _TICK)


def _next_free(ledger: Ledger, start: datetime, end: datetime) -> datetime:
    """Return ``start``, or the second after the last event from it to ``end``.

    Nobody gave a time of day, so the order in which events are recorded becomes their order.
    """
    taken = [event.at for event in ledger.events if start <= event.at <= end]
    return max(taken) + _TICK if taken else start


def _too_early(moment: str, latest: datetime) -> InputError:
    return InputError(
        f"--date {moment} is before the last event about these addresses ({instant(latest)})",
        hint="record events in the order in which they happened",
    )
