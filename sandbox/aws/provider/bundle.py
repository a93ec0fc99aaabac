"""Zip files from the engine's archives, the same bytes from the same files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .values import Archive, Asset

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def zipped(archive: Archive | Asset) -> bytes:
    """Return the archive as zip bytes; raises ValueError when it names what is not on this machine."""
    if archive.source == "path" and zipfile.is_zipfile(archive.value):
        return Path(archive.value).read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in sorted(_files(archive, "")):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = _READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, content)
    return buffer.getvalue()


def _files(source: Archive | Asset, name: str) -> Iterator[tuple[str, bytes]]:
    if isinstance(source, Asset) and source.source == "text":
        yield name, source.value.encode()
    elif isinstance(source, Archive) and source.source == "assets":
        for inner, item in source.value.items():
            yield from _files(item, f"{name}/{inner}".strip("/") if inner != "." else name)
    elif source.source == "path" and Path(source.value).is_dir():
        root = Path(source.value)
        for path in root.rglob("*"):
            if path.is_file():
                yield f"{name}/{path.relative_to(root).as_posix()}".strip("/"), path.read_bytes()
    elif source.source == "path" and Path(source.value).is_file() and name:
        yield name, Path(source.value).read_bytes()
    else:
        raise ValueError(
            f"code: cannot pack the {source.source} {source.value!r}: no such file, folder or zip file"
        )
