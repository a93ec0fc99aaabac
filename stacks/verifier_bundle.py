"""The zip that verifier functions run: the same bytes from the same sources, on any machine.

Which modules the handler needs is read from their imports, so that the bundle holds those and no
others. Libraries come from this environment, whose versions are locked, without what was compiled
for this machine.
"""

import ast
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ENTRY = "onboarding.verification.handler"
HANDLER = f"{ENTRY}.handle"
OURS = ("onboarding", "stacks")
LIBRARIES = ("certifi", "charset_normalizer", "idna", "requests", "urllib3")
FROM_THE_RUNTIME = ("boto3", "botocore")
"""AWS's Python runtimes bring these."""
KEPT_SUFFIXES = (".py", ".pem")
LEFT_OUT = frozenset({"__pycache__", "cli", "contrib"})
"""Folders of libraries that nothing in a function uses: commands, and drivers for other environments."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
_UNIX = 3


def build(project: Path, deployment: Mapping[str, Any], ca_bundle: Path | None) -> bytes:
    """Return the zip: the handler, what it imports, and what it is deployed with.

    ``project`` holds ``onboarding/`` and ``stacks/``. Raises ValueError where a module imports what
    no function has, or where the authorities cannot be read.
    """
    files = dict(_libraries())
    files |= {path.relative_to(project).as_posix(): path.read_bytes() for path in modules(project)}
    files["deployment.json"] = json.dumps(deployment, indent=1, sort_keys=True).encode()
    if ca_bundle is not None:
        try:
            files["ca.pem"] = ca_bundle.read_bytes()
        except OSError as error:
            raise ValueError(f"partner.caBundle: {ca_bundle}: cannot be read: {error.strerror}") from error
    return pack(files)


def write(folder: Path, content: bytes) -> Path:
    """Keep the zip under a name that follows from its content, and return its path."""
    path = folder / f"verifier-{hashlib.sha256(content).hexdigest()[:16]}.zip"
    if not path.exists() or path.read_bytes() != content:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of these files in which nothing depends on when, where or by whom it was made.

    Stored and not deflated: zlib, zlib-ng and Apple's zlib make different bytes of the same text.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE
            packed.writestr(entry, files[name])
    return buffer.getvalue()


def modules(project: Path) -> list[Path]:
    """Return the handler and every module of ours that it imports, directly or not, sorted."""
    waiting, found = [ENTRY], set[Path]()
    while waiting:
        path = _file_of(project, waiting.pop())
        if path is None or path in found:
            continue
        found.add(path)
        waiting += _imported(path)
    return sorted(found)


def _file_of(project: Path, module: str) -> Path | None:
    """Return a module's file; None for a name that is not a module, e.g. a class."""
    place = project.joinpath(*module.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imported(path: Path) -> Iterator[str]:
    for node in _running(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            top = name.partition(".")[0]
            if top in OURS:
                parts = name.split(".")
                yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
            elif top not in sys.stdlib_module_names and top not in (*LIBRARIES, *FROM_THE_RUNTIME):
                raise ValueError(f"{path}: imports {top}, which a function does not have")


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node that can run; what is imported for type checkers only cannot."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _libraries() -> Iterator[tuple[str, bytes]]:
    for name in LIBRARIES:
        spec = find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise ValueError(f"{name} is not installed here, and the function needs it; run `make setup`")
        root = Path(spec.submodule_search_locations[0])
        for path in sorted(root.rglob("*")):
            inner = path.relative_to(root)
            if path.is_file() and path.suffix in KEPT_SUFFIXES and not LEFT_OUT & set(inner.parts):
                yield f"{name}/{inner.as_posix()}", path.read_bytes()
