"""``flexpay-onboard rollover``: where a change of address stands and what is due next."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onboarding.cli import terminal
from onboarding.cli.options import (
    AsJson,
    Directory,
    LedgerFile,
    OutputFiles,
    Stacks,
    Verbose,
    check_slot,
    load_environment,
)
from onboarding.errors import CannotTell, InputError
from onboarding.exit_codes import ExitCode

if TYPE_CHECKING:
    from onboarding.allowlist.rollover_move import Move, World


def rollover(
    slot: Annotated[
        str | None,
        typer.Option("--slot", metavar="SLOT", help="Slot whose address is to be replaced, begun or not."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="SLOT", help="With --slot: the slot of the same zone to move to."),
    ] = None,
    check: Annotated[
        str | None,
        typer.Option("--check", metavar="STEP", help="With --slot: exit 0 only if this step is due now."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask AWS; the last step then cannot be told.")
    ] = False,
    stack: Stacks = None,
    outputs: OutputFiles = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Say where a change of address stands, and what comes next, to the letter.

    The way: allocate, submit, approval, attach, verify, detach, retire, drop, release. It is read
    from the outputs, the ledger, AWS and the proofs each time, so it can be left and taken up again
    anywhere. It only reads, and never runs pulumi.

    \b
      flexpay-onboard rollover -s production                          every move under way
      flexpay-onboard rollover -s production --slot use1-az1/1        this one, begun or not
      flexpay-onboard rollover -s production --slot use1-az1/1 --check attach && pulumi up …

    \b
    exit 0  nothing is under way, the move is complete, or the checked step is due
         1  out of order, for example traffic moved to an unapproved address
         3  under way: the partner has to answer, or the next step is yours; another one is not due
         4  AWS gave no usable answer
    """
    from onboarding.allowlist.rollover import move_of, outcome, under_way
    from onboarding.allowlist.rollover_report import as_document, as_text

    _usage(slot, to, check)
    world = _world(stack, outputs, directory, ledger, offline=offline)
    if slot is None:
        moves = under_way(world)
    else:
        try:
            move = move_of(world, slot, to)
        except ValueError as error:
            slots = ", ".join(one.slot for one in world.environment.addresses)
            raise InputError(f"--slot {slot}: {error}", hint=f"it has the slots {slots}") from None
        moves = [move] if move else _nothing_left(world, slot)
    if check:
        _check(moves, check)
    if as_json:
        terminal.product(json.dumps(as_document(world, moves), indent=2, ensure_ascii=False))
    else:
        terminal.product(as_text(world, moves))
    raise typer.Exit(ExitCode.HOLDS if check else outcome(world, moves))


def _usage(slot: str | None, to: str | None, check: str | None) -> None:
    from onboarding.allowlist.rollover_move import Step

    if slot is None and (to or check):
        raise InputError(f"{'--to' if to else '--check'} needs --slot", hint="see `rollover --help`")
    for option, value in (("--slot", slot), ("--to", to)):
        if value is not None:
            check_slot(value, option=option)
    if check and check not in set(Step):
        raise InputError(f"--check {check}: not a step", hint=f"one of {', '.join(Step)}")


def _world(
    stack: list[str] | None,
    outputs: list[str] | None,
    directory: Path,
    ledger: Path | None,
    *,
    offline: bool,
) -> "World":
    from onboarding.allowlist.discovery import retained
    from onboarding.allowlist.rollover_move import World
    from onboarding.cli.looking import look
    from onboarding.ledger_file import read_ledger

    environment = load_environment(stack, outputs, directory)
    others = [
        read_ledger(path)
        for path in sorted((directory / "allowlist").glob("*.yaml"))
        if path.stem != environment.name
    ]
    (seen,) = look([environment], directory, ledger, offline=offline, now=datetime.now(UTC))
    declared = [one.allocation_id for one in environment.addresses if one.allocation_id]
    return World(
        environment=environment,
        report=seen.report,
        ledger=seen.ledger,
        every_ledger=[seen.ledger, *others],
        left={
            region: [
                one.allocation
                for one in retained(view, declared, environment.name)
                if one.environment == environment.name
            ]
            for (_, region), view in seen.views.items()
        },
    )


def _nothing_left(world: "World", slot: str) -> "list[Move]":
    actual = world.report.actual
    if actual is None or actual.unanswered:
        raise CannotTell(
            f"{slot}: no stack declares it, and AWS did not say whether it still holds an address",
            hint="run it without --offline, with credentials of the stack's account",
        )
    terminal.say(f"{slot}: no stack declares it and AWS holds no address for it; nothing is left to do")
    return []


def _check(moves: "list[Move]", check: str) -> None:
    from onboarding.allowlist.rollover_move import Step

    if not moves:
        terminal.problem(f"{check} is not due: nothing is under way")
        raise typer.Exit(ExitCode.FINDING)
    if refused := moves[0].refusal(Step(check)):
        code, why = refused
        terminal.problem(why)
        raise typer.Exit(code)
