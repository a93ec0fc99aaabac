"""Report formats: one module per format, each a pure function from a report to text."""

from collections.abc import Callable, Mapping
from importlib import import_module

from onboarding.verification.model import Report

TEXTS: Mapping[str, str] = {
    "text": "report.txt",
    "json": "report.json",
    "junit": "report.junit.xml",
    "markdown": "report.md",
    "html": "report.html",
    "prometheus": "report.prom",
}
"""Format → name of the file in the evidence bundle."""
EVIDENCE = "evidence"
FORMATS = (*TEXTS, EVIDENCE)


def renderer(name: str) -> Callable[[Report], str]:
    """Return the function that renders a text format; loaded when it is asked for."""
    module = import_module(f"{__name__}.as_{name}")
    render: Callable[[Report], str] = module.render
    return render
