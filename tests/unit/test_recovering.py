"""Which addresses ``addresses recover`` leaves where they are."""

from dataclasses import replace

import pytest

from onboarding.allowlist.network_view import Allocation
from onboarding.cli.addresses_parts import refuse_foreign, still_declared
from onboarding.deployment import Environment
from onboarding.errors import Finding
from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT, TAG_STACK
from tests.unit.ledger_world import A, declared, stack

SLOT = "use1-az1/1"


def held(**tags: str) -> Allocation:
    return Allocation(A, "eipalloc-0a", tags={TAG_ENVIRONMENT: "production", TAG_SLOT: SLOT} | tags)


def deployed(source: str) -> Environment:
    return Environment("production", (replace(stack(), source=source),))


def test_an_address_of_a_stack_that_is_not_named_stays_there() -> None:
    with pytest.raises(Finding, match="tagged for stack production-old") as refused:
        refuse_foreign(
            held(**{TAG_STACK: "production-old"}), "production", SLOT, deployed("stack production")
        )
    assert "--stack production-old" in str(refused.value.hint)
    assert "--region" in str(refused.value.hint)


@pytest.mark.parametrize(
    "source", ["stack production-old", "stack acme/flexpay-egress/production-old", "outputs.json"]
)
def test_its_own_stack_and_outputs_without_a_name_may_have_it(source: str) -> None:
    refuse_foreign(held(**{TAG_STACK: "production-old"}), "production", SLOT, deployed(source))


def test_without_a_stack_the_address_of_one_that_is_gone_can_be_had() -> None:
    refuse_foreign(held(**{TAG_STACK: "production-old"}), "production", SLOT, None)


@pytest.mark.parametrize("tags", [{TAG_ENVIRONMENT: "staging"}, {TAG_SLOT: "use1-az1/2"}])
def test_another_environment_and_another_slot_keep_theirs(tags: dict[str, str]) -> None:
    with pytest.raises(Finding):
        refuse_foreign(held(**tags), "production", SLOT, deployed("stack production"))


@pytest.mark.parametrize("source", ["stack production", "stack acme/flexpay-egress/production"])
def test_what_is_still_declared_is_taken_out_of_the_stacks_own_file(source: str) -> None:
    address = declared(A)
    found = Environment("production", (replace(stack(address), source=source),))
    assert "in stacks/Pulumi.production.yaml\n" in still_declared(found, A)
