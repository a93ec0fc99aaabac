"""Pure: what AWS has, condensed to what a reconciliation asks of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from onboarding.allowlist.discovery import Exit, Kind, egress_of
from onboarding.allowlist.network_view import RegionView
from onboarding.deployment import Environment, Stack
from onboarding.exit_codes import ExitCode

Place = tuple[str, str]
"""An account and a region."""


@dataclass(frozen=True)
class Actual:
    """What AWS has, over every account and region that could be asked."""

    allocated: Mapping[IPv4Address, str] = field(default_factory=dict)
    """Address → allocation ID."""
    carrying: Mapping[IPv4Address, str] = field(default_factory=dict)
    """Address from which traffic can leave → why, in one sentence."""
    nameless: tuple[tuple[ExitCode, str], ...] = ()
    """Ways out that have no address to put on a list, each with its weight and reason."""
    asked: frozenset[Place] = frozenset()
    unanswered: Mapping[Place, str] = field(default_factory=dict)
    """Where AWS gave no usable answer → why."""


def places(environment: Environment) -> tuple[Place, ...]:
    """Return where AWS has to be asked: wherever a stack has a network or an allocation."""
    return tuple(
        sorted(
            {
                (stack.account_id, stack.region)
                for stack in environment.stacks
                if stack.vpc_id or any(not address.external for address in stack.addresses)
            }
        )
    )


def actual_of(
    environment: Environment, views: Mapping[Place, RegionView], unanswered: Mapping[Place, str]
) -> Actual:
    """Condense the views of an environment's places."""
    allocated = {one.address: one.allocation_id for view in views.values() for one in view.allocations}
    carrying: dict[IPv4Address, str] = {}
    nameless: list[tuple[ExitCode, str]] = []
    for stack in environment.stacks:
        view = views.get((stack.account_id, stack.region))
        if view is None or stack.vpc_id is None:
            continue
        if stack.vpc_id not in {vpc.id for vpc in view.vpcs}:
            gone = f"{stack.source}: {stack.vpc_id} is not in account {view.account_id}, {view.region}"
            nameless.append((ExitCode.FINDING, gone))
            continue
        for way in _ours(environment, stack, view):
            if way.address is not None:
                carrying.setdefault(way.address, way.reason)
            else:
                # a network beyond ours may or may not use a listed address; the others never do
                weight = ExitCode.CANNOT_TELL if way.kind is Kind.ELSEWHERE else ExitCode.FINDING
                nameless.append((weight, way.reason))
    return Actual(
        allocated=allocated,
        carrying=carrying,
        nameless=tuple(dict.fromkeys(nameless)),
        asked=frozenset(views),
        unanswered=unanswered,
    )


def _ours(environment: Environment, stack: Stack, view: RegionView) -> Iterator[Exit]:
    """Yield the ways out of our own subnets; of a VPC that our program made, all of them."""
    ours = {
        subnet
        for other in environment.stacks
        if other.vpc_id == stack.vpc_id
        for subnet in other.private_subnets.values()
    }
    made_by_us = any(vpc.id == stack.vpc_id and vpc.environment for vpc in view.vpcs)
    for way in egress_of(view, str(stack.vpc_id)).exits:
        if way.kind is not Kind.IDLE and (made_by_us or ours & set(way.subnets)):
            yield way
