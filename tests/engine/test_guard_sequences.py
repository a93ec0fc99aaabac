"""Random sequences of edits: program or guard refuses, or every approved address stays in its slot."""

import random
from collections import Counter
from collections.abc import Callable, Iterator

import boto3  # noqa: F401  # loaded once per worker, not within a test's time
import pytest

from onboarding.allowlist.guard import Severity, judge
from onboarding.allowlist.plan import parse_plan
from onboarding.allowlist.plan_saved import differences
from onboarding.ledger_file import read_ledger
from stacks.contract import TAG_SLOT
from tests.engine.accounting import held, unaccounted
from tests.engine.outliving import approve
from tests.engine.project import STACK, Project
from tests.engine.sequences import edit, first

pytestmark = pytest.mark.engine
EDITS = 4
IN_EVERY_RUN = 1
ALTOGETHER = 200


class Course:
    """One sequence in a project in which nothing was done yet."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._log: list[str] = []
        self.tally: Counter[str] = Counter()
        """Over the sequence: edits by outcome, and how many addresses were looked for."""

    def run(self, seed: int) -> None:
        """One sequence. Raises AssertionError with the seed and every edit so far."""
        self._log.append(f"seed {seed}")
        dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.project.configure(lambda config: first(config, dice))
        self.project.up()
        approve(self.project)
        approved = self._slots()
        for _ in range(EDITS):
            settings = self.project.world.stack_file.read_text(encoding="utf-8")
            self.project.configure(lambda config: self._log.append(edit(config, dice, self._foreign)))
            outcome = self._try()
            self._log.append(outcome)
            self.tally[outcome] += 1
            if outcome != "done":
                self.project.world.stack_file.write_text(settings, encoding="utf-8")
            self._check(approved)
            if outcome == "done" and dice.random() < 0.5:
                approve(self.project)
                self._log.append("approved")
                approved = self._slots()

    def _slots(self) -> dict[str, str]:
        """Slot → allocation ID, by the outputs in the state."""
        return {
            item["slot"]: item["allocationId"] for item in self.project.known_outputs()["egressAddresses"]
        }

    def _tagged(self) -> dict[str, str]:
        found = self.project.client("ec2").describe_addresses()["Addresses"]
        return {
            item["AllocationId"]: tag["Value"]
            for item in found
            for tag in item.get("Tags", [])
            if tag["Key"] == TAG_SLOT
        }

    def _foreign(self) -> str:
        made: str = self.project.client("ec2").allocate_address(Domain="vpc")["AllocationId"]
        return made

    def _try(self) -> str:
        saved = self.project.folder / "plan.json"
        preview = self.project.pulumi("preview", "--json", "--show-sames", "--save-plan", str(saved))
        plan = parse_plan(preview.stdout)
        if plan.errors:
            return "refused"
        unlike = differences(plan, saved.read_text(encoding="utf-8"))
        assert not unlike, f"the plan is not the preview's own: {unlike}: {', '.join(self._log)}"
        ledger = read_ledger(self.project.folder / "allowlist" / f"{STACK}.yaml")
        if any(one.severity is Severity.BLOCK for one in judge(plan, ledger)):
            return "blocked"
        done = self.project.pulumi("up", "--yes", "--skip-preview", "--plan", str(saved))
        return "done" if done.returncode == 0 else "failed"

    def _check(self, approved: dict[str, str]) -> None:
        told = ", ".join(self._log)
        now, slots, tagged = held(self.project), self._slots(), self._tagged()
        for slot, allocation in approved.items():
            assert allocation in now, f"{slot} was released: {told}"
            assert tagged.get(allocation) == slot, told
            assert slots.get(slot) == allocation, f"{slot} holds {slots.get(slot)}: {told}"
        lost = unaccounted(self.project)
        assert not lost, f"neither declared nor told as retained: {lost}: {told}"
        self.tally["addresses"] += len(approved)
        self.tally["retained"] += len(now.keys() - set(slots.values()))
        allowed = {now[allocation] for allocation in approved.values()}
        assert self._carrying() <= allowed, f"an unapproved address carries traffic: {told}"

    def _carrying(self) -> set[str]:
        ec2 = self.project.client("ec2")
        routes = [
            route["NatGatewayId"]
            for table in ec2.describe_route_tables()["RouteTables"]
            for route in table["Routes"]
            if route.get("NatGatewayId")
        ]
        gateways = ec2.describe_nat_gateways()["NatGateways"]
        found = [
            address["PublicIp"]
            for gateway in gateways
            if gateway["NatGatewayId"] in routes
            for address in gateway["NatGatewayAddresses"]
        ]
        assert len(found) >= len(set(routes)), "a route leads to a gateway that is gone"
        return set(found)


@pytest.fixture
def course(project: Project) -> Course:
    return Course(project)


@pytest.fixture
def figures(course: Course, record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Write what a sequence came to into the report of the run (``--junitxml``)."""
    yield
    for name, count in sorted(course.tally.items()):
        record_property(name, count)


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize("seed", range(IN_EVERY_RUN))
def test_no_sequence_of_edits_loses_an_approved_address(course: Course, seed: int) -> None:
    course.run(seed)


@pytest.mark.long
@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize("seed", range(IN_EVERY_RUN, ALTOGETHER))
def test_none_of_many_sequences_loses_an_approved_address(course: Course, seed: int) -> None:
    course.run(seed)
