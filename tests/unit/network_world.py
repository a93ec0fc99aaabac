"""A region as AWS would describe it, and the outputs that fit, for tests that need no AWS."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from onboarding.allowlist.network_view import (
    Allocation,
    GatewayAddress,
    Interface,
    NatGateway,
    RegionView,
    Route,
    RouteTable,
    Subnet,
    Vpc,
)
from onboarding.deployment import (
    Contacts,
    EgressAddress,
    Environment,
    Merchant,
    Orders,
    Partner,
    Role,
    Stack,
)
from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT

ACCOUNT, REGION, VPC = "123456789012", "us-east-1", "vpc-0aaaaaaa"
AIR, SHOP = "acme-air", "acme-shop"
OURS = (IPv4Address("18.204.0.1"), IPv4Address("18.204.0.2"))
"""Addresses of zone 1 and 2; spare and stray ones follow."""
SPARE, STRAY = IPv4Address("18.204.0.9"), IPv4Address("18.204.0.66")


def allocation(
    address: IPv4Address, slot: str | None, *, environment: str | None = "production"
) -> Allocation:
    tags = {key: value for key, value in ((TAG_ENVIRONMENT, environment), (TAG_SLOT, slot)) if value}
    return Allocation(address, f"eipalloc-{int(address):017x}", tags=tags, border_group=REGION)


def gateway(name: str, address: IPv4Address, **more: Any) -> NatGateway:
    held = GatewayAddress(address, f"eipalloc-{int(address):017x}")
    return replace(
        NatGateway(name, VPC, "subnet-public", "available", public=True, addresses=(held,)), **more
    )


def region() -> RegionView:
    """Return a VPC of ours: a public subnet, and in two zones a private one with its own gateway."""
    private = tuple(Subnet(f"subnet-{n}", VPC, f"use1-az{n}") for n in (1, 2))
    return RegionView(
        region=REGION,
        account_id=ACCOUNT,
        allocations=tuple(
            replace(
                allocation(address, f"use1-az{n}/1"), association_id=f"assoc-{n}", interface_id=f"eni-{n}"
            )
            for n, address in enumerate(OURS, 1)
        ),
        gateways=tuple(
            gateway(f"nat-{n}", address, interface_ids=frozenset({f"eni-{n}"}))
            for n, address in enumerate(OURS, 1)
        ),
        route_tables=(
            table("rtb-main", Route("10.0.0.0/16", "local"), main=True),
            table("rtb-public", Route("0.0.0.0/0", "igw-1"), subnets=("subnet-public",)),
            *(table(f"rtb-{n}", Route("0.0.0.0/0", f"nat-{n}"), subnets=(f"subnet-{n}",)) for n in (1, 2)),
        ),
        subnets=(Subnet("subnet-public", VPC, "use1-az1"), *private),
        interfaces=tuple(
            interface(f"eni-{n}", address, subnet="subnet-public", kind="nat_gateway")
            for n, address in enumerate(OURS, 1)
        ),
        vpcs=(Vpc(VPC, (IPv4Network("10.0.0.0/16"),), environment="production"),),
    )


def table(
    name: str, *routes: Route, subnets: tuple[str, ...] = (), main: bool = False, vpc: str = VPC
) -> RouteTable:
    return RouteTable(name, vpc, main, frozenset(subnets), routes)


def interface(
    name: str, address: IPv4Address, *, subnet: str, kind: str = "interface", owned: bool = True, **more: Any
) -> Interface:
    held = f"eipalloc-{int(address):017x}" if owned else None
    made = Interface(name, VPC, subnet, kind, "", None, ((address, held),))
    return replace(made, **more)


def with_routes(view: RegionView, name: str, *routes: Route) -> RegionView:
    """Return the region with other routes in one table."""
    return replace(
        view,
        route_tables=tuple(
            replace(one, routes=routes) if one.id == name else one for one in view.route_tables
        ),
    )


def declared(address: IPv4Address, slot: str, role: Role = Role.ACTIVE, **more: Any) -> EgressAddress:
    zone = slot.partition("/")[0]
    made = EgressAddress(
        slot=slot,
        zone=zone,
        address=address,
        role=role,
        region=REGION,
        account_id=ACCOUNT,
        allocation_id=f"eipalloc-{int(address):017x}",
        nat_gateway_id=f"nat-{zone[-1]}" if role is Role.ACTIVE else None,
    )
    return replace(made, **more)


def merchant(name: str, **more: Any) -> Merchant:
    made = Merchant(
        name, "UP-12345678-1", f"{name.title()}, Inc.", f"flexpay/production/{name}", f"arn:aws:secret:{name}"
    )
    return replace(made, **more)


def stack(*addresses: EgressAddress, **more: Any) -> Stack:
    """Return outputs; without addresses, those of ``region``."""
    made = Stack(
        source="stack production",
        environment="production",
        region=REGION,
        account_id=ACCOUNT,
        partner=Partner("https://api.flexpay.example", "/api/checkout", Orders.REAL),
        contacts=Contacts("Acme Travel Holdings, Inc.", "platform@acme.example", "security@acme.example"),
        vpc_id=VPC,
        addresses=addresses or tuple(declared(one, f"use1-az{n}/1") for n, one in enumerate(OURS, 1)),
        private_subnets={"use1-az1": "subnet-1", "use1-az2": "subnet-2"},
        route_tables={"use1-az1": "rtb-1", "use1-az2": "rtb-2"},
        merchants={name: merchant(name) for name in (AIR, SHOP)},
    )
    return replace(made, **more)


def environment(*stacks: Stack) -> Environment:
    return Environment("production", stacks or (stack(),))


def views(view: RegionView | None = None) -> dict[tuple[str, str], RegionView]:
    return {(ACCOUNT, REGION): view or region()}
