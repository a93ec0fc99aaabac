"""The modes in which the network is somebody else's, on the real engine."""

from typing import Any

import boto3  # noqa: F401  # loaded once per worker, not within a test's time
import pytest

from tests.engine.project import Project

pytestmark = pytest.mark.engine
ZONE, OTHER = "use1-az1", "use1-az4"
LOOKING = ("Describe", "Get", "List")


class Theirs:
    """A network that somebody made: a gateway in one zone, and a private subnet in each of two."""

    def __init__(self, ec2: Any) -> None:
        self.vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        door = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=door, VpcId=self.vpc)
        self.public = self._subnet(ec2, 0, ZONE)
        self.private = {ZONE: self._subnet(ec2, 1, ZONE), OTHER: self._subnet(ec2, 2, OTHER)}
        self.allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.gateway = ec2.create_nat_gateway(SubnetId=self.public, AllocationId=self.allocation)[
            "NatGateway"
        ]["NatGatewayId"]
        ec2.get_waiter("nat_gateway_available").wait(
            NatGatewayIds=[self.gateway], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        outside = self._table(ec2, self.public)
        ec2.create_route(RouteTableId=outside, DestinationCidrBlock="0.0.0.0/0", GatewayId=door)
        # one private subnet names its table, the other uses the main one
        named = self._table(ec2, self.private[ZONE])
        (main,) = ec2.describe_route_tables(
            Filters=[
                {"Name": "vpc-id", "Values": [self.vpc]},
                {"Name": "association.main", "Values": ["true"]},
            ]
        )["RouteTables"]
        self.tables = {ZONE: named, OTHER: main["RouteTableId"]}
        for table in self.tables.values():
            ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=self.gateway)

    def _subnet(self, ec2: Any, number: int, zone: str) -> str:
        made = ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZoneId=zone)
        return str(made["Subnet"]["SubnetId"])

    def _table(self, ec2: Any, subnet: str) -> str:
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        return str(table)

    def settings(self, zone: str = ZONE) -> dict[str, Any]:
        return {"vpcId": self.vpc, "privateSubnets": self.private, "natGateways": {zone: self.gateway}}


def written(project: Project) -> set[str]:
    """Return what was called of EC2 that is more than a question."""
    calls = project.control("GET", "/sandbox/calls")["calls"]
    return {
        one["action"] for one in calls if one["service"] == "ec2" and not one["action"].startswith(LOOKING)
    }


def test_an_existing_network_is_used_and_left_as_it_is(project: Project) -> None:
    theirs = Theirs(project.client("ec2"))
    windows = {"recoveryWindowDays": 0, "keyDeletionWindowDays": 7}

    def change(config: dict[str, Any]) -> None:
        config.update(network=theirs.settings(OTHER), egress={"mode": "existing"}, secrets=windows)

    project.configure(change)
    project.control("DELETE", "/sandbox/calls")
    refused = project.pulumi("up", "--yes", "--skip-preview")
    assert refused.returncode != 0
    assert f"natGateways.{OTHER}: {theirs.gateway}: stands in zone {ZONE}" in refused.stdout
    project.configure(lambda config: config.update(network=theirs.settings()))
    project.up()
    outputs = project.outputs()
    (address,) = outputs["egressAddresses"]
    assert (address["slot"], address["allocationId"], address["natGatewayId"]) == (
        f"{ZONE}/1",
        theirs.allocation,
        theirs.gateway,
    )
    assert outputs["egressByZone"] == {ZONE: f"{ZONE}/1", OTHER: f"{ZONE}/1"}
    assert (outputs["privateSubnets"], outputs["routeTables"]) == (theirs.private, theirs.tables)
    assert project.toolkit("addresses", "discover", "--stack", "sandbox").returncode == 0
    assert project.pulumi("preview", "--expect-no-changes").returncode == 0
    for command in (("state", "unprotect", "--all", "--yes"), ("destroy", "--yes", "--skip-preview")):
        done = project.pulumi(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    assert written(project) == set()


def test_external_addresses_make_no_network(project: Project) -> None:
    declared = [{"address": "127.44.200.1", "owner": "network team", "purpose": "checkout"}]

    def change(config: dict[str, Any]) -> None:
        config.pop("network")
        config["egress"] = {"mode": "external", "addresses": declared}

    project.configure(change)
    project.control("DELETE", "/sandbox/calls")
    project.up()
    (address,) = project.outputs()["egressAddresses"]
    assert (address["address"], address["allocationId"], address["owner"]) == (
        "127.44.200.1",
        None,
        "network team",
    )
    assert written(project) == set()
