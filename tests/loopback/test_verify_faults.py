"""Every fault on every call: what it is told as, what exit code follows, and what never happens."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from onboarding.cli import options
from onboarding.exit_codes import ExitCode
from onboarding.flexpay import connection
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.flexpay.errors import Kind
from onboarding.flexpay.transport import Limits
from onboarding.ledger_file import read_ledger
from onboarding.redaction import Hidden, KnownSecrets
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
ECHOES = ("echo-1", "echo-2")
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
                KnownSecrets(),
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
EMPTY = {"body": "empty"}
CONNECTING = ("token", "incomplete")
"""An address that is turned away at one of these is not let in; at the order alone it was let in before."""

CASES = [
    Case("connection refused", {"port": "closed"}, Kind.REFUSED, UNKNOWN),
    Case("no answer to SYN", {"port": "unreachable"}, Kind.TIMEOUT_CONNECT, UNKNOWN),
    Case("accepted and closed", {"at": "accept", "action": "close"}, Kind.RESET, UNKNOWN),
    Case("accepted and reset", {"at": "accept", "action": "reset"}, Kind.RESET, UNKNOWN),
    Case(
        "silence in the handshake",
        {"at": "tls", "action": "hold"},
        Kind.TIMEOUT_TLS,
        UNKNOWN,
    ),
    Case("reset in the handshake", {"at": "tls", "action": "reset"}, Kind.RESET, UNKNOWN),
    Case("expired certificate", {"certificate": "expired"}, Kind.TLS_EXPIRED, WRONG),
    Case("certificate of another name", {"certificate": "wrong-name"}, Kind.TLS_NAME, WRONG),
    Case("untrusted certificate", {"certificate": "untrusted"}, Kind.TLS_UNTRUSTED, WRONG),
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
    Case("shorter than announced", {"status": 200, "body": "cut"}, Kind.TRUNCATED, UNKNOWN),
    Case("200 with HTML", {"status": 200, **PAGE}, Kind.NOT_JSON, UNKNOWN),
    Case("malformed JSON", {"status": 200, "body": "malformed"}, Kind.NOT_JSON, UNKNOWN),
    Case("truncated JSON", {"body": "truncated"}, Kind.NOT_JSON, UNKNOWN, ("token", "order")),
    # what is cut here is the 400 with its envelope
    Case("truncated JSON of a refusal", {"body": "truncated"}, Kind.BAD_REQUEST, WRONG, ("incomplete",)),
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
    *(
        Case(f"{status} {form}", {"status": status, **body}, kind, outcome)
        for form, body in {"with envelope": ENVELOPE, "without envelope": PAGE, "with nothing": EMPTY}.items()
        for status, kind, outcome in (
            (404, Kind.NOT_FOUND, WRONG),
            (405, Kind.METHOD, WRONG),
            (408, Kind.TIMEOUT_STATUS, UNKNOWN),
            (428, Kind.PRECONDITION, WRONG),
            (429, Kind.RATE_LIMITED, UNKNOWN),
            (500, Kind.SERVER, UNKNOWN),
            (502, Kind.SERVER, UNKNOWN),
            (503, Kind.SERVER, UNKNOWN),
            (504, Kind.SERVER, UNKNOWN),
        )
    ),
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
    """Return the fault aimed at one call.

    A fault of the connection strikes before any path is known: at once for the token, which is the
    first call, else on the connection that is opened after the call before has been answered.
    """
    of_connection = Fault(**case.fault).of_connection
    if call == "token":
        return Fault(endpoint="any" if of_connection else "token", **case.fault)
    if of_connection:
        return Fault(endpoint="orders", after="token" if call == "incomplete" else "orders", **case.fault)
    return Fault(endpoint="orders", nth=None if call == "incomplete" else 2, **case.fault)


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


@pytest.mark.parametrize("call", CHECK)
def test_a_name_that_is_not_resolved_is_told_whichever_call_asks_for_it(
    world: World, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if call != "token":  # so that the call opens a connection of its own
        after = "token" if call == "incomplete" else "orders"
        world.partner.fault(Fault(endpoint="orders", after=after, at="accept", delay=0.01))
    real, asked = connection.resolve, list[str]()

    def resolve(host: str, port: int, timeout_seconds: float) -> list[tuple[str, int]]:
        asked.append(host)
        if len(asked) > (call != "token"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, port, timeout_seconds)

    monkeypatch.setattr(connection, "resolve", resolve)
    outcomes = run(plan_of(world))
    told = result(outcomes.results, CHECK[call])
    assert (told.verdict.evidence["kind"], told.outcome) == (Kind.DNS, UNKNOWN)
    assert "name servers" in told.verdict.next_action
    assert exit_code(outcomes.results) is ExitCode.CANNOT_TELL


@pytest.mark.parametrize(
    "stated",
    [-5, 0, 10**12, 10**400, -(10**400), "soon", "", True, [], {}, None],
    ids=lambda stated: f"{type(stated).__name__} {str(stated)[:14]}",
)
def test_an_absurd_lifetime_is_a_warning_and_breaks_nothing(world: World, stated: Any) -> None:
    world.partner.fault(Fault(endpoint="token", set={"expires_in": stated}))
    outcomes = run(plan_of(world))
    told = result(outcomes.results, "token-lifetime")
    assert told.outcome is Outcome.WARN
    assert told.verdict.next_action
    assert exit_code(outcomes.results) is not ExitCode.FINDING
    assert result(outcomes.results, "order-accepted").outcome is Outcome.PASS


def told_to_a_stranger(case: Case, endpoint: str) -> Kind | None:
    """Return how a call that must be refused has to end under a fault; None is the 401 hoped for."""
    if case.kind is Kind.UNAUTHORIZED or case.fault == {"body": "truncated"}:
        return None  # cut in its middle, a 401 is one all the same
    if endpoint == "token":
        return Kind.WRONG_SHAPE if case.kind is Kind.INELIGIBLE else case.kind
    # an order that is judged was let in
    return Kind.UNEXPECTED if case.kind in (Kind.VALIDATION, Kind.INELIGIBLE) else case.kind


@pytest.mark.parametrize("which", ["unknown-client", "unknown-token", "without-token"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.long
def test_each_fault_on_a_call_that_must_be_refused_is_told_for_what_it_is(
    world: World, case: Case, which: str
) -> None:
    endpoint = "token" if which == "unknown-client" else "orders"
    connecting = Fault(**case.fault).of_connection
    world.partner.fault(Fault(endpoint="any" if connecting else endpoint, **case.fault))
    source = plan_of(world).vantages[0]
    began = monotonic()
    call = source.stranger_work(which)()
    assert monotonic() - began < BOUND_SECONDS
    expected = told_to_a_stranger(case, endpoint)
    assert (call.ok, call.kind) == (expected is None, expected)
    assert call.ok or call.next_step
    assert len(world.partner.calls) <= 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.long
def test_each_fault_of_the_echo_services_proves_no_address(world: World, case: Case) -> None:
    if case.fault.get("port"):
        pytest.skip("the stand-in's echo services have ports of their own, which stay open")
    changed = replace(world, changes={})
    changed.write()
    plan = plan_of(changed)
    world.partner.fault(*(Fault(endpoint=echo, **case.fault) for echo in ECHOES))
    began = monotonic()
    outcomes = run(plan)
    assert monotonic() - began < BOUND_SECONDS
    told = result(outcomes.results, "egress-address")
    assert told.outcome is Outcome.ERROR
    assert told.verdict.next_action
    assert exit_code(outcomes.results) is ExitCode.CANNOT_TELL
    assert not world.partner.calls.of("orders")
