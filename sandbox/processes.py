"""Processes: which one is which, and with which streams one begins."""

import os
import subprocess
import sys
from pathlib import Path


def birth(pid: int) -> str:
    """Return when a process started, in a form that only comparison understands; "" once it is gone.

    A process's number is handed on, its number together with its time of birth is not.
    """
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            return ""
        state, *rest = stat.rpartition(")")[2].split()
        return "" if state == "Z" else rest[18]
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    return shown.stdout.strip()


def replace_closed_streams() -> None:
    """Open the null device for every standard stream that came closed.

    Python has None for such a stream, and the next file that is opened gets its number.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, mode))


def discard_stdout() -> None:
    """Have what is still buffered go nowhere: where stdout is what failed, it would raise again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
