"""Where a function's calls leave from, read from the stand-in's own EC2 state."""

from typing import Any

from moto.ec2.models import ec2_backends

ANYWHERE = "0.0.0.0/0"
OUTSIDE = "127.254.254.254"
"""Where functions outside a VPC leave from: AWS's own, on nobody's list."""


def source_of(account: str, region: str, subnets: list[str]) -> str | None:
    """Return the public address that calls from these subnets leave from; None: none leads out.

    A function in several subnets runs in any of them; here in the first. Only a NAT gateway leads
    out: a function's interface has no public address, so an internet gateway drops what it sends.
    """
    if not subnets:
        return OUTSIDE
    backend = ec2_backends[account][region]
    route = _default_route(backend, subnets[0])
    gateway = route.nat_gateway if route else None
    if gateway is None or backend.nat_gateways.get(gateway.id) is None or gateway.state != "available":
        return None
    beyond = _default_route(backend, gateway.subnet_id)
    if beyond is None or not str(beyond.gateway_id).startswith("igw-"):
        return None
    allocation = next(
        (one.get("allocationId") for one in gateway.address_set if one.get("allocationId")), None
    )
    return next(
        (str(one.public_ip) for one in backend.describe_addresses() if one.allocation_id == allocation), None
    )


def _default_route(backend: Any, subnet_id: str) -> Any:
    table = _table(backend, subnet_id)
    return next((one for one in table.routes if one.destination_cidr_block == ANYWHERE), None)


def _table(backend: Any, subnet_id: str) -> Any:
    """Return the route table of a subnet: its own, or else its VPC's main one."""
    tables = list(backend.route_tables.values())
    own = [one for one in tables if any(item.get("SubnetId") == subnet_id for item in one.associations)]
    vpc = backend.get_subnet(subnet_id).vpc_id
    main = [one for one in tables if one.vpc_id == vpc and one.main_association_id]
    return (own or main)[0]
