"""Every command that prints JSON is on the page about it, and nothing else is."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from onboarding.cli.app import app
from tests import json_rule


def with_json(node: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, below in getattr(node, "commands", {}).items():
        yield from with_json(below, (*path, name))
    if any("--json" in parameter.opts for parameter in node.params):
        yield " ".join(path)


def test_the_page_names_every_command_that_prints_json() -> None:
    commands = set(with_json(typer.main.get_command(app)))
    assert set(json_rule.promised()) == commands | {"verify --list"}


def test_a_document_without_its_version_in_front_is_noticed() -> None:
    assert json_rule.check(["guard", "x.json", "--json"], '{"guardVersion": 1}') == "guard"
    for text in ('{"version": 1}', '{"verdict": "pass", "guardVersion": 1}', '{"guardVersion": "1"}'):
        with pytest.raises(AssertionError):
            json_rule.check(["guard", "--json"], text)
