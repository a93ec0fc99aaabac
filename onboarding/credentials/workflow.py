"""The commands as functions: what is decided, in which order, and what is done about it.

The order of ``put`` is: look, compare, prove, stage everywhere, promote everywhere. Proof comes
before the first write, because the first version of a secret is current at once (AWS) and because
a refused pair should not be stored at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from onboarding.credentials import lifecycle
from onboarding.credentials.errors import Malformed, NothingStored, SecretDeleted, SecretMissing
from onboarding.credentials.lifecycle import Held, Outcome, StackResult, Vault
from onboarding.credentials.proof import Ground, NotBehindEgress
from onboarding.credentials.record import Basis, Record, proven, record_of, rolled_back, unproven
from onboarding.credentials.versions import (
    CURRENT,
    NOTHING_BEFORE,
    PENDING,
    PREVIOUS,
    Fingerprint,
    SecretState,
    version_for,
)
from onboarding.errors import Denied, Finding, InputError, Waiting
from onboarding.flexpay.credentials import ClientCredentials

CACHE_SECONDS = 3600
"""How long consumers may keep a credential: the refresh interval of AWS's caching clients."""
SUSTAINED_WRITE_SECONDS = 600
"""AWS asks for no more than one write in 10 minutes, sustained; it keeps 100 versions."""
NOT_APPROVED = "addresses not approved yet"
FIRST_VERSION = "first version of an empty secret"


@dataclass(frozen=True)
class Summary:
    """What a command did, stack by stack."""

    results: tuple[StackResult, ...]
    record: Record | None = None
    """The ground on which something became current in this run."""
    notes: tuple[str, ...] = ()


def put(
    vaults: Sequence[Vault],
    secret_name: str,
    credentials: ClientCredentials,
    ground: Ground,
    *,
    restore: bool = False,
    now: datetime | None = None,
) -> Summary:
    """Store a pair and make it current in every stack, on proof.

    Raises what stops it before anything is written: NotBehindEgress, the partner's refusal, an
    unreadable or deleted secret.
    """
    at = now or datetime.now(UTC)
    held = _writable(vaults, restore=restore)
    fingerprint = Fingerprint(credentials, secret_name)
    notes = _frequency(held, at)
    same = [_is_current(item, credentials, fingerprint) for item in held]
    open_items = [
        item for item, known in zip(held, same, strict=True) if not (known and _settled(item.state))
    ]
    done = [
        item.result(Outcome.UNCHANGED, item.state.current.id, "already current")
        for item in held
        if item not in open_items and item.state.current
    ]
    if not open_items:
        return _prove_afterwards(held, credentials, ground, at) or Summary(
            tuple(done), notes=("this pair is current already; nothing was written",)
        )
    if None in same:
        notes.append("stored; cannot compare with what was current, since the caller may not read it")
    record, why = _ground(ground, held, credentials, at)
    notes += why
    version_id = version_for(fingerprint, [item.state for item in held])
    staged = lifecycle.stage(open_items, credentials, version_id, record)
    if any(result.error for result in staged):
        notes.append("not staged everywhere, so nothing was promoted; run the same command again")
        return Summary((*done, *staged), notes=tuple(notes))
    return Summary((*done, *lifecycle.promote(open_items, version_id, record)), record, tuple(notes))


def stage(
    vaults: Sequence[Vault],
    secret_name: str,
    credentials: ClientCredentials,
    *,
    restore: bool = False,
    now: datetime | None = None,
) -> Summary:
    """Store a pair as the staged version of every stack; what is current stays current."""
    at = now or datetime.now(UTC)
    held = _writable(vaults, restore=restore)
    fingerprint = Fingerprint(credentials, secret_name)
    notes = _frequency(held, at)
    version_id = version_for(fingerprint, [item.state for item in held])
    results = lifecycle.stage(held, credentials, version_id, unproven(at, FIRST_VERSION))
    if not any(result.error for result in results):
        notes.append("next: `flexpay-onboard credentials promote`, from behind the environment's egress")
    return Summary(tuple(results), notes=tuple(notes))


def promote(vaults: Sequence[Vault], ground: Ground, *, now: datetime | None = None) -> Summary:
    """Prove the staged pair and make it current in every stack.

    Without proof (``ground.unproven``) no value is read. Raises InputError when nothing is staged,
    Finding when different pairs are staged or a stack has none.
    """
    at = now or datetime.now(UTC)
    held = _writable(vaults)
    staged = {item.state.pending.id: item for item in held if item.state.pending}
    if not staged:
        current = next((item.state.current for item in held if item.state.current), None)
        record = record_of(current)
        since = (
            f"; version {current.id} is current" + (f" since {record.since}" if record else "")
            if current
            else ""
        )
        raise InputError(
            f"nothing is staged{since}", hint="store a pair with `flexpay-onboard credentials stage` or `put`"
        )
    if len(staged) > 1:
        raise Finding(
            "different pairs are staged in different stacks: "
            + ", ".join(f"{item.vault.stack}: {version}" for version, item in sorted(staged.items())),
            hint="nothing was promoted; stage one pair in all stacks again",
        )
    version_id, source = next(iter(staged.items()))
    if missing := [item.vault.stack for item in held if not item.state.has(version_id, PENDING, CURRENT)]:
        raise Finding(
            f"the pair is staged in {source.vault.stack}, but not in {', '.join(missing)}",
            hint="nothing was promoted; stage it in every stack first",
        )
    if ground.unproven is not None:
        record = unproven(at, ground.unproven)
    else:
        address = ground.prover.vantage()
        credentials = source.vault.store.version(source.vault.secret_id, PENDING, version_id=version_id)
        ground.prover.prove(credentials)
        record = proven(at, address)
    return Summary(tuple(lifecycle.promote(held, version_id, record)), record)


def roll_back(vaults: Sequence[Vault], *, now: datetime | None = None) -> Summary:
    """Make the version that was current before current again, in every stack.

    A second run finds it done and changes nothing: the way forward is to stage and promote again.
    """
    at = now or datetime.now(UTC)
    held = _writable(vaults)
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
    """
    at = now or datetime.now(UTC)
    held = _writable(vaults)
    for item in held:
        if item.state.previous:
            _may_retire(item, at, timedelta(seconds=cache_seconds), unproven_reason)
    return Summary(tuple(lifecycle.retire(held, PREVIOUS)))


def discard(vaults: Sequence[Vault]) -> Summary:
    """Take the label from the staged version; what is current stays current."""
    return Summary(tuple(lifecycle.retire(_writable(vaults), PENDING)))


def look_alike(
    credentials: ClientCredentials, others: Sequence[tuple[str, Vault]]
) -> tuple[str | None, list[str]]:
    """Compare the client ID with other environments' current ones, where the caller may read them.

    Returns the environment that has the same one, and the environments that could be compared.
    """
    compared = []
    for environment, vault in others:
        try:
            other = vault.store.current(vault.secret_id)
        except (Denied, SecretMissing, NothingStored, SecretDeleted, Malformed):
            continue
        compared.append(environment)
        if other.client_id == credentials.client_id or other.client_secret == credentials.client_secret:
            return environment, compared
    return None, compared


def _writable(vaults: Sequence[Vault], *, restore: bool = False) -> list[Held]:
    held = lifecycle.look(vaults)
    if deleted := [item for item in held if item.state.deleted_at]:
        if not restore:
            first = deleted[0]
            raise SecretDeleted(
                f"{first.vault.stack}: secret {first.vault.secret_id}: its deletion is scheduled, "
                f"since {first.state.deleted_at}",
                hint="run `flexpay-onboard credentials put` or `stage` with --restore to take it back",
            )
        for item in deleted:
            item.vault.store.restore(item.vault.secret_id)
        held = lifecycle.look(vaults)
    if rotating := [item.vault.stack for item in held if item.state.rotation_enabled]:
        raise Finding(
            f"{', '.join(rotating)}: automatic rotation is switched on for the secret",
            hint="switch it off: it moves labels on its own, and only the partner issues credentials",
        )
    return held


def _is_current(item: Held, credentials: ClientCredentials, fingerprint: Fingerprint) -> bool | None:
    """Tell whether the pair is what is current; None when the caller may not find out."""
    current = item.state.current
    if current is None:
        return False
    if fingerprint.made(current.id, [NOTHING_BEFORE, *(version.id for version in item.state.versions)]):
        return True
    try:
        return item.vault.store.current(item.vault.secret_id) == credentials
    except Denied:
        return None
    except Malformed:
        return False


def _prove_afterwards(
    held: Sequence[Held], credentials: ClientCredentials, ground: Ground, at: datetime
) -> Summary | None:
    """Prove a pair that became current unproven, where that is possible by now."""
    bare = [item for item in held if _basis(item.state) in (None, Basis.UNPROVEN)]
    if not bare or not ground.approved or ground.unproven is not None:
        return None
    try:
        address = ground.prover.vantage()
    except NotBehindEgress:
        return None
    ground.prover.prove(credentials)
    record = proven(at, address)
    results = [
        result
        for item in bare
        if item.state.current
        for result in lifecycle.promote([item], item.state.current.id, record)
    ]
    return Summary(tuple(results), record, ("this pair was current already; now it is proven",))


def _basis(state: SecretState) -> Basis | None:
    record = record_of(state.current)
    return record.basis if record else None


def _settled(state: SecretState) -> bool:
    return state.current is not None and not state.has(state.current.id, PENDING)


def _ground(
    ground: Ground, held: Sequence[Held], credentials: ClientCredentials, at: datetime
) -> tuple[Record, list[str]]:
    if ground.unproven is not None:
        return unproven(at, ground.unproven), []
    if not ground.approved and not any(item.state.current for item in held):
        return unproven(at, NOT_APPROVED), [
            "not proven: the partner has not approved the addresses yet; "
            "run `flexpay-onboard verify` once it has"
        ]
    address = ground.prover.vantage()
    ground.prover.prove(credentials)
    return proven(at, address), []


def _frequency(held: Sequence[Held], at: datetime) -> list[str]:
    written = [
        version.created for item in held for version in item.state.versions if version.created is not None
    ]
    if not written or at - max(written) >= timedelta(seconds=SUSTAINED_WRITE_SECONDS):
        return []
    return [
        "warning: the last version is less than 10 minutes old; written this often for long, versions run "
        "out (the service keeps 100, and all of the last 24 hours)"
    ]


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
