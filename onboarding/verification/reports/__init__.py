"""Report formats: one module per format, each a pure function from a report to text or bytes."""

from collections.abc import Callable
from importlib import import_module

from onboarding.verification.model import Report

FORMATS = ("text", "json", "junit")


def renderer(name: str) -> Callable[[Report], str]:
    """Return the function that renders a format; loaded when it is asked for."""
    module = import_module(f"{__name__}.as_{name}")
    render: Callable[[Report], str] = module.render
    return render
