"""The commands as functions: what is decided, in which order, and what is done about it.

The order of ``put`` on a host behind the egress is: look, compare, prove, stage everywhere, promote
everywhere. Proof comes before the first write, because the first version of a secret is current at
once (AWS) and because a refused pair should not be stored at all. Functions read what is stored, so
that with them the pair is staged first, and given up again if the partner refuses it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from onboarding.credentials import lifecycle
from onboarding.credentials.common import Summary, writable
from onboarding.credentials.errors import Malformed, NothingStored, SecretDeleted, SecretMissing
from onboarding.credentials.lifecycle import Held, Outcome, Vault
from onboarding.credentials.proof import Ground
from onboarding.credentials.proving import ground_for, prove_afterwards, proven_or_given_up, stored
from onboarding.credentials.record import proven, record_of, unproven
from onboarding.credentials.versions import (
    CURRENT,
    NOTHING_BEFORE,
    PENDING,
    Fingerprint,
    SecretState,
    version_for,
)
from onboarding.errors import Denied, Finding, InputError
from onboarding.flexpay.credentials import ClientCredentials

SUSTAINED_WRITE_SECONDS = 600
"""AWS asks for no more than one write in 10 minutes, sustained; it keeps 100 versions."""
FIRST_VERSION = "first version of an empty secret"


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
    held = writable(vaults, restore=restore)
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
        return prove_afterwards(held, credentials, ground, at) or Summary(
            tuple(done), notes=("this pair is current already; nothing was written",)
        )
    if None in same:
        notes.append("stored; cannot compare with what was current, since the caller may not read it")
    record, why = ground_for(ground, held, credentials, at)
    notes += why
    version_id = version_for(fingerprint, [item.state for item in held])
    staged = lifecycle.stage(open_items, credentials, version_id, record or unproven(at, FIRST_VERSION))
    if any(result.error for result in staged):
        notes.append("not staged everywhere, so nothing was promoted; run the same command again")
        return Summary((*done, *staged), notes=tuple(notes))
    if record is None and ground.functions is not None:
        told = proven_or_given_up(ground.functions, [item.vault for item in open_items], version_id)
        record = proven(at, *told.addresses)
        notes += told.notes
    if record is None:
        raise AssertionError("a pair becomes current on some ground")
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
    held = writable(vaults, restore=restore)
    fingerprint = Fingerprint(credentials, secret_name)
    notes = _frequency(held, at)
    version_id = version_for(fingerprint, [item.state for item in held])
    results = lifecycle.stage(held, credentials, version_id, unproven(at, FIRST_VERSION))
    if not any(result.error for result in results):
        notes.append("next: `flexpay-onboard credentials promote` proves the pair and makes it current")
    return Summary(tuple(results), notes=tuple(notes))


def promote(vaults: Sequence[Vault], ground: Ground, *, now: datetime | None = None) -> Summary:
    """Prove the staged pair and make it current in every stack.

    A value is read only where this host itself brings the proof: functions read for themselves, and
    without proof (``ground.unproven``) nobody does. Raises InputError when nothing is staged, Finding
    when different pairs are staged or a stack has none.
    """
    at = now or datetime.now(UTC)
    held = writable(vaults)
    staged = {item.state.pending.id: item for item in held if item.state.pending}
    if not staged:
        current = next((item.state.current for item in held if item.state.current), None)
        record = record_of(current)
        since = (
            f"; version {current.id} is current"
            + (f" since {record.since:%Y-%m-%d %H:%M} UTC" if record else "")
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
    notes: tuple[str, ...] = ()
    if ground.unproven is not None:
        record = unproven(at, ground.unproven)
    elif ground.functions is not None:
        told = ground.functions.prove([stored(item, version_id) for item in held])
        record, notes = proven(at, *told.addresses), told.notes
    else:
        address = ground.prover.vantage()
        credentials = source.vault.store.version(source.vault.secret_id, PENDING, version_id=version_id)
        ground.prover.prove(credentials)
        record = proven(at, address)
    return Summary(tuple(lifecycle.promote(held, version_id, record)), record, notes)


def look_alike(credentials: ClientCredentials, others: Sequence[tuple[str, Vault]]) -> str | None:
    """Return the environment that has the same client ID or secret in use.

    Only those count that the caller may read; for the rest the partner's own endpoint decides,
    since a pair of another environment is refused there.
    """
    for environment, vault in others:
        try:
            other = vault.store.current(vault.secret_id)
        except (Denied, SecretMissing, NothingStored, SecretDeleted, Malformed):
            continue
        if other.client_id == credentials.client_id or other.client_secret == credentials.client_secret:
            return environment
    return None


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


def _settled(state: SecretState) -> bool:
    return state.current is not None and not state.has(state.current.id, PENDING)


def _frequency(held: Sequence[Held], at: datetime) -> list[str]:
    written = [
        version.created for item in held for version in item.state.versions if version.created is not None
    ]
    if not written or at - max(written) >= timedelta(seconds=SUSTAINED_WRITE_SECONDS):
        return []
    return [
        "the last version is less than 10 minutes old; written this often for long, versions run "
        "out (the service keeps 100, and all of the last 24 hours)"
    ]
