"""What the AWS API says about one VPC's routes, as plain values, and the adapter that asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any


class LabError(Exception):
    """The network cannot be read or built; the message says why and what to do."""


@dataclass(frozen=True)
class Subnet:
    """A subnet."""

    id: str
    cidr: IPv4Network


@dataclass(frozen=True)
class Route:
    """An IPv4 route; ``target`` is the ID of what traffic is handed to (nat-…, igw-…, local …)."""

    destination: IPv4Network
    target: str


@dataclass(frozen=True)
class RouteTable:
    """A route table and the subnets that name it."""

    id: str
    main: bool
    """Used by every subnet of the VPC that names none."""
    subnets: frozenset[str]
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class NatGateway:
    """An available public NAT gateway."""

    id: str
    subnet: str
    address: IPv4Address


@dataclass(frozen=True)
class View:
    """One VPC as deployed."""

    vpc: str
    subnets: tuple[Subnet, ...]
    tables: tuple[RouteTable, ...]
    gateways: tuple[NatGateway, ...]
    internet_gateways: frozenset[str]
    """Those that are attached to this VPC."""

    def subnet(self, subnet_id: str) -> Subnet:
        """Return a subnet by ID; LabError when the VPC has none of this name."""
        for subnet in self.subnets:
            if subnet.id == subnet_id:
                return subnet
        raise LabError(f"{self.vpc} has no subnet {subnet_id}; deploy again: pulumi up")

    def table(self, subnet_id: str) -> RouteTable:
        """Return the table a subnet uses: the one that names it, else the VPC's main one."""
        own = (table for table in self.tables if subnet_id in table.subnets)
        main = (table for table in self.tables if table.main)
        found = next(own, None) or next(main, None)
        if found is None:
            raise LabError(f"{subnet_id} has no route table, and {self.vpc} no main one")
        return found

    def gateway(self, gateway_id: str) -> NatGateway | None:
        """Return an available NAT gateway by ID."""
        return next((gateway for gateway in self.gateways if gateway.id == gateway_id), None)


def read(client: Any, vpc: str) -> View:
    """Ask a boto3 ``ec2`` client for one VPC.

    Raises LabError for what cannot be built: a NAT gateway with several addresses, of which AWS
    uses any.
    """
    ours = [{"Name": "vpc-id", "Values": [vpc]}]

    def ask(method: str, key: str, **arguments: Any) -> list[Mapping[str, Any]]:
        return [
            item for page in client.get_paginator(method).paginate(**arguments) for item in page.get(key, [])
        ]

    attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    internet = ask("describe_internet_gateways", "InternetGateways", Filters=attached)
    return View(
        vpc=vpc,
        subnets=tuple(
            sorted(
                (
                    Subnet(item["SubnetId"], IPv4Network(item["CidrBlock"]))
                    for item in ask("describe_subnets", "Subnets", Filters=ours)
                ),
                key=lambda subnet: subnet.cidr,
            )
        ),
        tables=tuple(_table(item) for item in ask("describe_route_tables", "RouteTables", Filters=ours)),
        gateways=tuple(
            sorted(
                (
                    _gateway(item)
                    for item in ask("describe_nat_gateways", "NatGateways", Filters=ours)
                    if item["State"] == "available" and item.get("ConnectivityType", "public") == "public"
                ),
                key=lambda gateway: gateway.id,
            )
        ),
        internet_gateways=frozenset(item["InternetGatewayId"] for item in internet),
    )


def _table(item: Mapping[str, Any]) -> RouteTable:
    associations = item.get("Associations", [])
    return RouteTable(
        id=item["RouteTableId"],
        main=any(part.get("Main") for part in associations),
        subnets=frozenset(part["SubnetId"] for part in associations if part.get("SubnetId")),
        routes=tuple(
            Route(IPv4Network(part["DestinationCidrBlock"]), _target(part))
            for part in item.get("Routes", [])
            if part.get("DestinationCidrBlock")
        ),
    )


def _target(part: Mapping[str, Any]) -> str:
    named = (
        value
        for key, value in part.items()
        if value and key.endswith("Id") and not key.startswith("Destination") and key != "InstanceOwnerId"
    )
    return str(next(named, ""))


def _gateway(item: Mapping[str, Any]) -> NatGateway:
    addresses = [part["PublicIp"] for part in item.get("NatGatewayAddresses", []) if part.get("PublicIp")]
    if len(addresses) != 1:
        raise LabError(
            f"{item['NatGatewayId']} has {len(addresses)} public addresses ({', '.join(addresses)}); "
            "only gateways with exactly one can be built"
        )
    return NatGateway(item["NatGatewayId"], item["SubnetId"], IPv4Address(addresses[0]))
