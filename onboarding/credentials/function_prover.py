"""Proves a stored pair of credentials through the environment's own functions, one in each zone.

The caller names a version and never has its value: the function reads it with a role of its own.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

from onboarding.credentials.proof import Proven, Stored
from onboarding.errors import CannotTell, Finding, ToolkitError
from onboarding.verification.cloud import Action, StoredPair
from onboarding.verification.function_vantage import FunctionVantage
from onboarding.verification.measurement import CallRecord, PairMeasurement, Step
from onboarding.verification.pool import side_by_side

TOO_OLD = f"action: found '{Action.PROVE.value}'"
"""What functions of a release before this one answer."""


class FunctionProver:
    """Has one token obtained in each zone.

    ``functions`` are the zones' functions by stack, ``approved`` the addresses that the partner lets
    in for the merchant. Where some are approved the others are not asked: an address that still waits
    for its approval says nothing about a pair. Where none is, all are.
    """

    def __init__(
        self,
        merchant: str,
        functions: Mapping[str, Sequence[FunctionVantage]],
        approved: frozenset[IPv4Address],
    ) -> None:
        self._merchant = merchant
        self._approved = approved
        self._functions = functions

    @property
    def usable(self) -> bool:
        """Tell whether there is any function to ask."""
        return any(self._asked(stack) for stack in self._functions)

    def prove(self, stored: Sequence[Stored]) -> Proven:
        """Have a token obtained with each stack's version, in each of its zones.

        The first zone is asked alone: a pair that the partner refuses is shown to it once and not once
        per zone. Raises a Finding where a token is refused, CannotTell where a zone gives no answer.
        """
        asked = [
            (vantage, StoredPair(self._merchant, one.version_id, one.stage))
            for one in stored
            for vantage in self._asked(one.stack)
        ]
        if not asked:
            raise CannotTell("no function is deployed in these stacks", hint="run `pulumi up` on them")
        works = [vantage.prove_work(pair) for vantage, pair in asked]
        zones = [vantage for vantage, _ in asked]
        self._check(zones[:1], [works[0]()], unasked=zones[1:])
        done = dict(side_by_side(works[1:], concurrency=len(works)))
        self._check(zones[1:], [done[index] for index in sorted(done)], unasked=[])
        return Proven(
            tuple(vantage.address for vantage in zones if vantage.address), tuple(self._left_out(stored))
        )

    def _asked(self, stack: str) -> list[FunctionVantage]:
        here = self._functions.get(stack, ())
        return [one for one in here if one.address in self._approved or not self._approved]

    def _left_out(self, stored: Sequence[Stored]) -> list[str]:
        told = []
        for one in stored:
            asked = self._asked(one.stack)
            if not asked:
                told.append(f"not proven from {one.stack}: no function there leaves from an approved address")
                continue
            told += [
                f"not proven from {vantage.place}: {vantage.address} is not approved yet"
                for vantage in self._functions[one.stack]
                if vantage not in asked
            ]
        return told

    def _check(
        self,
        vantages: Sequence[FunctionVantage],
        measured: Sequence[PairMeasurement],
        *,
        unasked: Sequence[FunctionVantage],
    ) -> None:
        failed = [
            (vantage, flaw)
            for vantage, one in zip(vantages, measured, strict=True)
            if (flaw := _flaw(one)) is not None
        ]
        if not failed:
            return
        places: dict[str, list[str]] = {}
        for vantage, flaw in failed:
            places.setdefault(flaw.fact, []).append(f"{vantage.place} ({vantage.address})")
        told = [f"{', '.join(named)}: {fact}" for fact, named in places.items()]
        if unasked:
            told.append(f"not asked any more: {', '.join(vantage.place for vantage in unasked)}")
        # one zone that was refused settles it, whatever the others could not tell
        worst = next((flaw for _, flaw in failed if flaw.answered), failed[0][1])
        kind: type[ToolkitError] = Finding if worst.answered else CannotTell
        raise kind(f"no token with the stored pair: {'; '.join(told)}", hint=_way_out(worst))


def _flaw(measured: PairMeasurement) -> Step | CallRecord | None:
    """Return what kept a zone from a token; None where it has got one."""
    if not measured.credentials.ok:
        return measured.credentials
    if measured.token is None:
        return Step(False, "the function made no token call", "run `flexpay-onboard verify`", answered=False)
    return None if measured.token.ok else measured.token


def _way_out(flaw: Step | CallRecord) -> str:
    if TOO_OLD in flaw.fact:
        return "the functions are older than this toolkit: `pulumi up` deploys them again"
    return flaw.next_step
