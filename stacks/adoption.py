"""Which existing address a slot takes over; pure.

An address that the stack manages never gets another import ID than its own: the engine takes a changed
one as an order to replace, protected or not, and exits 0 (measured). Everything else is found by its
tags or by name, and nothing is allocated in place of an address that was lost.
"""

from collections.abc import Mapping

from stacks.facts import Allocation, Facts
from stacks.schema import Settings, SlotSettings

RECOVER = "flexpay-onboard addresses recover"
MOVING = "docs/runbooks/moving.md"


class Refused(Exception):  # noqa: N818 - a decision, not a malfunction
    """The settings do not fit what exists; the message says why and names the way out."""


def adoptions(
    settings: Settings, facts: Facts, *, carrying: frozenset[str] = frozenset()
) -> Mapping[str, Allocation | None]:
    """Return for every slot the allocation to import.

    None where the stack manages one already, or a new one is to be allocated. ``carrying`` are
    allocations on gateways that the settings name, which are therefore allowed to be in use.
    Raises Refused with a line per slot that does not fit.
    """
    chosen: dict[str, Allocation | None] = {}
    problems: list[str] = _missing(settings, facts)
    for slot, entry in settings.slots.items():
        try:
            chosen[slot] = _for_slot(slot, entry, settings, facts, carrying)
        except Refused as refused:
            problems.append(str(refused))
    if problems:
        raise Refused("\n".join(problems))
    return chosen


def _missing(settings: Settings, facts: Facts) -> list[str]:
    """Refuse to start over while addresses are promised to the partner and nobody holds them."""
    if facts.managed.remembers:
        return []
    accounted = facts.found.environment | {one.address for one in facts.found.named.values()}
    missing = sorted(facts.approvals.promised - accounted - set(settings.egress.elsewhere))
    if not missing:
        return []
    shown = ", ".join(map(str, missing))
    return [
        f"environment {settings.environment}: the ledger has {shown}, and no address here carries the "
        f"environment's tag and this value. If it was released: {RECOVER} {missing[0]} --slot SLOT. If "
        f"another stack holds it: name it in egress.elsewhere. If it was given up: record it as retired"
    ]


def _for_slot(
    slot: str, entry: SlotSettings, settings: Settings, facts: Facts, carrying: frozenset[str]
) -> Allocation | None:
    ours = facts.managed.addresses.get(slot)
    if ours is not None:
        _stays(slot, entry, ours, facts)
        return None
    chosen = _named(slot, entry.allocation, facts) if entry.allocation else _tagged(slot, facts)
    if chosen and not entry.allocation and _of_another_stack(chosen, facts):
        raise Refused(
            f"slot {slot}: {chosen} carries its tags and belongs to stack {chosen.stack}; no address is held "
            f"by two. Take another number for this slot, or, once stack {chosen.stack} is gone or has given "
            f"it up, name it: egress.addresses.{slot}.allocation: {chosen.allocation_id}"
        )
    declared = facts.managed.declared.get(slot)
    if chosen is None:
        if declared in facts.approvals.promised:
            raise Refused(
                f"slot {slot}: its address {declared} is known to the partner and is neither in this stack "
                f"nor in AWS under the slot's tags; a new one would not be let in: {RECOVER} {declared} "
                f"--slot {slot}. If it was handed to another account: {MOVING}"
            )
        return None
    if declared in facts.approvals.promised and declared != chosen.address:
        raise Refused(
            f"slot {slot}: its tags are on {chosen}, but its address was {declared}, which the partner "
            f"knows: put the tags back, or {RECOVER} {declared} --slot {slot}"
        )
    if (chosen.environment, chosen.slot) not in ((None, None), (settings.environment, slot)):
        raise Refused(
            f"slot {slot}: {chosen} belongs to slot {chosen.slot} of environment {chosen.environment}; an "
            "allocation fills exactly one slot"
        )
    if chosen.held_by and chosen.allocation_id not in carrying:
        raise Refused(
            f"slot {slot}: {chosen} is in use by {chosen.held_by}, which this stack does not manage; free it "
            "there first, or use mode existing"
        )
    if not chosen.fits_zone:
        raise Refused(
            f"slot {slot}: {chosen} belongs to another network border group than the zone, so no gateway "
            "there can use it"
        )
    return chosen


def _stays(slot: str, entry: SlotSettings, ours: Allocation, facts: Facts) -> None:
    if entry.allocation not in (None, ours.allocation_id):
        raise Refused(
            f"egress.addresses.{slot}.allocation: {entry.allocation}, but the slot holds {ours}; a different "
            "allocation is a different slot: name it under a free number of the zone"
        )
    others = facts.found.tagged.get(slot, ())
    foreign = [one for one in others if _of_another_stack(one, facts)]
    if foreign:
        raise Refused(
            f"slot {slot}: it holds {ours}, and {foreign[0]} of stack {foreign[0].stack} carries the same "
            "slot's tags; two stacks of one environment and region need different slots. Leave both as they "
            "are, and give the newer one a free number of the zone"
        )
    known = facts.approvals.promised
    exchanged = [] if ours.address in known else [one for one in others if one.address in known]
    if exchanged:
        raise Refused(
            f"slot {slot}: this stack's state holds {ours}, but the partner knows {exchanged[0]}, which "
            f"carries the slot's tags too: an update exchanged the address. Keep {exchanged[0]}. Put the "
            "state of before that update back (`pulumi stack import` of an earlier `pulumi stack export`, or "
            f"of the backend's backup), and take the tag flexpay:slot off {ours.allocation_id}"
        )
    if others:
        raise Refused(
            f"slot {slot}: it holds {ours}, and {', '.join(map(str, others))} carries its tags too, from an "
            "answer of AWS that got lost or a replacement; take the tag flexpay:slot off it, or release it"
        )
    if ours.allocation_id in facts.found.gone:
        raise Refused(
            f"slot {slot}: {ours} is in this stack's state and AWS holds it no more: somebody released it. "
            f"{RECOVER} {ours.address} --slot {slot}, then `pulumi refresh`. If it was handed to another "
            f"account: {MOVING}"
        )


def _of_another_stack(one: Allocation, facts: Facts) -> bool:
    return one.stack not in (None, facts.managed.stack)


def _named(slot: str, wanted: str, facts: Facts) -> Allocation:
    others = [one for one in facts.found.tagged.get(slot, ()) if one.allocation_id != wanted]
    if others:
        raise Refused(
            f"egress.addresses.{slot}.allocation: {wanted}, but the slot's tags are on {others[0]}; a "
            "different allocation is a different slot: name it under a free number of the zone"
        )
    if wanted not in facts.found.named:
        raise Refused(
            f"egress.addresses.{slot}.allocation: {wanted} is not an address of this account and region; see "
            "`flexpay-onboard addresses discover`"
        )
    return facts.found.named[wanted]


def _tagged(slot: str, facts: Facts) -> Allocation | None:
    tagged = facts.found.tagged.get(slot, ())
    if len(tagged) > 1:
        raise Refused(
            f"slot {slot}: {len(tagged)} addresses carry its tags: {', '.join(map(str, tagged))}; take the "
            "tag flexpay:slot off all but the right one"
        )
    return tagged[0] if tagged else None
