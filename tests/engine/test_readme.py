"""The README's commands, typed into `make shell` as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.project import REPOSITORY, Project

pytestmark = pytest.mark.engine

BLOCK = re.compile(r"<!-- run: sandbox -->\n```sh\n(.*?)```", re.DOTALL)
SECONDS = 180


def typed(project: Project, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Open the sandbox's shell, type some lines, and return how it ended."""
    shell = folder / "shell"
    shell.write_text(f"#!/bin/sh -eu\n{text}")
    shell.chmod(0o700)
    return subprocess.run(
        [sys.executable, "-m", "sandbox", "shell", "--cwd", str(project.folder)],
        cwd=REPOSITORY,
        env={**os.environ, "SHELL": str(shell)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_what_it_says_to_type_in_the_sandbox_works(bare: Project, tmp_path: Path) -> None:
    blocks = BLOCK.findall((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        done = typed(bare, block, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
    assert (bare.folder / "submissions" / "sandbox-rev-1" / "submission.html").exists()
    again = typed(bare, "pulumi refresh -s sandbox --yes --expect-no-changes\nexit 7\n", tmp_path)
    assert again.returncode == 7, again.stdout + again.stderr
    refused = typed(bare, "pulumi destroy -s sandbox --yes\n", tmp_path)
    assert refused.returncode not in (0, 7)
    assert "protected" in refused.stdout + refused.stderr


def test_the_environment_can_be_taken_into_another_shell(project: Project) -> None:
    env = f'eval "$({sys.executable} -m sandbox env -C "$PROJECT")"; cd "$PROJECT"; pulumi stack ls --json'
    done = subprocess.run(
        ["sh", "-eu", "-c", env],
        cwd=REPOSITORY,
        env={**os.environ, "PROJECT": str(project.folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"name": "sandbox"' in done.stdout
