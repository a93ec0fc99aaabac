"""Exit codes of every command, and which one wins when several apply."""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell sees; the README explains each to users."""

    HOLDS = 0
    """Done, or everything that was checked holds."""
    FINDING = 1
    """A check failed, something drifted, or the guard blocks."""
    USAGE = 2
    """Wrong usage, configuration or input file; decided before any work, nothing changed."""
    WAITING = 3
    """Nothing is wrong on our side; the partner has to act."""
    CANNOT_TELL = 4
    """AWS, the partner or the network gave no usable answer."""
    INTERNAL = 70
    """A bug in this program."""
    INTERRUPTED = 130
    """Stopped with Ctrl-C."""

    @property
    def word(self) -> str:
        """How reports name it: ok, finding, waiting, cannot-tell."""
        return "ok" if self is ExitCode.HOLDS else self.name.lower().replace("_", "-")


BY_WEIGHT = (ExitCode.FINDING, ExitCode.CANNOT_TELL, ExitCode.WAITING, ExitCode.HOLDS)
"""What one thing or another may come to, the weightiest first."""


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that outranks the others: 1 over 4 over 3 over 0.

    An empty run is CANNOT_TELL: nothing was looked at, so nothing may be claimed.
    Raises ValueError for codes that are decided before any work (USAGE) or outside of it.
    """
    seen = set(codes)
    if unknown := seen - set(BY_WEIGHT):
        raise ValueError(f"{sorted(unknown)} cannot be weighed against other outcomes")
    return next((code for code in BY_WEIGHT if code in seen), ExitCode.CANNOT_TELL)
