"""What the contributor's pages promise about the repository is so."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def hooks() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    return [hook for repo in loaded["repos"] for hook in repo["hooks"]]


def test_hooks_use_what_is_installed_here_and_fetch_nothing() -> None:
    loaded = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repo["repo"] for repo in loaded["repos"]} == {"local"}
    assert all(hook["language"] == "system" and hook["entry"].startswith(".venv/bin/") for hook in hooks())


def test_hooks_run_the_linters_of_make_check() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for tool in ("ruff check", "ruff format --check", "mypy"):
        assert f"-m {tool}" in makefile
        assert any(f"-m {tool}" in hook["entry"] for hook in hooks()), tool


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    pages = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    named = {
        target
        for page in pages
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text("utf-8"), flags=re.MULTILINE)
    }
    assert {"setup", "check", "lock"} <= named
    assert named <= targets


def test_every_tier_is_defined_for_contributors() -> None:
    defined = set(re.findall(r"`tests/(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
    folders = {path.parent.name for path in ROOT.glob("tests/*/__init__.py")}
    assert defined == folders


def test_the_changelog_is_in_the_form_it_names_and_knows_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert version[1] in next(line for line in text.splitlines() if line.startswith("## "))
    kinds = set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Not supported yet"}
