"""The command line: parse, build adapters, print, exit. Nothing else in the toolkit prints or exits."""

from onboarding.cli.run import main

__all__ = ["main"]
