"""The report for programs; its shape is ``report.schema.json``, and changes raise its version."""

import json
from typing import Any

from onboarding.verification.model import Outcome, Report, Result, Subject

REPORT_VERSION = 1


def document(report: Report) -> dict[str, Any]:
    """Return the report as JSON types."""
    return {
        "reportVersion": REPORT_VERSION,
        "toolkit": report.toolkit,
        "environment": report.environment,
        "runId": report.run_id,
        "startedAt": report.started_at.isoformat(timespec="seconds"),
        "seconds": round(report.seconds, 3),
        "waitedSeconds": None if report.waited_seconds is None else round(report.waited_seconds, 3),
        "via": report.via,
        "merchants": list(report.merchants),
        "exitCode": int(report.exit_code),
        "verdict": report.exit_code.name.lower().replace("_", "-"),
        "counts": {outcome.value: report.count(outcome) for outcome in Outcome},
        "orderProven": list(report.order_proven),
        "proven": [_subject(subject) for subject in report.proven],
        "inventory": [dict(one) for one in report.inventory],
        "notes": list(report.notes),
        "results": [_result(result) for result in report.results],
    }


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "merchant": subject.merchant,
        "address": subject.address,
        "zone": subject.zone,
        "vantage": subject.vantage,
    }


def _result(result: Result) -> dict[str, Any]:
    verdict = result.verdict
    return {
        "id": result.check,
        "title": result.title,
        "required": result.required,
        "outcome": verdict.outcome.value,
        **_subject(result.subject),
        "expected": verdict.expected,
        "found": verdict.found,
        "nextAction": verdict.next_action,
        "blockedBy": verdict.blocked_by,
        "seconds": round(verdict.seconds, 4),
        "evidence": dict(verdict.evidence),
    }


def render(report: Report) -> str:
    """Return the report as one JSON document."""
    return json.dumps(document(report), indent=2) + "\n"
