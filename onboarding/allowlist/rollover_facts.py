"""Pure: what shows that a step of a change of address is done."""

from collections.abc import Iterator
from dataclasses import dataclass

from onboarding.allowlist.releasing import still_listed
from onboarding.allowlist.rollover_move import LET_IN, Held, Step, World
from onboarding.allowlist.verdicts import Row, Status
from onboarding.deployment import Stack


@dataclass(frozen=True)
class Facts:
    """Facts about one move."""

    world: World
    stack: Stack
    old: Held | None
    new: Held | None

    def of(self, step: Step) -> tuple[bool | None, str]:
        """Return whether a step is done (None: nobody can tell) and the fact that shows it."""
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

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong about either address."""
        for held in (self.new, self.old):
            if held:
                yield from self.world.problems(held)

    @property
    def _silent(self) -> str | None:
        """Why AWS cannot be relied on here; None where it answered."""
        actual = self.world.report.actual
        if actual is None:
            return "AWS was not asked"
        return actual.unanswered.get((self.stack.account_id, self.stack.region))

    def _rows_of_new(self) -> list[Row]:
        return self.world.rows(self.new) if self.new else []

    def _pending(self, statuses: frozenset[Status]) -> list[str]:
        return [f"{row.merchant}: {row.verdict}" for row in self._rows_of_new() if row.status in statuses]

    def _allocate(self) -> tuple[bool | None, str]:
        if self.new is None:
            return False, "the zone has no spare"
        return True, f"{self.new.address} in slot {self.new.slot}"

    def _submit(self) -> tuple[bool | None, str]:
        missing = self._pending(frozenset({Status.UNSUBMITTED, Status.REJECTED}))
        if missing or self.new is None:
            return False, "; ".join(missing) or "there is no new address yet"
        return True, "submitted for every merchant"

    def _approval(self) -> tuple[bool | None, str]:
        missing = self._pending(frozenset(Status) - LET_IN)
        if missing or self.new is None:
            return False, "; ".join(missing) or "nothing is submitted yet"
        return True, "approved for every merchant"

    def _attach(self) -> tuple[bool | None, str]:
        if self.new is None or not self.new.active:
            carrier = (
                f"{self.old.address} carries the traffic" if self.old and self.old.active else "no traffic"
            )
            return False, f"{carrier}; {self.new.address if self.new else 'the new address'} has no route"
        actual = self.world.report.actual
        if actual is None:
            return True, f"{self.new.address} is active, say the outputs"
        if why := self._silent:
            return None, f"{self.new.address} is active, say the outputs, and AWS did not answer: {why}"
        if self.new.address not in actual.carrying:
            return False, f"{self.new.address} is active, say the outputs, but in AWS no route leads to it"
        if self.old and self.old.address in actual.carrying:
            return False, f"traffic still leaves from {self.old.address}: {actual.carrying[self.old.address]}"
        return True, actual.carrying[self.new.address]

    def _verify(self) -> tuple[bool | None, str]:
        if self.new is None or not self.new.active:
            return False, "no call can come from the new address yet"
        missing = self._pending(frozenset(Status) - {Status.APPROVED})
        return not missing, "; ".join(missing) or "a call from it succeeded for every merchant"

    def _detach(self) -> tuple[bool | None, str]:
        assert self.old is not None  # noqa: S101 - departures have an old address
        if self.old.active:
            return False, f"{self.old.gateway} carries the traffic"
        if self.old.gateway:
            return False, f"{self.old.gateway} stands by as the way back"
        held = [one for one in self.world.left.get(self.stack.region, ()) if one.address == self.old.address]
        if any(one.association_id for one in held):
            return False, f"{self.old.address} is still attached in AWS"
        return True, f"{self.old.address} is on no gateway"

    def _retire(self) -> tuple[bool | None, str]:
        assert self.old is not None  # noqa: S101 - departures have an old address
        listed = [why for ledger in self.world.every_ledger for why in still_listed(self.old.address, ledger)]
        return not listed, "; ".join(listed) or f"no ledger has {self.old.address} on a list of the partner"

    def _drop(self) -> tuple[bool | None, str]:
        assert self.old is not None  # noqa: S101 - departures have an old address
        if self.old.declared:
            return False, f"{self.stack.source} declares {self.old.address} as slot {self.old.slot}"
        return True, f"no stack declares {self.old.address}"

    def _release(self) -> tuple[bool | None, str]:
        assert self.old is not None  # noqa: S101 - departures have an old address
        actual = self.world.report.actual
        if actual is None or self._silent:
            return None, f"whether {self.old.address} is still allocated, AWS must say: {self._silent}"
        if held := actual.allocated.get(self.old.address):
            return False, f"{self.old.address} ({held}) is allocated"
        return True, f"{self.old.address} is not allocated any more"
