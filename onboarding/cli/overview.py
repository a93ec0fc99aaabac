"""``flexpay-onboard overview``: every environment at a glance."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

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


def overview(
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write one self-contained page for the team."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask AWS; then nothing is known to be lost or unmanaged.")
    ] = False,
    stack: Stacks = None,
    outputs: OutputFiles = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show every environment: zones, addresses, approvals with their age, last proof, what to do next.

    \b
      flexpay-onboard overview -s staging -s production
      flexpay-onboard overview -s staging -s production --html overview.html

    It judges as `allowlist status` does and ends with the same exit codes: 1 a finding, 3 waiting,
    4 AWS gave no usable answer. The page is written whatever it ends with; it only reads otherwise.
    """
    from onboarding.allowlist.overview import outcome
    from onboarding.allowlist.overview import overview as seen_together
    from onboarding.allowlist.render.overview import overview_html, overview_text
    from onboarding.cli.looking import look
    from onboarding.files import write_atomically

    environments = load_environments(stack, outputs, directory)
    if html and html.is_dir():
        raise InputError(f"--html {html}: is a folder", hint="name a file, for example overview.html")
    now = datetime.now(UTC)
    known = [
        (seen.environment, seen.report)
        for seen in look(environments, directory, ledger, offline=offline, now=now)
    ]
    document = seen_together(known, now)
    if html:
        try:
            write_atomically(html, overview_html(document))
        except OSError as error:
            raise InputError(f"--html {html}: cannot be written: {error.strerror}") from error
        terminal.say(f"wrote {html}")
    if as_json:
        terminal.product(json.dumps(document, indent=2, ensure_ascii=False))
    elif not html:
        terminal.product(overview_text(document))
    raise typer.Exit(outcome(known))
