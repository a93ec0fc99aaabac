"""Every command that a message tells somebody to run exists, with the options it names."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from onboarding.cli.app import app

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "stacks").rglob("*.py"), *(ROOT / "onboarding").rglob("*.py")])
COMMAND = re.compile(
    r"`((?:flexpay-onboard )?(?:addresses|allowlist|credentials) [^`]+|flexpay-onboard [^`]+)`"
)


def texts(path: Path) -> Iterator[str]:
    """Yield every text of a module but docstrings; what is filled in later stands as X."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants: dict[str, str] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant | ast.JoinedStr):
            made = text(statement.value, {})
            constants |= {name.id: made for name in statement.targets if isinstance(name, ast.Name)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside | docs
        ):
            yield text(node, constants)


def text(node: ast.expr, constants: dict[str, str]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.JoinedStr)
    return "".join(
        str(part.value)
        if isinstance(part, ast.Constant)
        else constants.get(ast.unparse(part.value), "X")
        if isinstance(part, ast.FormattedValue)
        else ""
        for part in node.values
    )


def advised(path: Path) -> Iterator[str]:
    for one in texts(path):
        yield from COMMAND.findall(one)


@cache
def tree() -> Any:
    return typer.main.get_command(app)


def wrong_with(advice: str) -> str:
    """Return what is wrong with a command; empty where nothing is."""
    words = [word.strip("{}") for word in shlex.split(advice)]
    command = tree()
    words = words[1:] if words[0] == "flexpay-onboard" else words
    while hasattr(command, "commands") and words:
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command = command.commands[words.pop(0)]
    known = {name: option for option in getattr(command, "params", ()) for name in option.opts}
    given = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    if unknown := given - set(known) - {"--help"}:
        return f"no option {', '.join(sorted(unknown))}"
    return ""


MODULES = [path for path in SOURCES if any(advised(path))]


def test_there_is_advice_to_look_at() -> None:
    assert len(MODULES) > 15


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_message_exists(path: Path) -> None:
    assert {one: wrong_with(one) for one in advised(path) if wrong_with(one)} == {}


def test_getting_an_address_back_is_advised_in_full() -> None:
    """There is no time to find out which option is missing when an address is lost."""
    advice = [
        one
        for path in SOURCES
        for text_ in texts(path)
        for one in re.findall(r"addresses recover [^`;.]*", text_)
    ]
    assert len(advice) >= 6
    assert [one for one in advice if "--slot" not in one] == []


@pytest.mark.parametrize("advice", ["flexpay-onboard verifi", "allowlist drop", "credentials put --secret X"])
def test_a_command_that_does_not_exist_would_be_found(advice: str) -> None:
    assert wrong_with(advice)
