from collections.abc import Iterator

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from onboarding.cli.app import app
from onboarding.cli.run import run


def groups(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TyperGroup]]:
    if isinstance(command, TyperGroup):
        yield path, command
        for name, child in command.commands.items():
            yield from groups(child, (*path, name))


GROUPS = dict(groups(get_command(app)))


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
