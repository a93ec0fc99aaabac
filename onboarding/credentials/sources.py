"""Adapter: where credentials are read from, without leaving a trace of their own.

Every function returns the text Hidden; no exception carries any of it.
"""

import os
import stat
from pathlib import Path

from onboarding.credentials.intake import Refused
from onboarding.errors import InputError
from onboarding.redaction import Hidden, guarded

LARGEST_BYTES = 64 * 1024
_CHUNK_BYTES = 8192
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_descriptor(descriptor: int, *, name: str) -> Hidden:
    """Read a descriptor to its end. Raises InputError naming it when it cannot be read or is no text."""
    try:
        data = guarded(lambda: _drain(descriptor))
    except OSError as error:
        raise InputError(
            f"{name}: cannot be read: {error.strerror}",
            hint="open it for reading in the shell that starts this, e.g. `--fd 3 3< <(command)`",
        ) from None
    text = data if isinstance(data, Refused) else guarded(lambda: _decoded(data))
    if isinstance(text, Refused):
        raise InputError(f"{name}: {text.reason}", hint="nothing was stored")
    return text


def read_private_file(path: Path) -> Hidden:
    """Read a file that nobody else can read.

    Raises InputError unless it is a plain file, no symbolic link, owned by the caller and without
    permissions for group and others: what others could read must be considered known to them.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        reason = "is a symbolic link" if path.is_symlink() else f"cannot be opened: {error.strerror}"
        raise InputError(f"{path}: {reason}", hint="name the file itself, or pipe it to stdin") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise InputError(f"{path}: not a plain file", hint="use --fd N or stdin for pipes")
        if facts.st_uid != os.geteuid():
            raise InputError(
                f"{path}: owned by user {facts.st_uid}, not by the caller ({os.geteuid()})",
                hint="run this as its owner",
            )
        if facts.st_mode & 0o077:
            raise InputError(
                f"{path}: mode {stat.S_IMODE(facts.st_mode):04o} lets others read it; must be 0600",
                hint="others may have read it: ask the partner for a new pair, or chmod 600 if you are sure",
            )
        return read_descriptor(descriptor, name=str(path))
    finally:
        os.close(descriptor)


def shred(path: Path) -> None:
    """Overwrite a file and remove it.

    File systems that copy on write, and flash storage, may keep the old blocks; what is left is
    then a matter of disk encryption. Raises OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        left = os.fstat(descriptor).st_size
        while left > 0:
            left -= os.write(descriptor, os.urandom(min(left, _CHUNK_BYTES)))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()


def _drain(descriptor: int) -> bytes | Refused:
    data = bytearray()
    while part := os.read(descriptor, _CHUNK_BYTES):
        data += part
        if len(data) > LARGEST_BYTES:
            return Refused(f"more than {LARGEST_BYTES // 1024} KiB; this is not a pair of credentials")
    return bytes(data)


def _decoded(data: bytes) -> Hidden | Refused:
    if data.startswith(_WIDE_MARKS):
        return Refused("starts with a UTF-16 byte-order mark; save the file as UTF-8 without one")
    try:
        return Hidden(data.decode("utf-8"))
    except UnicodeDecodeError:
        return Refused("not UTF-8 text")
