"""``flexpay-onboard preflight``: what would go wrong in ``pulumi up``, said before it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from onboarding.cli import terminal
from onboarding.cli.options import AsJson, Directory, LedgerFile, Stacks, Verbose, ledger_path
from onboarding.errors import InputError
from onboarding.exit_codes import worst

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from onboarding.preflight.values import Result
    from stacks.model import StackConfig

PREFLIGHT_VERSION = 1


def preflight(
    stack: Stacks = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Check settings and account before `pulumi up`: quotas, zones, names, key policy, permissions.

    Reads Pulumi.yaml and the stack's settings itself and only reads from AWS; permissions are
    tried by dry run or simulated. Also tells capacity and fixed monthly cost.

    \b
      flexpay-onboard preflight -s production

    Exit 1 when `up` would fail or an approved address is in danger, 4 when AWS did not answer.
    """
    from onboarding.aws.clients import Clients
    from onboarding.aws.preflight_facts import gather_facts
    from onboarding.preflight.checks import judge
    from onboarding.preflight.settings_file import read_stack_settings
    from onboarding.preflight.values import exit_code

    if not stack:
        raise InputError("name the stack", hint="for example `flexpay-onboard preflight -s production`")
    configs = [(name, read_stack_settings(name, directory)) for name in dict.fromkeys(stack)]
    approved = [_approved(config, directory, ledger) for _, config in configs]
    clients, reports = Clients(), []
    for (name, config), addresses in zip(configs, approved, strict=True):
        with terminal.working(f"asking AWS about {name}"):
            facts = gather_facts(clients, config, addresses)
        reports.append((name, judge(config, facts)))
    if as_json:
        terminal.product(
            json.dumps({"preflightVersion": PREFLIGHT_VERSION, "stacks": _data(reports)}, indent=2)
        )
    else:
        terminal.product("\n\n".join(_text(name, results) for name, results in reports))
    raise typer.Exit(worst(exit_code(results) for _, results in reports))


def _approved(config: "StackConfig", directory: Path, ledger: Path | None) -> "frozenset[IPv4Address]":
    """Return what any merchant has approved; before the first submission there is no ledger."""
    from onboarding.ledger_file import read_ledger

    environment = config.settings.environment
    path = ledger_path(ledger, directory, environment)
    if ledger is None and not path.exists():
        return frozenset()
    books = read_ledger(path, environment=environment)
    return frozenset().union(*(books.approved_for(name) for name in books.merchants))


def _text(name: str, results: "list[Result]") -> str:
    width = max(len(result.id) for result in results)
    lines = [f"preflight of {name}"]
    for result in results:
        lines.append(f"  {result.outcome.value:<11}  {result.id:<{width}}  {result.found}")
        if result.next:
            lines.append(f"  {'':<11}  {'':<{width}}  next: {result.next}")
    counts = {
        outcome: sum(1 for result in results if result.outcome == outcome)
        for outcome in ("fail", "cannot-tell", "warn")
    }
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    lines.append(f"{name}: {said or 'nothing stands in the way of `pulumi up`'}")
    return "\n".join(lines)


def _data(reports: "list[tuple[str, list[Result]]]") -> list[dict[str, Any]]:
    return [
        {
            "stack": name,
            "checks": [
                {
                    "id": result.id,
                    "outcome": result.outcome.value,
                    "found": result.found,
                    "next": result.next or None,
                }
                for result in results
            ],
        }
        for name, results in reports
    ]
