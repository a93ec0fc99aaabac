"""Where text leaves the toolkit: the product to stdout, talk and progress to stderr."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def product(text: str) -> None:
    """Write the command's result to stdout, ending in exactly one newline.

    A reader that has seen enough, as ``head``, is no failure: the exit code stays the command's own.
    """
    try:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # what is still buffered must not raise at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Tell the person at the terminal something that is not the product."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


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
