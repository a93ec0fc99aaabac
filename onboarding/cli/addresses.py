"""``flexpay-onboard addresses``: what AWS has, and the two changes that the engine cannot make.

Over 300 lines, because it is one page per command and most of it is what --help says.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onboarding.cli import terminal
from onboarding.cli.addresses_parts import (
    all_ledgers,
    allocations_of,
    deployed_of,
    egress_of_vpc,
    environment_of,
    insist_on_approval,
    name_of,
    parsed_address,
    refuse_foreign,
    region_of,
    slot_entry,
    still_declared,
    view_of,
    views_of,
)
from onboarding.cli.groups import WholeSentences
from onboarding.cli.options import AsJson, Directory, LedgerFile, OutputFiles, Stacks, Verbose, check_slot
from onboarding.errors import CannotTell, Finding, InputError
from onboarding.exit_codes import ExitCode, worst

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from onboarding.allowlist.submission import Gap


app = typer.Typer(
    cls=WholeSentences,
    no_args_is_help=True,
    help=(
        "Addresses in AWS: discover every way out of a VPC, list what is ours, get a released address back, "
        "and give one up that no partner lets in any more."
    ),
)

Region = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="AWS region; that of the stack unless given.")
]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="IPv4 address.", show_default=False)]


@app.command()
def discover(
    stack: Stacks = None,
    outputs: OutputFiles = None,
    vpc: Annotated[
        list[str] | None,
        typer.Option("--vpc", metavar="VPC", help="Any VPC, without a stack; needs --region. Repeatable."),
    ] = None,
    region: Region = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment",
            metavar="NAME",
            help="For a stack that is gone: list what is tagged as this environment's; needs --region.",
        ),
    ] = None,
    directory: Directory = Path(),
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """List every public address from which workloads can reach the partner, and why.

    From AWS alone: route table, gateway, addresses, public interfaces. A route to a transit
    gateway, firewall, peering or VPN is "cannot tell", never "no way out".

    \b
      flexpay-onboard addresses discover -s production
      flexpay-onboard addresses discover --vpc vpc-0a1b2c3d4e5f67890 --region eu-west-1
      flexpay-onboard addresses discover --environment production --region us-east-1

    Addresses tagged as ours that no outputs name are listed as retained, with the reason; of a
    stack that is gone, that is every one. With a stack, exit 1 when AWS and the outputs differ;
    exit 4 when a way out cannot be followed.
    """
    from onboarding.allowlist.comprehensive import CANNOT_TELL, compare
    from onboarding.allowlist.discovery import Kind, egress_of, retained
    from onboarding.allowlist.own_egress import places
    from onboarding.allowlist.render.as_discovery import as_data, as_text

    if bool(vpc or environment) == bool(stack or outputs):
        raise InputError(
            "name either --vpc or --environment, or --stack or --outputs",
            hint="see `addresses discover --help`",
        )
    if region and not (vpc or environment):
        raise InputError(
            "--region is for --vpc and --environment; a stack's outputs say where it is",
            hint="leave it out, or name the stack of that region only",
        )
    gaps: tuple[Gap, ...] = ()
    if vpc or environment:
        if not region:
            raise InputError(
                f"{'--vpc' if vpc else '--environment'} needs --region", hint="for example --region us-east-1"
            )
        view = view_of(region)
        found = [egress_of_vpc(view, one) for one in vpc or ()]
        # without outputs and without a name nobody can say what is missing from them
        kept = retained(view, (), environment) if environment else []
        codes = [
            ExitCode.HOLDS if exit_.certain or exit_.kind is Kind.IPV6 else ExitCode.CANNOT_TELL
            for one in found
            for exit_ in one.exits
        ]
    else:
        deployed = environment_of(stack, outputs, directory)
        views, unanswered = views_of(places(deployed))
        comparison = compare(deployed, views, unanswered)
        gaps = comparison.gaps
        found = [
            egress_of(views[place], one.vpc_id)
            for one in deployed.stacks
            if one.vpc_id
            and (place := (one.account_id, one.region)) in views
            and views[place].vpc(one.vpc_id)
        ]
        declared = [one.allocation_id for one in deployed.addresses if one.allocation_id]
        kept = [one for view in views.values() for one in retained(view, declared, deployed.name)]
        codes = [ExitCode.CANNOT_TELL if gap.code == CANNOT_TELL else ExitCode.FINDING for gap in gaps]
    if as_json:
        terminal.product(json.dumps(as_data(found, kept, gaps), indent=2))
    else:
        terminal.product(as_text(found, kept, gaps))
    raise typer.Exit(worst(codes or [ExitCode.HOLDS]))


@app.command("list")
def list_(
    stack: Stacks = None,
    outputs: OutputFiles = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """List declared and retained addresses: slot, gateway, and where each stands with the partner.

    \b
      flexpay-onboard addresses list -s production

    Exit 1 when a declared address is not in AWS, 4 when AWS gave no usable answer.
    """
    from onboarding.allowlist.inventory import inventory
    from onboarding.allowlist.own_egress import places
    from onboarding.allowlist.render.as_discovery import inventory_text
    from onboarding.cli.options import ledger_path
    from onboarding.ledger_file import read_ledger

    environment = environment_of(stack, outputs, directory)
    path = ledger_path(ledger, directory, environment.name)
    books = read_ledger(path, environment=environment.name) if path.exists() or ledger else None
    views, unanswered = views_of(places(environment))
    if unanswered:
        why = "; ".join(sorted(set(unanswered.values())))
        raise CannotTell(f"{environment.name}: AWS gave no usable answer: {why}")
    rows = inventory(environment, views, books)
    if as_json:
        terminal.product(
            json.dumps({"addressesVersion": 1, "environment": environment.name, "addresses": rows}, indent=2)
        )
    else:
        terminal.product(inventory_text(rows))
    raise typer.Exit(ExitCode.FINDING if any(row["state"] == "missing" for row in rows) else ExitCode.HOLDS)


@app.command()
def recover(
    address: Address,
    slot: Annotated[
        str,
        typer.Option("--slot", metavar="SLOT", help="Slot it is to fill again, e.g. use1-az1/1."),
    ],
    stack: Stacks = None,
    outputs: OutputFiles = None,
    region: Region = None,
    environment: Annotated[
        str | None,
        typer.Option("--environment", metavar="NAME", help="Without a stack: whose address it is."),
    ] = None,
    unapproved: Annotated[
        bool, typer.Option("--unapproved", help="Also when no ledger says that it was ever approved.")
    ] = False,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Get a released address back while AWS still has it, and print the settings that adopt it.

    Checks the quota first, allocates exactly this address, tags it, and changes nothing else.
    Without --stack pass --region and --environment, for a stack that is gone.

    \b
      flexpay-onboard addresses recover 192.0.2.10 --slot use1-az1/1 -s production

    Exit 1 when it is too late, the slot is filled or the quota is used up, 4 when AWS gave no usable
    answer: run it again then, it finds what it got.
    """
    from onboarding.aws.allocations import ADDRESS_QUOTA, AllocationKeeper, QuotaReader
    from onboarding.aws.clients import Clients

    wanted = parsed_address(address)
    check_slot(slot)
    deployed = deployed_of(stack, outputs, directory)
    name, place = name_of(deployed, environment), region_of(deployed, region)
    if not unapproved:
        insist_on_approval(wanted, all_ledgers(directory, ledger))
    clients = Clients()
    view = allocations_of(clients, place)
    held = next((one for one in view if one.address == wanted), None)
    taken = next(
        (one for one in view if one.environment == name and one.slot == slot and one.address != wanted), None
    )
    if taken:
        raise Finding(
            f"slot {slot} of {name} is filled by {taken.address} ({taken.allocation_id})",
            hint="name a free slot of the same zone with --slot",
        )
    keeper = AllocationKeeper(clients.client("ec2", place, attempts=1))
    if held:
        refuse_foreign(held, name, slot, deployed)
        if held.slot is None or held.environment is None:
            keeper.tag(held.allocation_id, environment=name, slot=slot)
        allocation_id, said = held.allocation_id, f"{wanted} is still ours, nothing had to be recovered"
        if held.stack and not deployed:
            terminal.say(
                f"note: it is tagged for stack {held.stack}; adopt it in another only once that is gone"
            )
    else:
        quota = QuotaReader(clients.client("service-quotas", place)).value(*ADDRESS_QUOTA)
        if len(view) >= quota:
            raise Finding(
                f"{place}: {len(view)} of {quota} addresses are in use, so {wanted} cannot be allocated",
                hint="raise quota L-0263D0A3 now, or release an address that no ledger names; the longer "
                "it waits, the likelier somebody else gets it",
            )
        with terminal.working(f"asking AWS for {wanted}"):
            allocation_id = keeper.get_back(wanted, environment=name, slot=slot)
        said = f"{wanted} is ours again"
    if as_json:
        terminal.product(
            json.dumps(
                {
                    "recoveryVersion": 1,
                    "address": str(wanted),
                    "allocationId": allocation_id,
                    "slot": slot,
                    "region": place,
                },
                indent=2,
            )
        )
        return
    terminal.product(
        f"{said}: {allocation_id}, tagged for {name}, slot {slot}\n"
        f"adopt it in the stack's settings (stacks/Pulumi.<stack>.yaml), then run `pulumi up`:\n"
        f"{slot_entry(slot, allocation_id)}"
    )


@app.command()
def release(
    address: Address,
    stack: Stacks = None,
    outputs: OutputFiles = None,
    region: Region = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; it cannot be taken back.")] = False,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Give an address up for good: the AWS release, and nothing else.

    Refused unless every ledger under allowlist/ that names it has it retired for every merchant:
    AWS hands a released address to somebody else, whose calls the partner would let in. Refused
    while it is attached or declared; then it prints the edit and the engine commands that come
    first.

    \b
      flexpay-onboard addresses release 192.0.2.10 -s production

    Exit 1 when it is refused, with every reason in the order in which to settle them.
    """
    from onboarding.allowlist.releasing import obstacles
    from onboarding.aws.allocations import AllocationKeeper
    from onboarding.aws.clients import Clients

    wanted = parsed_address(address)
    ledgers = all_ledgers(directory, ledger)
    deployed = deployed_of(stack, outputs, directory)
    place = region_of(deployed, region)
    clients = Clients()
    held = next((one for one in allocations_of(clients, place) if one.address == wanted), None)
    if held is None:
        _released(wanted, None, f"{wanted} is not allocated in {place}: nothing to release", as_json)
        return
    reasons = obstacles(wanted, held, ledgers)
    if deployed and any(one.address == wanted for one in deployed.addresses):
        reasons.append(still_declared(deployed, wanted))
    if reasons:
        lines = "\n".join(f"  {reason}" for reason in reasons)
        raise Finding(
            f"{wanted} must not be released\n{lines}", hint="settle what is named, in this order, then again"
        )
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("nobody is there to confirm the release", hint="pass --yes; it is for good")
        typer.confirm(f"Release {wanted} ({held.allocation_id}) for good?", abort=True, err=True)
    AllocationKeeper(clients.client("ec2", place, attempts=1)).release(held.allocation_id)
    _released(wanted, held.allocation_id, f"{wanted} ({held.allocation_id}) is released", as_json)


def _released(address: "IPv4Address", allocation_id: str | None, said: str, as_json: bool) -> None:
    content = {"releaseVersion": 1, "released": str(address), "allocationId": allocation_id}
    terminal.product(json.dumps(content, indent=2) if as_json else said)
