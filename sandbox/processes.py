"""Which process is which: a number is handed on, a number and a time of birth are not."""

import os
import subprocess
from pathlib import Path


def birth(pid: int) -> str:
    """Return when a process started, in a form that only comparison understands; "" once it is gone."""
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
