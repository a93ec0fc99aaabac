"""The demo as a person runs it, watched from outside: what it prints, what runs meanwhile, how it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.services import REPOSITORY
from tests.engine.meanwhile import meanwhile
from tests.engine.project import Project

DEMO_SECONDS = 180
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Played:
    """One run of the demo."""

    code: int
    output: str
    """Standard output and error, as they came."""
    seconds: float


@dataclass
class Story:
    """A project in which the demo was played once from nothing."""

    project: Project
    first: Played
    arguments: set[str] = field(default_factory=set)
    """The command line of every process of this machine that ran meanwhile."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    """What the partner saw of the first run; its record does not survive a restart."""

    @property
    def addresses(self) -> list[str]:
        """The active egress addresses."""
        return [item["address"] for item in self.project.outputs()["egressAddresses"]]

    def desk(self, *arguments: str, given: str | None = None) -> Any:
        """Have the partner's desk do something; returns what it says."""
        done = self.project.run(
            sys.executable,
            *("-m", "sandbox.flexpay", "desk", "--state", str(self.project.world.state / "partner")),
            *arguments,
            given=given,
            extra={"PYTHONPATH": str(REPOSITORY)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def verify(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run verify from every address."""
        sources = [word for one in self.addresses for word in ("--source-address", one)]
        return self.project.toolkit("verify", "--stack", "sandbox", *sources, *more)


def start_demo(folder: Path) -> subprocess.Popen[str]:
    """Start the demo as a terminal would: a process group of its own, in front."""
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", "demo", "--cwd", str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # SIGINT may be ignored in whatever runs the tests; a terminal's commands have it as it comes
        restore_signals=True,
    )


def play(folder: Path, *, until: str | None = None, then: Callable[[int], None] | None = None) -> Played:
    """Run the demo to its end; when a line holds ``until``, hand its process group to ``then`` first."""
    began = time.monotonic()
    process = start_demo(folder)
    assert process.stdout is not None
    guard = threading.Timer(DEMO_SECONDS, lambda: _kill(process.pid))
    guard.start()
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if until is not None and then is not None and until in line:
                then(process.pid)
                until = None
        code = process.wait()
    finally:
        guard.cancel()
        _kill(process.pid)
        process.stdout.close()
    assert until is None, f"{until!r} was never printed:\n{''.join(lines)}"
    return Played(code, "".join(lines), time.monotonic() - began)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def watched_arguments(seen: set[str]) -> AbstractContextManager[None]:
    """Collect the command lines of all processes meanwhile."""

    def look() -> None:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    seen.add((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    return meanwhile(look, every=LOOK_SECONDS)


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes that work in a project folder or name it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                where = str((entry / "cwd").readlink())
                if line and (str(folder) in line or where.startswith(str(folder))):
                    found.append(f"{entry.name} {line}")
    return found
