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
from onboarding.cli.proofs import last_proof
from onboarding.deployment import Environment, Orders
from onboarding.errors import InputError
from onboarding.ledger_file import read_ledger
from onboarding.redaction import KnownSecrets
from onboarding.verification import templates
from onboarding.verification.catalog import BY_ID
from onboarding.verification.facts import Choices, Facts
from onboarding.verification.function_vantage import FunctionVantage
from onboarding.verification.judge_places import PRODUCTION_HOSTS
from onboarding.verification.runner import Order, Plan
from onboarding.verification.vantage import LocalVantage, Vantage

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


def build(asked: Asked, environment: Environment, known_secrets: KnownSecrets, *, run_id: str) -> Plan:
    """Return the plan. Raises InputError for whatever cannot work."""
    wait_seconds = None if asked.wait is None else duration(asked.wait)
    if unknown := sorted(set(asked.skip) - set(BY_ID)):
        raise InputError(
            f"--skip {', '.join(unknown)}: no such check", hint="`flexpay-onboard verify --list`"
        )
    via = _via(asked.via, environment)
    if via == "function" and (asked.sources or asked.control):
        raise InputError(
            "--source-address and --control-source are for calls from this host",
            hint="add --via local, or leave them out: functions call from the environment's own subnets",
        )
    merchants = options.chosen_merchants(asked.merchants, environment)
    ledger = read_ledger(
        options.ledger_path(asked.ledger, asked.directory, environment.name), environment=environment.name
    )
    choices = Choices(tuple(merchants), frozenset(asked.skip), asked.allow_real_order, via)
    now = datetime.now(UTC)
    store = adapters.SecretsOfRun(environment)
    bundle = environment.partner.ca_bundle
    ca_bundle = asked.directory / bundle if bundle else None
    vantages: Sequence[Vantage]
    control: Vantage | None
    if via == "function":
        vantages, control, concurrency = functions(asked, environment, run_id)
    else:
        sources: list[IPv4Address | None] = [
            _source(text, environment) for text in dict.fromkeys(asked.sources)
        ]
        vantages = [
            LocalVantage(environment.partner, ca_bundle, known_secrets, store.reader(address), address)
            for address in sources or [None]
        ]
        concurrency = asked.concurrency
        address = None if asked.control is None else _control(asked.control, environment, ledger)
        control = (
            LocalVantage(environment.partner, ca_bundle, known_secrets, None, address) if address else None
        )
        # functions read for themselves, and wrong options must not have touched a secret
        store.read_ahead([name for name in merchants if ledger.approved_for(name)])
    return Plan(
        facts=Facts(
            environment,
            ledger,
            choices,
            now,
            last_proof=last_proof(asked.directory, environment),
            control_source=str(control.address or control.name) if control else None,
        ),
        vantages=vantages,
        orders=_orders(asked, environment, merchants, run_id=run_id, now=now),
        routes=adapters.route_reader(environment, store.client) if _has_routes(asked, environment) else None,
        control=control,
        concurrency=concurrency,
        wait_seconds=wait_seconds,
    )


def functions(
    asked: Asked, environment: Environment, run_id: str
) -> tuple[list[FunctionVantage], FunctionVantage | None, int]:
    """Return the zones' functions, the control function, and how many to invoke at the same time.

    Functions of zones that have no way out today are left aside. Raises InputError where none is left.
    """
    required = {check.id for check in BY_ID.values() if check.required}
    found, control = adapters.function_vantages(
        environment, run_id=run_id, keep_proofs=not required & set(asked.skip)
    )
    if not found:
        raise InputError(
            f"--via function: no zone of {environment.name} has a function and a way out",
            hint="run `pulumi up`, or use --via local on a host behind the egress",
        )
    # all at once: what is compared is to happen at the same moment
    return found, control, max(asked.concurrency, 2 * len(found) + 5)


def chosen(plan: Plan) -> str:
    """Return what --via auto came to, in words."""
    if plan.facts.choices.via == "local":
        return "calling from this host (--via local)"
    zones = ", ".join(vantage.zone or "" for vantage in plan.vantages)
    return f"calling from functions in {zones} (--via function)"


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
    return "local" if asked == "local" or not deployed else "function"


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
