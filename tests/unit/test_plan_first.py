"""The first plan of a stack: the engine saves the providers it makes by itself and does not tell them."""

import json
from pathlib import Path
from typing import Any

import pytest

from onboarding.allowlist.plan import parse_plan
from onboarding.allowlist.plan_saved import differences

PREVIEWS = Path(__file__).parent / "previews"
STACK = "urn:pulumi:sandbox::flexpay-egress"


def saved_with(provider: str) -> str:
    saved: dict[str, Any] = json.loads((PREVIEWS / "nothing.plan.json").read_text("utf-8"))
    saved["resourcePlans"][f"{STACK}::pulumi:providers:{provider}"] = {"goal": None, "steps": ["create"]}
    return json.dumps(saved)


@pytest.mark.parametrize("provider", ["aws::default_7_51_1", "pulumi::default"])
def test_a_default_provider_is_no_difference(provider: str) -> None:
    preview = parse_plan((PREVIEWS / "nothing.json").read_text("utf-8"))
    assert differences(preview, saved_with(provider)) == []


@pytest.mark.parametrize("provider", ["aws::other-account", "aws::default-for-all"])
def test_a_provider_of_the_programs_own_is(provider: str) -> None:
    preview = parse_plan((PREVIEWS / "nothing.json").read_text("utf-8"))
    assert differences(preview, saved_with(provider)) == [
        f"{provider.partition('::')[2]}: nothing against create"
    ]
