"""``flexpay-onboard verify``: the options, and the order of events."""

from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options, terminal

HELP = """Prove that every approved address gets a token and an order through.

Reads the stack outputs and the ledger, calls the partner from the addresses that are approved, and
from no others, and tells what holds. Nothing is repaired. One test order per merchant and run is
placed where partner.orders is test; it is never repeated.

\b
  flexpay-onboard verify -s production --report junit=verify.xml --report evidence=proof.zip
  flexpay-onboard verify -s production --wait 30m

On a host that owns the addresses, name them: --source-address 203.0.113.10 --source-address 203.0.113.11.
Behind a gateway leave that out: the echo services then tell where calls leave from.

Exit codes: 0 everything holds, 1 something is wrong, 2 wrong usage, 3 waiting for the partner,
4 cannot tell. Each check is explained in docs/troubleshooting.md under its id.
"""


def verify(  # noqa: D103 - its docstring is HELP, set below, because it is what users read
    stack: options.Stacks = None,
    outputs: options.OutputFiles = None,
    directory: options.Directory = Path(),
    ledger: options.LedgerFile = None,
    merchant: options.Merchants = None,
    via: Annotated[
        str, typer.Option(metavar="auto|local|function", help="Where to call from; auto says what it chose.")
    ] = "auto",
    source_address: Annotated[
        list[str] | None,
        typer.Option(metavar="IP", help="Declared address that this host owns; repeat it for several."),
    ] = None,
    control_source: Annotated[
        str | None,
        typer.Option(
            metavar="IP",
            help="Address of this host on no list: shows that others are refused.",
        ),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Wait, e.g. 30m, for addresses approved and not yet let in."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK", help="Leave a check out; without a required one the run is never 0."),
    ] = None,
    report: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT=FILE", help="Also write a report; repeat it for several. See --list."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Calls made at the same time.")] = 8,
    allow_real_order: Annotated[
        bool, typer.Option("--allow-real-order", help="Place the test order although partner.orders is real.")
    ] = False,
    list_checks: Annotated[
        bool, typer.Option("--list", help="Name the checks and report formats, and stop.")
    ] = False,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    from onboarding.cli import verify_output as output

    if list_checks:
        terminal.product(output.listing(as_json=as_json))
        return
    targets = output.targets(report or ())
    import secrets
    from dataclasses import replace
    from time import monotonic

    from onboarding import __version__
    from onboarding.cli import proofs, verify_adapters, verify_plan
    from onboarding.redaction import KnownSecrets
    from onboarding.verification import runner

    began = monotonic()
    environment = options.load_environment(stack, outputs, directory)
    asked = verify_plan.Asked(
        directory=directory,
        ledger=ledger,
        merchants=merchant or (),
        via=via,
        sources=source_address or (),
        control=control_source,
        wait=wait,
        skip=skip or (),
        concurrency=concurrency,
        allow_real_order=allow_real_order,
    )
    run_id = f"flexpay-onboard-{secrets.token_hex(6)}"
    known_secrets = KnownSecrets()
    progress = output.Progress()
    plan = replace(
        verify_plan.build(asked, environment, known_secrets, run_id=run_id),
        progress=progress,
        waiting=progress.waiting,
    )
    if via == "auto":
        terminal.say(verify_plan.chosen(plan))
    outcomes = runner.run(plan)
    progress.clear()
    written = runner.report(
        plan,
        outcomes,
        run_id=run_id,
        seconds=monotonic() - began,
        toolkit=__version__,
    )
    rendered = output.rendered(written, targets, known_secrets, as_json=as_json)
    if plan.facts.choices.via == "local":
        proofs.keep_proofs(written, directory)
    for line in verify_adapters.unkept(written, plan.vantages):
        terminal.say(line)
    output.publish(rendered)
    raise typer.Exit(written.exit_code)


verify.__doc__ = HELP
