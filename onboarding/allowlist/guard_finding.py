"""What the guard finds."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs."""

    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True)
class GuardFinding:
    """One thing the plan would do."""

    severity: Severity
    urn: str
    address: str
    """The address concerned, "" when it is not known yet."""
    reference: str
    """The ticket under which the address was submitted or approved, "" when there is none."""
    problem: str
    way_out: str
