"""What the credentials commands print: text and JSON. Pure, and never a value."""

import json
from typing import Any

from onboarding.credentials.common import Summary
from onboarding.credentials.lifecycle import StackResult
from onboarding.credentials.record import Basis, Record
from onboarding.credentials.revocation import Revocation, letter
from onboarding.deployment import Merchant

CREDENTIALS_VERSION = 1


def as_text(summary: Summary, environment: str, merchant: Merchant) -> str:
    """Return the lines a person reads; the request to the partner, where there is one, comes last."""
    lines = [f"credentials of {merchant.name} in {environment}"]
    lines += [f"  {_line(result)}" for result in summary.results]
    if summary.record:
        lines.append(f"  proof: {ground(summary.record)}")
    if summary.revocation:
        lines += ["", _letter(summary.revocation, environment, merchant)]
    return "\n".join(lines)


def as_json(summary: Summary, environment: str, merchant: Merchant, *, action: str) -> str:
    """Return the versioned form for pipelines."""
    return json.dumps(
        {
            "credentialsVersion": CREDENTIALS_VERSION,
            "environment": environment,
            "merchant": merchant.name,
            "action": action,
            "proof": record_json(summary.record),
            "stacks": [
                {
                    "stack": result.stack,
                    "region": result.region,
                    "outcome": result.outcome.value,
                    "versionId": result.version,
                    "note": result.note or None,
                }
                for result in summary.results
            ],
            "notes": list(summary.notes),
            "requestToPartner": (
                _letter(summary.revocation, environment, merchant) if summary.revocation else None
            ),
        },
        indent=2,
    )


def _letter(about: Revocation, environment: str, merchant: Merchant) -> str:
    return letter(environment, merchant.name, merchant.integration_id, merchant.legal_entity, about)


def record_json(record: Record | None) -> dict[str, Any] | None:
    """Return a record as JSON holds it."""
    if record is None:
        return None
    return {"basis": record.basis.value, "since": record.since.isoformat(), "detail": record.detail}


def ground(record: Record | None) -> str:
    """Say on what ground a version became current."""
    if record is None:
        return "none recorded; it was not made current by this toolkit"
    words = {
        Basis.PROVEN: f"a token was issued to {record.detail}",
        Basis.UNPROVEN: f"none: {record.detail}",
        Basis.ROLLBACK: f"none needed: rolled back from {record.detail}",
    }
    return words[record.basis]


def _line(result: StackResult) -> str:
    version = f", version {result.version}" if result.version else ""
    note = f" ({result.note})" if result.note else ""
    return f"{result.stack} ({result.region}): {result.outcome}{version}{note}"
