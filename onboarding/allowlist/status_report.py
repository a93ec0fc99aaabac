"""Renders reconciliation reports: text for people, JSON for programs, a textfile for Prometheus."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from onboarding.allowlist.clocks import days, instant
from onboarding.allowlist.reconciliation import Report
from onboarding.allowlist.verdicts import Row, Status
from onboarding.exit_codes import BY_WEIGHT, worst
from onboarding.prometheus import Sample, exposition

STATUS_VERSION = 1
_HEAD = ("", "merchant", "address", "slot", "status", "next", "verdict")


def as_text(report: Report) -> str:
    """Return the table, its next steps, what stands beside it, and one last line for scripts.

    Rows that share a next step name it by its number; each step is told once.
    """
    steps = {step: str(number) for number, step in enumerate(next_steps(report), start=1)}
    asked = "AWS was not asked (--offline)" if report.actual is None else "compared with AWS"
    lines = [f"{report.environment}: {asked}, {instant(report.at)}"]
    cells = [_cells(row, steps.get(row.next_step, "")) for row in report.rows]
    widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]
    if cells:
        lines += ["", _aligned(_HEAD, widths)]
    for row, cell in zip(report.rows, cells, strict=True):
        lines.append(_aligned(cell, widths))
        lines += [f"    warning: {warning}" for warning in row.warnings]
    lines += ["", *(f"next {number}: {step}" for step, number in steps.items())] if steps else []
    if report.actual:
        beside = [
            f"cannot tell: account {account}, {region}: {why}"
            for (account, region), why in sorted(report.actual.unanswered.items())
        ]
        beside += [f"{weight.word}: {why}" for weight, why in report.actual.nameless]
        lines += ["", *beside] if beside else []
    return "\n".join([*lines, "", _summary(report)])


def next_steps(report: Report) -> dict[str, list[Row]]:
    """Return what is to be done, each with the rows that it is about, the weightiest first."""
    found: dict[str, list[Row]] = {}
    for row in sorted(report.rows, key=lambda row: (BY_WEIGHT.index(row.outcome), row.address)):
        if row.next_step:
            found.setdefault(row.next_step, []).append(row)
    return found


def _cells(row: Row, step: str) -> tuple[str, ...]:
    slot = row.declared.slot if row.declared else "-"
    return (row.outcome.word, row.merchant, str(row.address), slot, row.status.value, step, row.verdict)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _summary(report: Report) -> str:
    counts = Counter(row.status for row in report.rows)
    named = " ".join(f"{status}={counts[status]}" for status in Status if counts[status])
    warned = sum(len(row.warnings) for row in report.rows)
    return (
        f"result={report.outcome.word} environment={report.environment} rows={len(report.rows)} "
        f"{named}{' ' if named else ''}warnings={warned} exit={report.outcome.value}"
    )


def as_document(reports: Sequence[Report]) -> dict[str, Any]:
    """Return the reports as JSON values; their shape is ``status.schema.json``."""
    return {
        "statusVersion": STATUS_VERSION,
        "result": worst(report.outcome for report in reports).word,
        "environments": [_environment(report) for report in reports],
    }


def _environment(report: Report) -> dict[str, Any]:
    actual = report.actual
    return {
        "environment": report.environment,
        "at": instant(report.at),
        "comparedWithAws": actual is not None,
        "result": report.outcome.word,
        "exitCode": report.outcome.value,
        "addresses": [_row(row) for row in report.rows],
        "waysOutWithoutAddress": [
            {"result": weight.word, "reason": why} for weight, why in (actual.nameless if actual else ())
        ],
        "unanswered": [
            {"accountId": account, "region": region, "reason": why}
            for (account, region), why in sorted(actual.unanswered.items() if actual else ())
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    declared = row.declared
    return {
        "merchant": row.merchant,
        "address": str(row.address),
        "status": row.status.value,
        "result": row.outcome.word,
        "verdict": row.verdict,
        "next": row.next_step or None,
        "since": instant(row.since) if row.since else None,
        "reference": row.reference or None,
        "slot": declared.slot if declared else None,
        "zone": declared.zone if declared else None,
        "region": declared.region if declared else None,
        "accountId": declared.account_id if declared else None,
        "role": declared.role.value if declared else None,
        "provenAt": instant(row.proof.proven_at) if row.proof else None,
        "provenFrom": row.proof.vantage.value if row.proof else None,
        "warnings": list(row.warnings),
    }


_METRICS = {
    "flexpay_egress_address_status": "1 for the status an address has for a merchant.",
    "flexpay_egress_address_standing_days": "Days since the partner's or our last word about an address.",
    "flexpay_egress_address_proof_age_days": "Days since a call from an address was last seen to succeed.",
    "flexpay_egress_address_warnings": "Warnings about an address.",
    "flexpay_egress_status_exit_code": "What `allowlist status` ended with for an environment.",
    "flexpay_egress_status_timestamp_seconds": "When it looked, in seconds since 1970.",
}


def as_prometheus(reports: Iterable[Report]) -> str:
    """Return gauges in Prometheus' text exposition format, for the textfile collector."""
    return exposition(_METRICS, (sample for report in reports for sample in _samples(report)))


def _samples(report: Report) -> Iterator[Sample]:
    environment = {"environment": report.environment}
    yield "flexpay_egress_status_exit_code", environment, str(report.outcome.value)
    yield "flexpay_egress_status_timestamp_seconds", environment, str(int(report.at.timestamp()))
    for row in report.rows:
        labels = {**environment, "merchant": row.merchant, "address": str(row.address)}
        yield "flexpay_egress_address_status", {**labels, "status": row.status.value}, "1"
        yield "flexpay_egress_address_warnings", labels, str(len(row.warnings))
        if row.since:
            yield "flexpay_egress_address_standing_days", labels, str(days(row.since, report.at))
        if row.proof:
            age = days(row.proof.proven_at, report.at)
            yield "flexpay_egress_address_proof_age_days", labels, str(age)
