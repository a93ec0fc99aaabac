"""``flexpay-onboard guard``: may this plan be carried out?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onboarding.cli import terminal
from onboarding.cli.options import AsJson, Directory, LedgerFile, Verbose, ledger_path
from onboarding.errors import CannotTell, InputError
from onboarding.exit_codes import ExitCode
from onboarding.files import read_standard_input, read_text

if TYPE_CHECKING:
    from onboarding.allowlist.ledger import Ledger
    from onboarding.allowlist.plan import Plan

HOW = "pulumi preview --json --show-sames > preview.json"
HOW_SAVED = "pulumi preview --json --show-sames --save-plan plan.json > preview.json"


def guard(
    preview: Annotated[
        str, typer.Argument(metavar="FILE|-", help="What `pulumi preview --json` wrote.")
    ] = "-",
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="The plan saved by the same preview (--save-plan)."),
    ] = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Judge a plan before it is carried out.

    Exit 1 if it would delete, replace, release, detach, swap or unprotect an address that is
    approved or under review, or what carries its traffic, or let an unapproved address carry
    traffic. For example:

    \b
      pulumi preview -s production --json --show-sames --save-plan plan.json > preview.json
      flexpay-onboard guard preview.json --plan plan.json && pulumi up -s production --plan plan.json

    --show-sames is needed: without it a protection that goes is not in the preview. Exit 4 for a
    preview that broke off. --json prints {guardVersion, verdict: pass|block, judged, ledger,
    findings: [{severity: block|warn, urn, address, reference, problem, wayOut}]}.
    """
    from onboarding.allowlist.guard import Severity, judge
    from onboarding.allowlist.plan import IncompletePlanError, NotAPlanError, parse_plan
    from onboarding.allowlist.plan_saved import differences

    source = "standard input" if preview == "-" else preview
    try:
        judged = parse_plan(_read(preview))
    except NotAPlanError as error:
        raise InputError(f"{source}: {error}", hint=HOW) from error
    except IncompletePlanError as error:
        raise CannotTell(f"{source}: {error}", hint=f"run the preview to its end: {HOW}") from error
    try:
        saved = differences(judged, read_text(plan, hint=HOW_SAVED)) if plan else []
    except NotAPlanError as error:
        raise InputError(f"{plan}: {error}", hint=HOW_SAVED) from error
    if saved:
        raise InputError(
            f"{plan}: not the plan of this preview: {'; '.join(saved[:3])}",
            hint="let one `pulumi preview` write both files",
        )
    path, known = _ledger(judged, ledger, directory, source)
    findings = judge(judged, known)
    blocked = any(finding.severity is Severity.BLOCK for finding in findings)
    if as_json:
        terminal.product(
            json.dumps(
                {
                    "guardVersion": 1,
                    "verdict": "block" if blocked else "pass",
                    "judged": "saved plan" if plan else "preview",
                    "ledger": str(path),
                    "findings": [
                        {
                            "severity": finding.severity,
                            "urn": finding.urn,
                            "address": finding.address,
                            "reference": finding.reference,
                            "problem": finding.problem,
                            "wayOut": finding.way_out,
                        }
                        for finding in findings
                    ],
                },
                indent=2,
            )
        )
    else:
        lines = [f"{'blocked' if blocked else 'pass'}: {_count(len(judged.changes))} judged against {path}"]
        for finding in findings:
            ticket = f" [{finding.reference}]" if finding.reference else ""
            lines += [
                f"{finding.severity:5}  {finding.problem}{ticket}",
                f"       way out: {finding.way_out}",
            ]
        terminal.product("\n".join(lines))
    if not plan:
        terminal.say(
            "note: a preview was judged; `pulumi up` plans anew unless it is given the saved plan (--plan)"
        )
    if blocked:
        raise typer.Exit(ExitCode.FINDING)


def _ledger(judged: "Plan", ledger: Path | None, directory: Path, source: str) -> tuple[Path, "Ledger"]:
    """Return the ledger to judge by: empty only where no address can have been submitted yet."""
    from onboarding.allowlist.guard import holds_addresses
    from onboarding.allowlist.ledger import Ledger
    from onboarding.ledger_file import read_ledger

    name = judged.environment
    if not (ledger or name):
        raise InputError(f"{source}: names no environment", hint="pass --ledger FILE")
    path = ledger_path(ledger, directory, name)
    if ledger is None and not path.exists() and (judged.errors or not holds_addresses(judged)):
        return path, Ledger.empty(name)
    return path, read_ledger(path, environment=name or None)


def _count(resources: int) -> str:
    return "1 resource" if resources == 1 else f"{resources} resources"


def _read(path: str) -> str:
    if path != "-":
        return read_text(Path(path), hint=HOW)
    terminal.awaiting("the preview")
    return read_standard_input(hint=HOW)
