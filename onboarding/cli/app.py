"""The tree of commands. Command modules import what is heavy only when they run."""

import typer

from onboarding.cli import addresses, allowlist, credentials, guard, overview, preflight, rollover, verify
from onboarding.cli.groups import WholeSentences

app = typer.Typer(
    cls=WholeSentences,
    name="flexpay-onboard",
    help=(
        "Static egress and allow-list bookkeeping for Flex Pay: draft the list of addresses for the security "
        "review, keep track of what was approved, store credentials, and prove that every approved address "
        "gets a token and an order through."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _flexpay_onboard() -> None:
    """Exist, so that a single registered command still needs its name."""


app.command("preflight")(preflight.preflight)
app.command("guard")(guard.guard)
app.command("rollover")(rollover.rollover)
app.command("verify")(verify.verify)
app.command("overview")(overview.overview)
app.add_typer(addresses.app, name="addresses")
app.add_typer(allowlist.app, name="allowlist")
app.add_typer(credentials.app, name="credentials")
