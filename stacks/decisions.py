"""Decides everything about one stack before anything is registered."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stacks.adoption import adoptions
from stacks.egress_plan import EgressPlan, SlotPlan, owned_by, plan_egress
from stacks.existing import ExistingNetwork, Gateway, look_existing, slots_of
from stacks.fixed import refuse_moves
from stacks.lookups import gather, read_managed
from stacks.model import StackConfig
from stacks.schema import EgressMode


class Decisions(NamedTuple):
    """What is to be registered, and what of it exists."""

    plan: EgressPlan
    existing: ExistingNetwork | None = None
    gateways: Mapping[str, Gateway] = {}
    """Mode existing: slot → gateway that leaves from its address."""

    @property
    def exits(self) -> Mapping[str, str | None]:
        """Zone → slot that its private subnets leave through; None: they have no default route."""
        if self.existing is None:
            return self.plan.exits or {}
        by_zone = {gateway.zone: slot for slot, gateway in self.gateways.items()}
        return {zone: by_zone.get(through or "") for zone, through in self.existing.exits.items()}


def decide(config: StackConfig, project: Path) -> Decisions:
    """Look at state, AWS and ledger, and decide; ``project`` is the folder that holds the ledgers.

    Raises Refused with every reason.
    """
    settings = config.settings
    managed = read_managed()
    refuse_moves(config, managed)
    if settings.egress.mode is EgressMode.EXTERNAL:
        return Decisions(EgressPlan())
    facts = gather(settings, managed, project)
    if settings.egress.mode is not EgressMode.EXISTING:
        return Decisions(plan_egress(settings, facts))
    network = look_existing(settings)
    gateways = slots_of(settings, facts, network)
    carrying = frozenset(gateway.allocation_id for gateway in gateways.values())
    slots = tuple(
        SlotPlan(
            slot,
            one.allocation_id if one else None,
            gateway=False,
            planned=False,
            active=False,
            owned=owned_by(slot, facts),
        )
        for slot, one in adoptions(settings, facts, carrying=carrying).items()
    )
    return Decisions(EgressPlan(slots), network, gateways)
