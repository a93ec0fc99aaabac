"""Which part of what AWS has is an environment's own: where to ask, and which ways out to answer for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from onboarding.allowlist.discovery import Egress, Exit, egress_of
from onboarding.allowlist.network_view import RegionView
from onboarding.deployment import Environment, Stack

Place: TypeAlias = tuple[str, str]
"""An account and a region."""
Views: TypeAlias = Mapping[Place, RegionView]
"""What AWS says at each place."""
Unanswered: TypeAlias = Mapping[Place, str]
"""Where AWS gave no usable answer → why."""


@dataclass(frozen=True)
class OwnEgress:
    """The ways out of a stack's VPC, by whether they are the environment's to declare."""

    egress: Egress
    ours: tuple[Exit, ...]
    """Out of our own subnets; of a VPC that our program made, all of them."""
    others: tuple[Exit, ...]
    """Out of somebody else's subnets in somebody else's VPC."""
    subnets: frozenset[str]
    """Our own private subnets in that VPC."""


def places(environment: Environment) -> tuple[Place, ...]:
    """Return where AWS has to be asked, sorted; nowhere for stacks of external addresses."""
    return tuple(sorted({place_of(stack) for stack in environment.stacks if in_aws(stack)}))


def in_aws(stack: Stack) -> bool:
    """Tell whether a stack has a network or an allocation of its own."""
    return stack.vpc_id is not None or any(not address.external for address in stack.addresses)


def place_of(stack: Stack) -> Place:
    """Return where a stack is deployed."""
    return stack.account_id, stack.region


def own_egress(environment: Environment, stack: Stack, view: RegionView) -> OwnEgress | None:
    """Tell ours from others' among the ways out of a stack's VPC; None where it is not in the view.

    ``stack`` names a VPC.
    """
    vpc = view.vpc(str(stack.vpc_id))
    if vpc is None:
        return None
    egress = egress_of(view, vpc.id)
    subnets = frozenset(
        subnet
        for other in environment.stacks
        if other.vpc_id == vpc.id
        for subnet in other.private_subnets.values()
    )

    def is_ours(way: Exit) -> bool:
        return bool(vpc.environment) or not subnets.isdisjoint(way.subnets)

    return OwnEgress(
        egress=egress,
        ours=tuple(way for way in egress.exits if is_ours(way)),
        others=tuple(way for way in egress.exits if not is_ours(way)),
        subnets=subnets,
    )
