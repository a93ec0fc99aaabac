"""Pure: the verdict about one merchant and address, from everything that is known about the pair.

Over 300 lines: one verdict per way in which four sides can disagree, in the order of their weight.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address

from onboarding.allowlist.actual import Actual
from onboarding.allowlist.clocks import Limits, business_days, days
from onboarding.allowlist.ledger import Entry, Standing
from onboarding.allowlist.own_egress import Place
from onboarding.deployment import EgressAddress, Role
from onboarding.exit_codes import ExitCode, worst
from onboarding.proof import Proof

REMOVAL = (
    "`flexpay-onboard allowlist draft --remove {address} --out DIR` and hand it in; when it is confirmed: "
    "`flexpay-onboard allowlist record retired --address {address} --reference TICKET`"
)
WITHDRAWAL = (
    "withdraw the request at the partner, then "
    "`flexpay-onboard allowlist record rejected --address {address} --reference TICKET --note withdrawn`"
)
SUBMISSION = (
    "`flexpay-onboard allowlist draft`, hand it in, then `flexpay-onboard allowlist record submitted`"
)


class Status(StrEnum):
    """One word per merchant and address."""

    UNSUBMITTED = "unsubmitted"
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    UNPROVEN = "unproven"
    """Approved, and no call from it has been seen to succeed since."""
    STALE = "stale"
    """Approved, no longer ours: somebody else may hold it tomorrow."""
    LOST = "lost"
    """Declared, and its allocation is gone."""
    UNMANAGED = "unmanaged"
    """Traffic can leave from it, and nobody declared it."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    merchant: str
    address: IPv4Address
    status: Status
    outcome: ExitCode
    verdict: str
    """One sentence of fact."""
    next_step: str
    """What to do or run; empty where nothing is to be done."""
    since: datetime | None = None
    reference: str = ""
    declared: EgressAddress | None = None
    proof: Proof | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """Everything known about one merchant and address."""

    merchant: str
    address: IPv4Address
    declared: EgressAddress | None
    is_merchant: bool
    """The merchant is one of the environment's."""
    actual: Actual | None
    entry: Entry
    rolled_out: bool
    """Something was approved for the merchant before: its calls are in production."""
    proof: Proof | None
    now: datetime
    limits: Limits

    @property
    def carrying(self) -> str | None:
        """Why traffic can leave from it, where AWS says that it can."""
        return self.actual.carrying.get(self.address) if self.actual else None

    @property
    def in_use(self) -> bool:
        """Tell whether calls come from it, by declaration or in fact."""
        return bool(self.carrying) or (self.declared is not None and self.declared.role is Role.ACTIVE)

    @property
    def place(self) -> Place | None:
        """Where its allocation should be; None where that is not ours to look up."""
        if self.declared is None or self.declared.external:
            return None
        return self.declared.account_id, self.declared.region

    @property
    def gone(self) -> bool:
        """AWS was asked where the allocation should be, and it is not there."""
        return bool(
            self.actual
            and self.place in self.actual.asked
            and self.declared
            and self.declared.allocation_id
            and self.actual.allocated.get(self.address) != self.declared.allocation_id
        )

    @property
    def since(self) -> str:
        """Since when it stands where it stands, and under which reference."""
        entry = self.entry
        return f"since {entry.since:%Y-%m-%d} ({entry.reference})" if entry.since else ""

    def row(
        self, status: Status, outcome: ExitCode, verdict: str, step: str = "", *warnings: str | None
    ) -> Row:
        """Return a row about the pair."""
        return Row(
            merchant=self.merchant,
            address=self.address,
            status=status,
            outcome=outcome,
            verdict=verdict,
            next_step=step.replace("{address}", str(self.address)).replace("{merchant}", self.merchant),
            since=self.entry.since,
            reference=self.entry.reference,
            declared=self.declared,
            proof=self.proof,
            warnings=tuple(warning for warning in warnings if warning),
        )


def judge(case: Case) -> Row | None:
    """Return the row of a pair; None where nobody claims anything about it."""
    if case.declared is None or not case.is_merchant:
        return _undeclared(case)
    if case.gone:
        return _lost(case, case.declared)
    row = _BY_STANDING[case.entry.standing](case)
    if case.actual and case.place in case.actual.unanswered:
        verdict = f"{row.verdict}; whether it is still ours, AWS did not say"
        return case.row(
            row.status, worst([row.outcome, ExitCode.CANNOT_TELL]), verdict, row.next_step, *row.warnings
        )
    return row


def _undeclared(case: Case) -> Row | None:
    standing = case.entry.standing
    if case.declared is None and case.carrying and case.is_merchant:
        approved = f"; approved {case.since}" if standing is Standing.APPROVED else ""
        return case.row(
            Status.UNMANAGED,
            ExitCode.FINDING,
            f"traffic can leave from it and no stack declares it: {case.carrying}{approved}",
            "declare it under egress.addresses, or take this way out away; "
            "`flexpay-onboard addresses discover` shows all of them",
        )
    if standing is Standing.APPROVED:
        return case.row(Status.STALE, ExitCode.FINDING, _stale(case), REMOVAL)
    if standing is Standing.WAITING:
        return case.row(
            Status.WAITING, ExitCode.FINDING, f"under review {case.since}, but {_unneeded(case)}", WITHDRAWAL
        )
    return None


def _unneeded(case: Case) -> str:
    if case.declared is None:
        return "no stack declares it any more"
    return f"{case.merchant} is no merchant of the environment any more"


def _stale(case: Case) -> str:
    said = f"approved {case.since}, but {_unneeded(case)}"
    if case.declared is not None or case.actual is None or case.actual.unanswered:
        return said
    if held := case.actual.allocated.get(case.address):
        return f"{said}; still allocated here ({held}), and must stay so until it is retired"
    return f"{said} and it is not ours: whoever gets it next is let in as {case.merchant}"


def _lost(case: Case, declared: EgressAddress) -> Row:
    approved = f"; approved {case.since}" if case.entry.standing is Standing.APPROVED else ""
    return case.row(
        Status.LOST,
        ExitCode.FINDING,
        f"{declared.allocation_id} is not in account {declared.account_id}, {declared.region}, "
        f"so it is not ours any more{approved}",
        f"`flexpay-onboard addresses recover {{address}} --slot {declared.slot}` at once: AWS gives it back "
        "only while nobody has it",
    )


def _unsubmitted(case: Case) -> Row:
    retired = case.entry.standing is Standing.RETIRED
    fact = f"retired {case.since}" if retired else "never submitted"
    if not case.in_use:
        return case.row(
            Status.UNSUBMITTED, ExitCode.HOLDS, f"a spare, {fact}; no traffic may move to it", SUBMISSION
        )
    late = retired or case.rolled_out
    return case.row(
        Status.UNSUBMITTED,
        ExitCode.FINDING if late else ExitCode.WAITING,
        f"{fact}, but traffic leaves from it" if late else f"{fact}; nothing was approved yet",
        SUBMISSION,
        *_observed(case),
    )


def _waiting(case: Case) -> Row:
    since = case.entry.since or case.now
    waited = business_days(since, case.now)
    overdue = None
    if waited > case.limits.usual_answer_business_days:
        overdue = (
            f"waiting for {waited} business days; the usual answer takes up to "
            f"{case.limits.usual_answer_business_days}"
        )
    return case.row(
        Status.WAITING,
        ExitCode.WAITING if case.in_use else ExitCode.HOLDS,
        f"under review {case.since}, for {waited} business days",
        f"ask the partner about {case.entry.reference}; then "
        "`flexpay-onboard allowlist record approved --reference TICKET`"
        if overdue
        else "when the partner answers: `flexpay-onboard allowlist record approved --reference TICKET`",
        overdue,
        *_observed(case),
    )


def _rejected(case: Case) -> Row:
    why = f": {case.entry.note}" if case.entry.note else ""
    return case.row(
        Status.REJECTED,
        ExitCode.FINDING,
        f"rejected {case.since}{why}",
        f"answer the reason, then {SUBMISSION}",
        *_observed(case),
    )


def _approved(case: Case) -> Row:
    since = case.entry.since or case.now
    if not case.in_use:
        return case.row(Status.APPROVED, ExitCode.HOLDS, f"approved {case.since}; a spare")
    proof = case.proof
    if proof is None or proof.proven_at < since:
        age = days(since, case.now)
        late = f"approved for {age} days and never proven" if age > case.limits.unproven_days else None
        return case.row(
            Status.UNPROVEN,
            ExitCode.HOLDS,
            f"approved {case.since}; no call from it was seen to succeed since",
            "`flexpay-onboard verify --merchant {merchant}`",
            late,
            *_oddities(case),
        )
    age = days(proof.proven_at, case.now)
    old = f"the last proof is {age} days old" if age > case.limits.proof_days else None
    return case.row(
        Status.APPROVED,
        ExitCode.HOLDS,
        f"approved {case.since}; proven {proof.proven_at:%Y-%m-%d} ({proof.vantage}, {proof.source})",
        "`flexpay-onboard verify --merchant {merchant}`" if old else "",
        old,
        *_oddities(case),
    )


_BY_STANDING = {
    Standing.UNSUBMITTED: _unsubmitted,
    Standing.RETIRED: _unsubmitted,
    Standing.WAITING: _waiting,
    Standing.REJECTED: _rejected,
    Standing.APPROVED: _approved,
}


def _observed(case: Case) -> Iterator[str]:
    decided = case.entry.since
    if case.proof and (decided is None or case.proof.proven_at > decided):
        yield (
            f"calls from it succeeded on {case.proof.proven_at:%Y-%m-%d}: either an approval was not "
            "recorded, or the partner does not enforce its list"
        )
    yield from _oddities(case)


def _oddities(case: Case) -> Iterator[str]:
    if case.entry.disputed:
        yield (
            f"events {case.entry.event} and {case.entry.disputed} of two branches contradict each other; "
            "record what holds"
        )
    if not case.actual or case.place not in case.actual.asked or case.declared is None:
        return
    if case.declared.role is Role.ACTIVE and not case.carrying:
        yield "declared active, but no route leads traffic out through it"
    if case.declared.role is Role.SPARE and case.carrying:
        yield f"declared a spare, but traffic can leave from it: {case.carrying}"
