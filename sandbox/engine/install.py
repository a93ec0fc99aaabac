"""Fills a folder with what has to be on PATH for the engine: pulumi and its plugins."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.engine import cli, progress

REPOSITORY = Path(__file__).resolve().parents[2]
PROVIDER, PROVIDER_MODULE = "pulumi-resource-aws", "sandbox.aws.provider"


def prepare_bin(
    folder: Path,
    *,
    provider: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    say: Callable[[str], None] = progress.say,
) -> Path:
    """Put ``pulumi``, ``pulumi-resource-aws`` and, where needed, ``pulumi-language-python`` into a folder.

    The plugins run with this interpreter and this checkout. Repeating it changes nothing that is
    already right, and it may run while programs of the folder are running. An official language host
    is left in charge. ``provider`` is another folder for the provider: the engine warns about a plugin
    that it finds on PATH. Returns the path of pulumi; raises EngineError (see ``cli.ensure``).
    """
    found = cli.ensure(environment, say)
    folder.mkdir(parents=True, exist_ok=True)
    pulumi = folder.resolve() / "pulumi"
    if found.language_host is None:
        # the engine looks for its bundled host beside the file it runs from, links followed, and
        # warns about one that is elsewhere: so the file itself has to be in this folder
        _place(found.path, pulumi)
        _write(folder / cli.LANGUAGE_HOST, _wrapper(cli.MARK))
    else:
        _link(found.path, pulumi)
        (folder / cli.LANGUAGE_HOST).unlink(missing_ok=True)
    place = provider or folder
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(place / PROVIDER, _wrapper(PROVIDER_MODULE))
    return pulumi


def _wrapper(module: str) -> str:
    path = shlex.quote(str(REPOSITORY))
    return (
        "#!/bin/sh\n"
        f"PYTHONPATH={path}${{PYTHONPATH:+:$PYTHONPATH}} "
        f'exec {shlex.quote(sys.executable)} -m {module} "$@"\n'
    )


def _write(target: Path, text: str) -> None:
    if target.is_file() and not target.is_symlink() and target.read_text(encoding="utf-8") == text:
        return
    unfinished = _unfinished(target)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.chmod(0o755)
    unfinished.replace(target)


def _place(source: Path, target: Path) -> None:
    if target.is_file() and not target.is_symlink() and _same(source, target):
        return
    unfinished = _unfinished(target)
    try:
        unfinished.hardlink_to(source)
    except OSError:
        shutil.copy2(source, unfinished)  # another file system, or a file of another user
    unfinished.replace(target)


def _same(source: Path, target: Path) -> bool:
    if target.samefile(source):
        return True
    ours, theirs = target.stat(), source.stat()
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _link(source: Path, target: Path) -> None:
    if target.is_symlink() and target.readlink() == source:
        return
    unfinished = _unfinished(target)
    unfinished.symlink_to(source)
    unfinished.replace(target)


def _unfinished(target: Path) -> Path:
    path = target.with_name(f".{target.name}.{os.getpid()}")
    path.unlink(missing_ok=True)
    return path
