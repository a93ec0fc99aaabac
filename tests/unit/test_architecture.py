"""Who may import whom, read from the source so that a late import counts too."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE_WORLD = {"boto3", "botocore", "requests", "urllib3", "yaml", "pulumi", "pulumi_aws"}
DECISIONS = (
    "onboarding/allowlist",
    "onboarding/deployment.py",
    "onboarding/errors.py",
    "onboarding/exit_codes.py",
)
"""Folders and modules that only decide; renderers and values included."""


def modules(*places: str) -> list[Path]:
    found: list[Path] = []
    for place in places:
        path = ROOT / place
        found += [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
    assert found, places
    return found


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", modules(*DECISIONS), ids=lambda path: str(path.relative_to(ROOT)))
def test_decisions_know_nothing_of_the_outside_world(path: Path) -> None:
    assert not packages(path) & OUTSIDE_WORLD


@pytest.mark.parametrize("path", modules("onboarding"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_toolkit_knows_the_program_only_by_contract_and_model(path: Path) -> None:
    assert "pulumi" not in packages(path)
    assert "sandbox" not in packages(path)
    of_stacks = {name for name in imported(path) if name.startswith("stacks")}
    assert all(name.startswith(("stacks.contract", "stacks.model")) for name in of_stacks - {"stacks"})


@pytest.mark.parametrize("path", modules("sandbox"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_sandbox_cannot_know_the_answer(path: Path) -> None:
    assert not packages(path) & {"stacks", "onboarding"}


@pytest.mark.parametrize(
    "path", modules("onboarding", "stacks"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_only_the_command_line_imports_the_command_line_prints_and_exits(path: Path) -> None:
    if path.is_relative_to(ROOT / "onboarding" / "cli") or path.name == "__main__.py":
        return
    assert not {name for name in imported(path) if name.startswith("onboarding.cli")}
    called = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    }
    assert not called & {"print", "exit", "quit", "sys.exit", "os._exit"}


def test_the_command_line_runs_where_pulumi_is_not_installed() -> None:
    probe = "import sys, onboarding.cli.app; sys.exit(any(m.startswith('pulumi') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=False).returncode == 0
