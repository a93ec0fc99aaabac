"""Files of the state folder: readable by their owner only, replaced in one step."""

import os
import tempfile
from pathlib import Path


def private_folder(folder: Path) -> Path:
    """Create ``folder`` with mode 0700, or tighten it; returns it absolute."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder.resolve()


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
