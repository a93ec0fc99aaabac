"""Mode existing: reads a network that is somebody else's, and never changes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from pulumi_aws import ec2

from stacks.adoption import Refused
from stacks.facts import Facts
from stacks.schema import Settings
from stacks.values import ANYWHERE


@dataclass(frozen=True)
class Gateway:
    """A NAT gateway that the settings name."""

    zone: str
    gateway_id: str
    allocation_id: str
    address: IPv4Address


@dataclass(frozen=True)
class ExistingNetwork:
    """What the settings name, as AWS shows it."""

    vpc_id: str
    gateways: Mapping[str, Gateway]
    """By zone."""
    private_subnets: Mapping[str, str]
    route_tables: Mapping[str, str]
    """Zone → route table of its private subnet."""
    exits: Mapping[str, str | None]
    """Zone → zone of the gateway its default route leads to; None: no default route."""


def look_existing(settings: Settings) -> ExistingNetwork:
    """Read the network and check that it is what the settings say. Raises Refused with every mismatch."""
    network = settings.network
    problems: list[str] = []
    gateways = {}
    for zone, gateway_id in sorted(network.nat_gateways.items()):
        try:
            gateways[zone] = _gateway(zone, gateway_id, str(network.vpc_id))
        except Refused as refused:
            problems.append(f"network.natGateways.{zone}: {gateway_id}: {refused}")
    for key, subnets in (
        ("publicSubnets", network.public_subnets),
        ("privateSubnets", network.private_subnets),
    ):
        for zone, subnet_id in sorted(subnets.items()):
            try:
                _check_subnet(zone, subnet_id, str(network.vpc_id))
            except Refused as refused:
                problems.append(f"network.{key}.{zone}: {subnet_id}: {refused}")
    tables: dict[str, str] = {}
    exits: dict[str, str | None] = {}
    if not problems:
        by_id = {gateway.gateway_id: zone for zone, gateway in gateways.items()}
        for zone, subnet_id in sorted(network.private_subnets.items()):
            try:
                tables[zone], exits[zone] = _way_out(subnet_id, str(network.vpc_id), by_id)
            except Refused as refused:
                problems.append(f"network.privateSubnets.{zone}: {subnet_id}: {refused}")
    if problems:
        raise Refused("\n".join(problems))
    return ExistingNetwork(
        vpc_id=str(network.vpc_id),
        gateways=gateways,
        private_subnets=dict(sorted(network.private_subnets.items())),
        route_tables=tables,
        exits=exits,
    )


def _gateway(zone: str, gateway_id: str, vpc_id: str) -> Gateway:
    found: Any = _ask(ec2.get_nat_gateway, id=gateway_id)
    if found.vpc_id != vpc_id:
        raise Refused(f"is in {found.vpc_id}, not in {vpc_id}")
    if found.availability_mode == "regional":
        raise Refused("is a regional NAT gateway, which is not supported yet")
    if found.connectivity_type == "private":
        raise Refused("is a private NAT gateway, which has no public address")
    if found.secondary_allocation_ids:
        raise Refused("has several addresses, which is not supported yet")
    if found.state != "available":
        raise Refused(f"is {found.state}, not available")
    stands_in: Any = _ask(ec2.get_subnet, id=found.subnet_id)
    if stands_in.availability_zone_id != zone:
        raise Refused(f"stands in zone {stands_in.availability_zone_id}")
    return Gateway(zone, gateway_id, found.allocation_id, IPv4Address(found.public_ip))


def _check_subnet(zone: str, subnet_id: str, vpc_id: str) -> None:
    found: Any = _ask(ec2.get_subnet, id=subnet_id)
    if found.vpc_id != vpc_id:
        raise Refused(f"is in {found.vpc_id}, not in {vpc_id}")
    if found.availability_zone_id != zone:
        raise Refused(f"is in zone {found.availability_zone_id}")


def _way_out(subnet_id: str, vpc_id: str, gateways: Mapping[str, str]) -> tuple[str, str | None]:
    table = _table_of(subnet_id, vpc_id)
    for route in table.routes:
        if route["cidr_block"] == ANYWHERE:
            through = route["nat_gateway_id"]
            if through not in gateways:
                leads = through or route["gateway_id"] or "something that is no NAT gateway"
                raise Refused(
                    f"its default route leads to {leads}, which network.natGateways does not name, so calls "
                    "would leave from an address that nobody submits"
                )
            return table.route_table_id, gateways[through]
    return table.route_table_id, None


def _table_of(subnet_id: str, vpc_id: str) -> Any:
    """Return the route table that a subnet names, or else the main one of its VPC."""
    named = ec2.GetRouteTablesFilterArgs(name="association.subnet-id", values=[subnet_id])
    found = _ask(ec2.get_route_tables, vpc_id=vpc_id, filters=[named]).ids
    if found:
        return _ask(ec2.get_route_table, route_table_id=found[0])
    main = ec2.GetRouteTableFilterArgs(name="association.main", values=["true"])
    return _ask(ec2.get_route_table, vpc_id=vpc_id, filters=[main])


def _ask(lookup: Any, **asked: Any) -> Any:
    try:
        return lookup(**asked)
    except Exception as error:  # the SDK raises nothing narrower for a failed lookup
        raise Refused(f"AWS does not show it in this account and region: {error}") from error


def slots_of(settings: Settings, facts: Facts, network: ExistingNetwork) -> dict[str, Gateway]:
    """Return the slot of every gateway's address; pure.

    It is the slot that holds the allocation in this stack, or slot 1 of the gateway's zone.
    Raises Refused where slot 1 stands for another address.
    """
    holders = {one.allocation_id: slot for slot, one in facts.managed.addresses.items()}
    holders |= {entry.allocation: slot for slot, entry in settings.slots.items() if entry.allocation}
    found: dict[str, Gateway] = {}
    for zone, gateway in network.gateways.items():
        slot = holders.get(gateway.allocation_id, f"{zone}/1")
        if slot in settings.slots and gateway.allocation_id not in holders:
            raise Refused(
                f"egress.addresses.{slot}: {gateway.gateway_id} leaves from {gateway.address} "
                f"({gateway.allocation_id}); name that as its allocation, or give {slot} another number"
            )
        found[slot] = gateway
    return found
