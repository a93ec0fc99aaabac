"""The pipelines' own lines, typed into a shell on the real engine."""

import pytest

from tests.engine.project import STACK, Project
from tests.unit.test_pipelines import SCRIPTS


def lines(forge: str, job: str, *programs: str) -> str:
    """Return the lines of a job that call one of these programs; the rest installs and logs in."""
    kept = [line for line in SCRIPTS[forge][job].splitlines() if any(program in line for program in programs)]
    assert kept
    return "\n".join(["set -euo pipefail", *kept])


@pytest.mark.parametrize(
    "forge", [pytest.param(one, marks=pytest.mark.long if one == "gitlab" else ()) for one in SCRIPTS]
)
def test_a_plan_is_judged_and_then_carried_out_and_nothing_else_is(project: Project, forge: str) -> None:
    judge = lines(forge, "plan", "pulumi preview", "flexpay-onboard guard")
    carry_out = lines(forge, "apply", "pulumi up")
    judged = project.run("bash", "-c", judge, extra={"STACK": STACK})
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert (project.folder / "plan.json").exists()

    planned = project.world.stack_file.read_text(encoding="utf-8")
    project.configure(lambda own: own.update(tags={"late": "not in the plan"}))
    other = project.run("bash", "-c", carry_out, extra={"STACK": STACK})
    assert other.returncode != 0
    assert project.allocated() == {}

    project.world.stack_file.write_text(planned, encoding="utf-8")
    done = project.run("bash", "-c", carry_out, extra={"STACK": STACK})
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(project.allocated()) == {one["address"] for one in project.outputs()["egressAddresses"]}
