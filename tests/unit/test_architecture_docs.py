"""The architecture page is drawn from the code, and every name in the documentation exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import architecture

ROOT = architecture.ROOT
PAGE = architecture.PAGE
NAMING = (PAGE, ROOT / "docs" / "how-to-extend.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md")
"""Pages whose names of modules and functions are looked up."""
PAGES = sorted(ROOT.glob("*.md"))
"""What docs/ holds is looked through by test_docs."""


def test_the_picture_is_that_of_the_imports() -> None:
    drawn = architecture.picture(architecture.edges())
    page = PAGE.read_text(encoding="utf-8")
    assert page == architecture.written(page, drawn), (
        "run `python -m tools.architecture --write` and look at the difference: is the new arrow meant?"
    )


def test_an_import_draws_an_arrow(tmp_path: Path) -> None:
    for name, source in {
        "stacks/__init__.py": "",
        "stacks/contract.py": "",
        "onboarding/__init__.py": "",
        "onboarding/allowlist/__init__.py": "",
        "onboarding/allowlist/rules.py": "def late() -> None:\n    from stacks.contract import X\n",
        "sandbox/__init__.py": "",
        "sandbox/aws/__init__.py": "import boto3\nfrom ..flexpay import page\n",
        "sandbox/flexpay/__init__.py": "",
        "sandbox/flexpay/page.py": "from . import missing\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    assert architecture.edges(tmp_path) == {
        ("onboarding.allowlist", "stacks.contract"),
        ("sandbox.aws", "AWS"),
        ("sandbox.aws", "sandbox.flexpay"),
    }


def test_a_page_without_markers_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="picture: begin"):
        architecture.written("# Architecture", "flowchart TD")


def names_in(page: Path) -> Iterator[str]:
    for quoted in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
        if re.fullmatch(r"(stacks|onboarding|sandbox|tools)(\.\w+)+", quoted):
            yield quoted


def exists(dotted: str) -> bool:
    """Say whether a dotted name is a package, a module, or something a module defines at its top."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        path = place.with_suffix(".py")
        if place.is_dir() and length == len(parts):
            return (place / "__init__.py").exists()
        if path.exists():
            return defines(ast.parse(path.read_text(encoding="utf-8")), parts[length:])
        if place.is_dir():
            return defines(ast.parse((place / "__init__.py").read_text(encoding="utf-8")), parts[length:])
    return False


def defines(scope: ast.Module | ast.ClassDef, names: list[str]) -> bool:
    if not names:
        return True
    for node in scope.body:
        if isinstance(node, ast.ClassDef) and node.name == names[0]:
            return defines(node, names[1:])
        here = {node.name} if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else set()
        if isinstance(node, ast.Assign):
            here = {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            here = {node.target.id}
        if names[0] in here:
            return len(names) == 1
    return False


@pytest.mark.parametrize("page", NAMING, ids=lambda page: page.name)
def test_every_module_and_function_that_is_named_exists(page: Path) -> None:
    assert [name for name in names_in(page) if not exists(name)] == []


def test_a_name_that_does_not_exist_would_be_found() -> None:
    assert len(set(names_in(PAGE))) > 40
    assert exists("onboarding.aws.secret_store.SecretStore.current")
    assert not exists("onboarding.aws.secret_store.SecretStore.newest")
    assert not exists("onboarding.alowlist")
    assert not exists("stacks.contract.parse")


def anchors(page: Path) -> set[str]:
    """Return the anchors a page offers, made the way GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        missing = not place.exists() or (anchor and place.suffix == ".md" and anchor not in anchors(place))
        broken += [target] if missing else []
    assert broken == []


def test_every_page_can_be_found() -> None:
    """From the index, or from the README that everybody begins with."""
    docs = ROOT / "docs"
    indexes = [docs / "README.md", ROOT / "README.md"]
    listed = {
        (index.parent / target).resolve()
        for index in indexes
        for target in re.findall(r"\]\(([^)#\s]+)", index.read_text(encoding="utf-8"))
    }
    pages = {path.resolve() for path in [*docs.glob("*.md"), *docs.glob("*/README.md")]}
    assert pages - listed - set(indexes) == set()
