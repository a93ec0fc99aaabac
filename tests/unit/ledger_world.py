"""Events, ledgers and environments for the tests of the books."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from hypothesis import settings
from hypothesis import strategies as st

from onboarding.allowlist.ledger import Action, Event, ImpossibleOrder, Ledger, fold, new_event
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

steady = settings(deadline=None, max_examples=60)
"""No time limit per example: the machine is shared, and the law is not about time."""
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""A Monday."""
A, B, C = (IPv4Address(f"203.0.114.{last}") for last in (10, 11, 12))
AIR, RAIL = "acme-air", "acme-rail"


def event(
    action: str,
    day: float,
    addresses: Sequence[IPv4Address] = (A, B),
    merchants: Sequence[str] = (AIR,),
    *,
    reference: str = "FPX-1",
    note: str | None = None,
    submission: str | None = None,
    environment: str = "production",
) -> Event:
    return new_event(
        environment,
        at=START + timedelta(days=day),
        action=Action(action),
        merchants=merchants,
        addresses=addresses,
        reference=reference,
        actor="kim@acme.example",
        note=note,
        submission=submission,
    )


def ledger(*events: Event) -> Ledger:
    return Ledger("production", events)


def declared(
    address: IPv4Address, role: str = "active", *, slot: str | None = None, region: str = "us-east-1"
) -> EgressAddress:
    last = int(address) & 255
    return EgressAddress(
        slot=slot or f"use1-az{last % 9 + 1}/1",
        zone="use1-az1",
        address=address,
        role=Role(role),
        region=region,
        account_id="123456789012",
        allocation_id=None if slot and slot.startswith("external/") else f"eipalloc-{int(address):08x}",
        nat_gateway_id=f"nat-{int(address):08x}" if role == "active" else None,
    )


def stack(*addresses: EgressAddress, merchants: Sequence[str] = (AIR,), region: str = "us-east-1") -> Stack:
    return Stack(
        source=f"production.{region}",
        environment="production",
        region=region,
        account_id="123456789012",
        partner=Partner("https://partner.example", "/api/checkout", Orders.TEST),
        contacts=Contacts("Acme Inc.", "platform@acme.example", "security@acme.example"),
        vpc_id="vpc-0a1",
        addresses=addresses,
        private_subnets={"use1-az1": "subnet-1"},
        route_tables={},
        merchants={
            name: Merchant(name, "UP-12345678-9", "Acme Inc.", f"flexpay/production/{name}", "arn:aws:x")
            for name in merchants
        },
    )


def environment(*addresses: EgressAddress, merchants: Sequence[str] = (AIR,)) -> Environment:
    return Environment("production", (stack(*addresses, merchants=merchants),))


@st.composite
def histories(draw: st.DrawFn, *, base: Sequence[Event] = (), most: int = 8) -> list[Event]:
    """Events that one reader could have folded one after the other, on top of ``base``."""
    kept = list(base)
    for _ in range(draw(st.integers(0, most))):
        candidate = event(
            draw(st.sampled_from(list(Action))).value,
            draw(st.integers(0, 40)),
            sorted(draw(st.sets(st.sampled_from([A, B, C]), min_size=1))),
            sorted(draw(st.sets(st.sampled_from([AIR, RAIL]), min_size=1))),
            reference=draw(st.sampled_from(["FPX-1", "FPX-2", "MAIL-7"])),
        )
        try:
            fold(Ledger("production", (*kept, candidate)).events)
        except ImpossibleOrder:
            continue
        kept.append(candidate)
    return kept[len(base) :]
