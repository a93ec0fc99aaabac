"""What a run is made of: checks, subjects, results and the report. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from onboarding.exit_codes import ExitCode


class Outcome(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - an outcome
    WARN = "warn"
    """Holds, but something is worth knowing."""
    FAIL = "fail"
    """The answer is wrong."""
    ERROR = "error"
    """No usable answer."""
    WAITING = "waiting"
    """Nothing is wrong on our side; the partner has to act."""
    SKIP = "skip"
    """Not looked at; the reason is told."""


EXIT_BY_OUTCOME = {
    Outcome.PASS: ExitCode.HOLDS,
    Outcome.WARN: ExitCode.HOLDS,
    Outcome.FAIL: ExitCode.FINDING,
    Outcome.ERROR: ExitCode.CANNOT_TELL,
    Outcome.WAITING: ExitCode.WAITING,
}
HOLDS = frozenset({Outcome.PASS, Outcome.WARN})


class Scope(StrEnum):
    """How often a check is judged in one run."""

    RUN = "run"
    ADDRESS = "address"
    MERCHANT = "merchant"
    PAIR = "merchant and address"


@dataclass(frozen=True)
class Subject:
    """What one judgement is about; None where the scope has no such part."""

    merchant: str | None = None
    vantage: str | None = None
    """Where the calls came from."""
    zone: str | None = None
    address: str | None = None
    """The egress address that is meant."""

    def covers(self, other: "Subject") -> bool:
        """Tell whether what was found here also bears on ``other``."""
        same_merchant = not self.merchant or not other.merchant or self.merchant == other.merchant
        return same_merchant and (not self.address or not other.address or self.address == other.address)

    def label(self) -> str:
        """Return merchant and address in one short text."""
        return " ".join(part for part in (self.merchant, self.address) if part)


@dataclass(frozen=True)
class Verdict:
    """What judging one subject came to."""

    outcome: Outcome
    found: str
    expected: str = ""
    next_action: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    blocked_by: str | None = None
    """Id of the check whose outcome made this one meaningless."""


@dataclass(frozen=True)
class Result:
    """One line of the report."""

    check: str
    title: str
    required: bool
    subject: Subject
    verdict: Verdict

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.verdict.outcome


@dataclass(frozen=True)
class Report:
    """Everything one run has to say."""

    environment: str
    run_id: str
    """Also in the test order (``{{runId}}``), so that the partner can find it."""
    started_at: datetime
    seconds: float
    via: str
    toolkit: str
    """Version of this toolkit."""
    merchants: tuple[str, ...]
    results: tuple[Result, ...]
    exit_code: ExitCode
    order_proven: tuple[str, ...]
    """Merchants whose test order was accepted in this run."""
    proven: tuple[Subject, ...]
    """Pairs that were proven in this run."""
    inventory: tuple[Mapping[str, Any], ...] = ()
    """The declared addresses, as JSON types."""
    waited_seconds: float | None = None
    """How long --wait waited; None without it."""
    notes: tuple[str, ...] = ()

    def count(self, outcome: Outcome) -> int:
        """Return how many results ended so."""
        return sum(result.outcome is outcome for result in self.results)
