"""How ``put`` and ``promote`` come by the proof of a pair, and what becomes of a pair that has none."""

from collections.abc import Sequence
from datetime import datetime

from onboarding.credentials import lifecycle
from onboarding.credentials.common import Summary
from onboarding.credentials.lifecycle import Held, Vault
from onboarding.credentials.proof import Ground, NotBehindEgress, Proven, Stored, StoredProver
from onboarding.credentials.record import Basis, Record, proven, record_of, unproven
from onboarding.credentials.versions import CURRENT, PENDING, SecretState
from onboarding.errors import CannotTell, Finding
from onboarding.flexpay.credentials import ClientCredentials

NOT_APPROVED = "addresses not approved yet"


def ground_for(
    ground: Ground, held: Sequence[Held], credentials: ClientCredentials, at: datetime
) -> tuple[Record | None, list[str]]:
    """Return the ground on which the pair may be stored; None where functions prove it afterwards."""
    if ground.unproven is not None:
        return unproven(at, ground.unproven), []
    if not ground.approved and not any(item.state.current for item in held):
        return unproven(at, NOT_APPROVED), [
            "not proven: the partner has not approved the addresses yet; "
            "run `flexpay-onboard verify` once it has"
        ]
    if ground.functions is not None:
        return None, []
    address = ground.prover.vantage()
    ground.prover.prove(credentials)
    return proven(at, address), []


def stored(item: Held, version_id: str) -> Stored:
    """Name a version by the label that it carries now, which is the one it may be read by."""
    return Stored(item.vault.stack, version_id, PENDING if item.state.has(version_id, PENDING) else CURRENT)


def proven_or_given_up(prover: StoredProver, vaults: Sequence[Vault], version_id: str) -> Proven:
    """Prove what was just staged. What the partner refuses is given up again, as far as AWS lets us."""
    held = lifecycle.look(vaults)
    first = [item for item in held if item.state.has(version_id, CURRENT)]
    where = ", ".join(item.vault.stack for item in first)
    already = f"; in {where} it is current already, as a secret's first version is at once (AWS)"
    try:
        return prover.prove([stored(item, version_id) for item in held])
    except CannotTell as error:
        raise CannotTell(
            f"{error}; the pair is staged and was not promoted{already if first else ''}",
            hint=f"{error.hint}; then run this again",
        ) from None
    except Finding as error:
        refused, way_out = str(error), error.hint
    # what another operator has staged meanwhile is theirs
    staged = [item for item in held if item not in first and item.state.has(version_id, PENDING)]
    results = lifecycle.retire(staged, PENDING) if staged else []
    if left := [result.stack for result in results if result.error]:
        refused += f"; it is still staged in {', '.join(left)}"
    if first:
        refused += already
        way_out += "; store a right pair with `flexpay-onboard credentials put`"
    raise Finding(refused, hint=way_out)


def prove_afterwards(
    held: Sequence[Held], credentials: ClientCredentials, ground: Ground, at: datetime
) -> Summary | None:
    """Prove a pair that became current unproven, where that is possible by now."""
    bare = [item for item in held if _basis(item.state) in (None, Basis.UNPROVEN)]
    if not bare or not ground.approved or ground.unproven is not None:
        return None
    notes: tuple[str, ...] = ()
    if ground.functions is not None:
        told = ground.functions.prove(
            [Stored(item.vault.stack, item.state.current.id, CURRENT) for item in bare if item.state.current]
        )
        record, notes = proven(at, *told.addresses), told.notes
    else:
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
    return Summary(tuple(results), record, ("this pair was current already; now it is proven", *notes))


def _basis(state: SecretState) -> Basis | None:
    record = record_of(state.current)
    return record.basis if record else None
