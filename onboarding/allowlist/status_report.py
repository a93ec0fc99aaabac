"""Renders reconciliation reports: text for people, JSON for programs, a textfile for Prometheus."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from onboarding.allowlist.clocks import days
from onboarding.allowlist.reconciliation import Report
from onboarding.allowlist.verdicts import Row, Status
from onboarding.exit_codes import ExitCode, worst

STATUS_VERSION = 1
_WORD = {
    ExitCode.HOLDS: "ok",
    ExitCode.FINDING: "finding",
    ExitCode.WAITING: "waiting",
    ExitCode.CANNOT_TELL: "cannot-tell",
}
_HEAD = ("", "merchant", "address", "slot", "status", "verdict")


def as_text(report: Report) -> str:
    """Return the table, what stands beside it, and one last line for scripts."""
    asked = "AWS was not asked (--offline)" if report.actual is None else "compared with AWS"
    lines = [f"{report.environment}: {asked}, {_instant(report.at)}"]
    cells = [_cells(row) for row in report.rows]
    widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]
    if cells:
        lines += ["", _aligned(_HEAD, widths)]
    for row, cell in zip(report.rows, cells, strict=True):
        lines.append(_aligned(cell, widths))
        lines += [f"    warning: {warning}" for warning in row.warnings]
        if row.next_step:
            lines.append(f"    next: {row.next_step}")
    if report.actual:
        beside = [
            f"cannot tell: account {account}, {region}: {why}"
            for (account, region), why in sorted(report.actual.unanswered.items())
        ]
        beside += [f"{_WORD[weight]}: {why}" for weight, why in report.actual.nameless]
        lines += ["", *beside] if beside else []
    return "\n".join([*lines, "", _summary(report)])


def _cells(row: Row) -> tuple[str, ...]:
    slot = row.declared.slot if row.declared else "-"
    return (_WORD[row.outcome], row.merchant, str(row.address), slot, row.status.value, row.verdict)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _summary(report: Report) -> str:
    counts = {status: sum(row.status is status for row in report.rows) for status in Status}
    named = " ".join(f"{status}={count}" for status, count in counts.items() if count)
    warned = sum(len(row.warnings) for row in report.rows)
    return (
        f"result={_WORD[report.outcome]} environment={report.environment} rows={len(report.rows)} "
        f"{named}{' ' if named else ''}warnings={warned} exit={report.outcome.value}"
    )


def as_document(reports: Sequence[Report]) -> dict[str, Any]:
    """Return the reports as JSON values; their shape is ``status.schema.json``."""
    return {
        "statusVersion": STATUS_VERSION,
        "result": _WORD[worst(report.outcome for report in reports)],
        "environments": [_environment(report) for report in reports],
    }


def _environment(report: Report) -> dict[str, Any]:
    actual = report.actual
    return {
        "environment": report.environment,
        "at": _instant(report.at),
        "comparedWithAws": actual is not None,
        "result": _WORD[report.outcome],
        "exitCode": report.outcome.value,
        "addresses": [_row(row) for row in report.rows],
        "waysOutWithoutAddress": [
            {"result": _WORD[weight], "reason": why} for weight, why in (actual.nameless if actual else ())
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
        "result": _WORD[row.outcome],
        "verdict": row.verdict,
        "next": row.next_step or None,
        "since": _instant(row.since) if row.since else None,
        "reference": row.reference or None,
        "slot": declared.slot if declared else None,
        "zone": declared.zone if declared else None,
        "region": declared.region if declared else None,
        "accountId": declared.account_id if declared else None,
        "role": declared.role.value if declared else None,
        "provenAt": _instant(row.proof.proven_at) if row.proof else None,
        "provenFrom": row.proof.vantage.value if row.proof else None,
        "warnings": list(row.warnings),
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
    samples: dict[str, list[str]] = {name: [] for name in _METRICS}
    for report in reports:
        environment = {"environment": report.environment}
        _sample(samples, "flexpay_egress_status_exit_code", environment, report.outcome.value)
        _sample(samples, "flexpay_egress_status_timestamp_seconds", environment, int(report.at.timestamp()))
        for row in report.rows:
            labels = {**environment, "merchant": row.merchant, "address": str(row.address)}
            _sample(samples, "flexpay_egress_address_status", {**labels, "status": row.status.value}, 1)
            _sample(samples, "flexpay_egress_address_warnings", labels, len(row.warnings))
            if row.since:
                age = days(row.since, report.at)
                _sample(samples, "flexpay_egress_address_standing_days", labels, age)
            if row.proof:
                age = days(row.proof.proven_at, report.at)
                _sample(samples, "flexpay_egress_address_proof_age_days", labels, age)
    lines = []
    for name, meaning in _METRICS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge", *samples[name]]
    return "\n".join(lines) + "\n"


def _sample(samples: dict[str, list[str]], name: str, labels: Mapping[str, str], value: int) -> None:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    samples[name].append(f"{name}{{{inside}}} {value}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
