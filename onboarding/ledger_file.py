"""Adapter: the ledger on disk, and older versions of it in git."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from onboarding.allowlist.ledger import Event, Ledger
from onboarding.allowlist.ledger_text import parse, render
from onboarding.errors import CannotTell, InputError
from onboarding.files import sweep, unreadable, write_atomically

LOCK_TIMEOUT_SECONDS = 30
GIT_TIMEOUT_SECONDS = 30
START = "`flexpay-onboard allowlist draft` starts the ledger of an environment"


def read_ledger(path: Path, *, environment: str | None = None) -> Ledger:
    """Read a ledger.

    ``environment`` is the one it must be of. Raises InputError for a missing file, and with line
    and reason for anything in it that ``record`` did not write.
    """
    try:
        # bytes, because text mode would hide CR LF
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no ledger here", hint=START) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: not UTF-8 text", hint="take the file back from git; it was damaged"
        ) from error
    except OSError as error:
        raise unreadable(path, error, hint="name the ledger's file with --ledger") from error
    ledger = parse(text, source=str(path))
    if environment is not None and ledger.environment != environment:
        raise InputError(
            f"{path}:2: environment: this is the ledger of {ledger.environment}, not of {environment}",
            hint="name the right file with --ledger",
        )
    return ledger


def start(path: Path, environment: str) -> bool:
    """Write an empty ledger where there is none; tell whether it was needed. Raises InputError."""
    with _locked(path):
        if path.exists():
            read_ledger(path, environment=environment)
            return False
        _write(path, Ledger.empty(environment))
        return True


def append(path: Path, *events: Event) -> Ledger:
    """Add events to a ledger, in one step, and return it with them. Raises InputError."""
    return update(path, lambda _: events)


def update(
    path: Path, decide: Callable[[Ledger], tuple[Event, ...]], *, environment: str | None = None
) -> Ledger:
    """Add the events that ``decide`` chooses on sight of the ledger, while nobody else can write it.

    Writes nothing when there are none. Raises InputError, also where the events do not follow
    from what the ledger holds, and then leaves it as it was.
    """
    with _locked(path):
        ledger = read_ledger(path, environment=environment)
        events = decide(ledger)
        if not events:
            return ledger
        # parsing what is about to be written holds it to the rules a reader will hold it to
        updated = parse(render(ledger.with_events(*events)), source=str(path))
        _write(path, updated)
        return updated


def _write(path: Path, ledger: Ledger) -> None:
    sweep(path)
    try:
        write_atomically(path, render(ledger))
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; it is as it was") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout  # noqa: PLC0415 - most commands only read, and need not pay for it

    target = path.resolve()
    lock = FileLock(f"{target}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=LOCK_TIMEOUT_SECONDS)
    except Timeout as error:
        raise CannotTell(
            f"{path}: another flexpay-onboard has held the ledger for {LOCK_TIMEOUT_SECONDS} s",
            hint="wait for it to end and run again",
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be locked: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def read_from_git(path: Path, ref: str) -> Ledger | None:
    """Read the version of a ledger that a git ref holds; None where the ref has no such file.

    Raises InputError when there is no such ref, no git, or no repository that git would read.
    """
    target = path.resolve()
    found = _git(target.parent, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode != 0:
        # about the ref --quiet keeps git from complaining, not about a repository that it does not read
        if (said := " ".join(_decoded(found.stderr).split())).startswith("fatal:"):
            raise InputError(f"--against {ref}: {said}", hint="run it in a clone of the project of your own")
        raise InputError(f"--against {ref}: not a commit of {target.parent}", hint="fetch it first")
    commit = _decoded(found.stdout).strip()
    listed = _git(target.parent, "ls-tree", "--name-only", commit, "--", target.name)
    if listed.returncode == 0 and not listed.stdout:
        return None
    shown = _git(target.parent, "show", f"{commit}:./{target.name}")
    if listed.returncode != 0 or shown.returncode != 0:
        raise CannotTell(f"{path}: git cannot show the version of {ref}", hint="run `git fsck`")
    return parse(_decoded(shown.stdout), source=f"{ref}:{path.name}")


def _decoded(said: bytes) -> str:
    return said.decode("utf-8", errors="replace")


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=GIT_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise InputError("git is not on PATH", hint="install git, or check without --against") from error
    except subprocess.TimeoutExpired as error:
        raise CannotTell(f"git gave no answer in {GIT_TIMEOUT_SECONDS} s") from error
