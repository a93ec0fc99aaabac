"""Reads text or says in one sentence why not; writes so that a reader, or a crash at any moment, meets
the old content or the new one.
"""

import os
import sys
import tempfile
from pathlib import Path

from onboarding.errors import InputError

NEW_FILE_MODE = 0o644


def read_text(path: Path, *, hint: str = "") -> str:
    """Return a file's text, line ends as they are. Raises InputError that names file and reason."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, hint=hint) from None
    return _decoded(data, str(path), hint)


def read_standard_input(*, hint: str = "") -> str:
    """Return what comes in on standard input. Raises InputError where that is no UTF-8 text."""
    return _decoded(sys.stdin.buffer.read(), "standard input", hint)


def unreadable(path: Path, error: OSError, *, hint: str = "") -> InputError:
    """Return the error to raise for a file that cannot be opened or read."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: there is no such file", hint=hint)
    return InputError(f"{path}: cannot be read: {error.strerror}", hint=hint)


def _decoded(data: bytes, source: str, hint: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        # the exception itself holds all of the text, and somebody may have pasted a secret into it
        raise InputError(f"{source}:{line}: not UTF-8 text", hint=hint) from None
    if text.startswith("\ufeff"):
        raise InputError(f"{source}: starts with a byte-order mark; save it as UTF-8 without one", hint=hint)
    return text


def write_atomically(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file's content in one step, making its folder if need be.

    The mode of an existing file is kept, and so is a symbolic link to it. ``durable`` waits until
    it would survive a power cut as well; it costs milliseconds. A device or a pipe is written to and
    stays what it is. Raises OSError, and then leaves the file as it was.
    """
    write_bytes_atomically(path, text.encode(), durable=durable)


def write_bytes_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Do the same as ``write_atomically`` with bytes."""
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not target.is_file():
        # renaming over /dev/null or a pipe would take it away from everybody else on the machine
        with target.open("wb") as device:
            device.write(content)
        return
    mode = target.stat().st_mode & 0o777 if target.exists() else NEW_FILE_MODE
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fchmod(handle.fileno(), mode)
            if durable:
                os.fsync(handle.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # without this the rename itself may be lost when the machine loses power
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(path: Path) -> None:
    """Remove what killed writers of a file left beside it; only for those who hold the file's lock."""
    target = path.resolve()
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):
        leftover.unlink(missing_ok=True)
