"""Whatever is done to a stack, no approved address is released, and a new ``up`` finds its own again."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3  # noqa: F401  # loaded once per worker, not within a test's time
import pytest

from stacks.contract import TAG_SLOT
from tests.engine.accounting import held
from tests.engine.outliving import SLOT, SPARE, ZONE, approve, assert_kept, by_slot, guard, prepare
from tests.engine.project import STACK, Project

pytestmark = pytest.mark.engine
EGRESS = "stacks/static_egress.py"
ADOPT = "adopt=slot.adopt or slot.owned"
KILLED_WITHIN_SECONDS = 60


@contextmanager
def program(project: Project, old: str, new: str) -> Iterator[None]:
    """Change the program for a while, as somebody would who knows better than its settings."""
    path = project.folder / EGRESS
    original = path.read_text(encoding="utf-8")
    assert old in original
    path.write_text(original.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(original, encoding="utf-8")


def urn(project: Project, suffix: str) -> str:
    (found,) = (one["urn"] for one in project.state()["resources"] if one["urn"].endswith(suffix))
    return str(found)


def traffic(project: Project) -> tuple[set[str], int]:
    """Gateways at work, and default routes that lead to them."""
    ec2 = project.client("ec2")
    gateways = {
        item["NatGatewayId"]
        for item in ec2.describe_nat_gateways()["NatGateways"]
        if item["State"] == "available"
    }
    tables = ec2.describe_route_tables()["RouteTables"]
    routes = [route for table in tables for route in table["Routes"] if route.get("NatGatewayId") in gateways]
    return gateways, len(routes)


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One zone, active and spare address approved; shared by tests that leave everything as it was."""
    project = Project(tmp_path_factory.mktemp("approved"))
    try:
        prepare(project.start(), SLOT, SPARE)
        yield project
    finally:
        project.world.stop(purge=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("destroy", "--yes"),
        ("destroy", "--yes", "--skip-preview"),
        ("destroy", "--yes", "--skip-preview", "--target-dependents", "--target", "Eip::egress-use1-az1-1"),
        ("destroy", "--yes", "--skip-preview", "--target", "NatGateway::egress-use1-az1-1"),
        ("destroy", "--yes", "--skip-preview", "--target", "Route::egress-use1-az1"),
    ],
    ids=["with-preview", "without-preview", "address-and-dependents", "gateway", "route"],
)
def test_destroy_is_refused_while_traffic_goes_on(approved: Project, arguments: tuple[str, ...]) -> None:
    slots, before = by_slot(approved), traffic(approved)
    named = [urn(approved, f":{one}") if "::" in one else one for one in arguments]
    assert approved.pulumi(*named).returncode != 0
    assert traffic(approved) == before
    approved.up()
    assert by_slot(approved) == slots
    assert_kept(approved, slots)


@pytest.mark.parametrize("arguments", [(), ("--skip-preview",)], ids=["with-preview", "without-preview"])
def test_destroying_all_that_is_not_protected_stops_no_traffic(
    approved: Project, arguments: tuple[str, ...]
) -> None:
    slots, before = by_slot(approved), traffic(approved)
    done = approved.pulumi("destroy", "--yes", "--exclude-protected", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert traffic(approved) == before
    assert set(held(approved)) == set(slots.values())
    approved.up()
    assert (by_slot(approved), traffic(approved)) == (slots, before)
    assert_kept(approved, slots)


def test_destroying_in_spite_of_protection_keeps_every_address(project: Project, tmp_path: Path) -> None:
    """Pulumi got ``--ignore-protect`` after 3.250; a CLI without it refuses the word and does nothing."""
    slots = prepare(project, SLOT, SPARE, secrets={"recoveryWindowDays": 0, "keyDeletionWindowDays": 7})
    before = traffic(project)
    saved = tmp_path / "outputs.json"
    saved.write_text(json.dumps(project.outputs()), encoding="utf-8")
    knows = "--ignore-protect" in project.pulumi("destroy", "--help").stdout
    done = project.pulumi("destroy", "--yes", "--skip-preview", "--ignore-protect")
    assert (done.returncode == 0) == knows, done.stdout + done.stderr
    assert traffic(project) == ((set(), 0) if knows else before)
    assert_kept(project, slots, outputs=saved)
    project.up()
    assert by_slot(project) == slots
    assert_kept(project, slots)


def test_another_import_id_on_the_active_slot_is_blocked_and_refused(approved: Project) -> None:
    slots, before = by_slot(approved), traffic(approved)
    state = approved.pulumi("stack", "export").stdout
    foreign = approved.client("ec2").allocate_address(Domain="vpc")["AllocationId"]
    with program(
        approved, ADOPT, f'adopt="{foreign}" if slot.slot == "{SLOT}" else slot.adopt or slot.owned'
    ):
        code, answer = guard(approved)
        assert code == 1
        assert slots[SLOT] in json.dumps(answer)
        assert approved.pulumi("up", "--yes", "--skip-preview").returncode != 0
    assert traffic(approved) == before
    assert_kept(approved, slots)
    # the engine took the foreign one into its state before it refused: the next update sees through it
    address = held(approved)[slots[SLOT]]
    refused = approved.pulumi("up", "--yes", "--skip-preview")
    assert refused.returncode != 0
    assert f"Keep {slots[SLOT]} ({address})" in refused.stdout
    saved = approved.folder / "before.json"
    saved.write_text(state, encoding="utf-8")
    assert approved.pulumi("stack", "import", "--file", str(saved)).returncode == 0
    approved.client("ec2").delete_tags(Resources=[foreign], Tags=[{"Key": TAG_SLOT}])
    approved.up()
    assert (by_slot(approved), traffic(approved)) == (slots, before)
    approved.client("ec2").release_address(AllocationId=foreign)


def test_the_guard_knows_a_harmless_change_from_a_harmful_one(approved: Project) -> None:
    original = approved.world.stack_file.read_text(encoding="utf-8")
    try:
        code, answer = guard(approved)
        assert code == 0, json.dumps(answer["findings"])
        approved.configure(lambda config: config["tags"].update(cost="7"))
        assert guard(approved)[0] == 0
        assert guard(approved, "--show-replacement-steps")[0] == 0
        approved.configure(lambda config: config.update(protect=False))
        code, answer = guard(approved)
        assert code == 1
        assert {"Eip", "NatGateway", "Route"} <= {
            one["urn"].split("::")[-2].rpartition(":")[2] for one in answer["findings"]
        }
    finally:
        approved.world.stack_file.write_text(original, encoding="utf-8")


def test_protection_lifted_and_everything_destroyed_the_next_up_has_the_same_addresses(
    project: Project, tmp_path: Path
) -> None:
    windows = {"recoveryWindowDays": 0, "keyDeletionWindowDays": 7}
    slots = prepare(project, SLOT, SPARE, secrets=windows)
    saved = tmp_path / "outputs.json"
    saved.write_text(json.dumps(project.outputs()), encoding="utf-8")
    for command in (("state", "unprotect", "--all", "--yes"), ("destroy", "--yes", "--skip-preview")):
        done = project.pulumi(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    assert traffic(project) == (set(), 0)
    assert set(held(project)) == set(slots.values())
    code, answer = guard(project)
    assert code == 1, "a preview does not tell the address of what it adopts"
    assert all("role: spare" in one["wayOut"] for one in answer["findings"])
    project.up()
    assert by_slot(project) == slots
    assert_kept(project, slots)


@pytest.mark.long
def test_of_what_was_destroyed_and_then_released_by_hand_nothing_is_allocated_again(project: Project) -> None:
    slots = prepare(project, SLOT, SPARE, secrets={"recoveryWindowDays": 0, "keyDeletionWindowDays": 7})
    for command in (("state", "unprotect", "--all", "--yes"), ("destroy", "--yes", "--skip-preview")):
        assert project.pulumi(*command).returncode == 0
    address = held(project)[slots[SPARE]]
    project.client("ec2").release_address(AllocationId=slots[SPARE])
    assert guard(project)[0] == 1
    refused = project.pulumi("up", "--yes", "--skip-preview")
    assert refused.returncode != 0
    assert f"addresses recover {address}" in refused.stdout
    assert set(held(project)) == {slots[SLOT]}


def test_a_stack_removed_from_the_engine_leaves_addresses_and_traffic(
    project: Project, tmp_path: Path
) -> None:
    slots = prepare(project)
    saved, before = tmp_path / "outputs.json", traffic(project)
    saved.write_text(json.dumps(project.outputs()), encoding="utf-8")
    assert project.pulumi("stack", "rm", "--force", "--yes", "--preserve-config").returncode == 0
    assert project.run("pulumi", "stack", "init", STACK, "--non-interactive").returncode == 0
    assert guard(project)[0] == 1
    refused = project.pulumi("up", "--yes", "--skip-preview")
    assert refused.returncode != 0
    assert slots[SLOT] in refused.stdout
    assert traffic(project) == before
    assert_kept(project, slots, outputs=saved)


def test_what_gets_past_protection_never_releases_an_address(project: Project) -> None:
    """Two ways past the engine's protection; the guard blocks each, and each is done all the same."""
    slots = prepare(project, SLOT, SPARE)
    foreign = project.client("ec2").allocate_address(Domain="vpc")["AllocationId"]
    with program(
        project, ADOPT, f'adopt="{foreign}" if slot.slot == "{SPARE}" else slot.adopt or slot.owned'
    ):
        assert guard(project)[0] == 1
        project.up()
    retained = assert_kept(project, slots)
    assert set(retained) == {slots[SPARE]}
    # two addresses carry the slot's tags now, and the program does not choose
    assert project.pulumi("up", "--yes", "--skip-preview").returncode != 0
    project.client("ec2").delete_tags(Resources=[foreign], Tags=[{"Key": TAG_SLOT}])
    with program(project, 'domain="vpc",', 'domain="vpc", network_border_group="us-east-1-bos-1",'):
        project.configure(lambda config: config.update(protect=False))
        assert guard(project)[0] == 1
        project.pulumi("up", "--yes", "--skip-preview")
    assert_kept(project, slots)


@pytest.mark.parametrize("slot", [SLOT, pytest.param(SPARE, marks=pytest.mark.long)])
def test_an_address_that_was_only_read_is_owned_again_afterwards(project: Project, slot: str) -> None:
    """``.get`` in place of a managed address: the engine lets go of it without a word, protected or not."""
    slots = prepare(project, SLOT, SPARE)
    before = traffic(project)
    name = f"egress-{slot.replace('/', '-')}"
    getting = (
        f'        if slot.slot == "{slot}":\n'
        f'            return ec2.Eip.get("{name}", "{slots[slot]}", '
        "opts=pulumi.ResourceOptions(parent=self))\n"
    )
    with program(project, "        return ec2.Eip(", f"{getting}        return ec2.Eip("):
        assert guard(project)[0] == 1
        done = project.pulumi("up", "--yes", "--skip-preview")
        address = urn(project, f":Eip::{name}")
        (now,) = (one for one in project.state()["resources"] if one["urn"] == address)
        assert bool(now.get("external")) is (done.returncode == 0), done.stdout + done.stderr
        assert_kept(project, slots)
    project.up()
    assert_kept(project, slots)
    assert (by_slot(project), traffic(project)) == (slots, before)


@pytest.mark.spoils
@pytest.mark.parametrize("victim", ["engine", pytest.param("provider", marks=pytest.mark.long)])
def test_a_kill_in_mid_up_costs_no_address(project: Project, victim: str) -> None:
    project.configure(lambda config: config["network"].update(zones=[ZONE, "use1-az4"]))
    project.control(
        "POST", "/sandbox/faults", {"action": "AllocateAddress", "kind": "delay", "nth": 2, "seconds": 60}
    )
    log = project.folder / "up.log"
    with (
        log.open("wb") as talk,
        subprocess.Popen(
            ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK],
            cwd=project.folder,
            env=project.environment,
            stdin=subprocess.DEVNULL,
            stdout=talk,
            stderr=talk,
            start_new_session=True,
        ) as engine,
    ):
        deadline = time.monotonic() + KILLED_WITHIN_SECONDS
        while len(held(project)) < 2 and engine.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        settle(project)  # every other answer has arrived and is in the state, the second address's has not
        if victim == "engine":
            os.killpg(engine.pid, signal.SIGKILL)
        else:
            os.kill(provider_of(engine.pid), signal.SIGKILL)
        engine.wait(KILLED_WITHIN_SECONDS)
    project.control("DELETE", "/sandbox/faults")
    before = held(project)
    assert len(before) == 2, log.read_text(encoding="utf-8")
    approve(project)
    if victim == "engine":
        assert project.pulumi("cancel", "--yes").returncode == 0  # its lock is still there
    done = project.pulumi("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert held(project) == before
    assert_kept(project, by_slot(project))


def settle(project: Project) -> None:
    """Wait until AWS has been asked nothing for two seconds."""
    before, asked = -1, 0
    while asked != before:
        time.sleep(2)
        before, asked = asked, len(project.control("GET", "/sandbox/calls")["calls"])


def provider_of(engine: int) -> int:
    """The process of the AWS provider below an engine."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            session = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[3]
        except OSError:
            continue  # ended meanwhile
        if int(session) == engine and b"provider" in command:
            return int(entry.name)
    raise AssertionError("no provider is running")
