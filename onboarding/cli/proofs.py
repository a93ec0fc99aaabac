"""The last proofs: of functions, in the environment's buckets, and of local runs, in the project's folder."""

import socket
from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onboarding import proof as proofs
from onboarding.aws.clients import Clients
from onboarding.cli import terminal
from onboarding.deployment import Environment
from onboarding.errors import CannotTell

if TYPE_CHECKING:
    from onboarding.verification.model import Report

AWS_ATTEMPTS = 3
AWS_READ_TIMEOUT_SECONDS = 10
"""Together with the attempts, an AWS that says nothing is given up within a minute."""


def brief_client(clients: Clients, service: str, region: str) -> Any:
    """Return a client that soon gives up, for questions that a command can do without or can report."""
    return clients.client(
        service, region, attempts=AWS_ATTEMPTS, read_timeout_seconds=AWS_READ_TIMEOUT_SECONDS
    )


def read_proofs(
    directory: Path, environment: Environment, clients: Clients
) -> dict[proofs.Pair, proofs.Proof]:
    """Return the last proofs, those in the environment's buckets before local ones.

    A bucket that cannot be read is said, and counts as empty: then less is proven, never more.
    Raises InputError for a damaged proof.
    """
    kept = proofs.LocalProofs(directory).read(environment.name)
    for stack in environment.stacks:
        if stack.proof_bucket is None:
            continue
        client = brief_client(clients, "s3", stack.region)
        from onboarding.aws.proof_bucket import ProofBucket

        try:
            kept = proofs.last_proofs(kept, ProofBucket(client, stack.proof_bucket).read(environment.name))
        except CannotTell as error:
            terminal.say(f"proofs of functions are left out: {error.diagnostics()}")
    return kept


def last_proof(directory: Path, environment: Environment) -> Callable[[str, IPv4Address], datetime | None]:
    """Return the question when a pair was last proven. Raises InputError for a damaged proof."""
    kept = read_proofs(directory, environment, Clients())

    def when(merchant: str, address: IPv4Address) -> datetime | None:
        proof = kept.get((merchant, address))
        return proof.proven_at if proof else None

    return when


def keep_proofs(report: "Report", directory: Path) -> None:
    """Keep what this run proved, pair by pair; a run that found something wrong still proves the others.

    Raises InputError where that cannot be written.
    """
    kept = proofs.LocalProofs(directory)
    for pair in report.proven:
        ordered = pair.merchant in report.order_proven
        kept.write(
            proofs.Proof(
                environment=report.environment,
                merchant=pair.merchant or "",
                address=IPv4Address(pair.address or ""),
                proven_at=report.started_at,
                vantage=proofs.Origin.LOCAL,
                order=proofs.Order.PROVEN if ordered else proofs.Order.NOT_PROVEN,
                source=socket.gethostname() or "localhost",
                run_id=report.run_id,
            )
        )
