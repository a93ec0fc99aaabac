"""Decides, before anything is registered, what becomes of every slot and every zone's way out.

Pure: settings, what the stack already manages, what AWS holds under our tags and what the ledger
says go in; a plan, or every reason why there cannot be one, comes out.

Rules, each of which keeps an approved address where it is:

- An address that the stack manages is never imported again. (Measured: the engine takes a changed
  import ID as an order to replace, protected or not, and exits 0.)
- An address that the stack does not manage is adopted when AWS holds exactly one under the slot's
  tags, or when the settings name its allocation; two are an error.
- Nothing is allocated for a slot whose address was lost, or while approved addresses are missing.
- After the first roll-out a zone is attached when its address is approved for a merchant; what is
  attached already stays attached.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from stacks.model import AddressRole, EgressMode, Settings, SlotSettings, slot_zone


class PlanError(Exception):
    """The settings do not fit what exists; the message holds one line per reason, each with the way out."""


@dataclass(frozen=True)
class Allocation:
    """One Elastic IP address as AWS shows it."""

    allocation_id: str
    address: IPv4Address
    held_by: str | None = None
    """Association that holds it; None while nothing uses it."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Managed:
    """What the stack's own state holds from the last update."""

    addresses: Mapping[str, Allocation] = field(default_factory=dict)
    """By slot."""
    gateways: frozenset[str] = frozenset()
    """Slots that have a gateway."""
    routes: frozenset[str] = frozenset()
    """Zones whose private subnets have a default route."""
    zones: frozenset[str] = frozenset()
    """Zones that have subnets."""
    declared: Mapping[str, IPv4Address] = field(default_factory=dict)
    """Slot → address in the outputs of the last complete update."""


@dataclass(frozen=True)
class Found:
    """What AWS holds, as far as it was asked."""

    tagged: Mapping[str, tuple[Allocation, ...]] = field(default_factory=dict)
    """By slot: every address that carries the environment's and the slot's tag."""
    named: Mapping[str, Allocation | None] = field(default_factory=dict)
    """By allocation ID from the settings; None: AWS knows no such allocation here."""


@dataclass(frozen=True)
class Approvals:
    """What the ledger says, folded over the stack's merchants."""

    ever: bool = False
    """Whether any address of the environment was ever approved: the first roll-out is over."""
    current: frozenset[IPv4Address] = frozenset()
    """Approved today for at least one merchant of the stack."""
    past: frozenset[IPv4Address] = frozenset()
    """Approved at any time for anybody."""


@dataclass(frozen=True)
class SlotPlan:
    """What is registered for one slot."""

    slot: str
    adopt: str | None
    """Allocation to import; None: managed already, or to be allocated."""
    gateway: bool
    planned: bool
    """Named in egress.replace: the gateway's protection is lifted."""
    active: bool
    """Carries traffic once the plan is carried out."""

    @property
    def zone(self) -> str:
        """The zone of the slot."""
        return slot_zone(self.slot)


@dataclass(frozen=True)
class EgressPlan:
    """Every slot, and where every zone leaves; both sorted."""

    slots: tuple[SlotPlan, ...]
    exits: Mapping[str, str | None]
    """Zone → slot its private subnets leave through; None: no default route."""
    warnings: tuple[str, ...] = ()


def plan_egress(settings: Settings, managed: Managed, found: Found, approvals: Approvals) -> EgressPlan:
    """Decide the plan of the modes per-zone and single.

    Raises PlanError with every reason at once.
    """
    slots = settings.slots
    problems: list[str] = []
    adopt = {slot: _adopted(slot, entry, managed, found, problems) for slot, entry in slots.items()}
    _nothing_lost(slots, adopt, settings, managed, approvals, problems)
    known = {slot: _address(slot, adopt[slot], managed, found) for slot in slots}
    warnings: list[str] = []
    attached = {
        slot
        for slot, entry in slots.items()
        if entry.role is AddressRole.ACTIVE
        and _may_carry(slot, known[slot], settings, managed, approvals, warnings)
    }
    exits = _exits(settings, attached)
    _traffic_goes_on(exits, settings, managed, problems)
    if problems:
        raise PlanError("\n".join(problems))
    active = {slot for slot in exits.values() if slot}
    staying = {slot for slot in settings.egress.replace if slot in managed.gateways}
    return EgressPlan(
        slots=tuple(
            SlotPlan(
                slot=slot,
                adopt=adopt[slot],
                gateway=slot in active | staying,
                planned=slot in settings.egress.replace,
                active=slot in active,
            )
            for slot in slots
        ),
        exits=exits,
        warnings=tuple(warnings),
    )


def plan_without_gateways(
    settings: Settings, managed: Managed, found: Found, carrying: Mapping[str, str]
) -> EgressPlan:
    """Decide the plan of mode existing: addresses of ours, gateways of somebody else.

    ``carrying`` maps allocation IDs to the given gateways that use them.
    """
    slots = settings.slots
    problems: list[str] = []
    adopt = {
        slot: _adopted(slot, entry, managed, found, problems, may_be_held_by=frozenset(carrying))
        for slot, entry in slots.items()
    }
    if problems:
        raise PlanError("\n".join(problems))
    return EgressPlan(
        slots=tuple(
            SlotPlan(slot=slot, adopt=adopt[slot], gateway=False, planned=False, active=False)
            for slot in slots
        ),
        exits={},
    )


def _adopted(
    slot: str,
    entry: SlotSettings,
    managed: Managed,
    found: Found,
    problems: list[str],
    *,
    may_be_held_by: frozenset[str] = frozenset(),
) -> str | None:
    wanted = entry.allocation
    ours = managed.addresses.get(slot)
    tagged = found.tagged.get(slot, ())
    if ours is not None:
        if wanted not in (None, ours.allocation_id):
            problems.append(
                f"egress.addresses.{slot}.allocation: {wanted}, but the slot holds {ours.allocation_id} "
                f"({ours.address}); a different allocation is a different slot: name it under a free number "
                f"of the zone, and make it active there"
            )
        return None
    if len(tagged) > 1 and wanted is None:
        shown = ", ".join(f"{one.allocation_id} ({one.address})" for one in tagged)
        problems.append(
            f"slot {slot}: two addresses carry its tags: {shown}; take the flexpay:slot tag off the one that is "
            f"not to be used, or name the right one as egress.addresses.{slot}.allocation"
        )
        return None
    allocation = tagged[0] if tagged and wanted is None else None
    if wanted is not None:
        others = [one for one in tagged if one.allocation_id != wanted]
        if others and not any(one.allocation_id == wanted for one in tagged):
            problems.append(
                f"egress.addresses.{slot}.allocation: {wanted}, but the slot's tags are on "
                f"{others[0].allocation_id} ({others[0].address}); a different allocation is a different slot: "
                f"name it under a free number of the zone"
            )
            return None
        allocation = found.named.get(wanted)
        if allocation is None:
            problems.append(
                f"egress.addresses.{slot}.allocation: {wanted} is not an address of this account and region; "
                "see `flexpay-onboard addresses list`"
            )
            return None
    if allocation is None:
        return None
    if allocation.held_by and allocation.allocation_id not in may_be_held_by:
        problems.append(
            f"slot {slot}: {allocation.allocation_id} ({allocation.address}) is in use ({allocation.held_by}) by "
            "something that this stack does not manage; free it there first, or use mode existing"
        )
    return allocation.allocation_id


def _nothing_lost(
    slots: Iterable[str],
    adopt: Mapping[str, str | None],
    settings: Settings,
    managed: Managed,
    approvals: Approvals,
    problems: list[str],
) -> None:
    pass


def _address(slot: str, adopted: str | None, managed: Managed, found: Found) -> IPv4Address | None:
    if slot in managed.addresses:
        return managed.addresses[slot].address
    for one in (*found.tagged.get(slot, ()), *found.named.values()):
        if one is not None and one.allocation_id == adopted:
            return one.address
    return None


def _may_carry(
    slot: str,
    address: IPv4Address | None,
    settings: Settings,
    managed: Managed,
    approvals: Approvals,
    warnings: list[str],
) -> bool:
    if settings.egress.mode is EgressMode.SINGLE and slot_zone(slot) != settings.egress.gateway_zone:
        return False
    if not approvals.ever or address in approvals.current:
        return True
    if slot in managed.gateways:
        warnings.append(
            f"slot {slot}: {address} carries traffic and is approved for no merchant of this stack"
        )
        return True
    return False


def _exits(settings: Settings, attached: set[str]) -> dict[str, str | None]:
    by_zone = {slot_zone(slot): slot for slot in attached}
    if settings.egress.mode is EgressMode.SINGLE:
        return {zone: by_zone.get(settings.egress.gateway_zone or "") for zone in settings.zones}
    return {
        zone: by_zone.get(zone) or by_zone.get(settings.egress.via.get(zone, "")) for zone in settings.zones
    }


def _traffic_goes_on(
    exits: Mapping[str, str | None], settings: Settings, managed: Managed, problems: list[str]
) -> None:
    pass
