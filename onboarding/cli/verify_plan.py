"""From the options of ``verify`` to a plan: everything that can be wrong is said before any work."""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

from onboarding.allowlist.ledger import Ledger
from onboarding.cli import options
from onboarding.cli import verify_adapters as adapters
from onboarding.deployment import Environment, Orders
from onboarding.errors import InputError
from onboarding.ledger_file import read_ledger
from onboarding.redaction import Redactor
from onboarding.verification import templates
from onboarding.verification.catalog import BY_ID
from onboarding.verification.facts import Choices, Facts
from onboarding.verification.judge_places import PRODUCTION_HOSTS
from onboarding.verification.runner import Order, Plan
from onboarding.verification.vantage import LocalVantage

_DURATION = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,4})m)?(?:(\d{1,5})s)?")
LONGEST_WAIT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Asked:
    """The options as they were given."""

    directory: Path
    ledger: Path | None
    merchants: Sequence[str]
    via: str
    sources: Sequence[str]
    control: str | None
    wait: str | None
    skip: Sequence[str]
    concurrency: int
    allow_real_order: bool


def build(asked: Asked, environment: Environment, redactor: Redactor, *, run_id: str) -> Plan:
    """Return the plan. Raises InputError for whatever cannot work."""
    wait_seconds = None if asked.wait is None else duration(asked.wait)
    if unknown := sorted(set(asked.skip) - set(BY_ID)):
        raise InputError(
            f"--skip {', '.join(unknown)}: no such check", hint="`flexpay-onboard verify --list`"
        )
    via = _via(asked.via, environment)
    merchants = options.chosen_merchants(asked.merchants, environment)
    ledger = read_ledger(
        options.ledger_path(asked.ledger, asked.directory, environment), environment=environment.name
    )
    choices = Choices(tuple(merchants), frozenset(asked.skip), asked.allow_real_order, via)
    now = datetime.now(UTC)
    store = adapters.Store(environment)
    store.read_ahead([name for name in merchants if ledger.approved_for(name)])
    bundle = environment.partner.ca_bundle
    ca_bundle = asked.directory / bundle if bundle else None
    addresses: list[IPv4Address | None] = [
        _source(text, environment) for text in dict.fromkeys(asked.sources)
    ]
    vantages = [
        LocalVantage(environment.partner, ca_bundle, redactor, store.reader(address), address)
        for address in addresses or [None]
    ]
    control = None if asked.control is None else _control(asked.control, environment, ledger)
    return Plan(
        facts=Facts(
            environment,
            ledger,
            choices,
            now,
            last_proof=adapters.last_proof(asked.directory, environment),
            control_source=str(control) if control else None,
        ),
        vantages=vantages,
        orders=_orders(asked, environment, merchants, run_id=run_id, now=now),
        routes=adapters.route_reader(environment, store.client) if _has_routes(asked, environment) else None,
        control=LocalVantage(environment.partner, ca_bundle, redactor, None, control) if control else None,
        concurrency=asked.concurrency,
        wait_seconds=wait_seconds,
    )


def duration(text: str) -> float:
    """Return the seconds of e.g. ``30m``, ``90s`` or ``1h30m``. Raises InputError."""
    found = _DURATION.fullmatch(text)
    parts = found.groups() if found else ()
    seconds = sum(int(part or 0) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if not 0 < seconds <= LONGEST_WAIT_SECONDS:
        raise InputError(f"--wait {text!r}: not a duration up to 24h", hint="write 90s, 30m or 1h30m")
    return float(seconds)


def _via(asked: str, environment: Environment) -> str:
    if asked not in ("auto", "local", "function"):
        raise InputError(f"--via {asked!r}: unknown", hint="auto, local or function")
    deployed = any(stack.verifier_functions for stack in environment.stacks)
    if asked == "function" and not deployed:
        raise InputError(
            f"--via function: the outputs of {environment.name} name no functions, so none are deployed",
            hint="set verifier.enabled and run `pulumi up`, or use --via local on a host behind the egress",
        )
    if asked == "local" or not deployed:
        return "local"
    raise InputError(
        "--via function: this release does not call deployed functions yet",
        hint="use --via local on a host behind the egress",
    )


def _address(text: str, option: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except ValueError:
        raise InputError(
            f"{option} {text!r}: not an IPv4 address", hint="write it as four numbers, e.g. 203.0.113.10"
        ) from None
    with socket.socket() as attempt:
        try:
            attempt.bind((text, 0))
        except OSError as error:
            raise InputError(
                f"{option} {text}: this host does not own it ({error.strerror})",
                hint="run this on the host that has it (`ip -4 addr`); behind a gateway leave the option out",
            ) from error
    return address


def _source(text: str, environment: Environment) -> IPv4Address:
    address = _address(text, "--source-address")
    if all(one.address != address for one in environment.addresses):
        raise InputError(
            f"--source-address {text}: not an address of {environment.name}",
            hint=f"it has {', '.join(str(one.address) for one in environment.addresses) or 'none'}",
        )
    return address


def _control(text: str, environment: Environment, ledger: Ledger) -> IPv4Address:
    address = _address(text, "--control-source")
    if (
        any(one.address == address for one in environment.addresses)
        or address in ledger.ever_approved_addresses()
    ):
        raise InputError(
            f"--control-source {text}: declared or approved, so a refusal could not be expected",
            hint="name an address of this host that stands on no list",
        )
    return address


def _orders(
    asked: Asked, environment: Environment, merchants: Sequence[str], *, run_id: str, now: datetime
) -> dict[str, Order]:
    # a template that cannot be used is an error also where no order is placed today
    partner = environment.partner
    rendered = {
        name: Order(
            merchant.test_order,
            templates.render(
                templates.load(merchant, asked.directory), merchant, run_id=run_id, today=now.date()
            ),
        )
        for name, merchant in environment.merchants.items()
        if name in merchants
    }
    production = urlsplit(partner.server_url).hostname in PRODUCTION_HOSTS
    real = partner.orders is Orders.REAL or production
    if "order-accepted" in asked.skip or (real and not asked.allow_real_order):
        return {}
    return rendered


def _has_routes(asked: Asked, environment: Environment) -> bool:
    return "egress-routes" not in asked.skip and any(stack.private_subnets for stack in environment.stacks)
