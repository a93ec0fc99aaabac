"""``flexpay-onboard allowlist status``: what is declared, there, approved and proven."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onboarding.allowlist.clocks import Limits
from onboarding.cli import terminal
from onboarding.cli.options import (
    AsJson,
    Directory,
    LedgerFile,
    OutputFiles,
    Stacks,
    Verbose,
    load_environments,
)
from onboarding.errors import InputError
from onboarding.exit_codes import worst


def status(
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask AWS; then nothing is known to be lost or unmanaged.")
    ] = False,
    usual_answer_days: Annotated[
        int, typer.Option("--usual-answer-days", metavar="N", min=1, help="Business days a review may take.")
    ] = Limits.usual_answer_business_days,
    proof_days: Annotated[
        int, typer.Option("--proof-days", metavar="N", min=1, help="Days after which a proof is too old.")
    ] = Limits.proof_days,
    unproven_days: Annotated[
        int, typer.Option("--unproven-days", metavar="N", min=1, help="Days an approval may go unproven.")
    ] = Limits.unproven_days,
    prometheus: Annotated[
        Path | None,
        typer.Option("--prometheus", metavar="FILE", help="Also write a file for the textfile collector."),
    ] = None,
    stack: Stacks = None,
    outputs: OutputFiles = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Compare what is declared, what AWS has, what was approved and what was proven.

    \b
      flexpay-onboard allowlist status -s production.us-east-1 -s production.eu-west-1
      flexpay-onboard allowlist status -s staging -s production --json

    \b
    exit 0  every active address is approved, and nothing is out of place
         1  rejected, stale, lost, unmanaged, or in use without being submitted
         3  under review, or nothing was approved yet
         4  AWS gave no usable answer

    It only reads, and needs no credentials of the partner.
    """
    from onboarding.allowlist.status_report import as_document, as_prometheus, as_text
    from onboarding.cli.looking import look
    from onboarding.files import write_atomically

    environments = load_environments(stack, outputs, directory)
    limits = Limits(usual_answer_days, unproven_days, proof_days)
    seen = look(environments, directory, ledger, offline=offline, now=datetime.now(UTC), limits=limits)
    reports = [one.report for one in seen]
    if prometheus:
        try:
            write_atomically(prometheus, as_prometheus(reports))
        except OSError as error:
            raise InputError(f"--prometheus {prometheus}: cannot be written: {error.strerror}") from error
    if as_json:
        terminal.product(json.dumps(as_document(reports), indent=2, ensure_ascii=False))
    else:
        terminal.product("\n\n".join(as_text(report) for report in reports))
    raise typer.Exit(worst(report.outcome for report in reports))
