"""Decides what becomes of every slot and of every zone's way out; pure.

During the first roll-out every active address is attached at once. Afterwards growing is always
allocate → submit → approved → attach: an address that is approved for no merchant of the stack
gets no gateway. What carries traffic already is never detached by this rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stacks.adoption import Refused, adoptions
from stacks.facts import Allocation, Facts
from stacks.schema import AddressRole, EgressMode, Settings
from stacks.values import slot_zone

GATEWAY_MONTH_USD = 32.85
"""NAT gateway: 0.045 $/h for 730 h, us-east-1 list price of September 2026. The address costs either way."""


@dataclass(frozen=True)
class SlotPlan:
    """What is registered for one slot."""

    slot: str
    adopt: str | None
    """Allocation to import; None: managed already, or to be allocated."""
    gateway: bool
    planned: bool
    """Named in egress.replace, which lifts the protection of its gateway."""
    active: bool
    """Carries traffic once the plan is carried out."""
    owned: str | None = None
    """Allocation that the stack's state has for it already."""
    adopt_gateway: str | None = None
    """Gateway to import: an update broke off after AWS had made it and before the state knew."""

    @property
    def zone(self) -> str:
        """The zone of the slot."""
        return slot_zone(self.slot)


@dataclass(frozen=True)
class EgressPlan:
    """Every slot, and where every zone leaves; both sorted."""

    slots: tuple[SlotPlan, ...] = ()
    exits: Mapping[str, str | None] | None = None
    """Zone → slot its private subnets leave through; None: no default route. Not set: not our routes."""
    warnings: tuple[str, ...] = ()


def plan_egress(settings: Settings, facts: Facts) -> EgressPlan:
    """Decide the plan of the modes per-zone and single.

    Raises Refused: either with every slot whose address does not fit, or with every zone whose
    traffic would stop.
    """
    adopted = adoptions(settings, facts)
    warnings = _cost(settings)
    attached = set()
    for slot in (slot for slot in adopted if _wanted(slot, settings)):
        held = facts.managed.addresses.get(slot) or adopted[slot]
        if _let_in(held, facts):
            attached.add(slot)
        elif slot in facts.managed.gateways:
            attached.add(slot)
            warnings.append(
                f"slot {slot}: {held} carries traffic and is approved for no merchant of this stack; the "
                "partner may refuse it"
            )
        else:
            warnings.append(
                f"slot {slot}: {held or 'its new address'} is not approved yet and gets no gateway; submit "
                "it, and run `pulumi up` again once the approval is recorded"
            )
    exits = _exits(settings, attached)
    used = {slot for slot in exits.values() if slot}
    staying = set(settings.egress.replace) & facts.managed.gateways
    if settings.protect:
        _traffic_goes_on(facts, exits, used | staying)
    return EgressPlan(
        slots=tuple(
            SlotPlan(
                slot=slot,
                adopt=allocation.allocation_id if allocation else None,
                gateway=slot in used | staying,
                planned=slot in settings.egress.replace,
                active=slot in used,
                owned=owned_by(slot, facts),
                adopt_gateway=_unfinished(slot, facts),
            )
            for slot, allocation in adopted.items()
        ),
        exits=exits,
        warnings=tuple(warnings),
    )


def owned_by(slot: str, facts: Facts) -> str | None:
    """Return the allocation that the stack's own state has for a slot."""
    ours = facts.managed.addresses.get(slot)
    return ours.allocation_id if ours else None


def _unfinished(slot: str, facts: Facts) -> str | None:
    found = facts.found.gateways.get(slot, ())
    if len(found) > 1:
        raise Refused(
            f"slot {slot}: {len(found)} NAT gateways carry its tags: {', '.join(found)}; take the tag "
            "flexpay:slot off all but the one that holds the slot's address"
        )
    return found[0] if found else None


def _wanted(slot: str, settings: Settings) -> bool:
    """Tell whether the settings give the slot a gateway."""
    if settings.slots[slot].role is not AddressRole.ACTIVE:
        return False
    return settings.egress.mode is not EgressMode.SINGLE or slot_zone(slot) == settings.egress.gateway_zone


def _let_in(held: Allocation | None, facts: Facts) -> bool:
    return not facts.approvals.ever or (held is not None and held.address in facts.approvals.current)


def _exits(settings: Settings, attached: set[str]) -> dict[str, str | None]:
    by_zone = {slot_zone(slot): slot for slot in attached}
    if settings.egress.mode is EgressMode.SINGLE:
        return dict.fromkeys(settings.zones, next(iter(attached), None))
    via = settings.egress.via
    return {zone: by_zone.get(zone) or by_zone.get(via.get(zone, "")) for zone in settings.zones}


def _traffic_goes_on(facts: Facts, exits: Mapping[str, str | None], gateways: set[str]) -> None:
    """Refuse a plan that takes the way out from a zone that has one, or a gateway from under its traffic."""
    problems = []
    for zone, today in sorted(facts.managed.exits.items()):
        if zone in exits and exits[zone] is None:
            problems.append(
                f"zone {zone}: leaves through {today} today and would have no way out: what is active there "
                f"now is not approved. Leave {today} active until it is, or set egress.via.{zone}"
            )
    for slot in sorted(set(facts.managed.exits.values()) & facts.managed.gateways - gateways):
        if slot_zone(slot) not in exits:
            problems.append(
                f"slot {slot}: its gateway carries traffic, and its zone is not in network.zones any more. "
                "Put the zone back. To give it up, stop what calls from it, have its addresses retired, run "
                "`pulumi up` once with protect: false, and only then take the zone out"
            )
            continue
        problems.append(
            f"slot {slot}: its gateway carries traffic and would go in the same update that moves the "
            f"traffic. Name {slot} in egress.replace for this update, and take it off in the next: that "
            "deletes it"
        )
    if problems:
        raise Refused("\n".join(problems))


def _cost(settings: Settings) -> list[str]:
    if settings.egress.mode is not EgressMode.SINGLE or len(settings.zones) == 1:
        return []
    saved = GATEWAY_MONTH_USD * (len(settings.zones) - 1)
    return [
        f"mode single: one gateway in {settings.egress.gateway_zone} serves {len(settings.zones)} zones. It "
        f"saves about ${saved:.2f} a month (us-east-1 list prices, September 2026) and costs $0.02 per GB "
        f"between zones; when {settings.egress.gateway_zone} fails, no zone reaches the partner"
    ]
