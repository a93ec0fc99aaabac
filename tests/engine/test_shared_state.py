"""The README's production backend: a versioned bucket that locks, a KMS key, and two operators at once."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sized
from pathlib import Path

import boto3  # noqa: F401  # loaded once per worker, not within a test's time
import pytest

from tests.engine.project import Project
from tests.engine.shared_state import LOCKED, PRODUCTION, ZONES, Operator, SharedState

pytestmark = [pytest.mark.engine, pytest.mark.spoils]
PATIENCE_SECONDS = 90
ATTEMPTS = 8
UNHEARD_SECONDS = 600.0
"""Longer than any of these tests: whoever is killed meanwhile never hears the answer."""
SLOW = {"CreateNatGateway": 2.0}
"""Long enough that two operators who begin together are both at work."""


@pytest.fixture
def shared(project: Project, tmp_path: Path) -> Iterator[SharedState]:
    """Two operators logged in to one backend, nothing deployed, in a world slow enough to meet in it."""
    state = SharedState(project, tmp_path)
    project.control("PUT", "/sandbox/latency", {"overrides": SLOW})
    try:
        yield state
    finally:
        for operator in (state.first, state.second):
            operator.end()


def wait_for(what: str, holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s for {what}"
        time.sleep(0.05)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, said


def pauses(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - when to try again is nothing that anybody must not guess


def until_it_is_free(operator: Operator, chance: random.Random) -> int:
    """Repeat ``up`` as the runbook says, with a pause that differs; returns how often it was refused."""
    for refused in range(ATTEMPTS):
        done = operator.on_stack("up", "--yes", "--skip-preview")
        if done.returncode == 0:
            return refused
        assert LOCKED in done.stdout + done.stderr, done.stdout + done.stderr
        time.sleep(chance.uniform(0.5, 3))
    raise AssertionError(f"{operator.name}: still locked out after {ATTEMPTS} attempts")


def test_who_comes_second_is_told_who_is_at_work_and_changes_nothing(shared: SharedState) -> None:
    first = shared.first.begin_up()
    wait_for("the lock", shared.locks)
    second = shared.second.on_stack("up", "--yes", "--skip-preview")
    told = second.stdout + second.stderr
    assert second.returncode == 1, told
    assert LOCKED in told
    (holder,) = shared.locks()
    assert holder["pid"] == first.pid
    assert f"{holder['username']}@{holder['hostname']} (pid {first.pid})" in told
    assert "pulumi cancel" in told
    code, said = ended(first)
    assert code == 0, said
    slots = shared.assert_consistent()
    assert until_it_is_free(shared.second, pauses(1)) == 0
    assert shared.assert_consistent(kept=slots) == slots
    versioned_and_sealed(shared)


def versioned_and_sealed(shared: SharedState) -> None:
    state = shared.state()
    provider = state["secrets_providers"]
    assert provider["type"] == "cloud"
    assert provider["state"]["url"] == shared.path["secrets"]
    (key,) = [one for one in shared.keys("stacks/") if one.endswith(f"/{PRODUCTION}.json")]
    versions = shared.s3.list_object_versions(Bucket=shared.path["bucket"], Prefix=key)["Versions"]
    assert len(versions) > 1
    done = shared.second.on_stack("config", "set", "--secret", "note", "a-value-only-the-key-opens")
    assert done.returncode == 0, done.stderr
    stack_file = (shared.second.folder / "stacks" / f"Pulumi.{PRODUCTION}.yaml").read_text(encoding="utf-8")
    assert "encryptedkey" in stack_file
    assert "a-value-only-the-key-opens" not in stack_file
    read = shared.second.on_stack("config", "get", "note")
    assert read.stdout.strip() == "a-value-only-the-key-opens"


def test_two_at_once_are_never_both_at_work_and_converge_when_they_try_again(shared: SharedState) -> None:
    chance = pauses(8)
    both = [shared.first.begin_up(), shared.second.begin_up()]
    outcomes = [ended(process) for process in both]
    winners = [code for code, _ in outcomes if code == 0]
    assert len(winners) <= 1, outcomes  # both may lose, each to the other's lock
    for code, said in outcomes:
        assert code == 0 or LOCKED in said, said
    for operator in (shared.first, shared.second):
        until_it_is_free(operator, chance)
    shared.assert_consistent()


def killed_before_it_heard(
    shared: SharedState, action: str, made: Callable[[], Sized], count: int, **which: int
) -> None:
    """Have the first operator killed when AWS has done ``action`` and everything else has ended."""
    shared.project.control(
        "POST",
        "/sandbox/faults",
        {"action": action, "kind": "delay", "seconds": UNHEARD_SECONDS, **which},
    )
    first = shared.first.begin_up()
    wait_for(action, lambda: len(made()) >= count)
    wait_for("all other calls", shared.calls_have_ended)
    os.killpg(first.pid, signal.SIGKILL)  # and everything it started, as the end of a host does
    ended(first)
    refused = shared.second.on_stack("up", "--yes", "--skip-preview")
    told = refused.stdout + refused.stderr
    assert refused.returncode == 1, told
    assert LOCKED in told
    assert f"(pid {first.pid})" in told
    cleared = shared.second.on_stack("cancel", "--yes")
    assert cleared.returncode == 0, cleared.stdout + cleared.stderr
    assert shared.locks() == []
    shared.project.control("DELETE", "/sandbox/faults")


def forget(shared: SharedState) -> None:
    """Have the engine forget what was interrupted, the last step of the runbook."""
    cleared = shared.second.on_stack("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    assert cleared.returncode == 0, cleared.stdout + cleared.stderr


@pytest.mark.long
def test_the_lock_of_a_killed_operator_is_cleared_and_no_address_is_allocated_again(
    shared: SharedState,
) -> None:
    killed_before_it_heard(shared, "AllocateAddress", shared.allocations, len(ZONES))
    late = shared.allocations()
    done = shared.second.on_stack("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(shared.assert_consistent(pending="Eip").values()) == sorted(late)
    forget(shared)
    assert sorted(shared.assert_consistent().values()) == sorted(late)


@pytest.mark.long
def test_gateways_that_a_killed_operator_made_are_taken_in_with_their_addresses(shared: SharedState) -> None:
    killed_before_it_heard(shared, "CreateNatGateway", shared.gateways, len(ZONES))
    made = shared.gateways()
    done = shared.second.on_stack("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    shared.assert_consistent(pending="NatGateway")
    assert shared.gateways() == made


@pytest.mark.long
def test_what_else_a_killed_operator_made_is_settled_as_the_runbook_says(shared: SharedState) -> None:
    killed_before_it_heard(shared, "CreateSubnet", shared.subnets, 1, nth=1)
    (made,) = shared.subnets() - shared.ids("aws:ec2/subnet:Subnet")
    refused = shared.second.on_stack("up", "--yes", "--skip-preview")
    assert refused.returncode == 1
    assert "interrupted while creating" in refused.stdout + refused.stderr
    assert "InvalidSubnet.Conflict" in refused.stdout + refused.stderr
    shared.project.client("ec2").delete_subnet(SubnetId=made)
    done = shared.second.on_stack("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    slots = shared.assert_consistent(pending="Subnet")
    assert made not in shared.subnets()
    forget(shared)
    assert shared.assert_consistent() == slots


@pytest.mark.long
def test_cancel_does_not_stop_a_living_operator(shared: SharedState) -> None:
    """Why the runbook asks who it is first: the lock goes, the other goes on."""
    first = shared.first.begin_up()
    wait_for("the lock", shared.locks)
    cleared = shared.second.on_stack("cancel", "--yes")
    assert cleared.returncode == 0, cleared.stdout + cleared.stderr
    assert first.poll() is None
    code, said = ended(first)
    assert code == 0, said
    shared.assert_consistent()
