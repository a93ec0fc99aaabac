"""The way back and the way out: rollback, retire, discard."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from onboarding.credentials import lifecycle
from onboarding.credentials.common import Summary, writable
from onboarding.credentials.errors import Malformed, NothingStored
from onboarding.credentials.lifecycle import Held, Vault
from onboarding.credentials.record import Basis, record_of, rolled_back
from onboarding.credentials.revocation import Revocation, tail_of
from onboarding.credentials.versions import CURRENT, PENDING, PREVIOUS, SecretState
from onboarding.errors import Denied, Finding, InputError, Waiting

CACHE_SECONDS = 3600
"""How long consumers may keep a credential: the refresh interval of AWS's caching clients."""


def roll_back(vaults: Sequence[Vault], *, now: datetime | None = None) -> Summary:
    """Make the version that was current before current again, in every stack.

    A second run finds it done and changes nothing: the way forward is to stage and promote again.
    """
    at = now or datetime.now(UTC)
    held = writable(vaults)
    targets = roll_back_targets(held)
    currents = {item.state.current.id for item in held if item.state.current}
    record = rolled_back(at, ", ".join(sorted(currents - set(targets.values()))) or "nothing")
    return Summary(tuple(lifecycle.roll_back(held, targets, record)), record if targets else None)


def roll_back_targets(held: Sequence[Held]) -> dict[Vault, str]:
    """Choose, per stack, the version to go back to; stacks that are there already have no entry.

    Stacks whose current versions differ were left so by an interrupted run: the one version that
    every stack has as current or previous is where all of them can meet. Raises InputError when
    there is nothing to go back to, Finding where the stacks have no such version in common.
    """
    back = {item.vault: _came_by_rollback(item.state) for item in held}
    if all(back.values()):
        return {}
    common = set.intersection(*({*_ids(item.state)} for item in held))
    currents = {item.state.current.id for item in held if item.state.current}
    if len(currents) == 1:
        if missing := [item.vault.stack for item in held if item.state.previous is None]:
            raise InputError(
                f"{', '.join(missing)}: no previous version to go back to",
                hint="it was retired, or this is the first pair; store a pair with `credentials put`",
            )
        return {item.vault: item.state.previous.id for item in held if item.state.previous}
    reached = {item.state.current.id for item in held if item.state.current and back[item.vault]}
    target = next(iter(common & reached or (common if len(common) == 1 else ())), None)
    if target is None:
        raise Finding(
            "the stacks differ in what is current, and there is no one version to go back to",
            hint="nothing was changed; name the stacks one at a time with --stack",
        )
    return {item.vault: target for item in held if not item.state.has(target, CURRENT)}


def retire(
    vaults: Sequence[Vault],
    *,
    cache_seconds: int = CACHE_SECONDS,
    unproven_reason: str | None = None,
    now: datetime | None = None,
) -> Summary:
    """Take the label from the previous version, once no consumer can be using it any more.

    Raises Waiting while caches may still hold it, Finding when what is current was never proven.
    A second run still tells which pair the partner is to revoke.
    """
    at = now or datetime.now(UTC)
    held = writable(vaults)
    for item in held:
        if item.state.previous:
            _may_retire(item, at, timedelta(seconds=cache_seconds), unproven_reason)
    return _taken_away(held, PREVIOUS)


def discard(vaults: Sequence[Vault]) -> Summary:
    """Take the label from the staged version; what is current stays current."""
    return _taken_away(writable(vaults), PENDING)


def _taken_away(held: Sequence[Held], label: str) -> Summary:
    # asked first: afterwards the version cannot be read by its label any more
    about = _revocation(held, label)
    results = lifecycle.retire(held, label)
    return Summary(tuple(results), revocation=None if any(result.error for result in results) else about)


def _ids(state: SecretState) -> list[str]:
    return [version.id for version in (state.current, state.previous) if version]


def _came_by_rollback(state: SecretState) -> bool:
    record = record_of(state.current)
    return record is not None and record.basis is Basis.ROLLBACK


def _may_retire(item: Held, at: datetime, cache: timedelta, reason: str | None) -> None:
    current = item.state.current
    if current is None:
        raise Finding(f"{item.vault.stack}: nothing is current", hint="promote a pair first")
    record = record_of(current)
    since = record.since if record else item.state.changed_at or current.created
    if since is not None and at < since + cache:
        raise Waiting(
            f"{item.vault.stack}: consumers may use the previous pair from their caches until "
            f"{(since + cache).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            hint="run again after that, or give their longest cache time with --cache-seconds",
        )
    if reason is None and (record is None or record.basis is Basis.UNPROVEN):
        raise Finding(
            f"{item.vault.stack}: what is current was never proven; the previous pair is the only way back",
            hint="prove it with `flexpay-onboard verify`, then give that as the reason: --unproven REASON",
        )


def _revocation(held: Sequence[Held], label: str) -> Revocation | None:
    current = next((item.state.current for item in held if item.state.current), None)
    record = record_of(current)
    until = record.since if record else None
    for item in held:
        version = item.state.holder(label)
        if version is None or (current and version.id == current.id):
            continue
        return Revocation(label == PENDING, version.id, _tail(item, label), until)
    # nothing carries the label: a repeated run, if there ever was another pair
    if label == PREVIOUS and until and any(len(item.state.versions) > 1 for item in held):
        return Revocation(staged=False, version_id=None, tail=None, until=until)
    return None


def _tail(item: Held, label: str) -> str | None:
    try:
        return tail_of(item.vault.store.version(item.vault.secret_id, label).client_id)
    except (Denied, NothingStored, Malformed):
        return None
