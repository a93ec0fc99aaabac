"""Values of a change of address: its steps, where each stands, and what is known about the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from onboarding.allowlist.ledger import Ledger, Standing
from onboarding.allowlist.network_view import Allocation
from onboarding.allowlist.reconciliation import Report
from onboarding.allowlist.verdicts import Row, Status
from onboarding.deployment import EgressAddress, Environment, Role, Stack
from onboarding.exit_codes import ExitCode

LET_IN = frozenset({Status.APPROVED, Status.UNPROVEN})
"""Verdicts under which the partner lets an address in."""


class Step(StrEnum):
    """The steps, in their order; none is due before the one above it is done."""

    ALLOCATE = "allocate"
    SUBMIT = "submit"
    APPROVAL = "approval"
    ATTACH = "attach"
    VERIFY = "verify"
    DETACH = "detach"
    RETIRE = "retire"
    DROP = "drop"
    RELEASE = "release"


ARRIVAL = (Step.ALLOCATE, Step.SUBMIT, Step.APPROVAL, Step.ATTACH, Step.VERIFY)
"""What the new address goes through."""
DEPARTURE = (Step.DETACH, Step.RETIRE, Step.DROP, Step.RELEASE)
"""What the old address goes through."""


class State(StrEnum):
    """Where one step stands."""

    DONE = "done"
    DUE = "due"
    WAITING = "waiting"
    """The partner has to act."""
    LATER = "later"
    UNKNOWN = "cannot-tell"


@dataclass(frozen=True)
class Held:
    """An address of a zone: declared by the outputs, or only left in AWS with our tags."""

    slot: str
    address: IPv4Address
    declared: EgressAddress | None = None

    @property
    def active(self) -> bool:
        """Tell whether the outputs say that traffic leaves from it."""
        return self.declared is not None and self.declared.role is Role.ACTIVE

    @property
    def gateway(self) -> str | None:
        """The gateway that holds it, as the outputs say."""
        return self.declared.nat_gateway_id if self.declared else None


@dataclass(frozen=True)
class Stage:
    """One step of one move."""

    step: Step
    state: State
    fact: str


@dataclass(frozen=True)
class Move:
    """One zone's traffic going from ``old`` to ``new``."""

    stack: Stack
    zone: str
    old: Held | None
    """None: the zone gets its first address."""
    new: Held | None
    """None: not allocated yet, or the zone is given up."""
    stages: tuple[Stage, ...]
    stacks: tuple[Stack, ...]
    """Every stack of the environment: a list is handed in for all of it."""
    problems: tuple[tuple[str, str], ...]
    """What is out of order, each with what to do about it."""
    free_slot: str | None = None
    """Slot of the zone for a new address; None where all eight are taken."""
    way_back: bool = False
    """Traffic left the old address too early, and can still go back to it."""

    @property
    def current(self) -> Stage | None:
        """The first step that is not done; None when all are."""
        return next((stage for stage in self.stages if stage.state is not State.DONE), None)

    @property
    def outcome(self) -> ExitCode:
        """FINDING out of order, CANNOT_TELL, WAITING while under way, HOLDS at the end."""
        if self.problems:
            return ExitCode.FINDING
        if self.current is None:
            return ExitCode.HOLDS
        return ExitCode.CANNOT_TELL if self.current.state is State.UNKNOWN else ExitCode.WAITING

    def refusal(self, step: Step) -> tuple[ExitCode, str] | None:
        """Say why a step may not be taken now; None where it is due."""
        stage = next((one for one in self.stages if one.step is step), None)
        if stage is None:
            return ExitCode.FINDING, f"{step} is no step of this move"
        if self.problems:
            return (
                ExitCode.FINDING,
                f"{step} is refused while something is out of order: {self.problems[0][0]}",
            )
        if stage.state is State.DUE:
            return None
        if stage.state is State.DONE:
            return ExitCode.FINDING, f"{step} is done: {stage.fact}"
        first = self.current or stage
        return self.outcome, f"{step} is not due: first {first.step} ({first.fact})"


@dataclass(frozen=True)
class World:
    """Everything known about one environment."""

    environment: Environment
    report: Report
    ledger: Ledger
    every_ledger: Sequence[Ledger]
    """All of the project's, because another environment's may name the same address."""
    left: Mapping[str, Sequence[Allocation]]
    """Region → addresses in AWS with our tags that no outputs declare."""

    def rows(self, held: Held) -> list[Row]:
        """Return the verdicts about an address, one per merchant."""
        return [row for row in self.report.rows if row.address == held.address]

    def let_in(self, held: Held) -> bool:
        """Tell whether the partner lets an address in for every merchant."""
        rows = self.rows(held)
        return bool(rows) and all(row.status in LET_IN for row in rows)

    def problems(self, held: Held) -> list[tuple[str, str]]:
        """Return what is wrong about an address, each with what to do: the findings of the reconciliation,
        and traffic that moved to it before the answer was there."""
        found = []
        for row in self.rows(held):
            early = row.status is Status.WAITING and held.active and self.ledger.ever_approved(row.merchant)
            if row.outcome is ExitCode.FINDING or early:
                moved = "; traffic has moved to it already" if early else ""
                found.append((f"{row.address} for {row.merchant}: {row.verdict}{moved}", row.next_step))
        return found

    def retired(self, held: Held) -> bool:
        """Tell whether an address was taken off the list for some merchant, so is on its way out."""
        return any(
            entry.standing is Standing.RETIRED
            for (_, address), entry in self.ledger.standings.items()
            if address == held.address
        )
