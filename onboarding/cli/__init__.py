"""The command line: parse, build adapters, print, exit. Nothing else in the toolkit prints or exits."""

import sys
from typing import NoReturn

from onboarding.exit_codes import ExitCode


def main() -> NoReturn:
    """Entry point of ``flexpay-onboard`` and ``python -m onboarding``."""
    try:
        from onboarding.cli.run import main as begin
    except KeyboardInterrupt:
        # what is imported takes a third of a second, and nothing has begun by then
        sys.exit(ExitCode.INTERRUPTED)
    begin()
