"""Pure: what AWS has, condensed to what a reconciliation asks of it."""

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from onboarding.allowlist.discovery import Kind
from onboarding.allowlist.own_egress import Place, Unanswered, Views, own_egress, place_of
from onboarding.deployment import Environment
from onboarding.exit_codes import ExitCode


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
    """Where AWS answered."""
    unanswered: Unanswered = field(default_factory=dict)


def actual_of(environment: Environment, views: Views, unanswered: Unanswered) -> Actual:
    """Condense the views of an environment's places."""
    carrying: dict[IPv4Address, str] = {}
    nameless: list[tuple[ExitCode, str]] = []
    for stack in environment.stacks:
        view = views.get(place_of(stack))
        if view is None or stack.vpc_id is None:
            continue
        own = own_egress(environment, stack, view)
        if own is None:
            gone = f"{stack.source}: {stack.vpc_id} is not in account {view.account_id}, {view.region}"
            nameless.append((ExitCode.FINDING, gone))
            continue
        for way in own.ours:
            if way.kind is Kind.IDLE:
                continue
            if way.address is not None:
                carrying.setdefault(way.address, way.reason)
            else:
                # a network beyond ours may or may not use a listed address; the others never do
                weight = ExitCode.CANNOT_TELL if way.kind is Kind.ELSEWHERE else ExitCode.FINDING
                nameless.append((weight, way.reason))
    return Actual(
        # a region's own index, which all environments in it share
        allocated=ChainMap(*(view.allocated for view in views.values())),
        carrying=carrying,
        nameless=tuple(dict.fromkeys(nameless)),
        asked=frozenset(views),
        unanswered=unanswered,
    )
