"""The vantage of a function in the cloud: the same measurements, made by somebody else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any, TypeVar

from onboarding.errors import CannotTell, ToolkitError
from onboarding.verification.cloud import Action, Request, StoredPair, batches, to_event
from onboarding.verification.measurement import (
    CallRecord,
    EchoSample,
    PairMeasurement,
    PlaceMeasurement,
    Step,
)
from onboarding.verification.probes import PairJob

Value = TypeVar("Value")
Invoke = Callable[[Mapping[str, Any]], Any]
"""Event → answer as JSON types. Raises ToolkitError."""


@dataclass
class FunctionVantage:
    """One zone's function, or the control function.

    What goes wrong on the way to a function is a measurement that says so: other zones' results
    stand. ``look`` may wait for the function and repeat; ``invoke`` happens once.
    """

    place: str
    """The zone, or ``control``."""
    look: Invoke
    invoke: Invoke
    run_id: str
    address: IPv4Address | None = None
    keep_proofs: bool = True
    kept: set[str] = field(default_factory=set)
    """Merchants whose proof the function has kept."""
    troubles: list[str] = field(default_factory=list)
    """Why others' were not."""

    @property
    def name(self) -> str:
        """``function use1-az1``."""
        return f"function {self.place}"

    @property
    def zone(self) -> str | None:
        """The zone whose egress it stands for."""
        return self.place if self.address else None

    def place_work(self) -> Callable[[], PlaceMeasurement]:
        """Wait until the function is active, and have it look at where its calls leave from."""

        def work() -> PlaceMeasurement:
            try:
                said = self.look(to_event(Request(Action.LOOK)))
                measured = self._read(lambda: PlaceMeasurement.from_json(said["place"]))
            except ToolkitError as error:
                return PlaceMeasurement(self.name, (EchoSample(self.name, None, _unanswered("echo", error)),))
            return replace(measured, vantage=self.name)

        return work

    def pair_work(self, jobs: Sequence[PairJob]) -> list[Callable[[], list[PairMeasurement]]]:
        """One invocation for a few dozen merchants."""
        return [self._measuring(batch) for batch in batches(jobs)]

    def _measuring(self, batch: tuple[PairJob, ...]) -> Callable[[], list[PairMeasurement]]:
        def work() -> list[PairMeasurement]:
            event = to_event(Request(Action.MEASURE, self.run_id, batch, self.keep_proofs))
            try:
                said = self.invoke(event)
                found = self._read(lambda: [PairMeasurement.from_json(raw) for raw in said["pairs"]])
                if sorted(one.merchant for one in found) != sorted(job.merchant for job in batch):
                    raise CannotTell(f"{self.name} answered for other merchants than it was asked for")
                self.kept |= set(self._read(lambda: said["kept"]))
                self.troubles += [said["trouble"]] if said.get("trouble") else []
            except ToolkitError as error:
                return [self._unmeasured(job, error) for job in batch]
            return [replace(one, vantage=self.name) for one in found]

        return work

    def _unmeasured(self, job: PairJob, error: ToolkitError) -> PairMeasurement:
        fact = str(error)
        if job.order is not None:
            fact += "; the test order may have been placed all the same, and is not repeated"
        return PairMeasurement(job.merchant, self.name, Step(False, fact, error.hint, answered=False))

    def prove_work(self, stored: StoredPair) -> Callable[[], PairMeasurement]:
        """One token with a stored pair that the function reads itself.

        It creates nothing, so that it may wait for the function; what AWS has begun is not repeated.
        """

        def work() -> PairMeasurement:
            try:
                said = self.look(to_event(Request(Action.PROVE, stored=stored)))
                found = self._read(lambda: (said["versionId"], PairMeasurement.from_json(said["pair"])))
                if (found[0], found[1].merchant) != (stored.version_id, stored.merchant):
                    raise CannotTell(f"{self.name} answered for another pair than it was asked for")
            except ToolkitError as error:
                return PairMeasurement(
                    stored.merchant, self.name, Step(False, str(error), error.hint, answered=False)
                )
            return replace(found[1], vantage=self.name)

        return work

    def stranger_work(self, which: str) -> Callable[[], CallRecord]:
        """One call that must be refused."""

        def work() -> CallRecord:
            try:
                said = self.invoke(to_event(Request(Action.STRANGER, which=which)))
                return self._read(lambda: CallRecord.from_json(said["call"]))
            except ToolkitError as error:
                return _unanswered(which, error)

        return work

    def _read(self, reading: Callable[[], Value]) -> Value:
        try:
            return reading()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CannotTell(
                f"{self.name} gave an answer that this release does not understand",
                hint="deploy the functions of this release: `pulumi up`",
            ) from error


def _unanswered(call: str, error: ToolkitError) -> CallRecord:
    return CallRecord(call, ok=False, fact=str(error), next_step=error.hint, answered=False)
