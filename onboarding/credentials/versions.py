"""What a secret looks like from outside: versions, staging labels, and which version a value becomes.

Pure. A version's ID is the request token it was written with (AWS), so an ID that follows from
the value and from what was current before makes a repeated run find what the first one wrote,
while storing an earlier value again (A, B, A) still makes a version of its own.
"""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from onboarding.flexpay.credentials import ClientCredentials

CURRENT = "AWSCURRENT"
PREVIOUS = "AWSPREVIOUS"
PENDING = "AWSPENDING"

NOTHING_BEFORE = "none"
"""Stands for the version before the first one."""
SCRYPT_COST = 2**14
"""About 50 ms and 16 MB: version IDs are visible in audit logs and must not help to guess a value."""


@dataclass(frozen=True)
class Version:
    """One version of a secret, without its value."""

    id: str
    created: datetime | None
    labels: frozenset[str]

    @property
    def stages(self) -> frozenset[str]:
        """The service's own labels among all."""
        return self.labels & {CURRENT, PREVIOUS, PENDING}

    @property
    def in_use(self) -> bool:
        """Tell whether the version has a stage; without one it is only waiting to be purged."""
        return bool(self.stages)


@dataclass(frozen=True)
class SecretState:
    """Everything about a secret but its values."""

    versions: tuple[Version, ...]
    """Also those without labels, as long as the service keeps them."""
    deleted_at: datetime | None = None
    """The day it is scheduled to be deleted; it cannot be read until it is restored."""
    rotation_enabled: bool = False
    changed_at: datetime | None = None

    def holder(self, label: str) -> Version | None:
        """Return the version that carries a label; a label is on one version at most."""
        return next((version for version in self.versions if label in version.labels), None)

    def version(self, version_id: str) -> Version | None:
        """Return a version by its ID."""
        return next((version for version in self.versions if version.id == version_id), None)

    def has(self, version_id: str, *labels: str) -> bool:
        """Tell whether a version carries any of the labels."""
        version = self.version(version_id)
        return version is not None and bool(version.labels & set(labels))

    @property
    def current(self) -> Version | None:
        """The version that consumers get."""
        return self.holder(CURRENT)

    @property
    def pending(self) -> Version | None:
        """The version that was staged and waits for its promotion."""
        return self.holder(PENDING)

    @property
    def previous(self) -> Version | None:
        """The version that was current before."""
        return self.holder(PREVIOUS)


class Fingerprint:
    """Ties a value to the version IDs it would have; holds nothing the value could be read from."""

    def __init__(self, credentials: ClientCredentials, secret_name: str) -> None:
        self._key = hashlib.scrypt(
            credentials.to_json().encode(), salt=secret_name.encode(), n=SCRYPT_COST, r=8, p=1, dklen=32
        )

    def version_id(self, base: str) -> str:
        """Return the ID of this value when it follows version ``base``: 36 characters (AWS: 32 to 64)."""
        return str(uuid.UUID(bytes=hashlib.sha256(self._key + base.encode()).digest()[:16]))

    def made(self, version_id: str, bases: Iterable[str]) -> bool:
        """Tell whether a version holds this very value and followed one of ``bases``."""
        return any(self.version_id(base) == version_id for base in bases)


def version_for(fingerprint: Fingerprint, states: Sequence[SecretState]) -> str:
    """Return the version ID under which a value is to be stored, the same in every stack.

    A value that is already current or staged anywhere keeps the ID it has there: that is a
    repeated run, or a region that was added later. Otherwise the ID follows what is current now.
    """
    known = [version.id for state in states for version in state.versions]
    bases = [NOTHING_BEFORE, *known]
    held = [version for state in states for version in (state.current, state.pending) if version]
    for version in held:
        if fingerprint.made(version.id, bases):
            return version.id
    current = next((state.current for state in states if state.current), None)
    return fingerprint.version_id(current.id if current else NOTHING_BEFORE)
