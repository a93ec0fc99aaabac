"""What all formats say in the same words."""

from onboarding.exit_codes import ExitCode
from onboarding.verification.model import Outcome, Report

VERDICTS = {
    ExitCode.HOLDS: "everything holds",
    ExitCode.FINDING: "something is wrong",
    ExitCode.CANNOT_TELL: "cannot tell",
    ExitCode.WAITING: "waiting for the partner",
}


def headline(report: Report) -> str:
    """Return the verdict, and whether the order itself is proven, in one line."""
    count, total = len(report.order_proven), len(report.merchants)
    if count and count == total:
        order = "test order accepted for every merchant"
    elif count:
        order = f"test order accepted for {count} of {total} merchants"
    else:
        order = "no order proven"
    return f"{report.environment}: {VERDICTS[report.exit_code]}; {order}"


def last_line(report: Report) -> str:
    """Return the summary that is easy to search for."""
    counts = {outcome: report.count(outcome) for outcome in sorted(Outcome)}
    told = " ".join(f"{outcome}={count}" for outcome, count in counts.items() if count)
    return (
        f"result={report.exit_code.word} exit={int(report.exit_code)} "
        f"checks={len(report.results)} {told} proven={len(report.proven)} seconds={report.seconds:.2f}"
    )
