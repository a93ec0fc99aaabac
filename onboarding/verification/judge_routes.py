"""What the route tables say about each active address. Pure: from AWS's answers to verdicts."""

from collections.abc import Sequence

from onboarding.allowlist.discovery import Egress, Exit, Kind
from onboarding.deployment import EgressAddress, Role, Stack
from onboarding.errors import ToolkitError
from onboarding.verification.model import Outcome, Verdict

EXPECTED = "its private subnets leave from this address and from nowhere else"


def subnets_meant_for(stack: Stack, address: EgressAddress) -> dict[str, str]:
    """Return zone → private subnet of those that are declared to leave from an address."""
    if stack.egress_by_zone:
        zones = [zone for zone, slot in stack.egress_by_zone.items() if slot == address.slot]
    else:
        zones = [address.zone]
    return {zone: stack.private_subnets[zone] for zone in sorted(zones) if zone in stack.private_subnets}


def judge_routes(stack: Stack, egress: Egress) -> dict[str, Verdict]:
    """Return a verdict per active address that any private subnet is meant to leave from."""
    return {
        str(address.address): _judge(address, subnets, egress.exits)
        for address in stack.addresses
        if address.role is Role.ACTIVE and (subnets := subnets_meant_for(stack, address))
    }


def unread(stack: Stack, error: ToolkitError) -> dict[str, Verdict]:
    """Return the verdicts where AWS gave no usable answer."""
    return {
        str(address.address): Verdict(Outcome.ERROR, str(error), EXPECTED, error.hint)
        for address in stack.addresses
        if address.role is Role.ACTIVE and subnets_meant_for(stack, address)
    }


def _judge(address: EgressAddress, subnets: dict[str, str], exits: Sequence[Exit]) -> Verdict:
    wrong, unknown, beside = [], [], []
    for zone, subnet in subnets.items():
        ways = [one for one in exits if subnet in one.subnets]
        if not any(one.address == address.address for one in ways):
            wrong.append(f"{zone}: {subnet} has no way out through it")
        for one in ways:
            if one.kind is Kind.IPV6:
                beside.append(f"{zone}: {one.reason}")
            elif not one.certain and one.kind is Kind.ELSEWHERE:
                unknown.append(f"{zone}: {one.reason}")
            elif one.address != address.address:
                wrong.append(f"{zone}: {one.reason} ({one.address or 'any address'})")
    evidence = {"subnets": sorted(subnets.values()), "natGateway": address.nat_gateway_id}
    if wrong:
        step = "run `pulumi preview --refresh`: the routes are not what the program declares"
        return Verdict(Outcome.FAIL, "; ".join(wrong + unknown + beside), EXPECTED, step, evidence)
    if unknown:
        step = "ask whoever runs that network which address it leaves from, and declare it as external"
        return Verdict(Outcome.ERROR, "; ".join(unknown + beside), EXPECTED, step, evidence)
    if beside:
        step = "take the IPv6 route away, or keep applications to IPv4"
        return Verdict(Outcome.WARN, "; ".join(beside), EXPECTED, step, evidence)
    zones = ", ".join(subnets)
    return Verdict(
        Outcome.PASS, f"{zones} through {address.nat_gateway_id or 'its gateway'}", EXPECTED, "", evidence
    )
