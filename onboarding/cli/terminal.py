"""Where text leaves the toolkit: the product to stdout, talk and progress to stderr."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from onboarding.errors import CannotTell

if TYPE_CHECKING:
    from rich.console import Console


def complete_streams() -> None:
    """Have something stand for each standard stream that a command may use without asking.

    A closed stdin reads as an empty one, and talk to a closed stderr goes nowhere. Only a closed stdout
    stays closed, since a result that nobody gets has to be told. What stdout cannot encode is spelled out.
    """
    # opened first of all, so that no socket or file of ours gets the number of the closed one
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - likewise
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def product(text: str) -> None:
    """Write the command's result to stdout, ending in exactly one newline.

    A reader that has seen enough, as ``head``, is no failure: the exit code stays the command's own.
    Raises CannotTell where stdout is closed or takes no more, as on a full disk.
    """
    if sys.stdout is None:  # what Python makes of `>&-`
        raise _untold("it is closed")
    try:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_buffered(sys.stdout)
    except OSError as error:
        _discard_buffered(sys.stdout)
        raise _untold(error.strerror or type(error).__name__) from error


def _discard_buffered(stream: TextIO) -> None:
    # what is still buffered must not raise at exit
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _untold(reason: str) -> CannotTell:
    return CannotTell(
        f"standard output: the result was not written: {reason}",
        hint="the command did its work; what it changed, if anything, is changed",
    )


def say(text: str) -> None:
    """Tell the person at the terminal something that is not the product."""
    _tell(f"{text}\n")


def overwrite(text: str) -> None:
    """Put text in the place of the terminal's present line; an empty one takes it away."""
    _tell(f"\r\x1b[2K{text}")


def _tell(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        # that nobody listens any more changes neither what a command does nor how it ends
        _discard_buffered(sys.stderr)


def awaiting(what: str) -> None:
    """Tell whoever sits at the keyboard that standard input is being read; a pipe is told nothing."""
    if sys.stdin.isatty():
        say(f"reading {what} from standard input; Ctrl-D ends it")


def problem(text: str) -> None:
    """Report what went wrong and what to do about it."""
    say(f"error: {text}")


def console() -> "Console":
    """Return a rich console on stderr; rich itself honours NO_COLOR and non-terminals."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is under way: a spinner on a terminal, one line elsewhere."""
    if not sys.stderr.isatty():
        say(f"{what} …")
        yield
        return
    with console().status(what):
        yield
