"""Files of the state folder: readable by their owner only, replaced in one step."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATE = "state.json"
OWN = (STATE, "lock", "tls", "ca.pem")
"""One of these in a folder shows that it is a state folder."""


class NotOurs(ValueError):  # noqa: N818 - it says what is the matter
    """The folder holds other things, or another stand-in uses it."""


def private_folder(folder: Path) -> Path:
    """Create ``folder`` with mode 0700, or tighten a state folder; returns it absolute.

    Raises NotOurs for a folder with other things in it: their owner would be locked out.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    inside = {one.name for one in folder.iterdir()}
    if inside and not inside & set(OWN):
        raise NotOurs(f"{folder} is not empty and no state folder; name a new or an empty one")
    folder.chmod(0o700)
    return folder.resolve()


def lock(folder: Path) -> int:
    """Take the folder for this process; returns the descriptor to close. NotOurs when it is taken."""
    descriptor = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise NotOurs(
            f"{folder} is in use by another stand-in; end that one, or name another folder"
        ) from None
    return descriptor


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Read a file of the state; what is not as it was written becomes a ValueError that names it."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not readable ({error}); move it away to start afresh") from error


def write_private(path: Path, content: str | bytes) -> None:
    """Write a 0600 file so that readers see the old content or the new, never a part."""
    raw = content.encode() if isinstance(content, str) else content
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp gives 0600
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(raw)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
