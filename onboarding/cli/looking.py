"""What commands that only look share: ledger, proofs, AWS and the verdicts of each environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from onboarding.cli import terminal
from onboarding.cli.options import ledger_path
from onboarding.errors import InputError

if TYPE_CHECKING:
    from onboarding.allowlist.actual import Actual
    from onboarding.allowlist.clocks import Limits
    from onboarding.allowlist.ledger import Ledger
    from onboarding.allowlist.network_view import RegionView
    from onboarding.allowlist.reconciliation import Report
    from onboarding.aws.views import Place
    from onboarding.deployment import Environment
    from onboarding.proof import Pair, Proof


@dataclass(frozen=True)
class Seen:
    """One environment, looked at from all sides."""

    environment: "Environment"
    ledger: "Ledger"
    views: "Mapping[Place, RegionView]"
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
    """Read ledgers and proofs, ask AWS unless ``offline``, and reconcile. Raises InputError."""
    from onboarding.allowlist.reconciliation import reconcile
    from onboarding.ledger_file import read_ledger

    if ledger and len(environments) > 1:
        raise InputError(
            f"--ledger names one file, and there are several environments: "
            f"{', '.join(environment.name for environment in environments)}",
            hint="leave --ledger out; every environment has allowlist/<environment>.yaml",
        )
    # every file is read before AWS is asked, so that a damaged one costs no time
    ledgers = [
        read_ledger(ledger_path(ledger, directory, environment), environment=environment.name)
        for environment in environments
    ]
    proofs = [_proofs(directory, environment, offline=offline) for environment in environments]
    seen = []
    for environment, books, proven in zip(environments, ledgers, proofs, strict=True):
        views, actual = ({}, None) if offline else _asked(environment)
        report = reconcile(environment, actual, books, proven, now=now, limits=limits)
        seen.append(Seen(environment, books, views, report))
    return seen


def _proofs(directory: Path, environment: "Environment", *, offline: bool) -> "Mapping[Pair, Proof]":
    from onboarding.cli.verify_adapters import read_proofs
    from onboarding.proof import LocalProofs

    return LocalProofs(directory).read(environment.name) if offline else read_proofs(directory, environment)


def _asked(environment: "Environment") -> "tuple[Mapping[Place, RegionView], Actual]":
    from onboarding.allowlist.actual import actual_of, places
    from onboarding.aws.clients import Clients
    from onboarding.aws.views import read_views

    wanted = places(environment)
    regions = ", ".join(sorted({region for _, region in wanted})) or "no region"
    with terminal.working(f"{environment.name}: asking AWS about {regions}"):
        views, unanswered = read_views(Clients(), wanted)
    return views, actual_of(environment, views, unanswered)
