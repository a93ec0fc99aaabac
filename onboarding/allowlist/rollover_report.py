"""Pure: moves as text for people and JSON values for programs."""

from collections.abc import Sequence
from typing import Any

from onboarding.allowlist.rollover import outcome
from onboarding.allowlist.rollover_guide import MEANING, instructions, stack_name, way_back
from onboarding.allowlist.rollover_move import Held, Move, State, World

ROLLOVER_VERSION = 1
_MARK = {
    State.DONE: "done",
    State.DUE: "DUE",
    State.WAITING: "WAITING",
    State.LATER: "later",
    State.UNKNOWN: "cannot tell",
}
_WIDTH = max(map(len, _MARK.values()))


def as_text(world: World, moves: Sequence[Move]) -> str:
    """Return every move with its steps, and what to do for the one that is due."""
    asked = "AWS was not asked" if world.report.actual is None else "compared with AWS"
    lines = [f"{world.environment.name}: {asked}"]
    for move in moves:
        lines += ["", *_move(move)]
    if not moves:
        lines.append("no change of address is under way")
    for (account, region), why in sorted(
        world.report.actual.unanswered.items() if world.report.actual else ()
    ):
        lines.append(f"cannot tell: account {account}, {region}: {why}")
    code = outcome(world, moves)
    return "\n".join([*lines, "", f"result={code.word} moves={len(moves)} exit={code.value}"])


def _move(move: Move) -> list[str]:
    lines = [f"zone {move.zone} ({move.stack.region}): {_end(move.old)} -> {_end(move.new)}"]
    for number, stage in enumerate(move.stages, 1):
        # what comes later is told by its meaning, since its fact is only that it is not done
        said = MEANING[stage.step] if stage.state is State.LATER else stage.fact
        lines.append(f"  {number}. {_MARK[stage.state].ljust(_WIDTH)}  {stage.step.value.ljust(8)}  {said}")
    for problem, remedy in move.problems:
        lines.append(f"  out of order: {problem}")
        lines += [f"    next: {remedy}"] if remedy else []
    if move.problems:
        return lines + [f"    {line}" for line in way_back(move)]
    current = move.current
    if current is None:
        return [*lines, "  complete"]
    lines.append(f"  next, {current.step}: {MEANING[current.step]}")
    return lines + [f"    {line}" for line in instructions(move, current.step)]


def _end(held: Held | None) -> str:
    return f"{held.address} ({held.slot})" if held else "none"


def as_document(world: World, moves: Sequence[Move]) -> dict[str, Any]:
    """Return the same as JSON values."""
    code = outcome(world, moves)
    return {
        "rolloverVersion": ROLLOVER_VERSION,
        "environment": world.environment.name,
        "comparedWithAws": world.report.actual is not None,
        "exitCode": code.value,
        "moves": [_document(move) for move in moves],
    }


def _document(move: Move) -> dict[str, Any]:
    current = move.current
    return {
        "stack": stack_name(move),
        "region": move.stack.region,
        "zone": move.zone,
        "old": _held(move.old),
        "new": _held(move.new),
        "exitCode": move.outcome.value,
        "due": current.step.value if current else None,
        "steps": [
            {"step": stage.step.value, "state": stage.state.value, "fact": stage.fact}
            for stage in move.stages
        ],
        "problems": [{"reason": problem, "next": remedy or None} for problem, remedy in move.problems],
        "instructions": list(instructions(move, current.step)) if current and not move.problems else [],
    }


def _held(held: Held | None) -> dict[str, Any] | None:
    if held is None:
        return None
    return {
        "slot": held.slot,
        "address": str(held.address),
        "role": held.declared.role.value if held.declared else None,
        "natGatewayId": held.gateway,
    }
