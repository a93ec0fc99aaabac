"""Which IPv4 addresses may be handed in for an allow-list, and why others may not.

The rule: an address must be one that the partner can see as the peer of a connection from the
internet. Sources: IANA IPv4 Special-Purpose Address Registry (RFC 6890) and the RFCs named below.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

_REFUSED = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "stands for no host at all (0.0.0.0/8, RFC 791)"),
        ("10.0.0.0/8", "private (10.0.0.0/8, RFC 1918): the partner never sees it"),
        ("100.64.0.0/10", "shared by a carrier's customers (100.64.0.0/10, RFC 6598)"),
        ("169.254.0.0/16", "link-local (169.254.0.0/16, RFC 3927): it is never routed"),
        ("172.16.0.0/12", "private (172.16.0.0/12, RFC 1918): the partner never sees it"),
        ("192.0.0.0/24", "kept for protocols (192.0.0.0/24, RFC 6890)"),
        ("192.0.2.0/24", "for documentation only (192.0.2.0/24, RFC 5737)"),
        ("192.88.99.0/24", "a withdrawn relay range (192.88.99.0/24, RFC 7526)"),
        ("192.168.0.0/16", "private (192.168.0.0/16, RFC 1918): the partner never sees it"),
        ("198.18.0.0/15", "for benchmarks only (198.18.0.0/15, RFC 2544)"),
        ("198.51.100.0/24", "for documentation only (198.51.100.0/24, RFC 5737)"),
        ("203.0.113.0/24", "for documentation only (203.0.113.0/24, RFC 5737)"),
        ("224.0.0.0/4", "multicast (224.0.0.0/4, RFC 5771): no connection comes from it"),
        ("240.0.0.0/4", "reserved (240.0.0.0/4, RFC 1112)"),
    )
)

_LOOPBACK = IPv4Network("127.0.0.0/8")
LOOPBACK_NOTE = "a loopback address: reachable on this machine only; no partner on the internet can let it in"


@dataclass(frozen=True)
class AddressClass:
    """What kind of address it is, as far as an allow-list cares."""

    refused: str | None
    """Why it cannot be submitted; None where it can."""
    note: str | None
    """What a reader must know although it can be submitted."""


def classify(address: IPv4Address) -> AddressClass:
    """Say whether an address may be submitted; total, never raises."""
    for network, reason in _REFUSED:
        if address in network:
            return AddressClass(refused=reason, note=None)
    return AddressClass(refused=None, note=LOOPBACK_NOTE if address in _LOOPBACK else None)


def is_internet_destination(network: IPv4Network) -> bool:
    """Tell whether a route to ``network`` can lead to a host on the internet.

    False only for ranges that lie wholly in a refused one, such as a peer's 10.1.0.0/16.
    """
    return not any(network.subnet_of(refused) for refused, _ in _REFUSED)
