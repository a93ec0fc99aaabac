"""Draws who imports whom, from the source itself: ``python -m tools.architecture [--write]``.

Prints a Mermaid graph; with ``--write`` puts it into docs/architecture.md between its two markers.
An arrow means "imports"; imports inside functions and under TYPE_CHECKING count as well. A dashed
one leads to the world outside, and shows where this code meets AWS, the partner and the engine.
"""

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- picture: begin -->", "<!-- picture: end -->"

HOUSE: Mapping[str, tuple[str, ...]] = {
    "the Pulumi program": ("stacks",),
    "the toolkit": ("onboarding",),
    "the world outside, on one machine": ("sandbox",),
}
"""Title of a storey → its top-level packages."""
VALUES, FILES = "onboarding: values", "onboarding: files and processes"
TOGETHER: Mapping[str, str] = {
    "onboarding": VALUES,
    "onboarding.__main__": "onboarding.cli",
    "onboarding.actor": FILES,
    "onboarding.files": FILES,
    "onboarding.ledger_file": FILES,
    "onboarding.outputs": FILES,
    "onboarding.submission_folder": FILES,
    "stacks.contract": "stacks.contract",
    "stacks.model": "stacks.model",
    "stacks.schema": "stacks.model",
    "stacks.values": "stacks.model",
}
"""Module → box, where the package alone would not say what it is: in onboarding/ values and edges
lie side by side, and of stacks/ the toolkit may import two modules only."""
OUTSIDE: Mapping[str, str] = {
    "boto3": "AWS",
    "botocore": "AWS",
    "mypy_boto3_*": "AWS",
    "moto": "AWS, simulated",
    "requests": "HTTP",
    "urllib3": "HTTP",
    "werkzeug": "HTTP",
    "flask": "HTTP",
    "grpc": "the engine",
    "pulumi": "the engine",
    "pulumi_aws": "the engine",
}
"""Package → what it leads to."""


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return every module of the house by its dotted name."""
    packages = [package for storey in HOUSE.values() for package in storey]
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in packages
        for path in sorted((root / package).rglob("*.py"))
    }


def area(module: str, folders: Iterable[str]) -> str:
    """Return the box a module is drawn in: TOGETHER's, else its package, at most two levels deep."""
    if module in TOGETHER:
        return TOGETHER[module]
    first, _, rest = module.partition(".")
    second = rest.partition(".")[0]
    package = f"{first}.{second}" if f"{first}.{second}" in folders else first
    return TOGETHER.get(package, package)


def imported(tree: ast.AST, module: str, *, is_package: bool) -> Iterator[str]:
    """Yield the absolute dotted names that a module's source imports, relative ones resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = module.split(".")
                kept = up[: len(up) - node.level + (1 if is_package else 0)]
                base = ".".join([*kept, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def edges(root: Path = ROOT) -> set[tuple[str, str]]:
    """Return (area, area or place outside) for every import that leaves its area."""
    known = modules(root)
    folders = {name for name, path in known.items() if path.name == "__init__.py" and name.count(".") == 1}
    found: set[tuple[str, str]] = set()
    for module, path in known.items():
        here = area(module, folders)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name in imported(tree, module, is_package=path.name == "__init__.py"):
            package = name.partition(".")[0]
            if package in OUTSIDE:
                found.add((here, OUTSIDE[package]))
            elif package.startswith("mypy_boto3_"):
                found.add((here, OUTSIDE["mypy_boto3_*"]))
            else:
                target = name if name in known else name.rpartition(".")[0]
                if target in known and area(target, folders) != here:
                    found.add((here, area(target, folders)))
    return found


def picture(drawn: Iterable[tuple[str, str]]) -> str:
    """Return the Mermaid graph of these edges; the same edges give the same text."""
    pairs = sorted(drawn)
    names = sorted({name for pair in pairs for name in pair})
    outside = set(OUTSIDE.values())
    lines = ["flowchart TD"]
    for title, packages in HOUSE.items():
        inside = [name for name in names if name.replace(":", ".").partition(".")[0] in packages]
        lines += [f'    subgraph {_id(packages[0])}_ ["{title}"]']
        lines += [f'        {_id(name)}["{name}"]' for name in inside]
        lines += ["    end"]
    lines += [f'    {_id(name)}(("{name}"))' for name in names if name in outside]
    lines += [
        f"    {_id(here)} {'-.->' if there in outside else '-->'} {_id(there)}" for here, there in pairs
    ]
    return "\n".join(lines)


def _id(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)


def written(page: str, drawn: str) -> str:
    """Return the page with the graph between its markers. Raises ValueError where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n```mermaid\n{drawn}\n```\n\n{END}{after}"


def main() -> None:
    """Print the graph, or put it into the page."""
    options = argparse.ArgumentParser(prog="python -m tools.architecture", description=__doc__)
    options.add_argument("--write", action="store_true", help="update docs/architecture.md")
    drawn = picture(edges())
    if options.parse_args().write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), drawn), encoding="utf-8")
    else:
        sys.stdout.write(f"{drawn}\n")


if __name__ == "__main__":
    main()
