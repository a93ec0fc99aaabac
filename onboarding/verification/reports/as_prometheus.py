"""The report as a node exporter textfile. One time series per result, its outcome as a label."""

from collections.abc import Iterator

from onboarding.prometheus import Sample, exposition
from onboarding.verification.model import Report

_HELP = {
    "flexpay_verify_exit_code": "Exit code of the last run: 0 holds, 1 finding, 3 waiting, 4 cannot tell.",
    "flexpay_verify_last_run_timestamp_seconds": "When the last run began.",
    "flexpay_verify_duration_seconds": "How long the last run took.",
    "flexpay_verify_result": "1 for the outcome each check had in the last run.",
    "flexpay_verify_call_seconds": "How long the call behind a check took.",
    "flexpay_verify_proven": "1 where token and order call were proven in the last run.",
    "flexpay_verify_order_proven": "Whether the merchant's test order was accepted in the last run.",
}


def render(report: Report) -> str:
    """Return the metrics in the text exposition format."""
    return exposition(_HELP, _samples(report))


def _samples(report: Report) -> Iterator[Sample]:
    base = {"environment": report.environment}
    yield "flexpay_verify_exit_code", base, str(int(report.exit_code))
    yield "flexpay_verify_last_run_timestamp_seconds", base, f"{report.started_at.timestamp():.0f}"
    yield "flexpay_verify_duration_seconds", base, f"{report.seconds:.3f}"
    proven = set(report.proven)
    for result in report.results:
        about = {
            **base,
            "check": result.check,
            "merchant": result.subject.merchant,
            "address": result.subject.address,
            "zone": result.subject.zone,
        }
        yield "flexpay_verify_result", {**about, "outcome": result.outcome.value}, "1"
        if result.verdict.seconds:
            yield "flexpay_verify_call_seconds", about, f"{result.verdict.seconds:.4f}"
        if result.check == "orders-reachable":
            pair = {key: text for key, text in about.items() if key != "check"}
            yield "flexpay_verify_proven", pair, str(int(result.subject in proven))
    for merchant in report.merchants:
        value = str(int(merchant in report.order_proven))
        yield "flexpay_verify_order_proven", {**base, "merchant": merchant}, value
