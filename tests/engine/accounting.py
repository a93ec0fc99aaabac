"""Whether every address that is tagged as ours is in the outputs, or told by ``addresses discover``."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest

from onboarding.cli.run import run
from sandbox.world import REGION
from stacks.contract import TAG_ENVIRONMENT
from tests.engine.project import STACK, Project


def held(project: Project) -> dict[str, str]:
    """Allocation ID → address of everything that AWS holds with the environment's tag."""
    found = project.client("ec2").describe_addresses(
        Filters=[{"Name": f"tag:{TAG_ENVIRONMENT}", "Values": [STACK]}]
    )["Addresses"]
    return {item["AllocationId"]: item["PublicIp"] for item in found}


def discovered(project: Project, outputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what ``addresses discover --json`` says: by the outputs, or without any by the environment.

    ``outputs`` are earlier ones, when the stack has none any more. Runs the command in this process,
    because every engine test asks.
    """
    outputs = outputs or project.known_outputs()
    if outputs.get("egressAddresses") is None:
        place = ["--environment", STACK, "--region", REGION]
    else:
        path = project.world.state / "outputs.json"
        path.write_text(json.dumps(outputs), encoding="utf-8")
        place = ["--outputs", str(path)]
    told, said = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(told), redirect_stderr(said):
        for name, value in project.environment.items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        code = run(["addresses", "discover", "--json", *place])
    assert told.getvalue(), f"exit {code}: {said.getvalue()}"
    answer: dict[str, Any] = json.loads(told.getvalue())
    return answer


def unaccounted(project: Project) -> dict[str, str]:
    """Return allocation ID → address of ours that nobody tells of; empty is as it must be.

    Raises AssertionError where a retained address has no reason.
    """
    ours = held(project)
    if not ours:
        return {}
    declared = {one["allocationId"] for one in project.known_outputs().get("egressAddresses") or ()}
    if not ours.keys() - declared:
        return {}
    retained = {one["allocationId"]: one for one in discovered(project)["retained"]}
    assert all(one["reason"] for one in retained.values())
    assert not declared & retained.keys(), "told as retained, and declared"
    return {key: address for key, address in ours.items() if key not in declared and key not in retained}
