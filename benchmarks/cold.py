"""Cold processes, and what each of them took."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_LAUNCH = """
import json, os, sys, time
began = time.perf_counter()
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(process, 0)
took = time.perf_counter() - began
own, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6
with open(sys.argv[1], "w") as told:
    json.dump([os.waitstatus_to_exitcode(status), took, own, megabytes], told)
"""
"""A process inherits its parent's peak memory, so that the parent has to be a small one."""


@dataclass(frozen=True)
class Taken:
    """What a process took from its start to its end."""

    seconds: float
    own: float
    """Seconds of processor time."""
    megabytes: float
    """At its peak."""


def taken(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Taken:
    """Run a command, whose first word is a path, in the project's folder; it must end with 0.

    What it imports is compiled once, as on any machine, also where the caller's environment forbids that.
    Raises SystemExit with the end of what the command said when it does not end with 0.
    """
    variables = {**(os.environ if environment is None else environment)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        told = Path(folder) / "taken.json"
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(told), *command]
        subprocess.run(launcher, cwd=ROOT, env=variables, stdout=said, stderr=said, check=False)
        code, *figures = json.loads(told.read_text(encoding="utf-8")) if told.exists() else [None]
        if code != 0:
            said.seek(0)
            raise SystemExit(f"{' '.join(command[:5])} ended with {code}\n{said.read()[-3000:]}")
    return Taken(*figures)
