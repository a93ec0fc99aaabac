"""``flexpay-onboard addresses``: what AWS has, and the two changes that the engine cannot make."""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onboarding.cli import terminal
from onboarding.cli.options import AsJson, Directory, LedgerFile, OutputFiles, Stacks, Verbose
from onboarding.errors import CannotTell, Finding, InputError
from onboarding.exit_codes import ExitCode, worst

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from onboarding.allowlist.discovery import Egress
    from onboarding.allowlist.ledger import Ledger
    from onboarding.allowlist.network_view import Allocation, RegionView
    from onboarding.allowlist.submission import Gap
    from onboarding.deployment import Environment

app = typer.Typer(
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

    With a stack, exit 1 when AWS and the outputs differ; exit 4 when a way out cannot be followed.
    """
    from onboarding.allowlist.comprehensive import CANNOT_TELL, compare, places
    from onboarding.allowlist.discovery import egress_of, retained
    from onboarding.allowlist.render.as_discovery import as_data, as_text

    if bool(vpc) == bool(stack or outputs):
        raise InputError("name either --vpc, or --stack or --outputs", hint="see `addresses discover --help`")
    gaps: tuple[Gap, ...] = ()
    if vpc:
        if not region:
            raise InputError("--vpc needs --region", hint="for example --region us-east-1")
        view = _view(region)
        found = [_of_vpc(view, one) for one in vpc]
        kept = []  # without outputs nobody can say what is missing from them
        codes = [
            ExitCode.HOLDS if exit_.certain or exit_.kind == "ipv6" else ExitCode.CANNOT_TELL
            for one in found
            for exit_ in one.exits
        ]
    else:
        environment = _environment(stack, outputs, directory)
        views, silent = _views(places(environment))
        comparison = compare(environment, views, silent)
        gaps = comparison.gaps
        found = [
            egress_of(views[place], one.vpc_id)
            for one in environment.stacks
            if one.vpc_id
            and (place := (one.account_id, one.region)) in views
            and any(known.id == one.vpc_id for known in views[place].vpcs)
        ]
        declared = [one.allocation_id for one in environment.addresses if one.allocation_id]
        kept = [one for view in views.values() for one in retained(view, declared, environment.name)]
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

    Exit 1 when a declared address is not in AWS.
    """
    from onboarding.allowlist.comprehensive import places
    from onboarding.allowlist.inventory import inventory
    from onboarding.allowlist.render.as_discovery import inventory_text
    from onboarding.cli.options import ledger_path
    from onboarding.ledger_file import read_ledger

    environment = _environment(stack, outputs, directory)
    path = ledger_path(ledger, directory, environment)
    books = read_ledger(path, environment=environment.name) if path.exists() or ledger else None
    views, silent = _views(places(environment))
    for why in sorted(set(silent.values())):
        raise CannotTell(f"{environment.name}: AWS gave no usable answer: {why}")
    rows = inventory(environment, views, books)
    if as_json:
        terminal.product(json.dumps({"environment": environment.name, "addresses": rows}, indent=2))
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
    """
    from onboarding.allowlist.releasing import slot_entry
    from onboarding.aws.allocations import ADDRESS_QUOTA, AllocationKeeper, QuotaReader
    from onboarding.aws.clients import Clients

    wanted = _parsed(address)
    _check_slot(slot)
    name, place = _place(stack, outputs, directory, region, environment)
    if not unapproved:
        _ever_approved(wanted, _ledgers(directory, ledger))
    clients = Clients()
    view = _allocations(clients, place)
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
        _refuse_foreign(held, name, slot)
        if held.slot is None or held.environment is None:
            keeper.tag(held.allocation_id, environment=name, slot=slot)
        allocation_id, said = held.allocation_id, f"{wanted} is still ours, nothing had to be recovered"
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
            json.dumps({"address": str(wanted), "allocationId": allocation_id, "slot": slot, "region": place})
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
    """
    from onboarding.allowlist.releasing import obstacles
    from onboarding.aws.allocations import AllocationKeeper
    from onboarding.aws.clients import Clients

    wanted = _parsed(address)
    ledgers = _ledgers(directory, ledger)
    deployed = _environment(stack, outputs, directory) if stack or outputs else None
    _, place = _place(stack, outputs, directory, region, "unknown")
    clients = Clients()
    held = next((one for one in _allocations(clients, place) if one.address == wanted), None)
    if held is None:
        terminal.product(f"{wanted} is not allocated in {place}: nothing to release")
        return
    reasons = obstacles(wanted, held, ledgers)
    if deployed and any(one.address == wanted for one in deployed.addresses):
        reasons.append(_still_declared(deployed, wanted))
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
    if as_json:
        terminal.product(json.dumps({"released": str(wanted), "allocationId": held.allocation_id}))
    else:
        terminal.product(f"{wanted} ({held.allocation_id}) is released")


def _still_declared(deployed: "Environment", wanted: "IPv4Address") -> str:
    declared = next(one for one in deployed.addresses if one.address == wanted)
    stack = next(one.source for one in deployed.stacks if declared in one.addresses)
    name = stack.removeprefix("stack ") if stack.startswith("stack ") else "<stack>"
    return (
        f"{stack} still declares it as slot {declared.slot}. First take it out of the program:\n"
        f"    1. delete the line `{declared.slot}: …` of egress.addresses in stacks/Pulumi.{name}.yaml\n"
        f"    2. pulumi state unprotect --stack {name}    (choose the address {declared.allocation_id})\n"
        f"    3. pulumi up --stack {name}                 (forgets the address; AWS keeps it)"
    )


def _parsed(text: str) -> "IPv4Address":
    from onboarding.cli.ledgers import parse_addresses

    return parse_addresses([text], option="ADDRESS")[0]


def _check_slot(slot: str) -> None:
    if not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*-az[1-9]/[1-8]", slot):
        raise InputError(f"--slot {slot}: not a slot", hint="<zone ID>/<1 to 8>, for example use1-az1/1")


def _environment(stack: list[str] | None, outputs: list[str] | None, directory: Path) -> "Environment":
    from onboarding.cli.options import load_environment

    return load_environment(stack, outputs, directory)


def _place(
    stack: list[str] | None,
    outputs: list[str] | None,
    directory: Path,
    region: str | None,
    environment: str | None,
) -> tuple[str, str]:
    """Return environment and region: of the stack, or as given."""
    if not (stack or outputs):
        if not (region and environment):
            raise InputError(
                "name --stack or --outputs, or else --region (and, to recover, --environment)",
                hint="a stack that is gone has no outputs to read the region from",
            )
        return environment, region
    deployed = _environment(stack, outputs, directory)
    regions = sorted({one.region for one in deployed.stacks})
    if region is None and len(regions) > 1:
        raise InputError(f"the stacks are in {', '.join(regions)}", hint="name one with --region")
    return deployed.name, region or regions[0]


def _ledgers(directory: Path, ledger: Path | None) -> "list[Ledger]":
    from onboarding.cli.ledgers import find_ledgers
    from onboarding.ledger_file import read_ledger

    found = {path.resolve() for path, _ in find_ledgers(None, None, ledger, directory)}
    # an address may stand in several environments' ledgers, so a named one never hides the others
    found |= {path.resolve() for path in (directory / "allowlist").glob("*.yaml")}
    return [read_ledger(path) for path in sorted(found)]


def _ever_approved(address: "IPv4Address", ledgers: "list[Ledger]") -> None:
    if not any(address in one.ever_approved_addresses() for one in ledgers):
        names = ", ".join(one.environment for one in ledgers)
        raise Finding(
            f"{address} was never approved, says the ledger of {names}",
            hint="a new address does as well; to get this one all the same add --unapproved",
        )


def _refuse_foreign(held: "Allocation", environment: str, slot: str) -> None:
    if held.environment not in (None, environment):
        raise Finding(
            f"{held.address} ({held.allocation_id}) is tagged for environment {held.environment}",
            hint="recover it for that environment, or change the tag by hand first",
        )
    if held.slot not in (None, slot):
        raise Finding(
            f"{held.address} ({held.allocation_id}) is still ours and tagged for slot {held.slot}",
            hint=f"adopt it there: --slot {held.slot}",
        )


def _views(wanted: list[tuple[str, str]]) -> Any:
    from onboarding.aws.clients import Clients
    from onboarding.aws.views import read_views

    with terminal.working("asking AWS"):
        return read_views(Clients(), wanted)


def _view(region: str) -> "RegionView":
    from onboarding.aws.clients import Clients
    from onboarding.aws.identity import CallerIdentity
    from onboarding.aws.network import NetworkReader

    clients = Clients()
    account = CallerIdentity(clients.client("sts", region)).account_id()
    with terminal.working(f"asking AWS about {region}"):
        return NetworkReader(clients.client("ec2", region)).view(region=region, account_id=account)


def _of_vpc(view: "RegionView", vpc_id: str) -> "Egress":
    from onboarding.allowlist.discovery import egress_of

    try:
        return egress_of(view, vpc_id)
    except KeyError:
        known = ", ".join(sorted(one.id for one in view.vpcs)) or "none"
        raise InputError(
            f"--vpc {vpc_id}: not in account {view.account_id}, region {view.region}",
            hint=f"it has {known}",
        ) from None


def _allocations(clients: Any, region: str) -> "tuple[Allocation, ...]":
    from onboarding.aws.network import NetworkReader

    return NetworkReader(clients.client("ec2", region)).allocations()
