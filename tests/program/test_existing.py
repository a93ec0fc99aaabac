"""Mode existing creates and touches nothing of the network; mode external makes none."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from tests.program.cloud import EIP, Cloud, Held
from tests.program.golden import EXISTING, deploy_named, existing_network
from tests.program.run import deploy, stack_config

GATEWAYS = "aws:ec2/getNatGateway:getNatGateway"
SUBNETS = "aws:ec2/getSubnet:getSubnet"
TABLES = "aws:ec2/getRouteTable:getRouteTable"
NAMED = "aws:ec2/getRouteTables:getRouteTables"


def test_an_existing_network_is_reported_and_not_touched() -> None:
    outputs, cloud = deploy_named("existing")
    assert not [one.typ for one in cloud.recorded if one.typ.startswith("aws:ec2")]
    assert outputs["vpcId"] == "vpc-0000000a"
    assert outputs["privateSubnets"] == EXISTING["privateSubnets"]
    assert outputs["routeTables"] == {"use1-az1": "rtb-00000001", "use1-az4": "rtb-00000004"}
    assert outputs["egressByZone"] == {"use1-az1": "use1-az1/1", "use1-az4": "use1-az4/1"}
    assert outputs["egressAddresses"][0] == {
        "slot": "use1-az1/1",
        "zone": "use1-az1",
        "address": "198.18.9.1",
        "allocationId": "eipalloc-00000001",
        "natGatewayId": "nat-00000001",
        "role": "active",
    }


def existing(changed: Callable[[dict[str, Any]], Any] = lambda _: None, **egress: Any) -> Any:
    lookups = existing_network()
    changed(lookups)
    held = {
        f"eipalloc-0000000{n}": Held(f"198.18.9.{n}", environment=None, interface="eni-1") for n in (1, 4)
    }
    config = stack_config(network=EXISTING, egress={"mode": "existing", **egress})
    return deploy(config, Cloud(lookups=lookups, held=held))


def test_a_zone_may_leave_through_the_gateway_of_another() -> None:
    def through_one(world: dict[str, Any]) -> None:
        world[TABLES]["rtb-00000004"]["routes"][0]["natGatewayId"] = "nat-00000001"

    outputs, _ = existing(through_one)
    assert outputs["egressByZone"] == {"use1-az1": "use1-az1/1", "use1-az4": "use1-az1/1"}
    assert {one["slot"]: one["role"] for one in outputs["egressAddresses"]} == {
        "use1-az1/1": "active",
        "use1-az4/1": "spare",
    }


def test_a_subnet_that_names_no_table_leaves_by_the_main_one() -> None:
    def implicit(world: dict[str, Any]) -> None:
        world[NAMED]["subnet-00000004"]["ids"] = []
        world[TABLES]["vpc-0000000a"] = {**world[TABLES].pop("rtb-00000004"), "routeTableId": "rtb-main"}

    outputs, _ = existing(implicit)
    assert outputs["routeTables"] == {"use1-az1": "rtb-00000001", "use1-az4": "rtb-main"}
    assert outputs["egressByZone"]["use1-az4"] == "use1-az4/1"


def test_naming_its_allocation_puts_the_address_under_our_protection() -> None:
    named = {"use1-az1/2": {"role": "active", "allocation": "eipalloc-00000001"}}
    outputs, cloud = existing(addresses=named)
    assert set(cloud.of_type(EIP)) == {"egress-use1-az1-2"}
    assert cloud.options[EIP, "egress-use1-az1-2"].import_ == "eipalloc-00000001"
    assert outputs["egressByZone"]["use1-az1"] == "use1-az1/2"
    (shown,) = (one for one in outputs["egressAddresses"] if one["slot"] == "use1-az1/2")
    assert (shown["natGatewayId"], shown["role"]) == ("nat-00000001", "active")


def test_a_slot_does_not_stand_for_two_addresses() -> None:
    with pytest.raises(pulumi.RunError, match=r"egress\.addresses\.use1-az1/1: nat-00000001 leaves from 198"):
        existing(addresses={"use1-az1/1": {"role": "spare"}})


@pytest.mark.parametrize(
    ("lookup", "which", "changed", "why"),
    [
        (GATEWAYS, "nat-00000001", {"vpcId": "vpc-0000000b"}, r"natGateways\.use1-az1.*is in vpc-0000000b"),
        (
            GATEWAYS,
            "nat-00000001",
            {"availabilityMode": "regional"},
            "regional NAT gateway.*not supported yet",
        ),
        (GATEWAYS, "nat-00000001", {"connectivityType": "private"}, "no public address"),
        (GATEWAYS, "nat-00000001", {"secondaryAllocationIds": ["eipalloc-1"]}, "several addresses"),
        (GATEWAYS, "nat-00000001", {"state": "failed"}, "is failed"),
        (
            SUBNETS,
            "subnet-00000011",
            {"availabilityZoneId": "use1-az4"},
            r"nat-00000001: stands in zone use1-az4",
        ),
        (SUBNETS, "subnet-00000001", {"availabilityZoneId": "use1-az2"}, "is in zone use1-az2"),
        (SUBNETS, "subnet-00000001", {"vpcId": "vpc-0000000b"}, r"privateSubnets\.use1-az1.*vpc-0000000b"),
        (
            TABLES,
            "rtb-00000001",
            {"routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1", "natGatewayId": ""}]},
            "default route leads to igw-1",
        ),
        (
            TABLES,
            "rtb-00000001",
            {"routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "", "natGatewayId": "nat-0000000f"}]},
            "leads to nat-0000000f, which network.natGateways does not name",
        ),
    ],
)
def test_what_does_not_fit_the_settings_is_refused(lookup: str, which: str, changed: Any, why: str) -> None:
    with pytest.raises(pulumi.RunError, match=why):
        existing(lambda world: world[lookup][which].update(changed))


def test_external_addresses_are_declared_with_their_owner() -> None:
    outputs, cloud = deploy_named("external")
    assert {one.typ.split(":")[1].split("/")[0] for one in cloud.recorded if one.typ.startswith("aws:")} == {
        "iam",
        "kms",
        "secretsmanager",
    }
    assert not [token for token in cloud.asked if token.startswith("aws:")]
    assert outputs["egressAddresses"] == [
        {
            "slot": "external/18.204.0.66",
            "zone": "external",
            "address": "18.204.0.66",
            "allocationId": None,
            "natGatewayId": None,
            "role": "active",
            "owner": "network team",
            "purpose": "egress VPC",
        }
    ]
    assert (outputs["vpcId"], outputs["egressByZone"], outputs["privateSubnets"]) == (None, {}, {})
