"""Builds the pulumi CLI from its Go modules, once per machine."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sandbox.engine.errors import EngineError

MODULE = Path(__file__).resolve().parent / "cli"
"""go.mod and go.sum; the sums make the build the same and verified everywhere."""
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
OLDEST_GO = (1, 25)
FREE_BYTES = 4 * 1024**3
TERMINAL_SECONDS = 1
LOG_SECONDS = 20
LEAVE_SECONDS = 3
POLL_SECONDS = 0.1


def build(
    target: Path,
    version: str,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    *,
    otherwise: str,
) -> None:
    """Build ``target``; when this returns it is there, complete, and has answered ``version``.

    One build at a time per target: a second caller waits and then finds it done. The file appears
    under its name only when finished. ``otherwise`` is the way out for machines that cannot build.
    Raises EngineError.
    """
    go = find_go(environment, otherwise)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(FileLock(target.with_name("build.lock")), say):
        if os.access(target, os.X_OK):
            return
        for leftover in target.parent.glob("building-*"):
            leftover.unlink(missing_ok=True)
        _check_room(target.parent, environment)
        unfinished = target.with_name(f"building-{os.getpid()}")
        try:
            _compile(go, unfinished, version, environment, say)
            _check_answer(unfinished, version, environment)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)


def _alone(lock: FileLock, say: Callable[[str], None]) -> AbstractContextManager[object]:
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        say("another process is building the pulumi CLI; waiting for it")
        return lock.acquire()


def find_go(environment: Mapping[str, str], otherwise: str) -> str:
    """Return the go command. Raises EngineError when there is none or it is too old."""
    go = shutil.which("go", path=environment.get("PATH"))
    if go is None:
        raise EngineError(f"there is no pulumi CLI on PATH, and no Go to build it with: {otherwise}")
    done = subprocess.run(
        [go, "env", "GOVERSION"], env=dict(environment), capture_output=True, text=True, check=False
    )
    match = re.match(r"go(\d+)\.(\d+)", done.stdout.strip())
    if not match or (int(match[1]), int(match[2])) < OLDEST_GO:
        found = done.stdout.strip() or done.stderr.strip()
        raise EngineError(f"there is no pulumi CLI on PATH, and {go} is too old ({found}): {otherwise}")
    return go


def _check_room(folder: Path, environment: Mapping[str, str]) -> None:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES and not environment.get("GOCACHE"):
        raise EngineError(
            f"building the pulumi CLI wants 4 GB for Go's caches, and {folder} has "
            f"{free / 1024**3:.1f} GB left; make room, or set GOCACHE and GOMODCACHE to folders elsewhere"
        )


def _compile(
    go: str, output: Path, version: str, environment: Mapping[str, str], say: Callable[[str], None]
) -> None:
    say(f"building the pulumi CLI {version} with {go}: about 6 minutes on 2 cores, once on this machine")
    command = [
        go,
        "build",
        "-mod=readonly",  # GOFLAGS of the user's must not rewrite go.sum
        "-trimpath",
        "-v",
        f"-ldflags=-s -w -X {VERSION_VARIABLE}={version}",
        "-o",
        str(output),
        PACKAGE,
    ]
    started = time.monotonic()
    steps: deque[str] = deque(maxlen=20)
    with _signals_kept() as kept:
        process = subprocess.Popen(
            command,
            cwd=MODULE,
            env={**environment, "GOWORK": "off"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # so that compilers started by go end with it
        )
        reader = threading.Thread(target=_collect, args=(process, steps), daemon=True)
        reader.start()
        try:
            _wait(process, kept, steps, started, say)
        finally:
            _end(process)
            reader.join(timeout=LEAVE_SECONDS)
    if process.returncode != 0:
        tail = "\n  ".join(steps)
        raise EngineError(f"`go build` ended with {process.returncode}:\n  {tail}")
    say(f"built the pulumi CLI in {time.monotonic() - started:.0f} s")


@contextmanager
def _signals_kept() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM, and let them act at the end.

    An exception in the middle of starting go would leave it running, with nobody who knows of it.
    """
    kept: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield kept  # signals are the main thread's business
        return
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    for name in before:
        signal.signal(name, lambda number, _: kept.append(number))
    try:
        yield kept
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
        if kept:
            signal.raise_signal(kept[0])


def _collect(process: subprocess.Popen[str], steps: deque[str]) -> None:
    assert process.stderr is not None  # noqa: S101 - it was opened as a pipe
    with process.stderr as lines:
        steps.extend(line.rstrip() for line in lines)


def _wait(
    process: subprocess.Popen[str],
    kept: list[int],
    steps: deque[str],
    started: float,
    say: Callable[[str], None],
) -> None:
    every = TERMINAL_SECONDS if sys.stderr.isatty() else LOG_SECONDS
    shown = started
    while process.poll() is None and not kept:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=POLL_SECONDS)
        if time.monotonic() - shown >= every:
            shown = time.monotonic()
            minutes, seconds = divmod(int(shown - started), 60)
            say(f"\r{minutes}:{seconds:02} {steps[-1] if steps else 'reading the module cache'}")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    # asked first, go removes its work folder; what does not listen, or stays behind, is killed
    for sent in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=LEAVE_SECONDS)


def _check_answer(binary: Path, version: str, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [str(binary), "version"],
        env={**environment, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.stdout.strip() != version:
        raise EngineError(f"the pulumi CLI was built but answers {done.stdout.strip() or done.stderr!r}")
