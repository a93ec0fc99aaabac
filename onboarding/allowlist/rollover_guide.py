"""Pure: what to do for the step that is due, to the letter: settings to edit, commands to run.

Nothing here is carried out by the toolkit; `pulumi` is run by whoever reads it.
"""

from collections.abc import Iterable

from onboarding.allowlist.rollover_move import Held, Move, Step
from onboarding.deployment import Role, Stack

PLAN = (
    "pulumi preview --stack {stack} --json --show-sames --save-plan plan.json > preview.json",
    "flexpay-onboard guard preview.json --plan plan.json",
    "pulumi up --stack {stack} --plan plan.json",
)

MEANING = {
    Step.ALLOCATE: "a spare in the zone, with no gateway and no traffic",
    Step.SUBMIT: "the new address handed in for review, for every merchant",
    Step.APPROVAL: "the partner approves it, for every merchant",
    Step.ATTACH: "a gateway for the new address, then the zone's route moves to it",
    Step.VERIFY: "a call from the new address succeeds, for every merchant",
    Step.DETACH: "the old gateway goes; until then it is the way back",
    Step.RETIRE: "the partner confirms that it lets the old address in no more",
    Step.DROP: "the stack forgets the old address; AWS keeps it",
    Step.RELEASE: "the old address is given up for good",
}


def instructions(move: Move, step: Step) -> tuple[str, ...]:
    """Return the lines that carry out a step of a move; edits come before the commands that need them."""
    return tuple(_filled(move, line) for line in _Guide(move).to(step))


def _filled(move: Move, line: str) -> str:
    every = " ".join(map(_option, move.stacks))
    line = line.replace("{every}", every).replace("{outputs}", _option(move.stack))
    return line.replace("{stack}", stack_name(move)).replace("{file}", move.stack.settings_file)


def _option(stack: Stack) -> str:
    return f"-s {stack.name}" if stack.name else f"--outputs {stack.source}"


def way_back(move: Move) -> tuple[str, ...]:
    """Return how to move traffic back to the old address, where that one is approved and still stands by."""
    if not (move.way_back and move.new and move.old):
        return ()
    lines = (
        f"or back to {move.old.address}, which still has its gateway; in {{file}}:",
        *_edit(move, active=move.old, spare=move.new),
        *PLAN,
    )
    return tuple(_filled(move, line) for line in lines)


def stack_name(move: Move) -> str:
    """Return the stack's name; a placeholder where outputs came from a file."""
    return move.stack.name or "<stack>"


def _edit(move: Move, *, active: Held, spare: Held) -> Iterable[str]:
    yield "  flexpay-egress:egress:"
    yield "    addresses:      # leave all other lines, and every `allocation:`, as they are"
    yield f"      {active.slot}: {{ role: active }}"
    yield f"      {spare.slot}: {{ role: spare }}"
    yield f"    replace: [{spare.slot}]"


class _Guide:
    def __init__(self, move: Move) -> None:
        self._move = move

    def to(self, step: Step) -> Iterable[str]:
        return {
            Step.ALLOCATE: self._allocate,
            Step.SUBMIT: self._submit,
            Step.APPROVAL: self._approval,
            Step.ATTACH: self._attach,
            Step.VERIFY: self._verify,
            Step.DETACH: self._detach,
            Step.RETIRE: self._retire,
            Step.DROP: self._drop,
            Step.RELEASE: self._release,
        }[step]()

    def _allocate(self) -> Iterable[str]:
        move = self._move
        own = {one.slot: one.role for one in move.stack.addresses if not one.external}
        free = move.free_slot
        if free is None:
            yield f"every slot of zone {move.zone} is taken: release an address first"
            return
        yield f"in {{file}} add the line of {free} (without a map, write all of them):"
        yield "  flexpay-egress:egress:"
        yield "    addresses:"
        for slot, role in sorted((own | {free: Role.SPARE}).items()):
            yield f"      {slot}: {{ role: {role} }}{'      # new' if slot == free else ''}"
        yield from PLAN

    def _submit(self) -> Iterable[str]:
        yield "flexpay-onboard allowlist draft {every} --out submissions"
        yield "hand the package in, then"
        yield (
            "flexpay-onboard allowlist record submitted {every} --submission submissions --reference TICKET"
        )

    def _approval(self) -> Iterable[str]:
        address = self._move.new.address if self._move.new else ""
        yield "when the partner has answered:"
        yield f"flexpay-onboard allowlist record approved {{every}} --address {address} --reference TICKET"
        yield "or `record rejected` instead, with the reason as --note"

    def _attach(self) -> Iterable[str]:
        old, new = self._move.old, self._move.new
        if new and old and not new.active:
            yield f"in {{file}} exchange the roles and free the gateway of {old.slot}:"
            yield from _edit(self._move, active=new, spare=old)
        elif new and not new.active:
            yield f"in {{file}} {new.slot} has `role: active`; then"
        else:
            yield "AWS differs from the outputs; see what, and let the engine put it right:"
            yield "flexpay-onboard addresses discover {every}"
        yield from PLAN

    def _verify(self) -> Iterable[str]:
        yield "flexpay-onboard verify {every}"

    def _detach(self) -> Iterable[str]:
        slot = self._move.old.slot if self._move.old else ""
        yield f"in {{file}} take {slot} off `replace:` of flexpay-egress:egress, then"
        yield from PLAN

    def _retire(self) -> Iterable[str]:
        address = self._move.old.address if self._move.old else ""
        yield f"flexpay-onboard allowlist draft {{every}} --remove {address} --out submissions"
        yield "hand the package in, and when the partner has confirmed the removal:"
        yield f"flexpay-onboard allowlist record retired {{every}} --address {address} --reference TICKET"

    def _drop(self) -> Iterable[str]:
        old = self._move.old
        if old is None or old.declared is None:
            return
        yield (f"in {{file}} delete the line `{old.slot}: …` of addresses of flexpay-egress:egress, then")
        yield f"pulumi state unprotect --stack {{stack}}      (choose address {old.declared.allocation_id})"
        yield "pulumi up --stack {stack}      (forgets the address; AWS keeps it)"

    def _release(self) -> Iterable[str]:
        address = self._move.old.address if self._move.old else ""
        yield f"flexpay-onboard addresses release {address} {{outputs}}"
