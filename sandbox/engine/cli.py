"""Finds the pulumi CLI: an installed one, a build of ours in the user's cache, or a fresh build."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.engine.build import build
from sandbox.engine.errors import EngineError

OLDEST = (3, 250, 0)
BUILT_VERSION = "v3.250.0"
LANGUAGE_HOST = "pulumi-language-python"
MARK = "sandbox.engine.language_host"
"""Names our own language host inside the wrapper that starts it."""

HOW_TO_INSTALL = (
    "install pulumi 3.250.0 or newer (https://www.pulumi.com/docs/install/), "
    "or Go 1.25 or newer (https://go.dev/dl/) and it is built here once"
)


@dataclass(frozen=True)
class Cli:
    """A pulumi CLI that can be used."""

    path: Path
    """The program itself, links followed."""
    language_host: Path | None
    """The official ``pulumi-language-python`` that belongs to it, where there is one."""


def ensure(environment: Mapping[str, str], say: Callable[[str], None]) -> Cli:
    """Return a usable CLI, building it when there is none.

    Order: PATH (3.250.0 or newer), the user's cache, a build with Go. ``say`` receives lines of
    progress. Raises EngineError.
    """
    if installed := find_installed(environment, say):
        return Cli(installed, find_language_host(installed, environment))
    built = cache_folder(environment) / "pulumi"
    if not os.access(built, os.X_OK):
        build(built, BUILT_VERSION, environment, say, otherwise=HOW_TO_INSTALL)
    return Cli(built, find_language_host(built, environment))


def find_installed(environment: Mapping[str, str], say: Callable[[str], None]) -> Path | None:
    """Return the first pulumi on PATH that is new enough; older ones are named and passed over."""
    for folder in _search_path(environment):
        candidate = folder / "pulumi"
        if not os.access(candidate, os.X_OK) or candidate.is_dir():
            continue
        answer = ask_version(candidate, environment)
        version = parse_version(answer)
        if version is None:
            say(f"passing over {candidate}: `pulumi version` answered {answer!r}")
        elif version < OLDEST:
            say(f"passing over {candidate}: {answer} is older than v{'.'.join(map(str, OLDEST))}")
        else:
            return candidate.resolve()
    return None


def find_language_host(pulumi: Path, environment: Mapping[str, str]) -> Path | None:
    """Return the official Python language host beside the CLI or on PATH, never our own."""
    for folder in (pulumi.parent, *_search_path(environment)):
        candidate = folder / LANGUAGE_HOST
        if os.access(candidate, os.X_OK) and not is_ours(candidate):
            return candidate
    return None


def is_ours(language_host: Path) -> bool:
    """Tell whether a ``pulumi-language-python`` is the wrapper that ``install`` writes."""
    try:
        with language_host.open("rb") as opened:
            return MARK.encode() in opened.read(4096)
    except OSError:
        return False


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return where a build of ours is kept: XDG_CACHE_HOME, else ~/.cache."""
    base = environment.get("XDG_CACHE_HOME") or ""
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "flexpay-onboarding" / "pulumi" / BUILT_VERSION


def ask_version(pulumi: Path, environment: Mapping[str, str]) -> str:
    """Return the first line of ``pulumi version``, or what stood in its way. Never raises."""
    try:
        done = subprocess.run(
            [str(pulumi), "version"],
            env={**environment, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        return f"{type(error).__name__}: {error}"
    return (done.stdout.strip() or done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Read ``v3.250.0`` (a suffix such as ``-alpha.1`` is ignored); None when it is not a version."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)(?![.\d])", text.strip())
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _search_path(environment: Mapping[str, str]) -> list[Path]:
    # folders that install prepared hold what this module found earlier: not an installation
    folders = [Path(item) for item in environment.get("PATH", "").split(os.pathsep) if item]
    return [folder for folder in folders if not is_ours(folder / LANGUAGE_HOST)]


__all__ = ["Cli", "EngineError", "cache_folder", "ensure", "find_installed", "find_language_host"]
