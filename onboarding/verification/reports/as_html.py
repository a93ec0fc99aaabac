"""The report as one self-contained page: no script, nothing loaded from elsewhere."""

import re
from importlib.resources import files
from itertools import groupby

import jinja2
from markupsafe import Markup, escape

from onboarding.verification.model import HOLDS, Outcome, Report
from onboarding.verification.reports.words import headline, last_line

WORDS = {
    Outcome.PASS: "ok",
    Outcome.WARN: "warning",
    Outcome.FAIL: "failed",
    Outcome.ERROR: "cannot tell",
    Outcome.WAITING: "waiting",
    Outcome.SKIP: "skipped",
}


def render(report: Report) -> str:
    """Return the page; everything that is not a constant is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["commands"] = _commands
    source = (files("onboarding.verification.reports") / "report.html.j2").read_text("utf-8")
    checks = [(check, list(results)) for check, results in groupby(report.results, key=lambda one: one.check)]
    counts = [(outcome, WORDS[outcome], report.count(outcome)) for outcome in Outcome]
    return environment.from_string(source).render(
        report=report,
        headline=headline(report),
        last_line=last_line(report),
        checks=checks,
        counts=counts,
        words=WORDS,
        open_=lambda results: any(one.outcome not in HOLDS | {Outcome.SKIP} for one in results),
    )


def _commands(text: str) -> Markup:
    """Return text with what stands between backquotes as code."""
    # escaped first, so that nothing but the tags put in here is markup
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704
