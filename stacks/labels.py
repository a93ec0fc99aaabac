"""Names and tags: what an operator reads in the AWS console, and what addresses are found again by."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT

PREFIX = "flexpay"
NETWORK, EGRESS, SECRETS, VERIFIER = "network", "egress", "secrets", "verifier"
"""Logical names of the components, which their children's names begin with. They stand in every
stack's state: renaming one needs an alias."""


@dataclass(frozen=True)
class Labels:
    """The naming and tagging rule of one environment."""

    environment: str
    user: Mapping[str, str] = field(default_factory=dict)
    """Tags from the settings; they may not use the names that are set here."""

    @property
    def prefixed(self) -> str:
        """What every name starts with, e.g. ``flexpay-production``."""
        return f"{PREFIX}-{self.environment}"

    def name(self, part: str) -> str:
        """Return the name in AWS of one thing, e.g. ``flexpay-production-egress-use1-az1/1``."""
        return f"{self.prefixed}-{part}"

    def tags(self, part: str, *, slot: str | None = None) -> dict[str, str]:
        """Return every tag of one resource; ``slot`` for what belongs to a single slot."""
        own = {"Name": self.name(part), TAG_ENVIRONMENT: self.environment}
        return {**self.user, **own, **({TAG_SLOT: slot} if slot else {})}


def key(slot_or_zone: str) -> str:
    """Return the part of a resource's logical name that stands for a slot or a zone.

    ``use1-az1/1`` → ``use1-az1-1``; a zone ID stands for itself. A slash would be legal in a URN,
    but has to be quoted wherever one is typed.
    """
    return slot_or_zone.replace("/", "-")


def slot_of(key_part: str) -> str:
    """Return the slot that ``key`` turned into a logical name: ``use1-az1-1`` → ``use1-az1/1``."""
    zone, _, number = key_part.rpartition("-")
    return f"{zone}/{number}"
