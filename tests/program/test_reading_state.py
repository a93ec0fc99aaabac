"""The stack's own state is read while the engine writes it."""

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from stacks import lookups
from stacks.adoption import Refused

TORN = "invocation of pulumi:pulumi:readStackOutputs returned an error: failed to load checkpoint: EOF"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the engine answers, one after the other; an exception is raised."""
    given: list[Any] = []

    def invoke(token: str, arguments: dict[str, str]) -> Any:
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(value={"outputs": answer})

    monkeypatch.setattr(pulumi.runtime, "invoke", invoke)
    monkeypatch.setattr(lookups, "WRITING_SECONDS", (0.001, 0.001, 0.0))
    for name in ("get_organization", "get_project", "get_stack"):
        monkeypatch.setattr(pulumi, name, lambda: "x")
    return given


def test_a_state_that_is_being_written_is_read_again(answers: list[Any]) -> None:
    answers += [Exception(TORN), {"environment": "sandbox"}, Exception(TORN), Exception(TORN), {}]
    assert lookups.read_managed().environment == "sandbox"


def test_a_state_that_stays_unreadable_is_refused(answers: list[Any]) -> None:
    answers += [Exception(TORN)] * 3
    with pytest.raises(Refused, match="the stack's own state: no usable answer"):
        lookups.read_managed()


def test_another_error_is_not_tried_again(answers: list[Any]) -> None:
    answers += [Exception("access denied"), {}]
    with pytest.raises(Refused, match="access denied"):
        lookups.read_managed()
    assert len(answers) == 1
