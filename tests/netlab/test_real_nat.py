"""The partner sees the address that a zone's routes lead to, and nothing else will do."""

import contextlib
import os
import signal
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from sandbox.netlab import kernel
from sandbox.netlab.__main__ import _owner
from sandbox.netlab.judging import Verdict
from sandbox.netlab.plan import EGRESS
from sandbox.services import REPOSITORY
from tests.engine.project import Project
from tests.netlab.conftest import Build
from tests.netlab.wiring import Wiring

pytestmark = [pytest.mark.netlab, pytest.mark.engine, pytest.mark.xdist_group("netlab")]


def checked(build: Build) -> dict[str, Verdict]:
    with build() as lab:
        return {verdict.zone: verdict for verdict in lab.check()}


def ours() -> list[str]:
    """Namespaces of this process."""
    if not kernel.NAMESPACES.exists():
        return []
    return [one.name for one in kernel.NAMESPACES.iterdir() if one.name.startswith(kernel.prefix())]


def assert_only_wrong(verdicts: dict[str, Verdict], *zones: str) -> None:
    assert {zone for zone, verdict in verdicts.items() if not verdict.right} == set(zones)


def test_every_zone_leaves_from_its_own_address_and_the_list_is_enforced_on_it(
    build: Build, as_deployed: Wiring
) -> None:
    with build() as lab:
        verdicts = {verdict.zone: verdict for verdict in lab.check()}
        calls = lab.calls()
    assert {zone: [str(one) for one in item.found] for zone, item in verdicts.items()} == {
        zone: [address] for zone, address in as_deployed.addresses.items()
    }
    *approved, unapproved = as_deployed.zones
    assert [verdicts[zone].listed for zone in approved] == [True, True]
    assert verdicts[unapproved].listed is False
    # the record of the partner itself: every peer is a translated address, so nothing came another way
    assert {call["peer"] for call in calls} == {
        str(lab.plan.translation[IPv4Address(address)]) for address in as_deployed.addresses.values()
    }
    assert all(IPv4Address(call["peer"]) in EGRESS for call in calls)


def test_a_route_to_another_zones_gateway_is_caught(build: Build, wiring: Wiring) -> None:
    first, second, _ = wiring.zones
    wiring.route(first, NatGatewayId=wiring.gateway(second))
    verdicts = checked(build)
    assert_only_wrong(verdicts, first)
    assert first in verdicts[first].fact
    assert f"{wiring.addresses[second]} (the address of {second})" in verdicts[first].fact


def test_a_route_to_the_internet_gateway_is_caught(build: Build, wiring: Wiring) -> None:
    first = wiring.zones[0]
    wiring.route(first, GatewayId=wiring.internet)
    verdicts = checked(build)
    assert_only_wrong(verdicts, first)
    assert verdicts[first].found == ()
    assert f"{first}: no way out" in verdicts[first].fact


def test_a_missing_route_is_caught(build: Build, wiring: Wiring) -> None:
    second = wiring.zones[1]
    wiring.route(second)
    verdicts = checked(build)
    assert_only_wrong(verdicts, second)
    assert f"{second}: no way out" in verdicts[second].fact
    assert wiring.addresses[second] in verdicts[second].fact


def test_another_zones_table_is_caught(build: Build, wiring: Wiring) -> None:
    first, _, third = wiring.zones
    wiring.associate(first, wiring.table(third))
    verdicts = checked(build)
    assert_only_wrong(verdicts, first)
    assert verdicts[first].found == (IPv4Address(wiring.addresses[third]),)
    assert f"the address of {third}" in verdicts[first].fact


def test_a_subnet_left_to_the_main_table_is_caught(build: Build, wiring: Wiring) -> None:
    first = wiring.zones[0]
    wiring.associate(first, None)
    assert_only_wrong(checked(build), first)


def test_a_gateway_in_a_private_subnet_is_caught(build: Build, wiring: Wiring) -> None:
    first = wiring.zones[0]
    wiring.replace_gateways({first: (wiring.subnet(first), wiring.allocations[first])})
    verdicts = checked(build)
    assert_only_wrong(verdicts, first)
    assert verdicts[first].found == ()


def test_a_gateway_behind_another_zones_gateway_is_caught(build: Build, wiring: Wiring) -> None:
    first, second, _ = wiring.zones
    wiring.replace_gateways({first: (wiring.subnet(second), wiring.allocations[first])})
    verdicts = checked(build)
    assert_only_wrong(verdicts, first)
    assert verdicts[first].found == (IPv4Address(wiring.addresses[second]),)


def test_swapped_addresses_are_caught_in_both_zones(build: Build, wiring: Wiring) -> None:
    first, second, _ = wiring.zones
    wiring.replace_gateways(
        {
            first: (wiring.public(first), wiring.allocations[second]),
            second: (wiring.public(second), wiring.allocations[first]),
        }
    )
    verdicts = checked(build)
    assert_only_wrong(verdicts, first, second)
    assert f"the address of {second}" in verdicts[first].fact
    assert f"the address of {first}" in verdicts[second].fact


def test_an_address_that_nobody_declared_is_caught_and_refused(build: Build, wiring: Wiring) -> None:
    first = wiring.zones[0]
    other = wiring.ec2.allocate_address(Domain="vpc")
    try:
        wiring.replace_gateways({first: (wiring.public(first), other["AllocationId"])})
        verdicts = checked(build)
        assert_only_wrong(verdicts, first)
        assert verdicts[first].found == (IPv4Address(other["PublicIp"]),)
        assert "declared for no zone" in verdicts[first].fact
        assert verdicts[first].listed is False
    finally:
        wiring.restore()
        for item in wiring.ec2.describe_nat_gateways()["NatGateways"]:
            held = {part.get("AllocationId") for part in item["NatGatewayAddresses"]}
            if item["State"] == "available" and other["AllocationId"] in held:
                wiring.ec2.delete_nat_gateway(NatGatewayId=item["NatGatewayId"])
        wiring.ec2.release_address(AllocationId=other["AllocationId"])


def test_without_a_route_to_the_internet_gateway_nothing_leaves(build: Build, wiring: Wiring) -> None:
    wiring.cut_off_gateways()
    assert_only_wrong(checked(build), *wiring.zones)


def test_nothing_but_the_partner_can_be_reached(build: Build, as_deployed: Wiring) -> None:
    with build() as lab:
        routes = lab.run(as_deployed.zones[0], ["ip", "route", "get", "192.0.2.1"])
        assert "via 169.254." in routes.stdout  # the way of the zone's own table, into its gateway
        # no interface of a namespace has its other end outside of the namespaces
        mine = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
        assert "out0" not in mine
        assert "partner@" not in mine


def test_nothing_is_left_when_the_block_fails(build: Build) -> None:
    def fails() -> None:
        with build():
            assert ours()
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fails()
    assert ours() == []


def test_nothing_is_left_when_building_fails(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.netlab.plan.PARTNER", "no address")
    with pytest.raises(Exception, match="no address"), build():
        pass
    assert ours() == []


def netlab(project: Project, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox.netlab", *arguments],
        cwd=project.folder,
        env=project.environment | {"PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_person_sees_the_wrong_zone_and_exit_code_1(deployed: Project, wiring: Wiring) -> None:
    first, second, _ = wiring.zones
    wiring.route(first, NatGatewayId=wiring.gateway(second))
    process = netlab(deployed, "check")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert f"FAIL  {first}: traffic leaves from {wiring.addresses[second]}" in said
    assert f"pass  {second}" in said


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_and_a_kill_is_cleaned_up_after(deployed: Project, sent: int) -> None:
    process = netlab(deployed, "check")
    assert process.stdout is not None
    assert "built" in process.stdout.readline()
    names = [one.name for one in kernel.NAMESPACES.iterdir() if f"-{process.pid}-" in one.name]
    assert names
    os.killpg(process.pid, sent)
    process.communicate(timeout=60)
    assert process.returncode in (130, 143)
    assert not any((kernel.NAMESPACES / name).exists() for name in names)


def test_clean_removes_what_a_killed_run_left_and_nothing_else(deployed: Project, build: Build) -> None:
    killed = netlab(deployed, "check")
    assert killed.stdout is not None
    assert "built" in killed.stdout.readline()
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=60)
    left = [one for one in kernel.leftovers() if f"-{killed.pid}-" in one]
    assert left
    folders = [kernel.FOLDERS / name for name in left if (kernel.FOLDERS / name).exists()]
    assert folders, "the copy of its partner's state is there"
    orphans = [pid for name in left for pid in kernel.processes_in(name)]
    assert orphans, "its partner runs on"
    with build():
        mine = ours()
        done = netlab(deployed, "clean")
        said, _ = done.communicate(timeout=60)
        assert done.returncode == 0, said
        assert ours() == mine
    assert not any((kernel.NAMESPACES / name).exists() for name in left)
    assert not any(folder.exists() for folder in folders)
    assert not [pid for pid in orphans if alive(pid)]


def alive(pid: int) -> bool:
    """Tell whether a process still does anything; init may take a moment to bury it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


def test_as_root_pulumi_runs_as_the_owner_of_the_sandbox(tmp_path: Path, kernel_can: None) -> None:
    assert _owner(tmp_path) == {}
    os.chown(tmp_path, 65534, 65534)
    try:
        assert _owner(tmp_path) == {"user": 65534, "group": 65534, "extra_groups": []}
        done = subprocess.run(["id", "-u"], capture_output=True, text=True, check=True, **_owner(tmp_path))
        assert done.stdout.strip() == "65534"
    finally:
        os.chown(tmp_path, 0, 0)  # a later run, which may be in a user namespace, clears it away
