"""An ordinary installation, away from the repository, has everything that the commands read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.services import REPOSITORY
from tests.engine.story import Story

pytestmark = pytest.mark.engine

SOURCES = ("onboarding", "stacks")
DESCRIBED_BY = ("pyproject.toml", "README.md", "requirements.in")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages as an installer puts them there."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    source.mkdir()
    for name in DESCRIBED_BY:
        shutil.copy(REPOSITORY / name, source)
    for name in SOURCES:
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    target = folder / "site-packages"
    command = ["-m", "uv", "pip", "install", "--offline", "--no-deps", "--no-build-isolation", "--quiet"]
    done = subprocess.run(
        [sys.executable, *command, "--python", sys.executable, "--target", str(target), str(source)],
        env={**os.environ, "UV_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for name in SOURCES
        for path in (folder / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def test_every_file_travels(installed: Path) -> None:
    assert files(installed) >= files(REPOSITORY) - {"stacks/Pulumi.sandbox.yaml"}
    assert (installed / "bin" / "flexpay-onboard").exists()


def test_the_installed_command_drafts_a_package(installed: Path, story: Story, tmp_path: Path) -> None:
    def onboard(*arguments: str) -> subprocess.CompletedProcess[str]:
        # -P: the project's folder has the packages too, and must not be where they come from
        command = (sys.executable, "-P", "-m", "onboarding", *arguments)
        return story.project.run(*command, extra={"PYTHONPATH": str(installed)})

    assert "allowlist" in onboard("--help").stdout
    books = ("--stack", "sandbox", "--ledger", str(tmp_path / "books.yaml"))
    done = onboard("allowlist", "draft", *books, "--out", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    (package,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert {path.suffix for path in package.iterdir()} == {".json", ".csv", ".txt", ".md", ".html"}
