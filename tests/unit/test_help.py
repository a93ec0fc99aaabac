import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from onboarding.cli.app import app
from onboarding.cli.run import run

ROOT = Path(__file__).parents[2]


def groups(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TyperGroup]]:
    if isinstance(command, TyperGroup):
        yield path, command
        for name, child in command.commands.items():
            yield from groups(child, (*path, name))


GROUPS = dict(groups(get_command(app)))
COMMANDS = sorted(
    (*path, name)
    for path, group in GROUPS.items()
    for name, command in group.commands.items()
    if not isinstance(command, TyperGroup)
)


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_each_command_is_listed_with_a_whole_sentence(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2]
    assert "..." not in listed
    sentences = " ".join(listed.split())
    for name in GROUPS[path].commands:
        assert f"{name} " in sentences
    assert sentences.count(".") >= len(GROUPS[path].commands)


def test_the_day_of_the_list_is_told_in_its_order() -> None:
    assert list(GROUPS[("allowlist",)].commands) == ["draft", "status", "record", "history", "check"]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_command_shows_a_line_to_copy_and_how_it_may_end(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    told = " ".join(capsys.readouterr().out.partition("\n\n")[2].partition("Options:")[0].split())
    assert f"flexpay-onboard {' '.join(path)} " in told
    assert re.search(r"\b[Ee]xit (codes: )?[0-9]|[Ee]nds with [0-9]", told)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert capsys.readouterr().out == f"flexpay-onboard {project['version']}\n"
