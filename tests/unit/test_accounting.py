"""The question that ends every engine test is one that can be answered with no."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine import accounting

DECLARED, LEFT = "eipalloc-1", "eipalloc-2"


def project(*declared: str) -> Any:
    found = {"Addresses": [{"AllocationId": one, "PublicIp": one[-1]} for one in (DECLARED, LEFT)]}
    ec2 = SimpleNamespace(describe_addresses=lambda **_: found)
    outputs = {"egressAddresses": [{"allocationId": one} for one in declared]}
    return SimpleNamespace(client=lambda _: ec2, known_outputs=lambda: outputs)


@pytest.mark.parametrize(
    ("declared", "retained", "lost"),
    [
        ((DECLARED, LEFT), {}, {}),
        ((DECLARED,), {LEFT: "kept"}, {}),
        ((DECLARED,), {}, {LEFT: "2"}),
        ((), {LEFT: "kept"}, {DECLARED: "1"}),
    ],
)
def test_an_address_that_nobody_tells_of_is_named(
    declared: tuple[str, ...], retained: dict[str, str], lost: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"retained": [{"allocationId": one, "reason": why} for one, why in retained.items()]}
    monkeypatch.setattr(accounting, "discovered", lambda _: told)
    assert accounting.unaccounted(project(*declared)) == lost


def test_a_retained_address_needs_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"retained": [{"allocationId": LEFT, "reason": ""}]}
    monkeypatch.setattr(accounting, "discovered", lambda _: told)
    with pytest.raises(AssertionError):
        accounting.unaccounted(project(DECLARED))
