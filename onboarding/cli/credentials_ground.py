"""On what ground a pair may become current: from options to the one who brings the proof."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from onboarding.cli import options
from onboarding.deployment import Environment
from onboarding.errors import InputError

if TYPE_CHECKING:
    import requests

    from onboarding.credentials.proof import Ground
    from onboarding.flexpay.credentials import ClientCredentials


def checked_reason(reason: str | None) -> None:
    """Refuse a reason that cannot be recorded."""
    from onboarding.credentials.record import flaw_of_reason

    if reason is not None and (flaw := flaw_of_reason(reason)):
        raise InputError(f"--unproven: the reason {flaw}", hint="give one short sentence in plain ASCII")


def ground_of(
    environment: Environment,
    merchant: str,
    directory: Path,
    ledger: Path | None,
    source_address: str | None,
    reason: str | None,
) -> "Ground":
    """Return how a pair is to be proven, or why not.

    Functions bring the proof wherever there are any, unless --source-address chooses this host.
    """
    from onboarding.cli.verify_adapters import functions_by_stack
    from onboarding.credentials.function_prover import FunctionProver
    from onboarding.credentials.proof import Ground
    from onboarding.credentials.token_prover import TokenProver, observed_address
    from onboarding.flexpay.transport import open_session

    checked_reason(reason)
    if reason is not None and source_address is not None:
        raise InputError("--unproven and --source-address exclude each other", hint="give one of them")
    source = _address(source_address)
    bundle = environment.partner.ca_bundle
    ca = directory / bundle if bundle else None

    def fresh() -> "requests.Session":
        return open_session(ca, str(source) if source else None)

    prover = TokenProver(
        environment,
        fresh,
        source=source,
        observe=lambda: observed_address(fresh, environment.partner.echo),
    )
    approved = _approved(environment, merchant, directory, ledger)
    if reason is not None or source is not None:
        return Ground(prover, unproven=reason, approved=approved)
    functions = FunctionProver(merchant, functions_by_stack(environment), approved)
    return Ground(prover, functions if functions.usable else None, approved=approved)


def keep_out_of_reason(reason: str | None, pair: "ClientCredentials") -> None:
    """Refuse a reason that repeats the secret: reasons are recorded in the clear."""
    from onboarding.redaction import KnownSecrets

    if reason and KnownSecrets([pair.client_secret]).found_in(reason):
        raise InputError(
            "--unproven: the reason holds the client secret",
            hint="it was an argument and counts as known now: have the pair revoked",
        )


def _address(text: str | None) -> IPv4Address | None:
    try:
        return IPv4Address(text) if text is not None else None
    except ValueError:
        raise InputError(f"--source-address {text}: not an IPv4 address") from None


def _approved(
    environment: Environment, merchant: str, directory: Path, ledger: Path | None
) -> frozenset[IPv4Address]:
    from onboarding.ledger_file import read_ledger

    path = options.ledger_path(ledger, directory, environment.name)
    if ledger is None and not path.exists():
        return frozenset()
    active = {address.address for address in environment.active_addresses}
    return read_ledger(path, environment=environment.name).approved_for(merchant) & active
