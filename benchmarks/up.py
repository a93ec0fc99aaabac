"""How long `pulumi up` takes, next to what AWS takes by itself for the longest chain of resources."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.critical_path import Step, critical_path, length
from benchmarks.figures import Benchmark, Figure, Result, Say
from tests.engine.meanwhile import meanwhile
from tests.engine.project import Project, everything

FACTOR = 0.7
"""As small as it can be while what the engine itself takes, which no factor scales, stays a few percent."""
APART_SECONDS = 5.0
"""Stacks that are measured beside each other start so far apart: an update keeps a core busy for its first
seconds, and then waits."""
GOAL = 1.10
ZONES = ("use1-az1", "use1-az2", "use1-az3", "use1-az4", "use1-az5", "use1-az6")
FEW, MANY = 10, 50
"""Merchants."""
ROUNDS = 3
GIVE_UP_SECONDS = 600
MOVED_AMONG = 3
"""Zones of the stack of which one moves its traffic."""
LOOK_SECONDS = 0.05
Config = dict[str, Any]


def sized(zones: int, merchants: int) -> Callable[[Config], None]:
    """Return a change to a stack with every part of it switched on."""

    def change(config: Config) -> None:
        everything(config, ZONES[:zones])
        config["merchants"] = [
            {"name": f"m-{number:02}", "integrationId": f"UP-{10000000 + number}-1", "legalEntity": "Acme"}
            for number in range(merchants)
        ]

    return change


@dataclass(frozen=True)
class Update:
    """One ``pulumi up`` that was measured."""

    began: float
    """Unix time."""
    seconds: float
    calls: list[Mapping[str, Any]]
    resources: list[Mapping[str, Any]]

    @property
    def path(self) -> tuple[Step, ...]:
        """The longest chain of resources that it made or changed."""
        return critical_path(self.resources, self.calls)

    @property
    def ratio(self) -> float:
        """Wall time over what AWS takes for that chain."""
        return self.seconds / (length(self.path) * FACTOR)


class Stack:
    """A project with a sandbox of its own."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def slow(self, factor: float) -> None:
        """Make AWS as slow as the profile says, times a factor."""
        self.project.control("PUT", "/sandbox/latency", {"factor": factor})

    def up(self) -> Update:
        """Run and time ``pulumi up`` without preview."""
        self.project.control("DELETE", "/sandbox/calls")
        began = time.time()
        # an operation that waits for AWS keeps its place among those that may run at once
        self.project.up("--parallel", "64", timeout=GIVE_UP_SECONDS)
        took = time.time() - began
        state = json.loads(self.project.pulumi("stack", "export").stdout)
        calls = self.project.control("GET", "/sandbox/calls")["calls"]
        return Update(began, took, calls, state["deployment"]["resources"])

    def unchanged(self, zones: int, merchants: int, say: Say) -> "Unchanged":
        """Bring the stack to a size, and then update it without any change."""
        self.slow(0)
        self.project.configure(sized(zones, merchants))
        self.up()
        say(f"no change: {zones} zones, {merchants} merchants")
        return Unchanged(zones, merchants, tuple(self.up() for _ in range(ROUNDS)))


@dataclass(frozen=True)
class Unchanged:
    """Updates that found nothing to do."""

    zones: int
    merchants: int
    updates: tuple[Update, ...]

    def figures(self) -> Iterator[Figure]:
        """Yield seconds and AWS calls."""
        resources = sum(one["type"].startswith("aws:") for one in self.updates[0].resources)
        size = f"{self.zones} zones, {self.merchants} merchants, {resources} resources"
        yield Figure("nothing to change", tuple(one.seconds for one in self.updates), "s", beside=size)
        each = tuple(one.seconds / resources * 1000 for one in self.updates)
        yield Figure("nothing to change, for each resource", each, "ms", beside=size)
        calls = tuple(float(len(one.calls)) for one in self.updates)
        yield Figure("AWS calls with nothing to change", calls, "calls", at_most=2, beside=size)


@dataclass
class Watch:
    """Looks at where a zone's default route leads, all the while."""

    looks: int = 0
    lost: list[str] = field(default_factory=list)
    """What a call would have met instead of a working gateway."""

    def look(self, ec2: Any, table: str) -> None:
        """Look once."""
        self.looks += 1
        routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        led = [one["NatGatewayId"] for one in routes if one.get("DestinationCidrBlock") == "0.0.0.0/0"]
        if len(led) != 1:
            self.lost.append(f"{len(led)} default routes")
            return
        (found,) = ec2.describe_nat_gateways(NatGatewayIds=led)["NatGateways"]
        if found["State"] != "available":
            self.lost.append(f"{led[0]} is {found['State']}")

    def over(self, ec2: Any, table: str) -> AbstractContextManager[None]:
        """Look again and again meanwhile."""
        return meanwhile(lambda: self.look(ec2, table), every=LOOK_SECONDS)


def slots(old: str, new: str, *, replace: bool) -> Callable[[Config], None]:
    """Return a change of the roles of the first zone's two addresses."""

    def change(config: Config) -> None:
        first, *others = ZONES[:MOVED_AMONG]
        addresses = {f"{first}/1": {"role": old}, f"{first}/2": {"role": new}}
        addresses |= {f"{zone}/1": {"role": "active"} for zone in others}
        config["egress"] = {"addresses": addresses}
        if replace:
            config["egress"]["replace"] = [f"{first}/1"]

    return change


@contextmanager
def sandbox() -> Iterator[Stack]:
    """Yield a fresh project; everything of it is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            yield Stack(project.start())
        finally:
            project.world.stop(purge=True)


def beside_each_other(stacks: Mapping[str, Stack], say: Say) -> dict[str, Update]:
    """Update several stacks at AWS's pace, since each of them does nothing but wait for most of the time."""
    with ThreadPoolExecutor(len(stacks)) as pool:
        under_way = {}
        for name, stack in stacks.items():
            say(name)
            stack.slow(FACTOR)
            under_way[name] = pool.submit(stack.up)
            time.sleep(APART_SECONDS)
        return {name: one.result() for name, one in under_way.items()}


def measure(say: Say) -> Result:
    """Make stacks, change them, and leave them as they are."""
    with sandbox() as small, sandbox() as middle, sandbox() as large:
        for stack, zones in ((small, 1), (middle, MOVED_AMONG), (large, len(ZONES))):
            stack.project.configure(sized(zones, 2))
        fresh = {
            "1 zone from nothing": small,
            f"{MOVED_AMONG} zones from nothing": middle,
            f"{len(ZONES)} zones from nothing": large,
        }
        done = beside_each_other(fresh, say)
        middle.slow(0)
        middle.project.configure(slots("active", "spare", replace=False))
        middle.up()
        middle.project.configure(slots("spare", "active", replace=True))
        small.project.configure(sized(2, 2))
        watch = Watch()
        table = middle.project.outputs()["routeTables"][ZONES[0]]
        with watch.over(middle.project.client("ec2"), table):
            done |= beside_each_other({"a zone's traffic to its spare": middle, "a second zone": small}, say)
        unchanged = [
            small.unchanged(2, FEW, say),
            large.unchanged(len(ZONES), FEW, say),
            large.unchanged(len(ZONES), MANY, say),
        ]
    ratio = [
        Figure(name, (one.ratio,), at_most=GOAL, beside=f"{one.seconds:.1f} s over the critical path")
        for name, one in done.items()
    ]
    starting = Figure(
        "from nothing, before AWS is asked anything",
        tuple(done[name].calls[0]["at"] - done[name].began for name in fresh),
        "s",
        beside="engine, program and provider start",
    )
    lost = Figure(
        "that move: looks that found the zone without a working gateway",
        (float(len(watch.lost)),),
        "looks",
        at_most=0,
        beside=f"of {watch.looks:,}",
    )
    paths = "\n".join(
        f"- {name}: {' → '.join(map(str, one.path))}, {length(one.path):.1f} s in all"
        for name, one in done.items()
    )
    nothing = [figure for one in unchanged for figure in one.figures()]
    return Result((*ratio, starting, lost, *nothing), (f"Critical paths, in AWS's own seconds:\n\n{paths}",))


BENCHMARK = Benchmark(
    name="up",
    title="pulumi up",
    claim="`pulumi up` takes what AWS takes for the longest chain of resources, and little more; without a "
    "change it asks AWS two questions, however large the stack is.",
    how="the real engine, every part of a stack switched on, `--skip-preview --parallel 64`. The AWS "
    "stand-in takes its time by a profile of published experience (NAT gateway 100 s, interface endpoint "
    f"60 s, function in a VPC 20 s, calls 0.3 to 5 s), all of it times {FACTOR}. What the engine, the program"
    " and the stand-ins take themselves does not scale with that, so that the ratio is worse here than where "
    "AWS takes its full time. Stacks are updated beside each other, a few seconds apart, since they mostly "
    "wait; each of these updates takes more than a minute and is measured once. "
    "Without a change AWS answers at once, so that what is left is ours. What waits for what is held "
    "by tests, not by these figures.",
    measure=measure,
)
