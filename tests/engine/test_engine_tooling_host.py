"""A Python program runs under the real CLI, and its errors reach the user as its author wrote them."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine import install

PROJECT = "name: trivial\nruntime:\n  name: python\n  options: {virtualenv: .venv}\n"
PROGRAM = """
import sys
import pulumi
import settings

config = pulumi.Config()
print("the program speaks")
match config.get("end"):
    case "run-error":
        raise pulumi.RunError("Pulumi.dev.yaml: trivial:end: no such end; allowed are good, bad")
    case "bug":
        settings.broken()
    case "exit":
        sys.exit(3)
    case "apply":
        pulumi.export("late", pulumi.Output.from_input(1).apply(settings.late))
pulumi.export("value", config.get("value") or "none")
pulumi.export("secret", config.get_secret("token"))
"""
SETTINGS = """
def broken():
    raise ValueError("egress.mode: both is not one of per-zone, single")

def late(value):
    import imported_late
    return imported_late.VALUE
"""


class Project:
    """A small Pulumi project with a backend of its own, in a folder with a space in its name."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "a project"
        self.folder.mkdir()
        for name, text in (("Pulumi.yaml", PROJECT), ("__main__.py", PROGRAM), ("settings.py", SETTINGS)):
            (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / "imported_late.py").write_text("VALUE = 'imported late'\n", encoding="utf-8")
        (root / "backend").mkdir()
        prepared = install.prepare_bin(root / "a bin")
        self.environment = {
            "PATH": os.pathsep.join([str(prepared.parent), os.environ["PATH"]]),
            "HOME": str(root),
            "PULUMI_HOME": str(root / "home"),
            "PULUMI_BACKEND_URL": f"file://{root / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self.pulumi(0, "stack", "init", "dev")

    def pulumi(self, expected: int, *arguments: str) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == expected, done.stdout + done.stderr
        assert "warning: using pulumi-language-python" not in done.stderr + done.stdout
        return done.stdout + done.stderr if expected else done.stdout

    def up(self, expected: int, **config: str) -> str:
        settings = [part for key, value in config.items() for part in ("--config", f"trivial:{key}={value}")]
        return self.pulumi(expected, "up", "--yes", "--skip-preview", *settings)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("host"))


def test_config_secrets_output_and_late_imports_work(project: Project) -> None:
    project.pulumi(0, "config", "set", "--secret", "token", "canary")
    assert "the program speaks" in project.up(0, end="apply", value="seven")
    outputs: dict[str, Any] = json.loads(project.pulumi(0, "stack", "output", "--json"))
    assert outputs == {"late": "imported late", "value": "seven", "secret": "[secret]"}
    assert "canary" not in project.pulumi(0, "stack", "export")


def test_a_run_error_is_its_message_and_nothing_else(project: Project) -> None:
    said = project.up(1, end="run-error")
    assert said.count("no such end; allowed are good, bad") >= 1
    assert "Traceback" not in said
    assert "language_host" not in said


def test_a_bug_is_shown_with_its_authors_lines_only(project: Project) -> None:
    said = project.up(1, end="bug")
    assert "ValueError: egress.mode: both is not one of per-zone, single" in said
    assert "settings.py" in said
    for machinery in ("language_host", "runpy", "asyncio", "site-packages/pulumi"):
        assert machinery not in said


def test_a_program_that_exits_by_itself_has_failed(project: Project) -> None:
    assert "the program ended itself: 3" in project.up(1, end="exit")


def test_a_missing_program_is_named(project: Project) -> None:
    program = project.folder / "__main__.py"
    program.rename(project.folder / "moved.py")
    try:
        assert f"there is no __main__.py in {project.folder}" in project.up(1)
    finally:
        (project.folder / "moved.py").rename(program)


def test_another_virtual_environment_is_not_mistaken_for_ours(project: Project) -> None:
    (project.folder / ".venv").mkdir()
    try:
        assert "asks for the virtual environment" in project.up(1)
    finally:
        (project.folder / ".venv").rmdir()


def test_a_host_does_not_outlive_a_killed_engine(project: Project) -> None:
    command = [str(project.folder.parent / "a bin" / "pulumi-language-python"), "127.0.0.1:1"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=project.environment, **pipes) as host:
        assert host.stdout is not None
        assert host.stdin is not None
        assert int(host.stdout.readline()) > 0
        host.stdin.close()
        assert host.wait(timeout=20) == 0
