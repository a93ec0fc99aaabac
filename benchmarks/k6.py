"""Finds k6 to compare with: an installed one, the cache's, or one that Go installs there once."""

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.figures import Say
from sandbox.engine.cli import cache_folder

VERSION = "v1.8.1"
MODULE = f"go.k6.io/k6@{VERSION}"
SCRIPT = Path(__file__).with_name("verify.k6.js")
INSTALL_SECONDS = 1800


def find(say: Say) -> tuple[Path | None, str]:
    """Return k6, or None, and what can be said about it.

    Installs it into the user's cache folder where Go is there: about 5 minutes on 2 cores, once.
    """
    if installed := shutil.which("k6"):
        return Path(installed), "the k6 of PATH"
    folder = cache_folder(os.environ).parents[1] / "k6" / VERSION
    kept = folder / "k6"
    if not kept.exists():
        go = shutil.which("go")
        if go is None:
            return None, "there is no k6 on PATH, and no Go to install it with"
        say(f"installing k6 {VERSION} into {folder}: about 5 minutes, once")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(
                [go, "install", MODULE],
                env={**os.environ, "GOBIN": str(folder)},
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, f"`go install {MODULE}` did not end within {INSTALL_SECONDS // 60} minutes"
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no word about why"])[-1]
            return None, f"`go install {MODULE}` ended with {done.returncode}: {last}"
    return kept, f"k6 {VERSION}"


def command(k6: Path, merchants: int, at_once: int) -> list[str]:
    """Return the command that makes the calls of `verify` once; FACTS names the file it reads."""
    quiet = ["--quiet", "--no-usage-report", "--summary-mode=disabled"]
    told = ["--env", f"MERCHANTS={merchants}", "--env", f"AT_ONCE={min(merchants, at_once)}"]
    return [str(k6), "run", *quiet, *told, str(SCRIPT)]
