"""Interrupted at any call, in any way: what is current stays valid, and a second run finishes."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from onboarding.aws.secret_store import SecretStore
from onboarding.credentials import withdrawal, workflow
from onboarding.credentials.common import Summary
from onboarding.credentials.lifecycle import Outcome, Vault, exit_code
from onboarding.credentials.record import record_of
from onboarding.errors import InputError, ToolkitError
from onboarding.exit_codes import ExitCode
from tests.unit.credentials_world import NAME, A, B, C, Functions, World
from tests.unit.secrets_client import WAYS, Breakable, Interruption, refused

pytestmark = pytest.mark.usefixtures("cheap_fingerprints")


Step = Callable[[World, list[Vault]], Summary]


def put_a(world: World, vaults: list[Vault]) -> Summary:
    return workflow.put(vaults, NAME, A, world.ground(), now=world.now)


def put_b(world: World, vaults: list[Vault]) -> Summary:
    return workflow.put(vaults, NAME, B, world.ground(), now=world.now)


def put_a_again(world: World, vaults: list[Vault]) -> Summary:
    return put_a(world, vaults)


def put_c(world: World, vaults: list[Vault]) -> Summary:
    return workflow.put(vaults, NAME, C, world.ground(), now=world.now)


def stage_b(world: World, vaults: list[Vault]) -> Summary:
    return workflow.stage(vaults, NAME, B, now=world.now)


def promote(world: World, vaults: list[Vault]) -> Summary:
    return workflow.promote(vaults, world.ground(), now=world.now)


def roll_back(world: World, vaults: list[Vault]) -> Summary:
    return withdrawal.roll_back(vaults, now=world.now)


def retire(world: World, vaults: list[Vault]) -> Summary:
    return withdrawal.retire(vaults, cache_seconds=0, now=world.now)


@dataclass(frozen=True)
class Case:
    before: tuple[Step, ...]
    step: Step
    allowed: frozenset[str | None]
    """What may be current while the step is under way."""


def by_functions(step: Step) -> Step:
    """Return the step in an environment whose functions bring the proof."""

    def run(world: World, vaults: list[Vault]) -> Summary:
        world.functions = Functions(world)
        return step(world, vaults)

    return run


def texts(*pairs: object) -> frozenset[str | None]:
    return frozenset(item.to_json() if hasattr(item, "to_json") else None for item in pairs)


CASES = {
    "first pair": Case((), put_a, texts(None, A)),
    "new pair": Case((put_a,), put_b, texts(A, B)),
    "back to an earlier pair": Case((put_a, put_b), put_a_again, texts(B, A)),
    "a third pair": Case((put_a, put_b), put_c, texts(B, C)),
    "first pair, proven by functions": Case((), by_functions(put_a), texts(None, A)),
    "new pair, proven by functions": Case((put_a,), by_functions(put_b), texts(A, B)),
    "stage": Case((put_a,), stage_b, texts(A)),
    "promote": Case((put_a, stage_b), promote, texts(A, B)),
    "promote, proven by functions": Case((put_a, stage_b), by_functions(promote), texts(A, B)),
    "rollback": Case((put_a, put_b), roll_back, texts(B, A)),
    "retire": Case((put_a, put_b), retire, texts(B)),
    "a pair that was rolled back": Case((put_a, put_b, roll_back), put_b, texts(A, B)),
}


def built(case: Case, regions: tuple[str, ...]) -> World:
    world = World(regions)
    for step in case.before:
        step(world, world.vaults())
    return world


def outcome(world: World) -> object:
    """What a run leaves behind, without its times."""
    found = []
    for region, client in world.clients.items():
        current = SecretStore(client).state(region).current
        record = record_of(current)
        labels = {label: client.value_at(label) for label in ("AWSCURRENT", "AWSPREVIOUS", "AWSPENDING")}
        held = sorted(label for item in client.versions.values() for label in item.labels)
        found.append((labels, len(client.versions), len(held), record.basis if record else None))
    return found


def calls_of(case: Case, regions: tuple[str, ...]) -> int:
    world = built(case, regions)
    before = sum(len(client.calls) for client in world.clients.values())
    case.step(world, world.vaults())
    return sum(len(client.calls) for client in world.clients.values()) - before


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("regions", [("us-east-1",), ("eu-west-1", "us-east-1")], ids=["one", "two"])
@pytest.mark.parametrize("name", CASES)
def test_a_second_run_finishes_what_was_interrupted_anywhere(
    name: str, regions: tuple[str, ...], way: Callable[..., object]
) -> None:
    case = CASES[name]
    clean = built(case, regions)
    case.step(clean, clean.vaults())
    count = calls_of(case, regions)
    assert count >= 3 * len(regions)
    for nth in range(count):
        world = built(case, regions)
        with suppress(KeyboardInterrupt, ToolkitError):
            case.step(world, world.vaults(Interruption(nth, way)))
        where = f"call {nth} of {count}"
        assert set(world.values("AWSCURRENT")) <= case.allowed, where
        if case.before:
            assert None not in world.values("AWSCURRENT"), where
        # nothing to promote any more is how a finished promotion looks to its repetition
        with suppress(*(InputError,) if name.startswith("promote") else ()):
            again = case.step(world, world.vaults())
            assert not [result.error for result in again.results if result.error], where
        assert outcome(world) == outcome(clean), where


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "name", ["new pair", "promote", "new pair, proven by functions", "promote, proven by functions"]
)
def test_nothing_is_promoted_anywhere_before_it_is_staged_everywhere(
    name: str, way: Callable[..., object]
) -> None:
    case = CASES[name]
    regions = ("eu-west-1", "us-east-1")
    for nth in range(calls_of(case, regions)):
        world = built(case, regions)
        with suppress(KeyboardInterrupt, ToolkitError):
            case.step(world, world.vaults(Interruption(nth, way)))
        if B.to_json() in world.values("AWSCURRENT"):
            for client in world.clients.values():
                assert B.to_json() in {client.value_at("AWSCURRENT"), client.value_at("AWSPENDING")}


def test_an_interrupted_promotion_can_be_rolled_back_instead() -> None:
    case = CASES["new pair"]
    regions = ("eu-west-1", "us-east-1")
    for nth in range(calls_of(case, regions)):
        world = built(case, regions)
        with suppress(KeyboardInterrupt):
            case.step(world, world.vaults(Interruption(nth, WAYS[1])))
        if B.to_json() in world.values("AWSCURRENT"):
            roll_back(world, world.vaults())
            assert world.values("AWSCURRENT") == [A.to_json(), A.to_json()]


def test_a_failure_in_one_stack_is_reported_there_and_the_rest_is_not_reached() -> None:
    world = World(("a-1", "b-1", "c-1"))
    put_a(world, world.vaults())
    with_fault = world.vaults()
    slow = Breakable(world.clients["b-1"], Interruption(3, throttled))
    with_fault[1] = replace(with_fault[1], store=SecretStore(slow))
    summary = put_b(world, with_fault)
    assert [result.outcome for result in summary.results] == [
        Outcome.STAGED,
        Outcome.FAILED,
        Outcome.NOT_REACHED,
    ]
    assert exit_code(summary.results) is ExitCode.CANNOT_TELL
    assert world.values("AWSCURRENT") == [A.to_json()] * 3
    put_b(world, world.vaults())
    assert world.values("AWSCURRENT") == [B.to_json()] * 3


def throttled(real: Callable[[], object]) -> object:
    raise refused("ThrottlingException")
