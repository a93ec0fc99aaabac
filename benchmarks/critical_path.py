"""The longest chain of resources that an update cannot do without, in AWS's own seconds. Pure.

What a resource costs is read from the calls that were made for it: each change, each kind of look once (a
waiter looks again and again while the same time goes by), and the wait until what was made can be used. What
waits for what is the engine's record of dependencies, and tests/program/test_waiting.py
holds that AWS requires each of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.calls import only_reads
from sandbox.aws.latency import LATER_SECONDS, usual_seconds

Call = Mapping[str, Any]
"""As the AWS stand-in records it."""
BEGINS_WAIT = {
    "CreateNatGateway": "nat-gateway-available",
    "CreateVpcEndpoint": "interface-endpoint-available",
    "ModifyVpcEndpoint": "interface-endpoint-available",
    "CreateFunction": "vpc-function-active",
}


@dataclass(frozen=True)
class Step:
    """One resource of a path."""

    urn: str
    seconds: float

    def __str__(self) -> str:
        *_, types, name = self.urn.split("::")
        return f"{types.rpartition(':')[2]} `{name}` {self.seconds:.1f} s"


def critical_path(resources: Iterable[Mapping[str, Any]], calls: Iterable[Call]) -> tuple[Step, ...]:
    """Return the longest chain; ``resources`` as in ``pulumi stack export``, after the update."""
    kept = {resource["urn"]: resource for resource in resources}
    costs = dict.fromkeys(kept, 0.0)
    seen: set[tuple[str, str]] = set()
    for call in calls:
        urn, action = call["resource"], call["action"]
        if urn not in kept or (only_reads(action) and (urn, action) in seen):
            continue
        seen.add((urn, action))
        costs[urn] += usual_seconds(action, changes=not only_reads(action))
        if waits(kept[urn]) and action in BEGINS_WAIT:
            costs[urn] += LATER_SECONDS[BEGINS_WAIT[action]]
    best: dict[str, tuple[Step, ...]] = {}
    for urn, resource in kept.items():  # the engine writes a resource after those on which it depends
        before = [best[other] for other in resource.get("dependencies", ()) if other in best]
        best[urn] = (*max(before, key=length, default=()), Step(urn, costs[urn]))
    longest = max(best.values(), key=length, default=())
    return tuple(step for step in longest if step.seconds)


def length(path: Iterable[Step]) -> float:
    """Return the seconds of a path."""
    return sum(step.seconds for step in path)


def waits(resource: Mapping[str, Any]) -> bool:
    """Whether AWS needs a while after the call: not for gateway endpoints and functions outside a VPC."""
    kind, inputs = resource["type"], resource.get("inputs", {})
    if kind.endswith(":VpcEndpoint"):
        return bool(inputs.get("vpcEndpointType") == "Interface")
    return "vpcConfig" in inputs if kind.endswith(":Function") else True
