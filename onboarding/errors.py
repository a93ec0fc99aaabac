"""One family of errors for everything a user may meet.

ToolkitError
├── InputError    the command, a config file or an input file is wrong; nothing was done      exit 2
├── Finding       the system answered, and the answer is wrong                                exit 1
├── Waiting       nothing is wrong on our side; somebody else has to act first                exit 3
└── CannotTell    no usable answer; nothing may be concluded                                  exit 4
    └── Denied    the caller may not ask; whoever can do without the answer catches it

Adapters translate foreign exceptions into these once, with ``from``. Bugs are not caught: a
traceback is right for them, and the command line turns it into exit 70.
"""

from typing import ClassVar

from onboarding.exit_codes import ExitCode


class ToolkitError(Exception):
    """Base of every failure that is reported without a traceback.

    ``message`` is one sentence of fact that names the file, key and value; ``hint`` is the way
    out. Neither may hold a secret.
    """

    exit_code: ClassVar[ExitCode]

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def diagnostics(self) -> str:
        """Return the fact, then what to do about it."""
        return f"{self}\n  next: {self.hint}" if self.hint else str(self)

    def in_one_line(self) -> str:
        """Return the same as a part of somebody else's sentence or table."""
        return f"{self}; {self.hint}" if self.hint else str(self)


class InputError(ToolkitError):
    """Wrong usage, configuration or input file."""

    exit_code = ExitCode.USAGE


class Finding(ToolkitError):  # noqa: N818 - a finding is a result, not a malfunction
    """The system answered, and the answer is wrong."""

    exit_code = ExitCode.FINDING


class Waiting(ToolkitError):  # noqa: N818 - a state, not a malfunction
    """Somebody else has to act before this can go on."""

    exit_code = ExitCode.WAITING


class CannotTell(ToolkitError):  # noqa: N818 - the name of the verdict, used the same everywhere
    """No usable answer from AWS, the partner or the network."""

    exit_code = ExitCode.CANNOT_TELL


class Denied(CannotTell):
    """The caller is not allowed to ask."""
