"""Background processes that say in one line of JSON when they are ready."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.processes import birth

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 10


class ServiceError(Exception):
    """A process did not become ready; the message says why, with the end of its log."""


@dataclass(frozen=True)
class Service:
    """One background process and what it said when it was ready."""

    pid: int
    born: str
    """When the process started, as ``birth`` tells it: a pid alone may have been handed on."""
    ready: dict[str, Any] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        return birth(self.pid) == self.born


def spawn(
    name: str, arguments: Sequence[str], *, logs: Path, cwd: Path
) -> tuple[subprocess.Popen[bytes], Service]:
    """Run Python with these arguments until it says that it is ready; it outlives this process.

    What it says on stderr is added to ``logs``/``name``.log. Raises ServiceError, and then it is ended.
    """
    log, announced = logs / f"{name}.log", logs / f"{name}.ready"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    with log.open("ab") as talk, announced.open("wb") as answer:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=talk,
            env=environment,
            cwd=cwd,
            start_new_session=True,  # a Ctrl-C at the terminal is for the command in front
        )
    try:
        ready = _first_line(process, announced, log, name)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process, Service(process.pid, birth(process.pid), ready)


def end(service: Service) -> None:
    """End a process, asking first."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(service.pid, sent)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not service.alive:
                return
            time.sleep(0.05)


def _first_line(process: subprocess.Popen[bytes], answer: Path, log: Path, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        line, ended, _ = answer.read_text(encoding="utf-8").partition("\n")
        if ended:
            ready: dict[str, Any] = json.loads(line)
            return ready
        if process.poll() is not None:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
            code = process.returncode
            raise ServiceError(f"the {name} stand-in ended with {code} at once; {log} ends with\n{tail}")
        time.sleep(0.02)
    raise ServiceError(f"the {name} stand-in was not ready within {START_SECONDS} s; see {log}")
