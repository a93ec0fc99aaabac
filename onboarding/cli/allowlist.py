"""``flexpay-onboard allowlist``: the books about what the partner lets in.

Over 300 lines, because most of them are the options of three commands and what --help says.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onboarding.allowlist.ledger import Action, Event, Ledger, Pair
from onboarding.cli import terminal
from onboarding.cli.allowlist_draft import draft
from onboarding.cli.allowlist_status import status
from onboarding.cli.groups import WholeSentences
from onboarding.cli.options import AsJson, Directory, LedgerFile, OutputFiles, Stacks, Verbose
from onboarding.errors import InputError
from onboarding.exit_codes import ExitCode

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from onboarding.deployment import Environment

app = typer.Typer(
    cls=WholeSentences,
    no_args_is_help=True,
    help=(
        "The allow-list as code: draft the review package, record what was submitted, approved, rejected and "
        "retired, and compare it with what is deployed.\n\n"
        "The ledger, allowlist/<environment>.yaml, belongs into git; who may approve is decided by code "
        "review on that folder."
    ),
)
app.command()(draft)
app.command()(status)

Merchants = Annotated[
    list[str] | None,
    typer.Option("--merchant", "-m", metavar="NAME", help="Only for this merchant; repeat it for several."),
]
Addresses = Annotated[
    list[str] | None,
    typer.Option("--address", "-a", metavar="IP", help="Only this address; repeat it for several."),
]


@app.command()
def record(
    action: Annotated[Action, typer.Argument(help="What happened.", show_default=False)],
    reference: Annotated[
        str,
        typer.Option("--reference", "-r", metavar="TICKET", help="Ticket, mail or call to look it up in."),
    ],
    submission: Annotated[
        str | None,
        typer.Option(
            "--submission",
            metavar="DIR|FILE",
            help="submitted: the review package that was handed in; of a folder of revisions, the last.",
        ),
    ] = None,
    merchant: Merchants = None,
    address: Addresses = None,
    day: Annotated[
        str | None,
        typer.Option("--date", metavar="D", help="When: 2026-11-20 (UTC) or a full timestamp; else now."),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why, in one line.")] = None,
    undeclared: Annotated[
        bool,
        typer.Option("--undeclared", help="submitted: the named addresses are of an old list, not ours now."),
    ] = False,
    actor: Annotated[
        str | None,
        typer.Option("--actor", metavar="NAME", help="Who records it; else the AWS caller, else git's user."),
    ] = None,
    stack: Stacks = None,
    outputs: OutputFiles = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Add what happened to the ledger. Saying the same twice changes nothing.

    \b
    submitted  a list was handed in: that of --submission, or the --address ones
    approved   the partner lets addresses in: all that wait, unless some are named
    rejected   the partner refused them, or took an approval back (name the
               addresses); also for a request that we withdraw
    retired    the partner confirmed that it lets addresses in no more; name them

    \b
      flexpay-onboard allowlist record submitted -r FPX-101 --submission review/
      flexpay-onboard allowlist record approved -r FPX-101
      flexpay-onboard allowlist record rejected -r FPX-101 -a 192.0.2.10 --note "not dedicated"

    \b
    A list that was approved before this tool was used:
      flexpay-onboard allowlist record submitted -s production -r MAIL-7 --date 2025-03-01 -a 192.0.2.10
      flexpay-onboard allowlist record approved -s production -r MAIL-9 --date 2025-03-20

    Exit 2 for what does not follow from what is recorded already; the ledger stays as it was.
    """
    from onboarding.allowlist.recording import Request, plan
    from onboarding.cli.ledgers import find_ledger, parse_addresses, parse_date
    from onboarding.ledger_file import read_ledger, update

    moment, addresses = parse_date(day), parse_addresses(address)
    if submission == "":  # of a variable that is not set; as a path it would be this very folder
        raise InputError("--submission is empty", hint="name the package that was handed in")
    if action is not Action.SUBMITTED and (submission or undeclared):
        raise InputError(f"--submission and --undeclared are for `record submitted`, not for {action}")
    path, environment = find_ledger(stack, outputs, ledger, directory)
    known = read_ledger(path, environment=environment.name if environment else None)
    listed: frozenset[Pair] = frozenset()
    named = None
    if action is Action.SUBMITTED:
        package = Path(submission) if submission else None
        listed, named = _listed(known, package, merchant or [], addresses, environment, undeclared)
    now = datetime.now(UTC)

    def planned(current: Ledger, by: str) -> tuple[Event, ...]:
        wish = Request(
            action=action,
            reference=reference,
            actor=by,
            merchants=tuple(merchant or ()),
            addresses=addresses,
            listed=listed,
            moment=moment,
            submission=named,
            note=note,
        )
        return plan(current, wish, now=now).events

    # a mistake is reported, and a repetition recognised, before AWS is asked who is asking
    if not planned(known, "unknown" if actor is None else actor):
        _report(path, known, (), f"{action} under {reference}", as_json)
        return
    by = _actor(environment, directory) if actor is None else actor
    made: list[Event] = []

    def decide(current: Ledger) -> tuple[Event, ...]:
        made[:] = planned(current, by)
        return tuple(made)

    updated = update(path, decide, environment=known.environment)
    _report(path, updated, tuple(made), f"{action} under {reference}", as_json)


def _listed(
    ledger: Ledger,
    package: Path | None,
    merchants: list[str],
    addresses: "tuple[IPv4Address, ...]",
    environment: "Environment | None",
    undeclared: bool,
) -> tuple[frozenset[Pair], str | None]:
    """Return what was handed in, and how the ledger names the package."""
    from onboarding.allowlist.submission import ledger_reference
    from onboarding.cli.ledgers import asked_for, read_package
    from onboarding.cli.options import chosen_merchants

    if package:
        document = read_package(package)
        if document["environment"] != ledger.environment:
            raise InputError(
                f"--submission {package}: is for environment {document['environment']}, "
                f"the ledger for {ledger.environment}"
            )
        if not (listed := asked_for(document)):
            raise InputError(
                f"--submission {package}: only asks for removals, which are no submission",
                hint="once the partner confirms them: `allowlist record retired --address IP`",
            )
        return listed, ledger_reference(document)
    if not addresses:
        raise InputError(
            "what was handed in is missing",
            hint="pass --submission with the package, or every --address of a list without one",
        )
    if environment is None and not (undeclared and merchants):
        raise InputError(
            "--address: without --stack or --outputs nobody can tell whether the addresses are ours",
            hint="name the stack; for addresses of an old list pass --undeclared and each --merchant",
        )
    names = merchants
    if environment:
        names = merchants if undeclared and merchants else chosen_merchants(merchants, environment)
        ours = {entry.address for entry in environment.addresses}
        if not undeclared and (foreign := sorted(set(addresses) - ours)):
            raise InputError(
                f"--address {', '.join(map(str, foreign))}: not an address of {environment.name}",
                hint=f"it has {', '.join(map(str, sorted(ours)))}; for addresses of an old list that are "
                "not ours any more add --undeclared",
            )
    return frozenset((name, address) for name in names for address in addresses), None


def _actor(environment: "Environment | None", directory: Path) -> str:
    from onboarding.actor import find_actor
    from onboarding.aws.clients import Clients

    region = environment.stacks[0].region if environment else None
    actor, why = find_actor(Clients(), region=region, directory=directory)
    if why:
        terminal.say(f"actor: {actor}, from git ({why})")
    return actor


def _report(path: Path, ledger: Ledger, events: "tuple[Event, ...]", what: str, as_json: bool) -> None:
    from onboarding.allowlist.ledger import content

    if as_json:
        made = [{"id": event.id, **content(event)} for event in events]
        terminal.product(
            json.dumps(
                {
                    "recordVersion": 1,
                    "ledger": str(path),
                    "environment": ledger.environment,
                    "recorded": made,
                },
                indent=2,
            )
        )
    elif not events:
        terminal.product(f"{path}: already recorded: {what}; nothing was changed")
    for event in () if as_json else events:
        terminal.product(
            f"{path}: {event.action}: {', '.join(map(str, event.addresses))} for "
            f"{', '.join(event.merchants)} ({event.reference}, {event.at:%Y-%m-%d %H:%M} UTC, "
            f"event {event.id})"
        )


@app.command()
def history(
    merchant: Merchants = None,
    address: Addresses = None,
    stack: Stacks = None,
    outputs: OutputFiles = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Tell what happened to the list, oldest first; of every ledger, unless one is named.

    \b
      flexpay-onboard allowlist history -m acme-air
      flexpay-onboard allowlist history -s production -a 192.0.2.10

    Exit 2 where there is no ledger, or one cannot be read.
    """
    from onboarding.allowlist.history import as_data, as_story
    from onboarding.cli.ledgers import find_ledgers, parse_addresses
    from onboarding.ledger_file import read_ledger

    addresses, merchants = parse_addresses(address), merchant or []
    ledgers = [
        read_ledger(path, environment=environment.name if environment else None)
        for path, environment in find_ledgers(stack, outputs, ledger, directory)
    ]
    known = {name for one in ledgers for name in one.merchants}
    if unknown := sorted(set(merchants) - known):
        raise InputError(
            f"--merchant {', '.join(unknown)}: the ledger does not know it",
            hint=f"it knows {', '.join(sorted(known)) or 'none yet'}",
        )
    if as_json:
        data = {"historyVersion": 1, "ledgers": [as_data(one, merchants, addresses) for one in ledgers]}
        terminal.product(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        terminal.product("\n\n".join(as_story(one, merchants, addresses) for one in ledgers))


@app.command()
def check(
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="REF", help="Git ref whose events must all still be there."),
    ] = None,
    stack: Stacks = None,
    outputs: OutputFiles = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Prove that ledgers can be read and, with --against, that no event of REF was lost.

    For a pipeline on changes of the folder allowlist:

      flexpay-onboard allowlist check --against origin/main

    Exit 1 when events are missing, or branches contradict each other.
    """
    from onboarding.allowlist.history import disputes, missing
    from onboarding.cli.ledgers import find_ledgers
    from onboarding.ledger_file import read_from_git, read_ledger

    rows = []
    for path, environment in find_ledgers(stack, outputs, ledger, directory):
        current = read_ledger(path, environment=environment.name if environment else None)
        older = read_from_git(path, against) if against else None
        compared = f"{against} holds no such file" if against and older is None else against
        findings = [*(missing(current, older) if older else ()), *disputes(current)]
        rows.append((path, len(current.events), compared, findings))
    failed = any(findings for *_, findings in rows)
    if as_json:
        data = [
            {"ledger": str(path), "events": count, "against": compared, "findings": findings}
            for path, count, compared, findings in rows
        ]
        terminal.product(
            json.dumps(
                {"checkVersion": 1, "verdict": "fail" if failed else "pass", "ledgers": data}, indent=2
            )
        )
    for path, count, compared, findings in () if as_json else rows:
        terminal.product(
            f"{path}: {count} events, {'valid' if not findings else f'{len(findings)} findings'}"
            + (f" (compared with {compared})" if compared else "")
        )
        for finding in findings:
            terminal.product(f"  {finding}")
    raise typer.Exit(ExitCode.FINDING if failed else ExitCode.HOLDS)
