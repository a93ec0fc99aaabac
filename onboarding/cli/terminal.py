"""Where text leaves the toolkit: the product to stdout, talk and progress to stderr."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onboarding.errors import CannotTell

if TYPE_CHECKING:
    from rich.console import Console


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
        _discard_buffered()
    except OSError as error:
        _discard_buffered()
        raise _untold(error.strerror or type(error).__name__) from error


def _discard_buffered() -> None:
    # what is still buffered must not raise at exit
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _untold(reason: str) -> CannotTell:
    return CannotTell(
        f"standard output: the result was not written: {reason}",
        hint="the command did its work; what it changed, if anything, is changed",
    )


def say(text: str) -> None:
    """Tell the person at the terminal something that is not the product."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


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
