"""What the ``addresses`` commands share: reading arguments, ledgers and AWS."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onboarding.cli import terminal
from onboarding.errors import Finding, InputError

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from onboarding.allowlist.discovery import Egress
    from onboarding.allowlist.ledger import Ledger
    from onboarding.allowlist.network_view import Allocation, RegionView
    from onboarding.deployment import Environment


def still_declared(deployed: "Environment", wanted: "IPv4Address") -> str:
    """Return why a declared address stays, with the edit and the engine commands that come first."""
    declared = next(one for one in deployed.addresses if one.address == wanted)
    stack = next(one for one in deployed.stacks if declared in one.addresses)
    name = stack.name or "<stack>"
    return (
        f"{stack.source} still declares it as slot {declared.slot}. First take it out of the program:\n"
        f"    1. delete the line `{declared.slot}: …` of egress.addresses in {stack.settings_file}\n"
        f"    2. pulumi state unprotect --stack {name}    (choose the address {declared.allocation_id})\n"
        f"    3. pulumi up --stack {name}                 (forgets the address; AWS keeps it)"
    )


def slot_entry(slot: str, allocation_id: str) -> str:
    """Return the lines of the stack's settings that adopt an allocation."""
    return (
        "  flexpay-egress:egress:\n"
        "    addresses:\n"
        f"      {slot}: {{ role: spare, allocation: {allocation_id} }}"
    )


def parsed_address(text: str) -> "IPv4Address":
    """Parse the ADDRESS argument. Raises InputError."""
    from onboarding.cli.ledgers import parse_addresses

    return parse_addresses([text], option="ADDRESS")[0]


def environment_of(stack: list[str] | None, outputs: list[str] | None, directory: Path) -> "Environment":
    """Read the outputs of the one environment that is meant."""
    from onboarding.cli.options import load_environment

    return load_environment(stack, outputs, directory)


def deployed_of(stack: list[str] | None, outputs: list[str] | None, directory: Path) -> "Environment | None":
    """Read the outputs that are named, once, since standard input has them once; None without any."""
    return environment_of(stack, outputs, directory) if stack or outputs else None


def region_of(deployed: "Environment | None", region: str | None) -> str:
    """Return the region that is meant: the stack's, or else the one given. Raises InputError."""
    if deployed is None:
        if region is None:
            raise InputError(
                "name --stack or --outputs, or else --region (and, to recover, --environment)",
                hint="a stack that is gone has no outputs to read the region from",
            )
        return region
    regions = sorted({one.region for one in deployed.stacks})
    if region is None and len(regions) > 1:
        raise InputError(f"the stacks are in {', '.join(regions)}", hint="name one with --region")
    if region is not None and region not in regions:
        raise InputError(
            f"--region {region}: no stack named here is there, but in {', '.join(regions)}",
            hint="for an address of a stack that is gone, name no stack at all",
        )
    return region or regions[0]


def name_of(deployed: "Environment | None", environment: str | None) -> str:
    """Return the environment that an address is of: the stack's, or else the one given. Raises InputError."""
    if deployed is None:
        if environment is None:
            raise InputError(
                "name --stack or --outputs, or else --environment and --region",
                hint="the address is tagged with the environment it is of",
            )
        return environment
    if environment not in (None, deployed.name):
        raise InputError(
            f"--environment {environment}: the outputs are those of {deployed.name}",
            hint="name the stack or the environment, not both",
        )
    return deployed.name


def all_ledgers(directory: Path, ledger: Path | None) -> "list[Ledger]":
    """Read every ledger of the project, and the named one. Raises InputError where there is none."""
    from onboarding.cli.ledgers import find_ledgers
    from onboarding.ledger_file import read_ledger

    found = {path.resolve() for path, _ in find_ledgers(None, None, ledger, directory)}
    # an address may stand in several environments' ledgers, so a named one never hides the others
    found |= {path.resolve() for path in (directory / "allowlist").glob("*.yaml")}
    return [read_ledger(path) for path in sorted(found)]


def insist_on_approval(address: "IPv4Address", ledgers: "list[Ledger]") -> None:
    """Raise Finding for an address that no ledger has as approved, ever."""
    if not any(address in one.ever_approved_addresses() for one in ledgers):
        names = ", ".join(one.environment for one in ledgers)
        raise Finding(
            f"{address} was never approved, says the ledger of {names}",
            hint="a new address does as well; to get this one all the same add --unapproved",
        )


def refuse_foreign(held: "Allocation", environment: str, slot: str, deployed: "Environment | None") -> None:
    """Raise Finding for an allocation that is tagged for something else, or for a stack that is not named."""
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
    # outputs that came from a file do not say which stack they are of
    named = {one.short_name for one in deployed.stacks} if deployed else {None}
    if held.stack is not None and named.isdisjoint({held.stack, None}):
        raise Finding(
            f"{held.address} ({held.allocation_id}) is still ours and tagged for stack {held.stack}",
            hint=f"adopt it there: --stack {held.stack}; once that stack is gone, name no stack but --region "
            "and --environment",
        )


def views_of(wanted: Iterable[tuple[str, str]]) -> Any:
    """Ask AWS about several regions: answers, and why others gave none."""
    from onboarding.aws.clients import Clients
    from onboarding.aws.views import read_views

    with terminal.working("asking AWS"):
        return read_views(Clients(), wanted)


def view_of(region: str) -> "RegionView":
    """Ask AWS about one region of the caller's account."""
    from onboarding.aws.clients import Clients
    from onboarding.aws.identity import CallerIdentity
    from onboarding.aws.network import NetworkReader

    clients = Clients()
    account = CallerIdentity(clients.client("sts", region)).account_id()
    with terminal.working(f"asking AWS about {region}"):
        return NetworkReader(clients.client("ec2", region)).view(region=region, account_id=account)


def egress_of_vpc(view: "RegionView", vpc_id: str) -> "Egress":
    """Return the ways out of a VPC that must be there. Raises InputError with those that are."""
    from onboarding.allowlist.discovery import egress_of

    try:
        return egress_of(view, vpc_id)
    except KeyError:
        known = ", ".join(sorted(one.id for one in view.vpcs)) or "none"
        raise InputError(
            f"--vpc {vpc_id}: not in account {view.account_id}, region {view.region}",
            hint=f"it has {known}",
        ) from None


def allocations_of(clients: Any, region: str) -> "tuple[Allocation, ...]":
    """Return every address of the account in a region."""
    from onboarding.aws.network import NetworkReader

    return NetworkReader(clients.client("ec2", region)).allocations()
