"""How fast the books are."""

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from benchmarks.figures import Benchmark, Figure, Result, Say, ratios
from onboarding.allowlist.ledger import Action, Event, Ledger, fold, new_event
from onboarding.allowlist.ledger_text import parse, render
from onboarding.allowlist.reconciliation import reconcile
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

START = datetime(2026, 1, 5, tzinfo=UTC)
MERCHANTS = ("acme-air", "acme-rail")
BASE = int(IPv4Address("198.100.0.0"))
RUNS = 5
ROUNDS = 15
EVENTS = 20_000
STACKS = 50
ADDRESSES = (200, 500, 1000, 2000)
LINEAR = 1.25
"""Allowed over the same cost for each address, since machines are noisy."""


def timed(work: Callable[[], object]) -> tuple[float, ...]:
    """Return the seconds of processor time of each of RUNS runs: all of it happens in memory."""
    taken = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return tuple(taken)


def history(events: int) -> tuple[Event, ...]:
    """Return submissions and approvals in turn, three addresses for two merchants each."""
    return tuple(
        new_event(
            "production",
            at=START + timedelta(minutes=number),
            action=Action.APPROVED if number % 2 else Action.SUBMITTED,
            merchants=MERCHANTS,
            addresses=[IPv4Address(BASE + number // 2 % 1000 * 3 + part) for part in range(3)],
            reference=f"FPX-{number}",
            actor="arn:aws:sts::123456789012:assumed-role/operate/kim",
            submission=f"{number} sha256:{number:064x}",
        )
        for number in range(events)
    )


def deployed(addresses: int, stacks: int) -> Environment:
    """Return an environment whose addresses are spread over as many regions as stacks."""
    made = []
    for part in range(stacks):
        region = f"region-{part}"
        held = tuple(
            EgressAddress(
                slot=f"zone-{part}/{number}",
                zone=f"zone-{part}",
                address=IPv4Address(BASE + number),
                role=Role.ACTIVE,
                region=region,
                account_id="123456789012",
                allocation_id=f"eipalloc-{number:08x}",
            )
            for number in range(part, addresses, stacks)
        )
        made.append(
            Stack(
                source=f"production.{region}",
                environment="production",
                region=region,
                account_id="123456789012",
                partner=Partner("https://partner.example", "/api/checkout", Orders.TEST),
                contacts=Contacts("Acme Inc.", "platform", "security"),
                vpc_id="vpc-1",
                addresses=held,
                private_subnets={},
                route_tables={},
                merchants={name: Merchant(name, "UP-1", "Acme Inc.", name, "arn") for name in MERCHANTS},
            )
        )
    return Environment("production", tuple(made))


def measure(say: Say) -> Result:
    """Fold a ledger of decades, and reconcile ever more addresses."""
    events = history(EVENTS)
    text = render(Ledger("production", events))
    size = f"{EVENTS:,} events, {len(text) / 1e6:.1f} MB"
    say(size)
    figures = [
        Figure("fold a ledger", timed(lambda: fold(events)), "s", at_most=1, beside=size),
        Figure("read and fold it", timed(lambda: parse(text, source="ledger")), "s", beside=size),
    ]
    say(f"reconciliation of {' and '.join(str(count) for count in ADDRESSES)} addresses, in turns")
    worlds = {count: (deployed(count, STACKS), books_of(count)) for count in ADDRESSES}
    # the decades above must not be walked through again by every garbage collection below
    gc.freeze()
    seconds: dict[int, list[float]] = {count: [] for count in ADDRESSES}
    for _ in range(ROUNDS):
        for count, (environment, books) in worlds.items():
            # what an environment has once worked out about itself is part of the cost
            fresh = Environment(environment.name, environment.stacks)
            began = time.process_time()
            reconcile(fresh, None, books, {}, now=START)
            seconds[count].append(time.process_time() - began)
    gc.unfreeze()
    few, many = ADDRESSES[0], ADDRESSES[-1]
    for count, taken in seconds.items():
        goal = 1 if count == many else None
        figures.append(Figure(f"reconcile {count:,} addresses", tuple(taken), "s", at_most=goal))
    growth = ratios([one / many for one in seconds[many]], [one / few for one in seconds[few]])
    figures.append(
        Figure(f"one of {many:,} addresses", growth, at_most=LINEAR, beside=f"over one of {few:,}")
    )
    return Result(tuple(figures))


def books_of(addresses: int) -> Ledger:
    """Return books about so many addresses, folded already."""
    books = Ledger("production", history(2 * addresses // 3))
    _ = books.standings
    return books


BENCHMARK = Benchmark(
    name="ledger",
    title="The books of decades",
    claim="A ledger stays quick however long it grows, and reconciliation costs the same for each address.",
    how="in memory, in seconds of processor time; every event names three addresses and two merchants; "
    f"reconciliation is over {STACKS} stacks.",
    measure=measure,
)
