"""From staged to current to retired, over every stack of an environment at once.

Each step asks first what is already so and does only what is missing, so that a run that was
interrupted anywhere is finished by the next one. AWSCURRENT is moved with the version it is
believed to be on, so of two operators one wins and the other is told. Until that one move, the
credential that was current stays current.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from onboarding.credentials.errors import LabelElsewhere
from onboarding.credentials.record import Basis, Record, labels_of, record_of
from onboarding.credentials.versions import CURRENT, PENDING, SecretState, Version
from onboarding.errors import Finding, ToolkitError
from onboarding.exit_codes import ExitCode, worst
from onboarding.flexpay.credentials import ClientCredentials


class Store(Protocol):
    """What is asked of a secrets store; ``onboarding.aws.secret_store`` meets it."""

    def current(self, secret_id: str) -> ClientCredentials:
        """Return the credentials in use."""

    def version(self, secret_id: str, stage: str, *, version_id: str | None = None) -> ClientCredentials:
        """Return the credentials at a stage."""

    def state(self, secret_id: str) -> SecretState:
        """Return versions and labels."""

    def put(
        self, secret_id: str, credentials: ClientCredentials, *, version_id: str, labels: tuple[str, ...]
    ) -> frozenset[str]:
        """Store a version and return its labels."""

    def move(self, secret_id: str, label: str, *, to: str | None, source: str | None) -> None:
        """Move a label or take it away; LabelElsewhere when it is not on ``source``."""

    def restore(self, secret_id: str) -> None:
        """Cancel a scheduled deletion."""


@dataclass(frozen=True)
class Vault:
    """One merchant's secret in one stack."""

    stack: str
    """The stack's name or file, for messages."""
    region: str
    secret_id: str
    store: Store


class Outcome(StrEnum):
    """What became of one stack."""

    UNCHANGED = "unchanged"
    STAGED = "staged"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    RETIRED = "retired"
    FAILED = "failed"
    NOT_REACHED = "not reached"


@dataclass(frozen=True)
class StackResult:
    """What was done in one stack."""

    stack: str
    region: str
    outcome: Outcome
    version: str | None = None
    note: str = ""
    error: ToolkitError | None = None


@dataclass(frozen=True)
class Held:
    """A vault and what was in it when the command began."""

    vault: Vault
    state: SecretState

    def result(self, outcome: Outcome, version: str | None = None, note: str = "") -> StackResult:
        """Return a result of this stack."""
        return StackResult(self.vault.stack, self.vault.region, outcome, version, note)


def exit_code(results: Sequence[StackResult]) -> ExitCode:
    """Return the worst outcome; a stack that was not reached adds nothing to the one that failed."""
    codes = [result.error.exit_code for result in results if result.error]
    # an input error this late is a session that ran out half-way: the answer is missing, not wrong
    known = [ExitCode.CANNOT_TELL if code is ExitCode.USAGE else code for code in codes]
    return worst([*known, ExitCode.HOLDS])


def look(vaults: Sequence[Vault]) -> list[Held]:
    """Read every secret's state; raises what the store raises."""
    return [Held(vault, vault.store.state(vault.secret_id)) for vault in vaults]


def stage(
    held: Sequence[Held], credentials: ClientCredentials, version_id: str, first_record: Record
) -> list[StackResult]:
    """Make the pair the staged version of every stack.

    ``first_record`` is kept where the secret was empty, since there the service makes the first
    version current at once. Stops at the first stack that fails.
    """
    return _in_turn(held, lambda item: _stage_one(item, credentials, version_id, first_record))


def promote(held: Sequence[Held], version_id: str, record: Record) -> list[StackResult]:
    """Make a version that is staged in every stack the current one.

    ``held`` says what was current when the command began: where something else is current now,
    somebody else was faster and that stack fails. Raises Finding, with nothing changed, unless
    the version is staged (or current already) in every stack.
    """
    fresh = look([item.vault for item in held])
    for before, now in zip(held, fresh, strict=True):
        if not now.state.has(version_id, PENDING, CURRENT):
            other = now.state.pending
            raise Finding(
                f"{before.vault.stack}: the version is not staged there"
                + (f"; another one is, since {other.created}" if other else ""),
                hint="nothing was promoted; stage the pair in every stack, with one operator at a time",
            )
    expected = {item.vault: item.state.current for item in held}
    return _in_turn(fresh, lambda item: _promote_one(item, version_id, expected[item.vault], record))


def roll_back(held: Sequence[Held], target_of: dict[Vault, str], record: Record) -> list[StackResult]:
    """Make the previous version current again wherever ``target_of`` names one."""
    return _in_turn(held, lambda item: _roll_back_one(item, target_of.get(item.vault), record))


def retire(held: Sequence[Held], label: str) -> list[StackResult]:
    """Take AWSPREVIOUS or AWSPENDING, and our records, from the version that carries it."""
    return _in_turn(held, lambda item: _retire_one(item, label))


def _in_turn(held: Sequence[Held], work: Callable[[Held], StackResult]) -> list[StackResult]:
    results: list[StackResult] = []
    failed = False
    for item in held:
        if failed:
            results.append(item.result(Outcome.NOT_REACHED))
            continue
        try:
            results.append(work(item))
        except ToolkitError as error:
            failed = True
            results.append(replace(item.result(Outcome.FAILED, note=str(error)), error=error))
    return results


def _stage_one(
    item: Held, credentials: ClientCredentials, version_id: str, first_record: Record
) -> StackResult:
    vault, state = item.vault, item.state
    if state.has(version_id, PENDING, CURRENT):
        return item.result(Outcome.UNCHANGED, version_id, "already stored by an earlier run")
    displaced = state.pending
    _tidy(vault, state, leaving=displaced if displaced and displaced.stages == {PENDING} else None)
    labels = (PENDING,) if state.versions else (PENDING, first_record.label(version_id))
    carried = vault.store.put(vault.secret_id, credentials, version_id=version_id, labels=labels)
    if PENDING not in carried:
        # the version was there already, so the service ignored the labels that came with it
        staged = vault.store.state(vault.secret_id).pending
        _move(vault, PENDING, to=version_id, source=staged.id if staged else None)
    if not state.versions:
        return item.result(
            Outcome.STAGED, version_id, "the first version of a secret is current at once (AWS)"
        )
    note = f"replaces what was staged since {displaced.created}" if displaced else ""
    return item.result(Outcome.STAGED, version_id, note)


def _promote_one(item: Held, version_id: str, expected: Version | None, record: Record) -> StackResult:
    vault, state = item.vault, item.state
    current = state.current
    changed = False
    if current is None or current.id != version_id:
        if current and (expected is None or current.id != expected.id):
            raise _overtaken(vault, current.id)
        _tidy(vault, state, leaving=state.previous, keep=version_id)
        _keep_record(vault, state, version_id, record)
        _move(vault, CURRENT, to=version_id, source=current.id if current else None)
        changed = True
    elif _says_more(record, record_of(current)):
        _keep_record(vault, state, version_id, record)
        changed = True
    if state.has(version_id, PENDING):
        _move(vault, PENDING, to=None, source=version_id)
        changed = True
    if changed:
        return item.result(Outcome.PROMOTED, version_id)
    return item.result(Outcome.UNCHANGED, version_id, "already current")


def _roll_back_one(item: Held, target: str | None, record: Record) -> StackResult:
    vault, current = item.vault, item.state.current
    if target is None or current is None or current.id == target:
        return item.result(Outcome.UNCHANGED, current.id if current else None, "already rolled back")
    _tidy(vault, item.state, leaving=None, keep=target)
    _keep_record(vault, item.state, target, record)
    _move(vault, CURRENT, to=target, source=current.id)
    return item.result(Outcome.ROLLED_BACK, target)


def _retire_one(item: Held, label: str) -> StackResult:
    vault, version = item.vault, item.state.holder(label)
    if version is None:
        return item.result(Outcome.UNCHANGED, note=f"nothing carries {label}")
    _tidy(vault, item.state, leaving=version if version.stages == {label} else None)
    _move(vault, label, to=None, source=version.id)
    return item.result(Outcome.RETIRED, version.id)


def _says_more(new: Record, old: Record | None) -> bool:
    return old is None or (new.basis is Basis.PROVEN and old.basis is not Basis.PROVEN)


def _keep_record(vault: Vault, state: SecretState, version_id: str, record: Record) -> None:
    version = state.version(version_id)
    wanted = record.label(version_id)
    for label in labels_of(version) if version else ():
        if label != wanted:
            _move(vault, label, to=None, source=version_id)
    if not state.has(version_id, wanted):
        _move(vault, wanted, to=version_id, source=None)


def _tidy(vault: Vault, state: SecretState, *, leaving: Version | None, keep: str | None = None) -> None:
    """Remove our records from versions without stages, and from the one that is about to lose its last.

    A version with any label is kept for ever (AWS). Done before the move, so that a run that is
    interrupted after it leaves nothing behind.
    """
    for version in state.versions:
        if version.id != keep and (not version.in_use or version is leaving):
            for label in labels_of(version):
                _move(vault, label, to=None, source=version.id)


def _move(vault: Vault, label: str, *, to: str | None, source: str | None) -> None:
    try:
        vault.store.move(vault.secret_id, label, to=to, source=source)
    except LabelElsewhere:
        # a lost answer makes the client repeat a move that was made: what counts is where it is now
        holder = vault.store.state(vault.secret_id).holder(label)
        if (holder.id if holder else None) == to:
            return
        if label == CURRENT and holder:
            raise _overtaken(vault, holder.id) from None
        raise


def _overtaken(vault: Vault, winner: str) -> Finding:
    return Finding(
        f"{vault.stack}: another operator was faster: version {winner} has become current meanwhile",
        hint="theirs stands; see `flexpay-onboard credentials status`, then stage again if yours must follow",
    )
