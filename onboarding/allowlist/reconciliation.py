"""Pure: declared, actual, approved and observed, held against each other.

Declared is what the stacks export, actual what AWS has, approved what the ledger holds, observed
the last proof. However they disagree, it comes to one status and one next step per merchant and
address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from onboarding.allowlist.actual import Actual
from onboarding.allowlist.clocks import Limits
from onboarding.allowlist.ledger import Ledger
from onboarding.allowlist.verdicts import Case, Row, judge
from onboarding.deployment import Environment
from onboarding.exit_codes import ExitCode, worst
from onboarding.proof import Pair, Proof


@dataclass(frozen=True)
class Report:
    """The whole table of one environment."""

    environment: str
    at: datetime
    rows: tuple[Row, ...]
    """Ordered by merchant and address."""
    actual: Actual | None
    """None: AWS was not asked, because the user said so."""

    @property
    def outcome(self) -> ExitCode:
        """The worst of all rows and ways out; a place that gave no answer is CANNOT_TELL."""
        codes = [row.outcome for row in self.rows]
        if self.actual:
            codes += [weight for weight, _ in self.actual.nameless]
            codes += [ExitCode.CANNOT_TELL] * len(self.actual.unanswered)
        return worst(codes)


def reconcile(
    environment: Environment,
    actual: Actual | None,
    ledger: Ledger,
    proofs: Mapping[Pair, Proof],
    *,
    now: datetime,
    limits: Limits | None = None,
) -> Report:
    """Judge every merchant and address that any of the four sides names.

    ``actual`` is None when AWS was deliberately not asked. Linear in the number of pairs.
    """
    declared = {entry.address: entry for entry in environment.addresses}
    ours = set(environment.merchants)
    known = {address for _, address in ledger.standings}
    addresses = sorted({*declared, *known, *(actual.carrying if actual else ())})
    rolled_out = {name for (name, _), entry in ledger.standings.items() if entry.ever_approved}
    limits = limits or Limits()
    rows = []
    for merchant in sorted({*ours, *ledger.merchants}):
        for address in addresses:
            case = Case(
                merchant=merchant,
                address=address,
                declared=declared.get(address),
                is_merchant=merchant in ours,
                actual=actual,
                entry=ledger.entry(merchant, address),
                rolled_out=merchant in rolled_out,
                proof=proofs.get((merchant, address)),
                now=now,
                limits=limits,
            )
            if row := judge(case):
                rows.append(row)
    return Report(environment.name, now, tuple(rows), actual)
