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
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
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
    steps: deque[str] = deque(maxlen=20)
    reader = threading.Thread(target=_collect, args=(process, steps), daemon=True)
    reader.start()
    try:
        _show_progress(process, steps, started, say)
    finally:
        _end(process)
        reader.join(timeout=5)
    if process.returncode != 0:
        tail = "\n  ".join(steps)
        raise EngineError(f"`go build` ended with {process.returncode}:\n  {tail}")
    say(f"built the pulumi CLI in {time.monotonic() - started:.0f} s")


def _collect(process: subprocess.Popen[str], steps: deque[str]) -> None:
    assert process.stderr is not None  # noqa: S101 - it was opened as a pipe
    for line in process.stderr:
        steps.append(line.rstrip())


def _show_progress(
    process: subprocess.Popen[str], steps: deque[str], started: float, say: Callable[[str], None]
) -> None:
    every = TERMINAL_SECONDS if sys.stderr.isatty() else LOG_SECONDS
    while True:
        try:
            process.wait(timeout=every)
        except subprocess.TimeoutExpired:
            minutes, seconds = divmod(int(time.monotonic() - started), 60)
            step = steps[-1] if steps else "reading the module cache"
            say(f"\r{minutes}:{seconds:02} {step}")
        else:
            return


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


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
