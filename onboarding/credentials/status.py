"""How old a pair is, which stages it has and what was proven; never its value. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from onboarding.credentials.record import Record, record_of
from onboarding.credentials.render import ground, record_json
from onboarding.credentials.versions import SecretState, Version
from onboarding.errors import ToolkitError
from onboarding.exit_codes import ExitCode, worst
from onboarding.proof import Pair, Proof

CREDENTIALS_STATUS_VERSION = 1


class Condition(StrEnum):
    """What state a secret is in."""

    CURRENT = "current"
    EMPTY = "empty"
    DELETION_SCHEDULED = "deletion scheduled"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Row:
    """One merchant's secret in one stack."""

    merchant: str
    stack: str
    region: str
    secret_name: str
    state: SecretState | None
    error: ToolkitError | None = None
    """Why there is no state."""
    last_proof: Proof | None = None
    """When `verify` last got a token with the merchant's pair, whichever version that was."""

    @property
    def condition(self) -> Condition:
        """The secret's condition."""
        if self.state is None:
            return Condition.UNKNOWN
        if self.state.deleted_at:
            return Condition.DELETION_SCHEDULED
        return Condition.CURRENT if self.state.current else Condition.EMPTY

    @property
    def current(self) -> Version | None:
        """The version in use."""
        return self.state.current if self.state else None

    @property
    def record(self) -> Record | None:
        """When and why it became current."""
        return record_of(self.current)

    @property
    def proof_is_earlier(self) -> bool:
        """Whether the last proof is of a version before the one in use."""
        stored = self.current.created if self.current else None
        began = self.record.since if self.record else stored
        return bool(self.last_proof and began and self.last_proof.proven_at < began)

    def age_days(self, now: datetime) -> int | None:
        """Return the whole days since the version in use was stored: its own date, not the secret's."""
        created = self.current.created if self.current else None
        return max((now - created).days, 0) if created else None


def latest(kept: Mapping[Pair, Proof], merchant: str) -> Proof | None:
    """Return the merchant's proof that was measured last, from whichever address."""
    mine = [proof for (name, _), proof in kept.items() if name == merchant]
    return max(mine, key=lambda proof: (proof.proven_at, proof.address), default=None)


def disagreements(rows: Sequence[Row]) -> list[str]:
    """Name the merchants whose stacks do not have the same version in use."""
    found = []
    for merchant in sorted({row.merchant for row in rows}):
        mine = [row for row in rows if row.merchant == merchant and row.state is not None]
        if len({row.current.id if row.current else None for row in mine}) > 1:
            found.append(
                f"{merchant}: the stacks do not have the same version in use; "
                "run the interrupted command again, or `credentials put` with all stacks"
            )
    return found


def exit_code(rows: Sequence[Row]) -> ExitCode:
    """Return 1 for a scheduled deletion or stacks that differ, 4 for unknown, 3 for empty, else 0."""
    codes = {
        Condition.CURRENT: ExitCode.HOLDS,
        Condition.EMPTY: ExitCode.WAITING,
        Condition.DELETION_SCHEDULED: ExitCode.FINDING,
        Condition.UNKNOWN: ExitCode.CANNOT_TELL,
    }
    found = [ExitCode.FINDING] if disagreements(rows) else []
    for row in rows:
        known = row.error.exit_code if row.error else codes[row.condition]
        found.append(ExitCode.CANNOT_TELL if known is ExitCode.USAGE else known)
    return worst(found)


def as_text(rows: Sequence[Row], now: datetime) -> str:
    """Return one paragraph per secret."""
    return "\n".join([line for row in rows for line in _paragraph(row, now)] + disagreements(rows))


def as_json(rows: Sequence[Row], now: datetime) -> str:
    """Return the versioned form for pipelines."""
    return json.dumps(
        {
            "credentialsStatusVersion": CREDENTIALS_STATUS_VERSION,
            "secrets": [_json(row, now) for row in rows],
            "disagreements": disagreements(rows),
        },
        indent=2,
    )


def _paragraph(row: Row, now: datetime) -> list[str]:
    lines = [f"{row.merchant} in {row.stack} ({row.region}): {row.secret_name}"]
    if row.error:
        return [*lines, f"  unknown: {row.error}"]
    if row.state is None or row.state.deleted_at:
        return [*lines, f"  deletion scheduled for {_when(row.state.deleted_at if row.state else None)}"]
    if row.current is None:
        lines.append("  empty: no credentials stored yet")
    else:
        age = row.age_days(now)
        aged = f", {age} day{'' if age == 1 else 's'} old" if age is not None else ""
        lines.append(f"  current:  version {row.current.id}, stored {_when(row.current.created)}{aged}")
        since = f" since {_when(row.record.since)};" if row.record else ""
        lines.append(f"  in use:  {since} proof: {ground(row.record)}")
        lines.append(f"  verify:   {_last_proof(row)}")
    for name, version in (("staged", row.state.pending), ("previous", row.state.previous)):
        if version and version is not row.current:
            lines.append(f"  {name + ':':<9} version {version.id}, stored {_when(version.created)}")
    return lines


def _last_proof(row: Row) -> str:
    proof = row.last_proof
    if proof is None:
        return "no proof kept yet"
    earlier = "; before this version was in use" if row.proof_is_earlier else ""
    where = f"from {proof.address} ({proof.vantage}, {proof.source})"
    return f"last proof {_when(proof.proven_at)} {where}{earlier}"


def _last_proof_json(row: Row) -> dict[str, object] | None:
    proof = row.last_proof
    if proof is None:
        return None
    return {
        "provenAt": proof.proven_at.isoformat(),
        "address": str(proof.address),
        "vantage": proof.vantage.value,
        "source": proof.source,
        "beforeCurrentVersion": row.proof_is_earlier,
    }


def _json(row: Row, now: datetime) -> dict[str, object]:
    state = row.state
    return {
        "merchant": row.merchant,
        "stack": row.stack,
        "region": row.region,
        "secret": row.secret_name,
        "condition": row.condition.value,
        "error": str(row.error) if row.error else None,
        "current": _version_json(row.current),
        "ageDays": row.age_days(now),
        "proof": record_json(row.record),
        "lastProof": _last_proof_json(row),
        "staged": _version_json(state.pending if state else None),
        "previous": _version_json(state.previous if state else None),
        "deletionScheduled": state.deleted_at.isoformat() if state and state.deleted_at else None,
    }


def _version_json(version: Version | None) -> dict[str, object] | None:
    if version is None:
        return None
    return {"versionId": version.id, "stored": version.created.isoformat() if version.created else None}


def _when(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "at an unknown time"
