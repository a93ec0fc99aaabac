"""The report for pipelines: one test case per result. Waiting and no usable answer are errors."""

import re
from xml.sax.saxutils import escape, quoteattr

from onboarding.verification.model import Outcome, Report, Result
from onboarding.verification.reports.words import headline

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, even escaped."""
_ELEMENTS = {
    Outcome.FAIL: "failure",
    Outcome.ERROR: "error",
    Outcome.WAITING: "error",
    Outcome.SKIP: "skipped",
}


def render(report: Report) -> str:
    """Return JUnit XML; class name is the environment and check, name what it is about."""
    failures = report.count(Outcome.FAIL)
    errors = report.count(Outcome.ERROR) + report.count(Outcome.WAITING)
    counts = (
        f'tests="{len(report.results)}" failures="{failures}" errors="{errors}" '
        f'skipped="{report.count(Outcome.SKIP)}" time="{report.seconds:.3f}"'
    )
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="flexpay-onboard verify" {counts}>',
        f"  <testsuite name={_attribute(f'verify {report.environment}')} "
        f'timestamp="{report.started_at:%Y-%m-%dT%H:%M:%S}" {counts}>',
        "    <properties>",
        *(
            f"      <property name={_attribute(name)} value={_attribute(value)}/>"
            for name, value in (
                ("verdict", headline(report)),
                ("exitCode", str(int(report.exit_code))),
                ("runId", report.run_id),
                ("via", report.via),
            )
        ),
        "    </properties>",
    ]
    for result in report.results:
        lines += _case(report, result)
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


def _case(report: Report, result: Result) -> list[str]:
    verdict = result.verdict
    name = result.subject.label() or result.title
    opening = (
        f"    <testcase classname={_attribute(f'{report.environment}.{result.check}')} "
        f'name={_attribute(name)} time="{verdict.seconds:.3f}"'
    )
    element = _ELEMENTS.get(verdict.outcome)
    if element is None:
        output = escape(_clean(f"{verdict.outcome}: {verdict.found}"))
        return [f"{opening}>", f"      <system-out>{output}</system-out>", "    </testcase>"]
    body = "\n".join(
        f"{label}: {text}"
        for label, text in (
            ("expected", verdict.expected),
            ("found", verdict.found),
            ("next", verdict.next_action),
        )
        if text
    )
    return [
        f"{opening}>",
        f"      <{element} type={_attribute(verdict.outcome.value)} message={_attribute(verdict.found)}>"
        f"{escape(_clean(body))}</{element}>",
        "    </testcase>",
    ]


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))
