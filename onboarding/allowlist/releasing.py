"""Decides whether an address may be given up: only when nobody's approval depends on it any more."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from onboarding.allowlist.ledger import Ledger, Standing
from onboarding.allowlist.network_view import Allocation

_SAID = {
    Standing.APPROVED: "the partner lets it in: have it removed (`allowlist draft --remove`), then record it",
    Standing.WAITING: "it waits for the partner's decision: withdraw it (`allowlist record rejected`) first",
    Standing.REJECTED: "it was approved once and the removal is not confirmed: `allowlist record retired`",
}


def obstacles(address: IPv4Address, allocation: Allocation, ledgers: Iterable[Ledger]) -> list[str]:
    """Return every reason why an address must not be released; empty when it may.

    A released address goes to a stranger, whose calls the partner would then let in. So it must be
    retired for every merchant in every ledger that names it; one that was rejected and never
    approved counts, since nobody lets it in.
    """
    found = []
    if allocation.association_id:
        found.append(f"{address} is attached to {allocation.interface_id or allocation.association_id}")
    if allocation.environment is None:
        found.append(f"{address} ({allocation.allocation_id}) is not tagged as an address of ours")
    for ledger in ledgers:
        found += still_listed(address, ledger)
    return found


def still_listed(address: IPv4Address, ledger: Ledger) -> list[str]:
    """Return why the partner may let an address in, or may yet come to, as one ledger has it."""
    found = []
    for (merchant, named), entry in sorted(ledger.standings.items()):
        if named != address:
            continue
        if entry.disputed:
            found.append(
                f"{ledger.environment}: {merchant}: its standing is disputed by event {entry.disputed}; "
                "record what the partner says"
            )
        elif entry.standing is Standing.REJECTED and not entry.ever_approved:
            continue
        elif entry.standing in _SAID:
            found.append(
                f"{ledger.environment}: {merchant}: {entry.standing} ({entry.reference}); "
                f"{_SAID[entry.standing]}"
            )
    return found
