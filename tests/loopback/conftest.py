"""Fixtures of the loopback tier."""

from collections.abc import Sequence
from typing import Any

import pytest

from onboarding.cli import run as cli
from onboarding.cli import terminal
from tests import json_rule
from tests.loopback.aws_standin import aws, standin

__all__ = ["aws", "standin"]


@pytest.fixture(autouse=True)
def _json_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold everything that a command prints for ``--json`` to the rule, whatever else a test looks at."""
    asked: list[Sequence[str]] = [()]
    running: Any = cli  # its own attribute, through which commands are reached
    app, product = running.app, terminal.product

    def run(**arguments: Any) -> Any:
        asked[0] = arguments["args"] or ()
        return app(**arguments)

    def printed(text: str) -> None:
        if "--json" in asked[0]:
            json_rule.check(asked[0], text)
        product(text)

    monkeypatch.setattr(cli, "app", run)
    monkeypatch.setattr(terminal, "product", printed)
