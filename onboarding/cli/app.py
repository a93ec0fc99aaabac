"""The tree of commands. Command modules import what is heavy only when they run."""

from typing import Annotated

import typer

from onboarding.cli import (
    addresses,
    allowlist,
    credentials,
    guard,
    overview,
    preflight,
    rollover,
    terminal,
    verify,
)
from onboarding.cli.groups import WholeSentences

app = typer.Typer(
    cls=WholeSentences,
    name="flexpay-onboard",
    help=(
        "Static egress and allow-list bookkeeping for Flex Pay: draft the list of addresses for the security "
        "review, keep track of what was approved, store credentials, and prove that every approved address "
        "gets a token and an order through.\n\n"
        "Exit codes: 0 done, or everything holds; 1 a finding; 2 wrong usage, nothing changed; 3 waiting for "
        "the partner; 4 cannot tell; 70 a bug; 130 interrupted."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(asked: bool) -> None:
    from importlib.metadata import version

    if asked:
        terminal.product(f"flexpay-onboard {version('flexpay-onboarding')}")
        raise typer.Exit


@app.callback()
def _flexpay_onboard(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version, and stop."),
    ] = False,
) -> None:
    """Read the options that belong to no command."""


app.command("preflight")(preflight.preflight)
app.command("guard")(guard.guard)
app.command("rollover")(rollover.rollover)
app.command("verify")(verify.verify)
app.command("overview")(overview.overview)
app.add_typer(addresses.app, name="addresses")
app.add_typer(allowlist.app, name="allowlist")
app.add_typer(credentials.app, name="credentials")
