"""What the commands on stored credentials share: a look at what is there, and the account they give."""

from collections.abc import Sequence
from dataclasses import dataclass

from onboarding.credentials import lifecycle
from onboarding.credentials.errors import SecretDeleted
from onboarding.credentials.lifecycle import Held, StackResult, Vault
from onboarding.credentials.record import Record
from onboarding.credentials.revocation import Revocation
from onboarding.errors import Finding


@dataclass(frozen=True)
class Summary:
    """What a command did, stack by stack."""

    results: tuple[StackResult, ...]
    record: Record | None = None
    """The ground on which something became current in this run."""
    notes: tuple[str, ...] = ()
    revocation: Revocation | None = None
    """The pair that the partner is to revoke now."""


def writable(vaults: Sequence[Vault], *, restore: bool = False) -> list[Held]:
    """Read every secret's state, and make sure that it may be written.

    Raises SecretDeleted for a scheduled deletion unless ``restore`` takes it back, Finding where
    automatic rotation would interfere.
    """
    held = lifecycle.look(vaults)
    if deleted := [item for item in held if item.state.deleted_at]:
        if not restore:
            first = deleted[0]
            raise SecretDeleted(
                f"{first.vault.stack}: secret {first.vault.secret_id}: its deletion is scheduled "
                f"for {first.state.deleted_at:%Y-%m-%d}",
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
