"""What is kept about how a version became current: when, and on what proof. Pure.

Kept as one staging label of the version itself (``flexpay:since/…``): it needs no place of its
own, moves and goes with the version, is written with the permission that promotion needs anyway,
and is no drift for the program that created the secret, as a tag would be.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Address

from onboarding.credentials.versions import Version

PREFIX = "flexpay:since/"
LONGEST_LABEL = 256
"""AWS limit of a staging label."""
LONGEST_REASON = 180
MOST_ADDRESSES = 9
"""So many fit into a label, with commas and what goes before."""
_STAMP = "%Y-%m-%dT%H:%M:%SZ"
_PRINTABLE = re.compile(r"[ -~]+")


class Basis(StrEnum):
    """On what ground a version was made current."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Record:
    """When a version became current, and why that was thought right."""

    since: datetime
    """UTC, whole seconds."""
    basis: Basis
    detail: str
    """The addresses tokens were obtained from, the operator's reason, or the version rolled back from."""

    def label(self, version_id: str) -> str:
        """Return the staging label for a version.

        It names the version, because a label is on one version at most, and two promotions may
        fall into the same second.
        """
        stamp = self.since.astimezone(UTC).strftime(_STAMP)
        return f"{PREFIX}{stamp}/{version_id[:8]}/{self.basis}/{self.detail}"


def proven(at: datetime, *addresses: IPv4Address) -> Record:
    """Record tokens that were issued to these addresses; as many of them as a label holds."""
    shown = ", ".join(map(str, addresses[:MOST_ADDRESSES]))
    more = f" and {len(addresses) - MOST_ADDRESSES} more" if len(addresses) > MOST_ADDRESSES else ""
    return Record(at.replace(microsecond=0), Basis.PROVEN, f"{shown}{more}")


def unproven(at: datetime, reason: str) -> Record:
    """Record that nothing was proven, and the reason somebody gave."""
    return Record(at.replace(microsecond=0), Basis.UNPROVEN, reason)


def rolled_back(at: datetime, from_version: str) -> Record:
    """Record the way back from a version."""
    return Record(at.replace(microsecond=0), Basis.ROLLBACK, from_version)


def flaw_of_reason(reason: str) -> str | None:
    """Say why a reason cannot be recorded; None when it can."""
    if not reason.strip():
        return "is empty"
    if len(reason) > LONGEST_REASON:
        return f"is longer than {LONGEST_REASON} characters"
    if not _PRINTABLE.fullmatch(reason):
        return "holds characters outside printable ASCII"
    return None


def labels_of(version: Version) -> list[str]:
    """Return the record labels of a version; more than one is left by an interrupted run."""
    return sorted(label for label in version.labels if label.startswith(PREFIX))


def record_of(version: Version | None) -> Record | None:
    """Return the newest record of a version; labels that are not ours are passed over."""
    found = [record for label in labels_of(version) if (record := _parse(label))] if version else []
    return max(found, key=lambda record: record.since, default=None)


def _parse(label: str) -> Record | None:
    try:
        stamp, _, basis, detail = label.removeprefix(PREFIX).split("/", maxsplit=3)
        return Record(datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC), Basis(basis), detail)
    except ValueError:
        return None
