"""Runs the command line and turns every outcome into one message and one exit code."""

import gc
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

# private, and the only way to tell a bare call from a wrong one; typer is pinned to its minor release
from typer._click.exceptions import NoArgsIsHelpError
from typer.exceptions import Abort, TyperException

from onboarding.cli import terminal
from onboarding.cli.app import app
from onboarding.errors import ToolkitError
from onboarding.exit_codes import ExitCode

REPORT_TO = "the issue tracker of flexpay-onboarding"


def main() -> NoReturn:
    """Run the process's own command, and exit with its code."""
    # imports make objects by the hundred thousand, and all of them stay: looking for garbage among
    # them after every 700 takes a tenth of a command's time
    gc.set_threshold(50_000, 20, 20)
    # what other packages plug into pydantic would see every value, and is searched for in all of them
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    terminal.complete_streams()
    code = run()
    # the outcome is told; a Ctrl-C while the interpreter clears up must not add a traceback to it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; ``arguments`` default to the process's own. Returns the exit code."""
    try:
        outcome = app(args=arguments, standalone_mode=False, prog_name="flexpay-onboard")
        if sys.stdout is not None:  # None is what Python makes of `>&-`
            sys.stdout.flush()
    except TyperException as error:
        _usage(error)
        return ExitCode.USAGE
    except ToolkitError as error:
        terminal.problem(error.diagnostics())
        return error.exit_code
    except (KeyboardInterrupt, Abort):
        return _interrupted()
    except BrokenPipeError:
        # the reader of our output went away; what is still buffered must not raise at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.HOLDS
    except Exception as error:  # noqa: BLE001 - the last resort: one message instead of a traceback
        name, frames = type(error).__name__, traceback.extract_tb(error.__traceback__)
    else:
        return _code(outcome)
    # outside of the except block, so that nothing that is printed from here on drags the exception along
    return _internal(name, frames)


def _code(outcome: object) -> int:
    code = int(outcome) if isinstance(outcome, int) else ExitCode.HOLDS
    # typer makes this exit code of Ctrl-C, without a word
    return _interrupted() if code == ExitCode.INTERRUPTED else code


def _interrupted() -> int:
    terminal.problem("interrupted; nothing is half-written, and the same command can be run again")
    return ExitCode.INTERRUPTED


def _usage(error: TyperException) -> None:
    context = getattr(error, "ctx", None)
    if context and isinstance(error, NoArgsIsHelpError):
        terminal.say(context.get_help())
        return
    command = context.command_path if context else "flexpay-onboard"
    terminal.problem(f"{error.format_message()}\n  next: see `{command} --help`")


def _internal(name: str, frames: traceback.StackSummary) -> int:
    # frames only: the values of locals, and the text of a foreign exception, may hold a secret
    where = "\n".join(f"    {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    terminal.problem(f"internal error: {name}\n{where}\n  next: report this to {REPORT_TO}")
    logging.getLogger("onboarding").debug("internal error %s", name)
    return ExitCode.INTERNAL
