"""Every fault on every call: what it is told as, what exit code follows, and what never happens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from onboarding.cli import options
from onboarding.exit_codes import ExitCode
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.flexpay.errors import Kind
from onboarding.flexpay.transport import Limits
from onboarding.ledger_file import read_ledger
from onboarding.redaction import Hidden, Redactor
from onboarding.verification.facts import Choices, Facts
from onboarding.verification.judging import exit_code
from onboarding.verification.model import Outcome, Result
from onboarding.verification.runner import Order, Plan, run
from onboarding.verification.templates import load, render
from onboarding.verification.vantage import LocalVantage
from sandbox.flexpay.server import Partner, running
from sandbox.flexpay.switches import Fault
from tests.loopback.verify_world import ADDRESSES, MERCHANTS, World

MERCHANT = "acme-shop"
SOURCE = ADDRESSES[0]
LIMITS = Limits(connect_seconds=0.6, read_seconds=0.6, total_seconds=1.2)
BOUND_SECONDS = 6.0
STRANGERS = ("token-refused-for-unknown-client", "order-refused-without-token")


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with running() as partner:
        partner.register(MERCHANT, MERCHANTS[MERCHANT][0])
        partner.allow(MERCHANT, SOURCE)
        yield partner


@pytest.fixture
def world(partner: Partner, tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, partner, (MERCHANT,), (SOURCE,), {"echo": []})
    world.write()
    world.approve()
    partner.no_fault()
    partner.calls.clear()
    yield world
    partner.no_fault()


def plan_of(world: World, *, skipped: tuple[str, ...] = STRANGERS, limits: Limits = LIMITS) -> Plan:
    from datetime import UTC, datetime
    from ipaddress import IPv4Address

    environment = options.load_environment(None, [str(world.outputs_file)], world.folder)
    issued = {name: world.partner.issue(name) for name in world.merchants}
    credentials = {name: ClientCredentials(id_, Hidden(secret)) for name, (id_, secret) in issued.items()}
    now = datetime.now(UTC)
    orders = {
        name: Order(
            merchant.test_order,
            render(load(merchant, world.folder), merchant, run_id="run-1", today=now.date()),
        )
        for name, merchant in environment.merchants.items()
    }
    partner = environment.partner
    assert partner.ca_bundle
    return Plan(
        facts=Facts(
            environment,
            read_ledger(world.ledger),
            Choices(tuple(world.merchants), frozenset(skipped)),
            now,
        ),
        vantages=[
            LocalVantage(
                partner,
                Path(partner.ca_bundle),
                Redactor(),
                credentials.__getitem__,
                IPv4Address(address),
                limits=limits,
            )
            for address in world.addresses
        ],
        orders=orders,
    )


def result(results: tuple[Result, ...], check: str) -> Result:
    return next(one for one in results if one.check == check)


@dataclass(frozen=True)
class Case:
    """A fault, how it must be told, and whether it says anything about the partner's mind."""

    name: str
    fault: dict[str, Any]
    kind: Kind
    outcome: Outcome
    on: tuple[str, ...] = ("token", "incomplete", "order")


WRONG, UNKNOWN, WAITS = Outcome.FAIL, Outcome.ERROR, Outcome.WAITING
ENVELOPE = {"body": "envelope"}
PAGE = {"body": "page"}
CONNECTING = ("token", "incomplete")
"""A fault of the connection cannot strike the order alone: it goes out on a connection that is there."""

CASES = [
    Case("connection refused", {"port": "closed"}, Kind.REFUSED, UNKNOWN, ("token",)),
    Case("no answer to SYN", {"port": "unreachable"}, Kind.TIMEOUT_CONNECT, UNKNOWN, ("token",)),
    Case("accepted and closed", {"at": "accept", "action": "close"}, Kind.RESET, UNKNOWN, CONNECTING),
    Case("accepted and reset", {"at": "accept", "action": "reset"}, Kind.RESET, UNKNOWN, CONNECTING),
    Case(
        "silence in the handshake",
        {"at": "tls", "action": "hold"},
        Kind.TIMEOUT_TLS,
        UNKNOWN,
        CONNECTING,
    ),
    Case("reset in the handshake", {"at": "tls", "action": "reset"}, Kind.RESET, UNKNOWN, CONNECTING),
    Case("expired certificate", {"certificate": "expired"}, Kind.TLS_EXPIRED, WRONG, CONNECTING),
    Case("certificate of another name", {"certificate": "wrong-name"}, Kind.TLS_NAME, WRONG, CONNECTING),
    Case("untrusted certificate", {"certificate": "untrusted"}, Kind.TLS_UNTRUSTED, WRONG, CONNECTING),
    Case("dropped after the request", {"at": "request", "action": "close"}, Kind.RESET, UNKNOWN),
    Case("reset after the request", {"at": "request", "action": "reset"}, Kind.RESET, UNKNOWN),
    Case("silence after the request", {"at": "request", "action": "hold"}, Kind.TIMEOUT_FIRST_BYTE, UNKNOWN),
    Case("silence after the headers", {"at": "headers", "action": "hold"}, Kind.TIMEOUT_BODY, UNKNOWN),
    Case("reset after the headers", {"at": "headers", "action": "reset"}, Kind.RESET_BODY, UNKNOWN),
    Case("reset in the middle", {"at": "body", "action": "reset"}, Kind.RESET_BODY, UNKNOWN),
    Case("dropped in the middle", {"at": "body", "action": "close"}, Kind.TRUNCATED, UNKNOWN),
    Case("silence in the body", {"at": "body", "action": "hold"}, Kind.TIMEOUT_BODY, UNKNOWN),
    Case("slow drip", {"at": "body", "delay": 0.2}, Kind.TIMEOUT_BODY, UNKNOWN),
    Case("huge body", {"status": 200, "body": "huge", "size": 2**20}, Kind.TOO_LARGE, UNKNOWN),
    Case("shorter than announced", {"status": 200, "body": "cut"}, Kind.TRUNCATED, UNKNOWN, ("token",)),
    Case("200 with HTML", {"status": 200, **PAGE}, Kind.NOT_JSON, UNKNOWN),
    Case("malformed JSON", {"status": 200, "body": "malformed"}, Kind.NOT_JSON, UNKNOWN),
    Case("truncated JSON", {"body": "truncated"}, Kind.NOT_JSON, UNKNOWN, ("token", "order")),
    Case("not UTF-8", {"status": 200, "body": "not-utf8"}, Kind.NOT_JSON, UNKNOWN),
    Case("empty body", {"status": 200, "body": "empty"}, Kind.NOT_JSON, UNKNOWN),
    Case("a JSON list", {"status": 200, "text": "[]"}, Kind.WRONG_SHAPE, UNKNOWN),
    Case("an empty object", {"status": 200, "text": "{}"}, Kind.WRONG_SHAPE, UNKNOWN),
    Case("wrong types", {"status": 200, "text": '{"access_token": 5, "id": 5}'}, Kind.WRONG_SHAPE, UNKNOWN),
    Case("deep nesting", {"status": 200, "text": "[" * 100_000}, Kind.NOT_JSON, UNKNOWN),
    Case("redirect to another host", {"location": "https://localhost:1{path}"}, Kind.REDIRECT, WRONG),
    Case("redirect to http", {"location": "http://localhost{path}", "status": 307}, Kind.REDIRECT, WRONG),
    Case("400 with envelope", {"status": 400, **ENVELOPE}, Kind.VALIDATION, WRONG, ("token", "order")),
    Case("400 without envelope", {"status": 400, **PAGE}, Kind.BAD_REQUEST, WRONG),
    Case("401 with envelope", {"status": 401, **ENVELOPE}, Kind.UNAUTHORIZED, WRONG),
    Case("401 without envelope", {"status": 401, **PAGE}, Kind.UNAUTHORIZED, WRONG),
    Case("403 with envelope", {"status": 403, **ENVELOPE}, Kind.FORBIDDEN, WAITS, CONNECTING),
    Case("403 without envelope", {"status": 403, **PAGE}, Kind.BLOCKED, WAITS, CONNECTING),
    Case("403 to the order alone", {"status": 403, **ENVELOPE}, Kind.FORBIDDEN, WRONG, ("order",)),
    Case("404", {"status": 404, **ENVELOPE}, Kind.NOT_FOUND, WRONG),
    Case("404 without envelope", {"status": 404, **PAGE}, Kind.NOT_FOUND, WRONG),
    Case("405", {"status": 405, **ENVELOPE}, Kind.METHOD, WRONG),
    Case("408", {"status": 408, **ENVELOPE}, Kind.TIMEOUT_STATUS, UNKNOWN),
    Case("428", {"status": 428, **ENVELOPE}, Kind.PRECONDITION, WRONG),
    Case("429", {"status": 429, **PAGE}, Kind.RATE_LIMITED, UNKNOWN),
    Case("500", {"status": 500, **ENVELOPE}, Kind.SERVER, UNKNOWN),
    Case("502 with HTML", {"status": 502, **PAGE}, Kind.SERVER, UNKNOWN),
    Case("503", {"status": 503, **ENVELOPE}, Kind.SERVER, UNKNOWN),
    Case("504 with nothing", {"status": 504, "body": "empty"}, Kind.SERVER, UNKNOWN),
    Case("418", {"status": 418, **PAGE}, Kind.UNEXPECTED, UNKNOWN),
    Case(
        "ineligible order",
        {"status": 200, "text": '{"errorCodes": ["MIN_PRICE"]}'},
        Kind.INELIGIBLE,
        WRONG,
        ("order",),
    ),
]
CHECK = {"token": "token-issued", "incomplete": "orders-reachable", "order": "order-accepted"}
EXIT = {WRONG: ExitCode.FINDING, UNKNOWN: ExitCode.CANNOT_TELL, WAITS: ExitCode.WAITING}
TLS = {Kind.TLS_EXPIRED, Kind.TLS_NAME, Kind.TLS_UNTRUSTED}


def striking(case: Case, call: str) -> Fault:
    """Return the fault aimed at one call."""
    if call == "token":
        # it is the first call, and a fault of the connection strikes before any path is known
        of_connection = {"port", "certificate"} & case.fault.keys() or case.fault.get("at") in (
            "accept",
            "tls",
        )
        return Fault(endpoint="any" if of_connection else "token", **case.fault)
    if call == "incomplete":
        return Fault(endpoint="orders", **case.fault)
    return Fault(endpoint="orders", nth=2, **case.fault)


@pytest.mark.parametrize(
    ("case", "call"),
    [pytest.param(case, call, id=f"{case.name} on {call}") for case in CASES for call in case.on],
)
def test_each_fault_on_each_call_is_told_for_what_it_is(world: World, case: Case, call: str) -> None:
    plan = plan_of(world)
    world.partner.fault(striking(case, call))
    began = monotonic()
    outcomes = run(plan)
    took = monotonic() - began
    # a broken certificate is told by the check of that name, and blocks those that need it
    check = "tls-certificate" if case.kind in TLS else CHECK[call]
    told = result(outcomes.results, check)
    assert (told.verdict.evidence.get("kind"), told.outcome) == (case.kind, case.outcome), told
    assert told.verdict.next_action
    assert exit_code(outcomes.results) is EXIT[case.outcome]
    assert took < BOUND_SECONDS
    posted = [one for one in world.partner.calls.of("orders") if one.order_created]
    assert len(posted) <= 1
    # incomplete order, once more after a 401 with a fresh token, and the order: never a second order
    again = case.kind is Kind.UNAUTHORIZED and call == "incomplete"
    assert len(world.partner.calls.of("orders")) <= (3 if again else 2)
    assert len(world.partner.calls.of("token")) <= (2 if again else 1)
