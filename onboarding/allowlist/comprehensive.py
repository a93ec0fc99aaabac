"""Compares what the outputs declare with what AWS has: is the list comprehensive, and is it ours?

Flex Pay asks for a comprehensive list of server addresses (partner page "Authorization"). Every
difference becomes a Gap with its reason; none is resolved silently in either direction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from onboarding.allowlist.addresses import classify
from onboarding.allowlist.discovery import Egress, Exit, Kind, retained
from onboarding.allowlist.network_view import Allocation, RegionView
from onboarding.allowlist.own_egress import OwnEgress, Unanswered, Views, in_aws, own_egress, place_of
from onboarding.allowlist.submission import Gap
from onboarding.deployment import EgressAddress, Environment, Role, Stack

CANNOT_TELL = "cannot-tell"


@dataclass(frozen=True)
class Comparison:
    """What stands between the declared list and a comprehensive one."""

    gaps: tuple[Gap, ...]
    shared: frozenset[IPv4Address]
    """Addresses from which others leave as well."""
    notes: tuple[str, ...]
    """For the reader of the submission."""
    remarks: tuple[str, ...]
    """For the operator only."""


def compare(environment: Environment, views: Views, unanswered: Unanswered | None = None) -> Comparison:
    """Hold every declared address against AWS, and every way out of AWS against the declared ones."""
    gaps = [*_refused(environment), *_duplicates(environment)]
    remarks: list[str] = []
    for stack in environment.stacks:
        if not in_aws(stack):
            continue
        view = views.get(place_of(stack))
        if view is None:
            why = (unanswered or {}).get(place_of(stack), "it was not asked")
            gaps.append(
                Gap(
                    CANNOT_TELL,
                    f"{stack.source}: AWS does not say what is in account {stack.account_id}, region "
                    f"{stack.region}: {why}",
                )
            )
            continue
        gaps += _declared(stack, view)
        if stack.vpc_id is not None:
            own = own_egress(environment, stack, view)
            gaps += _ways_out(environment, stack, view, own)
            remarks += _of_others(stack, own)
    remarks += _kept(environment, views)
    unique = tuple(dict.fromkeys(gaps))
    shared = frozenset(gap.address for gap in unique if gap.code == "shared" and gap.address)
    return Comparison(unique, shared, tuple(_notes(environment)), tuple(dict.fromkeys(remarks)))


def _refused(environment: Environment) -> Iterator[Gap]:
    for declared in environment.addresses:
        if reason := classify(declared.address).refused:
            yield Gap("private", f"{declared.address} ({declared.slot}) is {reason}", declared.address)


def _notes(environment: Environment) -> Iterator[str]:
    for address in dict.fromkeys(declared.address for declared in environment.addresses):
        if note := classify(address).note:
            yield f"{address} is {note}."


def _duplicates(environment: Environment) -> Iterator[Gap]:
    holders: dict[str, EgressAddress] = {}
    for declared in environment.addresses:
        if declared.allocation_id is None:
            continue
        other = holders.setdefault(declared.allocation_id, declared)
        if other is not declared:
            yield Gap(
                "duplicated",
                f"{declared.allocation_id} is declared for {other.slot} and for {declared.slot}",
                declared.address,
            )


def _declared(stack: Stack, view: RegionView) -> Iterator[Gap]:
    for declared in stack.addresses:
        if not declared.external:
            yield from _one_declared(stack, view, declared)


def _one_declared(stack: Stack, view: RegionView, declared: EgressAddress) -> Iterator[Gap]:
    where = f"account {view.account_id}, region {view.region}"
    subject = f"{declared.address} ({declared.slot})"
    if declared.allocation_id is None:
        yield Gap("not-static", f"{subject} has no allocation, so AWS may take it away", declared.address)
        return
    held = view.allocation(declared.allocation_id)
    if held is None:
        yield Gap(
            "missing",
            f"{subject}: {declared.allocation_id} is not in {where}; the address is lost unless "
            f"`addresses recover {declared.address} --slot {declared.slot}` gets it back",
            declared.address,
        )
        return
    if held.address != declared.address:
        yield Gap(
            "missing",
            f"{subject}: {held.allocation_id} is {held.address} in AWS, not what the outputs say",
            declared.address,
        )
    if held.environment not in (None, stack.environment):
        yield Gap("shared", f"{subject} is tagged for environment {held.environment}", declared.address)
    yield from _carried(view, held, declared, subject)


def _carried(view: RegionView, held: Allocation, declared: EgressAddress, subject: str) -> Iterator[Gap]:
    holder = view.gateway_with(held.allocation_id)
    if holder is None and held.association_id:
        on = held.interface_id or held.association_id
        yield Gap("shared", f"{subject} is attached to {on}, which is not a NAT gateway", declared.address)
    elif holder is not None and holder.id != declared.nat_gateway_id:
        yield Gap(
            "undeclared",
            f"{subject} is on {holder.id}; the outputs say {declared.nat_gateway_id or 'it has no gateway'}",
            declared.address,
        )
    elif holder is None and declared.nat_gateway_id is not None:
        yield Gap(
            "missing",
            f"{subject}: {declared.nat_gateway_id} does not exist or does not hold it",
            declared.address,
        )
    elif holder is None and declared.role is Role.ACTIVE:
        yield Gap("missing", f"{subject} is active, but no NAT gateway has it", declared.address)


def _ways_out(
    environment: Environment, stack: Stack, view: RegionView, own: OwnEgress | None
) -> Iterator[Gap]:
    if own is None:
        yield Gap(
            "missing",
            f"{stack.source}: {stack.vpc_id} is not in account {view.account_id}, region {view.region}",
        )
        return
    declared = {address.address: address for address in environment.addresses}
    for exit_ in own.ours:
        yield from _judged(exit_, declared)
        if others := sorted(set(exit_.subnets) - own.subnets):
            yield from _shared(exit_, declared, others)
    yield from _unused(own.egress, stack)


def _of_others(stack: Stack, own: OwnEgress | None) -> Iterator[str]:
    for exit_ in own.others if own else ():
        yield f"{stack.vpc_id} has another way out, not from the declared subnets: {exit_.reason}"


def _judged(exit_: Exit, declared: Mapping[IPv4Address, EgressAddress]) -> Iterator[Gap]:
    if exit_.kind is Kind.IPV6:
        yield Gap("ipv6", exit_.reason)
    elif exit_.kind is Kind.ANY_PUBLIC:
        yield Gap("not-static", exit_.reason)
    elif exit_.address is None:
        yield Gap(CANNOT_TELL, exit_.reason)
    elif exit_.allocation_id is None:
        yield Gap("not-static", f"{exit_.address}: {exit_.reason}", exit_.address)
    elif exit_.address not in declared:
        yield Gap("undeclared", f"{exit_.address} is in no outputs: {exit_.reason}", exit_.address)


def _shared(exit_: Exit, declared: Mapping[IPv4Address, EgressAddress], others: list[str]) -> Iterator[Gap]:
    if exit_.kind is Kind.NAT and exit_.address in declared:
        yield Gap(
            "shared",
            f"{exit_.address}: {', '.join(others)} also leave{'s' if len(others) == 1 else ''} through "
            f"{exit_.via}, outside the declared subnets",
            exit_.address,
        )


def _unused(egress: Egress, stack: Stack) -> Iterator[Gap]:
    used = {exit_.address for exit_ in egress.exits if exit_.kind is Kind.NAT}
    for declared in stack.addresses:
        if declared.role is Role.ACTIVE and declared.nat_gateway_id and declared.address not in used:
            yield Gap(
                "missing",
                f"{declared.address} ({declared.slot}) is active, but no route of {egress.vpc_id} leads to "
                f"{declared.nat_gateway_id}",
                declared.address,
            )


def _kept(environment: Environment, views: Views) -> Iterator[str]:
    declared = {address.allocation_id for address in environment.addresses if address.allocation_id}
    for view in views.values():
        for one in retained(view, declared, environment.name):
            yield f"{one.allocation.address} ({one.allocation.allocation_id}): {one.reason}"
