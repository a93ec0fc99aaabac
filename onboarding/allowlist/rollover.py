"""Pure: where a change of address stands, and which step is due.

An address is changed by make-before-break: a spare is allocated in the zone, submitted and
approved, gets a gateway and the zone's route, and is proven; only then the old gateway goes, the
partner takes the old address off its list, and it is released. Nothing is remembered in between:
outputs, ledgers, AWS and proofs say it all, so whoever asks gets the same answer. Verdicts are
those of the reconciliation.
"""

from collections.abc import Iterator, Sequence
from operator import attrgetter

from onboarding.allowlist.rollover_facts import Facts
from onboarding.allowlist.rollover_move import (
    ARRIVAL,
    DEPARTURE,
    Held,
    Move,
    Stage,
    State,
    Step,
    World,
)
from onboarding.allowlist.verdicts import Status
from onboarding.deployment import Stack
from onboarding.exit_codes import ExitCode, worst

SLOTS_PER_ZONE = 8


def under_way(world: World) -> list[Move]:
    """Return every move that has begun and is not over.

    A spare that is approved and has no gateway is at rest, and so is an active address.
    """
    moves = []
    for stack in world.environment.stacks:
        for zone, held in sorted(_zones(world, stack).items()):
            pairs = list(dict.fromkeys(_begun(world, held)))
            moves += [_move(world, stack, zone, old, new) for old, new in pairs]
    return [move for move in moves if move.current or move.problems]


def move_of(world: World, slot: str, to: str | None = None) -> Move | None:
    """Return the move that takes ``slot`` out of service, begun or not; None where nothing is left of it.

    A slot whose address was never approved is taken as where its zone moves to. Raises ValueError
    for a zone that no stack has, and where ``to`` is not another slot of the zone.
    """
    zone = slot.partition("/")[0]
    known = False
    for stack in world.environment.stacks:
        held = _zones(world, stack).get(zone, [])
        known = known or bool(held) or zone in stack.private_subnets
        named = _named(held, slot)
        if named is None:
            continue
        active = next((one for one in held if one.active and one != named), None)
        if to is not None:
            target = _named(held, to)
            if target is None or target == named:
                raise ValueError(f"{to} is not another slot of zone {zone}")
            return _move(world, stack, zone, named, target)
        if named.active:
            return _move(world, stack, zone, named, _best_spare(world, held))
        if named.declared and named.address not in world.ledger.ever_approved_addresses():
            return _move(world, stack, zone, active, named)
        return _move(world, stack, zone, named, active)
    if known:
        return None
    raise ValueError(f"no stack of {world.environment.name} has zone {zone}")


def _zones(world: World, stack: Stack) -> dict[str, list[Held]]:
    """Return a stack's addresses by zone, ordered by slot; addresses run by others are not ours to move."""
    held = [
        Held(one.slot, one.address, one)
        for one in stack.addresses
        if not one.external and one.allocation_id is not None
    ]
    only_one = sum(other.region == stack.region for other in world.environment.stacks) == 1
    for one in world.left.get(stack.region, ()):
        zone = (one.slot or "").partition("/")[0]
        if one.slot and (only_one or zone in stack.private_subnets):
            held.append(Held(one.slot, one.address))
    found: dict[str, list[Held]] = {}
    for each in sorted(held, key=attrgetter("slot", "address")):
        found.setdefault(each.slot.partition("/")[0], []).append(each)
    return found


def _named(held: Sequence[Held], slot: str) -> Held | None:
    return next((one for one in held if one.slot == slot), None)


def _best_spare(world: World, held: Sequence[Held]) -> Held | None:
    """Choose the spare that is furthest on its way; one that AWS has no more comes last."""

    def rank(one: Held) -> tuple[int, str]:
        known = {row.status for row in world.rows(one)}
        if Status.LOST in known:
            return 3, one.slot
        return 0 if world.let_in(one) else 2 if Status.UNSUBMITTED in known else 1, one.slot

    spares = [one for one in held if one.declared and not one.active and not world.retired(one)]
    return min(spares, key=rank, default=None)


def _begun(world: World, held: Sequence[Held]) -> Iterator[tuple[Held | None, Held | None]]:
    """Yield old and new of every move that a zone's addresses give away."""
    carrying = next((one for one in held if one.active), None)
    approved_once = world.ledger.ever_approved_addresses()
    for one in held:
        if one.active:
            if any(row.status is Status.LOST for row in world.rows(one)):
                yield one, _best_spare(world, held)
            elif world.problems(one):
                yield next((other for other in held if other.gateway and not other.active), None), one
        elif one.declared is None or world.retired(one) or (one.gateway and one.address in approved_once):
            yield one, carrying
        elif not world.let_in(one):
            yield carrying, one


def _move(world: World, stack: Stack, zone: str, old: Held | None, new: Held | None) -> Move:
    zone_slots = {one.slot for one in _zones(world, stack).get(zone, ())}
    # what no stack declares any more carries nothing, so nothing has to come in its place
    arriving = old.declared and (new or old.active) if old else True
    steps = (*(ARRIVAL if arriving else ()), *(DEPARTURE if old else ()))
    facts = Facts(world, stack, old, new)
    stages: list[Stage] = []
    pending = False
    for step in steps:
        done, fact = facts.of(step)
        if done:
            state = State.DONE
        elif pending:
            state = State.LATER
        elif done is None:
            state = State.UNKNOWN
        else:
            state = State.WAITING if step is Step.APPROVAL else State.DUE
        pending = pending or not done
        stages.append(Stage(step, state, fact))
    problems = tuple(facts.problems())
    numbers = (f"{zone}/{number}" for number in range(1, SLOTS_PER_ZONE + 1))
    return Move(
        stack=stack,
        zone=zone,
        old=old,
        new=new,
        stages=tuple(stages),
        stacks=world.environment.stacks,
        problems=problems,
        # a slot that AWS still has an address for would adopt that one
        free_slot=next((slot for slot in numbers if slot not in zone_slots), None),
        way_back=bool(
            problems and new and new.active and old and old.gateway and not old.active and world.let_in(old)
        ),
    )


def outcome(world: World, moves: Sequence[Move]) -> ExitCode:
    """Weigh moves; where AWS gave no answer nobody can say that none is under way."""
    unanswered = world.report.actual and world.report.actual.unanswered
    return worst(
        [ExitCode.HOLDS, *(move.outcome for move in moves), *([ExitCode.CANNOT_TELL] if unanswered else [])]
    )
