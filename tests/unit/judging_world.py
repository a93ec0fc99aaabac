"""Facts for the tests of what is judged: one merchant, one active address, and what was measured."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

from onboarding.allowlist.ledger import Action, Ledger, new_event
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
from onboarding.flexpay.errors import NETWORK_BLOCKS, Kind
from onboarding.verification.facts import Choices, Facts, Place
from onboarding.verification.measurement import CallRecord, PairMeasurement, Step
from onboarding.verification.model import Outcome, Result, Subject, Verdict
from onboarding.verification.results import Results

ADDRESS, OTHER = IPv4Address("198.51.100.7"), IPv4Address("198.51.100.8")
ACCOUNT = "123456789012"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
MERCHANT = Merchant("acme", "UP-12345678-1", "Acme", "flexpay/production/acme", "arn:acme")


def stack(**changes: Any) -> Stack:
    base = Stack(
        source="stack production",
        environment="production",
        region="us-east-1",
        account_id=ACCOUNT,
        partner=Partner("https://partner.example", "/api/checkout", Orders.TEST),
        contacts=Contacts("Acme", "o@acme.example", "s@acme.example"),
        vpc_id="vpc-1",
        addresses=(
            EgressAddress(
                "use1-az1/1",
                "use1-az1",
                ADDRESS,
                Role.ACTIVE,
                "us-east-1",
                ACCOUNT,
                "eipalloc-1",
                "nat-1",
            ),
        ),
        private_subnets={"use1-az1": "subnet-a", "use1-az4": "subnet-b"},
        route_tables={},
        merchants={"acme": MERCHANT},
        egress_by_zone={"use1-az1": "use1-az1/1", "use1-az4": "use1-az1/1"},
    )
    return replace(base, **changes)


def facts(**changes: Any) -> Facts:
    """Return what is known before anything was measured; ``changes`` are of the stack."""
    environment = Environment("production", (stack(**changes),))
    return Facts(environment, Ledger.empty("production"), Choices(("acme",)), NOW)


HERE = Place("here", "use1-az1", ADDRESS, bound=True)
PAIR = Subject("acme", "here", "use1-az1", str(ADDRESS))
UNANSWERED = (*NETWORK_BLOCKS, Kind.TIMEOUT_FIRST_BYTE, Kind.SERVER)


def books(*actions: str, address: IPv4Address = ADDRESS, days_ago: int = 10) -> Ledger:
    """Return a ledger in which these things happened to an address, a day apart."""
    begun = NOW - timedelta(days=days_ago)
    events = [
        new_event(
            "production",
            at=begun + timedelta(days=number),
            action=Action(action),
            merchants=["acme"],
            addresses=[address],
            reference="T-1",
            actor="me",
        )
        for number, action in enumerate(actions)
    ]
    return Ledger("production", tuple(events))


def call(kind: Kind | None = None, **more: Any) -> CallRecord:
    """Return a call that went as hoped, or that ended in one of the kinds."""
    if kind is None:
        return CallRecord("call", **{"ok": True, "status": 200, **more})
    answered = kind not in UNANSWERED
    return CallRecord(
        "call", **{"ok": False, "kind": kind, "fact": kind, "next_step": "do", "answered": answered, **more}
    )


def pair(vantage: str = "here", **calls: Any) -> PairMeasurement:
    return PairMeasurement("acme", vantage, calls.pop("credentials", Step(ok=True)), **calls)


def with_pairs(known: Facts, *pairs: PairMeasurement) -> Facts:
    return replace(known, pairs={(one.merchant, one.vantage): one for one in pairs})


def results(*told: tuple[str, Outcome, Subject]) -> Results:
    """Return what was judged before: check, outcome, subject."""
    made = Results()
    for check, outcome, subject in told:
        made.add(Result(check, check, True, subject, Verdict(outcome, "")))
    return made
