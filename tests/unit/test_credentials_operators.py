"""Two operators at once: one wins, the other is told."""

from collections.abc import Callable

import pytest

from onboarding.credentials import workflow
from onboarding.credentials.common import Summary
from onboarding.errors import Finding, ToolkitError
from tests.unit.credentials_world import NAME, A, B, C, World
from tests.unit.secrets_client import Interruption

pytestmark = pytest.mark.usefixtures("cheap_fingerprints")


REGIONS = [("us-east-1",), ("eu-west-1", "us-east-1")]


def told(summary: Summary) -> list[ToolkitError]:
    return [result.error for result in summary.results if result.error]


def interleaved(
    regions: tuple[str, ...], nth: int, other: Callable[[World], object]
) -> tuple[World, list[str]]:
    """Run `put B`; right before its nth call another operator does all of theirs."""
    world = World(regions)
    workflow.put(world.vaults(), NAME, A, world.ground(), now=world.now)
    came_first: list[str] = []

    def meanwhile(real: Callable[[], object]) -> object:
        came_first.extend(value for value in world.values("AWSCURRENT") if value == B.to_json())
        other(world)
        return real()

    try:
        summary = workflow.put(
            world.vaults(Interruption(nth, meanwhile)), NAME, B, world.ground(), now=world.now
        )
    except Finding as error:
        return world, [str(error), *came_first]
    return world, [*map(str, told(summary)), *came_first]


@pytest.mark.parametrize("regions", REGIONS, ids=["one", "two"])
def test_whoever_moves_the_label_first_wins_and_the_other_hears_of_it(regions: tuple[str, ...]) -> None:
    looks = 2 * len(regions)
    for nth in range(looks, 12 * len(regions)):
        world, heard = interleaved(
            regions, nth, lambda world: workflow.put(world.vaults(), NAME, C, world.ground(), now=world.now)
        )
        current = world.values("AWSCURRENT")
        if set(current) == {B.to_json()}:
            # the other one never came to act: our run was over before its turn
            assert C.to_json() not in {
                item.text for c in world.clients.values() for item in c.versions.values()
            }
            continue
        assert set(current) == {C.to_json()}, f"call {nth}"
        assert heard, f"call {nth}: overwritten, and not told"


@pytest.mark.parametrize("regions", REGIONS, ids=["one", "two"])
def test_two_operators_with_the_same_pair_both_succeed(regions: tuple[str, ...]) -> None:
    for nth in range(12 * len(regions)):
        world, heard = interleaved(
            regions, nth, lambda world: workflow.put(world.vaults(), NAME, B, world.ground(), now=world.now)
        )
        assert set(world.values("AWSCURRENT")) == {B.to_json()}
        assert not [line for line in heard if line != B.to_json()], f"call {nth}"
        assert all(len(client.versions) == 2 for client in world.clients.values())


def test_a_pair_that_somebody_else_staged_meanwhile_is_not_promoted() -> None:
    for nth in range(2, 12):
        world, heard = interleaved(
            ("us-east-1",), nth, lambda world: workflow.stage(world.vaults(), NAME, C, now=world.now)
        )
        assert set(world.values("AWSCURRENT")) <= {A.to_json(), B.to_json()}, f"call {nth}"
        if world.values("AWSCURRENT") == [A.to_json()]:
            assert heard, f"call {nth}: not promoted, and not told"


def test_a_pair_that_was_displaced_before_its_promotion_stays_behind() -> None:
    after_our_put = 4
    world, heard = interleaved(
        ("us-east-1",), after_our_put, lambda world: workflow.stage(world.vaults(), NAME, C, now=world.now)
    )
    assert world.values("AWSCURRENT") == [A.to_json()]
    assert world.values("AWSPENDING") == [C.to_json()]
    assert "not staged" in heard[0]
