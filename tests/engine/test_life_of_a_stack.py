"""The program through the real engine: what changes, and what must never."""

import json
import os
import signal
import subprocess
import time
from typing import Any

import boto3  # noqa: F401  # loaded once per worker, not within a test's time
import pytest

from stacks.contract import TAG_SLOT
from tests.engine.project import ASKED_WITHOUT_A_CHANGE, STACK, Project, asked_without_a_change

pytestmark = pytest.mark.engine
EIP = "aws:ec2/eip:Eip"


def by_slot(project: Project) -> dict[str, tuple[str, str]]:
    """Slot → (address, allocation ID), as AWS knows them by their tags."""
    found = project.client("ec2").describe_addresses()["Addresses"]
    return {
        tag["Value"]: (item["PublicIp"], item["AllocationId"])
        for item in found
        for tag in item.get("Tags", [])
        if tag["Key"] == TAG_SLOT
    }


def nat_gateways(project: Project) -> set[str]:
    """The NAT gateways that AWS has, dead ones left out."""
    found = project.client("ec2").describe_nat_gateways()["NatGateways"]
    return {one["NatGatewayId"] for one in found if one["State"] in ("pending", "available")}


class TestAnUntouchedStack:
    def test_an_address_and_a_gateway_for_every_zone(self, deployed: Project) -> None:
        outputs = deployed.outputs()
        addresses = {item["slot"]: item for item in outputs["egressAddresses"]}
        assert set(addresses) == {"use1-az1/1", "use1-az4/1", "use1-az6/1"}
        assert all(item["role"] == "active" and item["natGatewayId"] for item in addresses.values())
        assert {slot: (item["address"], item["allocationId"]) for slot, item in addresses.items()} == by_slot(
            deployed
        )
        assert set(outputs["merchants"]) == {"acme-air", "acme-shop"}
        told = deployed.pulumi("stack", "output", "--json")
        assert json.loads(told.stdout) == outputs

    def test_a_second_up_has_nothing_to_do(self, deployed: Project) -> None:
        done = deployed.pulumi("preview", "--expect-no-changes")
        assert done.returncode == 0, done.stdout
        assert set(deployed.preview()["changeSummary"]) == {"same"}

    def test_a_second_up_asks_aws_no_more_than_a_larger_stack_does(self, deployed: Project) -> None:
        # with everything switched on: tests/engine/test_waiting.py
        assert asked_without_a_change(deployed) == ASKED_WITHOUT_A_CHANGE

    def test_refresh_finds_no_drift(self, deployed: Project) -> None:
        done = deployed.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
        assert done.returncode == 0, done.stdout + done.stderr

    def test_the_secrets_are_empty(self, deployed: Project) -> None:
        client = deployed.client("secretsmanager")
        for merchant in deployed.outputs()["merchants"].values():
            with pytest.raises(client.exceptions.ResourceNotFoundException):
                client.get_secret_value(SecretId=merchant["secretArn"], VersionStage="AWSCURRENT")

    @pytest.mark.parametrize("arguments", [(), ("--skip-preview",)], ids=["preview", "skip-preview"])
    def test_destroy_is_refused_before_any_traffic_stops(
        self, deployed: Project, arguments: tuple[str, ...]
    ) -> None:
        before, ec2 = by_slot(deployed), deployed.client("ec2")
        assert deployed.pulumi("destroy", "--yes", *arguments).returncode != 0
        assert by_slot(deployed) == before
        states = {item["State"] for item in ec2.describe_nat_gateways()["NatGateways"]}
        assert states == {"available"}
        tables = ec2.describe_route_tables()["RouteTables"]
        leading_out = [
            route
            for table in tables
            for route in table["Routes"]
            if route.get("NatGatewayId", "").startswith("nat-")
        ]
        assert len(leading_out) == len(before)
        deployed.up()  # what the refused destroy did take with it comes back, and nothing else changes
        assert by_slot(deployed) == before

    def test_another_accounts_credentials_cannot_refresh_the_state_away(self, deployed: Project) -> None:
        before = deployed.state()["resources"]
        other = {"AWS_ACCESS_KEY_ID": "999999999999"}
        done = deployed.pulumi("refresh", "--yes", "--skip-preview", extra=other)
        assert done.returncode != 0
        assert "999999999999" in done.stdout + done.stderr
        urns = [item["urn"] for item in before]
        assert [item["urn"] for item in deployed.state()["resources"]] == urns


def test_a_zone_more_and_tags_changed_leave_every_address_where_it_was(project: Project) -> None:
    project.up()
    before = by_slot(project)

    def change(config: dict[str, object]) -> None:
        network = config["network"]
        assert isinstance(network, dict)
        network["zones"] = ["use1-az2", *reversed(network["zones"])]
        config["tags"] = {"team": "checkout"}

    project.configure(change)
    project.up()
    after = by_slot(project)
    assert {slot: after[slot] for slot in before} == before
    assert set(after) - set(before) == {"use1-az2/1"}


def test_a_dropped_zone_is_refused_while_its_address_is_protected(project: Project) -> None:
    project.up()
    before = by_slot(project)
    project.configure(lambda config: config["network"].update(zones=["use1-az1", "use1-az4"]))
    assert project.pulumi("up", "--yes").returncode != 0
    assert project.pulumi("up", "--yes", "--skip-preview").returncode != 0
    assert by_slot(project) == before


def test_an_existing_address_is_adopted_and_stays(project: Project) -> None:
    adopted = project.client("ec2").allocate_address(Domain="vpc")
    slots = {"use1-az1/1": {"role": "active", "allocation": adopted["AllocationId"]}}

    def adopt(config: dict[str, Any]) -> None:
        config["network"]["zones"] = ["use1-az1"]
        config["egress"] = {"addresses": slots}

    project.configure(adopt)
    project.up()
    assert by_slot(project) == {"use1-az1/1": (adopted["PublicIp"], adopted["AllocationId"])}
    project.configure(lambda config: config["egress"]["addresses"]["use1-az1/1"].pop("allocation"))
    assert set(project.preview()["changeSummary"]) == {"same"}
    assert project.allocated() == {adopted["PublicIp"]: adopted["AllocationId"]}


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("AllocateAddress", "AddressLimitExceeded"),
        pytest.param("CreateNatGateway", "NatGatewayLimitExceeded", marks=pytest.mark.long),
    ],
)
def test_an_up_that_fails_half_way_is_finished_by_the_next_without_a_second_address(
    project: Project, action: str, code: str
) -> None:
    project.control("POST", "/sandbox/faults", {"action": action, "kind": "error", "nth": 2, "code": code})
    failed = project.pulumi("up", "--yes", "--skip-preview")
    assert failed.returncode != 0
    assert code in failed.stdout
    project.control("DELETE", "/sandbox/faults")
    left = by_slot(project)
    project.up()
    after = by_slot(project)
    assert set(after) == {"use1-az1/1", "use1-az4/1", "use1-az6/1"}
    assert {slot: after[slot] for slot in left} == left
    assert len(project.allocated()) == len(after)
    assert set(project.preview()["changeSummary"]) == {"same"}


@pytest.mark.spoils
def test_an_up_that_was_killed_while_aws_made_its_gateways_is_finished_by_the_next(project: Project) -> None:
    ec2 = project.client("ec2")
    slow = {"action": "DescribeNatGateways", "kind": "delay", "seconds": 60}
    project.control("POST", "/sandbox/faults", slow)
    engine = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len([one for one in ec2.describe_addresses()["Addresses"] if "AssociationId" in one]) < 3:
        assert time.monotonic() < deadline, "the gateways were never made"
        time.sleep(0.1)
    checkpoint = project.world.state / "backend" / ".pulumi" / "stacks" / "flexpay-egress" / f"{STACK}.json"
    while time.time() - checkpoint.stat().st_mtime < 2:  # the engine does not replace this file atomically
        time.sleep(0.1)
    os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()
    project.control("DELETE", "/sandbox/faults")
    before, made = by_slot(project), nat_gateways(project)
    assert (len(before), len(made)) == (3, 3)
    assert project.pulumi("cancel", "--yes").returncode == 0
    project.up()
    assert (by_slot(project), nat_gateways(project)) == (before, made)
    assert {one["natGatewayId"] for one in project.outputs()["egressAddresses"]} == made
    assert set(project.preview()["changeSummary"]) == {"same"}


def test_an_answer_that_got_lost_leaves_addresses_that_the_next_up_refuses_to_choose_between(
    project: Project,
) -> None:
    project.control("POST", "/sandbox/faults", {"action": "AllocateAddress", "kind": "lost", "nth": 1})
    project.up()  # the AWS client repeats the call by itself, and a second address is allocated
    allocated = project.allocated()
    assert len(allocated) == 4
    refused = project.pulumi("up", "--yes", "--skip-preview")
    assert refused.returncode != 0
    in_use = {item["allocationId"] for item in project.outputs()["egressAddresses"]}
    (orphan,) = set(allocated.values()) - in_use
    assert orphan in refused.stdout
    project.client("ec2").delete_tags(Resources=[orphan], Tags=[{"Key": TAG_SLOT}])
    assert set(project.preview()["changeSummary"]) == {"same"}
    assert project.allocated() == allocated
