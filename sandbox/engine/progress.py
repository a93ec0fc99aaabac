"""Lines of progress on stderr: one that is rewritten on a terminal, plain lines elsewhere."""

import shutil
import sys


def say(line: str) -> None:
    r"""Show a line; one that begins with ``\r`` may be overwritten by the next."""
    passing, text = line.startswith("\r"), line.lstrip("\r")
    if not sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)
        return
    width = shutil.get_terminal_size().columns - 1
    print(
        f"\r\x1b[K{text[:width] if passing else text}",
        end="" if passing else "\n",
        file=sys.stderr,
        flush=True,
    )
