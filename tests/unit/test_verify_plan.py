"""When ``verify`` reads secrets: on the host that calls with them, and not before the options hold."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onboarding.allowlist.ledger import Action, new_event
from onboarding.cli import verify_adapters, verify_plan
from onboarding.deployment import Environment
from onboarding.errors import InputError
from onboarding.ledger_file import append, start
from onboarding.redaction import KnownSecrets
from tests.unit.judging_world import ADDRESS, stack

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:flexpay-production-verifier-use1-az1"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the merchants whose secrets were asked for."""
    names: list[str] = []

    def note(_store: verify_adapters.SecretsOfRun, merchants: Sequence[str]) -> None:
        names.extend(merchants)

    monkeypatch.setattr(verify_adapters.SecretsOfRun, "read_ahead", note)
    return names


@pytest.fixture
def asked(tmp_path: Path) -> verify_plan.Asked:
    ledger = tmp_path / "allowlist" / "production.yaml"
    start(ledger, "production")
    for day, action in ((1, Action.SUBMITTED), (2, Action.APPROVED)):
        append(
            ledger,
            new_event(
                "production",
                at=datetime(2026, 11, day, tzinfo=UTC),
                action=action,
                merchants=("acme",),
                addresses=(ADDRESS,),
                reference="FP-1",
                actor="somebody",
            ),
        )
    return verify_plan.Asked(
        directory=tmp_path,
        ledger=None,
        merchants=(),
        via="auto",
        sources=(),
        control=None,
        wait=None,
        skip=(),
        concurrency=8,
        allow_real_order=False,
    )


def build(asked: verify_plan.Asked, **outputs: Any) -> None:
    environment = Environment("production", (stack(**outputs),))
    verify_plan.build(asked, environment, KnownSecrets(), run_id="run-1")


def test_a_host_reads_the_secrets_it_calls_with(asked: verify_plan.Asked, read: list[str]) -> None:
    build(asked)
    assert read == ["acme"]


def test_functions_read_for_themselves(asked: verify_plan.Asked, read: list[str]) -> None:
    """Whoever verifies through functions needs no permission to read a secret."""
    build(asked, verifier_functions={"use1-az1": FUNCTION})
    assert read == []


@pytest.mark.parametrize(
    "wrong", [{"sources": ("203.0.113.99",)}, {"control": "no address"}, {"skip": ("no-check",)}]
)
def test_wrong_options_touch_no_secret(
    asked: verify_plan.Asked, read: list[str], wrong: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        build(replace(asked, **wrong))
    assert read == []
