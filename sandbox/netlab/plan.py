"""From what AWS says to namespaces and commands. Pure: nothing here touches the kernel.

One namespace per private subnet, one per NAT gateway, one for the internet gateway and one for the
partner. A link between two of them exists only where a route asks for it. The internet gateway
does what AWS's does: it forwards nothing whose source is not one of the public addresses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from sandbox.netlab.view import LabError, NatGateway, RouteTable, Subnet, View

EGRESS = IPv4Network("198.51.100.0/24")
"""Stands for the allocated addresses (RFC 5737): 127.x, which the stand-in allocates, has no routes."""
OUTSIDE = IPv4Network("203.0.113.0/24")
"""Where the partner lives (RFC 5737)."""
PARTNER = IPv4Address("203.0.113.10")
ROUTER = IPv4Address("203.0.113.1")
LINKS = IPv4Network("169.254.0.0/16")
"""A network of LINK_PREFIX of it for every link; no address of it ever leaves its link."""
LINK_PREFIX = 30
HOST = 10
"""Number of the workload's address in its subnet; AWS keeps the first four."""
ANYWHERE = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True)
class Declared:
    """What one zone's outputs promise."""

    zone: str
    subnet: str
    address: IPv4Address


@dataclass(frozen=True)
class Command:
    """One program to run, with what it reads from stdin."""

    arguments: tuple[str, ...]
    given: str = ""

    def __str__(self) -> str:
        return " ".join(self.arguments) + (f" <<< {self.given!r}" if self.given else "")


@dataclass(frozen=True)
class Row:
    """How one zone's traffic leaves, for people."""

    zone: str
    subnet: str
    table: str
    target: str
    address: IPv4Address | None
    """Of the gateway that the default route names; whether traffic arrives is for the kernel to say."""


@dataclass(frozen=True)
class Plan:
    """Everything to build."""

    namespaces: tuple[str, ...]
    commands: tuple[Command, ...]
    subnets: Mapping[str, str]
    """Zone → namespace."""
    partner: str
    """The partner's namespace."""
    translation: Mapping[IPv4Address, IPv4Address]
    """Allocated address → address in the lab."""
    rows: tuple[Row, ...]

    def allocated(self, seen: IPv4Address) -> IPv4Address:
        """Return the allocated address that an address in the lab stands for, or itself."""
        return {there: here for here, there in self.translation.items()}.get(seen, seen)


def plan(view: View, declared: tuple[Declared, ...], prefix: str) -> Plan:
    """Return what to build for the private subnets that the outputs declare.

    ``prefix`` begins the name of every namespace. Raises LabError for a declared subnet that does
    not exist, and for more gateways than the ranges hold.
    """
    build = _Build(view, prefix)
    commands = tuple(build.commands(declared))
    return Plan(
        namespaces=tuple(build.namespaces),
        commands=commands,
        subnets={item.zone: build.name("subnet", item.zone) for item in declared},
        partner=build.partner,
        translation=build.translation,
        rows=tuple(_row(view, item) for item in declared),
    )


@dataclass(frozen=True)
class _Link:
    """A pair of network interfaces: the device and address of one end, the address of the other."""

    device: str
    near: IPv4Address
    far: IPv4Address


def _row(view: View, item: Declared) -> Row:
    table = view.table(item.subnet)
    target = next((route.target for route in table.routes if route.destination == ANYWHERE), "")
    gateway = view.gateway(target)
    return Row(item.zone, item.subnet, table.id, target, gateway.address if gateway else None)


class _Build:
    """Collects namespaces and numbers links while commands are made."""

    def __init__(self, view: View, prefix: str) -> None:
        self._view = view
        self._prefix = prefix
        self.namespaces: list[str] = []
        self.internet = self.name("internet")
        self.partner = self.name("partner")
        allocated = sorted(gateway.address for gateway in view.gateways)
        if len(allocated) > EGRESS.num_addresses - 2:
            raise LabError(f"{len(allocated)} NAT gateways are more than {EGRESS} has addresses for")
        self.translation = dict(zip(allocated, EGRESS.hosts(), strict=False))
        self._links = LINKS.subnets(new_prefix=LINK_PREFIX)
        next(self._links)  # tools take its network for "no address"

    def name(self, *parts: str) -> str:
        return "-".join((self._prefix, *parts))

    def commands(self, declared: tuple[Declared, ...]) -> Iterator[Command]:
        yield from self._namespace(self.internet, forwards=True)
        yield from self._namespace(self.partner)
        yield from self._outside()
        for gateway in self._view.gateways:
            yield from self._namespace(self._of(gateway), forwards=True)
        for item in declared:
            yield from self._namespace(self.name("subnet", item.zone))
        for gateway in self._view.gateways:
            yield from self._gateway(gateway)
        for item in declared:
            yield from self._subnet(item.zone, self._view.subnet(item.subnet))
        yield self._internet_gateway()

    def _namespace(self, name: str, *, forwards: bool = False) -> Iterator[Command]:
        self.namespaces.append(name)
        yield _ip("netns", "add", name)
        yield _ip("-n", name, "link", "set", "lo", "up")
        # a gateway's answers come back another way than they would be sent: no reverse path filter
        settings = ["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"]
        settings += ["net.ipv4.ip_forward=1"] if forwards else []
        yield _inside(name, "sysctl", "-q", "-w", *settings)

    def _outside(self) -> Iterator[Command]:
        yield _veth(self.internet, "partner", self.partner, "internet")
        for name, device, address in (
            (self.internet, "partner", ROUTER),
            (self.partner, "internet", PARTNER),
        ):
            yield _ip("-n", name, "address", "add", f"{address}/{OUTSIDE.prefixlen}", "dev", device)
            yield _ip("-n", name, "link", "set", device, "up")
        yield _ip("-n", self.partner, "route", "add", "default", "via", str(ROUTER))

    def _gateway(self, gateway: NatGateway) -> Iterator[Command]:
        name = self._of(gateway)
        address = self.translation[gateway.address]
        # its address is on its loopback: it may send, and be answered, in its own name
        yield _ip("-n", name, "address", "add", f"{address}/32", "dev", "lo")
        table = self._view.table(gateway.subnet)
        yield from self._routes(name, table, IPv4Network(f"{address}/32"), gateway.id)
        rules = f"""\
table ip nat {{
  chain postrouting {{
    type nat hook postrouting priority srcnat;
    oifname "out*" snat to {address}
  }}
}}
"""
        yield _inside(name, "nft", "-f", "-", given=rules)

    def _subnet(self, zone: str, subnet: Subnet) -> Iterator[Command]:
        name = self.name("subnet", zone)
        address = subnet.cidr[HOST]
        yield _ip("-n", name, "address", "add", f"{address}/32", "dev", "lo")
        yield from self._routes(name, self._view.table(subnet.id), IPv4Network(f"{address}/32"), subnet.id)

    def _routes(self, name: str, table: RouteTable, own: IPv4Network, itself: str) -> Iterator[Command]:
        """Give a namespace the routes of its table; ``own`` is what it sends from."""
        links: dict[str, _Link] = {}
        for route in table.routes:
            if route.target == "local":
                continue
            destination = "default" if route.destination == ANYWHERE else str(route.destination)
            there = self._namespace_of(route.target)
            if there is None or route.target == itself:
                # AWS drops such traffic without a word; here the caller hears of it at once
                yield _ip("-n", name, "route", "add", "unreachable", destination)
                continue
            if route.target not in links:
                link = _Link(f"out{len(links)}", *next(self._links).hosts())
                yield from self._link(name, there, link, own)
                links[route.target] = link
            link, source = links[route.target], str(own.network_address)
            way = ("via", str(link.far), "dev", link.device, "src", source)
            yield _ip("-n", name, "route", "add", destination, *way)

    def _link(self, name: str, there: str, link: _Link, own: IPv4Network) -> Iterator[Command]:
        """Link two namespaces, and have the far one answer ``own`` through the link."""
        peer = f"in{int(link.near) & 0xFFFF}"
        yield _veth(name, link.device, there, peer)
        for side, port, address in ((name, link.device, link.near), (there, peer, link.far)):
            yield _ip("-n", side, "address", "add", f"{address}/{LINK_PREFIX}", "dev", port)
            yield _ip("-n", side, "link", "set", port, "up")
        yield _ip("-n", there, "route", "add", str(own), "via", str(link.near), "dev", peer)

    def _namespace_of(self, target: str) -> str | None:
        gateway = self._view.gateway(target)
        if gateway is not None:
            return self._of(gateway)
        return self.internet if target in self._view.internet_gateways else None

    def _internet_gateway(self) -> Command:
        # conntrack is not needed: an address that may leave may also be answered
        known = ", ".join(str(address) for address in self.translation.values())
        allowed = f"    ip saddr {{ {known} }} accept\n" if known else ""
        rules = f"""\
table ip internet {{
  chain forward {{
    type filter hook forward priority filter; policy drop;
    iifname "partner" accept
{allowed}  }}
}}
"""
        return _inside(self.internet, "nft", "-f", "-", given=rules)

    def _of(self, gateway: NatGateway) -> str:
        return self.name("nat", gateway.id.removeprefix("nat-"))


def _ip(*arguments: str) -> Command:
    return Command(("ip", *arguments))


def _inside(name: str, *arguments: str, given: str = "") -> Command:
    return Command(("ip", "netns", "exec", name, *arguments), given)


def _veth(here: str, device: str, there: str, peer: str) -> Command:
    end = ("peer", "name", peer, "netns", there)
    return _ip("link", "add", device, "netns", here, "type", "veth", *end)
