"""The README's commands, run as they stand."""

import re

import pytest

from tests.engine.project import REPOSITORY, Project

pytestmark = pytest.mark.engine

BLOCK = re.compile(r"<!-- run: sandbox -->\n```sh\n(.*?)```", re.DOTALL)


def test_what_it_says_to_type_in_the_sandbox_works(project: Project) -> None:
    blocks = BLOCK.findall((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        done = project.run("sh", "-eu", "-c", block)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
    assert (project.folder / "submissions" / "sandbox-rev-1" / "submission.html").exists()
