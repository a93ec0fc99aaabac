"""What commands that only look share: ledger, proofs, AWS and the verdicts of each environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from onboarding.cli import terminal
from onboarding.cli.options import ledger_paths

if TYPE_CHECKING:
    from onboarding.allowlist.clocks import Limits
    from onboarding.allowlist.ledger import Ledger
    from onboarding.allowlist.own_egress import Place, Views
    from onboarding.allowlist.reconciliation import Report
    from onboarding.aws.clients import Clients
    from onboarding.deployment import Environment
    from onboarding.proof import Pair, Proof


@dataclass(frozen=True)
class Seen:
    """One environment, looked at from all sides."""

    environment: "Environment"
    ledger: "Ledger"
    views: "Views"
    report: "Report"


def look(
    environments: "list[Environment]",
    directory: Path,
    ledger: Path | None,
    *,
    offline: bool,
    now: datetime,
    limits: "Limits | None" = None,
) -> list[Seen]:
    """Read ledgers and proofs, ask AWS unless ``offline``, and reconcile. Raises InputError.

    Each account and region is asked once, however many environments are there.
    """
    from onboarding.allowlist.actual import actual_of
    from onboarding.allowlist.own_egress import places
    from onboarding.allowlist.reconciliation import reconcile
    from onboarding.aws.clients import Clients
    from onboarding.ledger_file import read_ledger

    # every file is read before AWS is asked, so that a damaged one costs no time
    paths = ledger_paths(ledger, directory, environments)
    ledgers = [
        read_ledger(path, environment=environment.name)
        for path, environment in zip(paths, environments, strict=True)
    ]
    clients = Clients()
    proofs = [_proofs(directory, environment, clients, offline=offline) for environment in environments]
    views, unanswered = ({}, {}) if offline else _asked(environments, clients)
    seen = []
    for environment, books, proven in zip(environments, ledgers, proofs, strict=True):
        own = places(environment)
        there = {place: views[place] for place in own if place in views}
        unheard = {place: unanswered[place] for place in own if place in unanswered}
        actual = None if offline else actual_of(environment, there, unheard)
        report = reconcile(environment, actual, books, proven, now=now, limits=limits)
        seen.append(Seen(environment, books, there, report))
    return seen


def _proofs(
    directory: Path, environment: "Environment", clients: "Clients", *, offline: bool
) -> "Mapping[Pair, Proof]":
    from onboarding.cli.proofs import read_proofs
    from onboarding.proof import LocalProofs

    if offline:
        return LocalProofs(directory).read(environment.name)
    return read_proofs(directory, environment, clients)


def _asked(environments: "list[Environment]", clients: "Clients") -> "tuple[Views, Mapping[Place, str]]":
    from onboarding.allowlist.own_egress import places
    from onboarding.aws.views import read_views

    wanted = {place for environment in environments for place in places(environment)}
    regions = ", ".join(sorted({region for _, region in wanted})) or "no region"
    names = environments[0].name if len(environments) == 1 else f"{len(environments)} environments"
    with terminal.working(f"{names}: asking AWS about {regions}"):
        return read_views(clients, wanted)
