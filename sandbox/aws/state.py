"""Keeps the stand-in's world in a file, so that stopping it, or killing it, loses nothing.

One SQLite database, one row per service of moto: its backends' attributes, pickled. A call that
changed something is written before it is answered, in one transaction. The file is opened by its
owner only (0600): it holds the sandbox's secrets, and unpickling trusts what it says.
"""

import functools
import importlib
import io
import os
import pickle
import sqlite3
import stat
import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from moto.core.base_backend import AccountSpecificBackend, BackendDict, BaseBackend

FORMAT = "1"


class StateError(Exception):
    """The file cannot be used; the message says why and what to do."""


class StateFile:
    """The world in a file; not safe to use from several threads at once.

    Raises StateError when the file is another user's, in use, damaged, or of another version of moto.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _claim(path)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        self._written: dict[str, bytes] = {}
        self._complained: set[str] = set()
        try:
            with _explained(path):
                self._take()
        except BaseException:
            self.close()
            raise

    def restore(self) -> None:
        """Fill moto's backends, which must be empty, with what the file holds."""
        with _explained(self._path):
            rows = self._database.execute("SELECT name, content FROM service").fetchall()
        for name, content in rows:
            try:
                accounts = _Unpickler(io.BytesIO(content)).load()
                backends = _backends(name)
                for account, regions in accounts.items():
                    for region, attributes in regions.items():
                        backend = backends[account][region]
                        backend.__dict__.clear()
                        backend.__dict__.update(attributes)
            except Exception as error:
                raise StateError(
                    f"{self._path}: the world of {name} cannot be read ({error}); {WAY_OUT}"
                ) from error
            self._written[name] = content

    def save(self) -> None:
        """Write what changed since the last time; either all of it or nothing."""
        now = dict(self._pickled())
        changed = [(name, content) for name, content in now.items() if self._written.get(name) != content]
        gone = [(name,) for name in self._written if name not in now]
        if changed or gone:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT OR REPLACE INTO service VALUES (?, ?)", changed)
            self._database.executemany("DELETE FROM service WHERE name = ?", gone)
            self._database.execute("COMMIT")
            self._written = now

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _take(self) -> None:
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")  # one stand-in per file
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("CREATE TABLE IF NOT EXISTS written_by (name TEXT PRIMARY KEY, value TEXT)")
        self._database.execute("CREATE TABLE IF NOT EXISTS service (name TEXT PRIMARY KEY, content BLOB)")
        self._check_origin()
        self._database.execute("COMMIT")

    def _check_origin(self) -> None:
        ours = {"format": FORMAT, "moto": version("moto")}
        theirs = dict(self._database.execute("SELECT name, value FROM written_by"))
        if not theirs:
            self._database.executemany("INSERT INTO written_by VALUES (?, ?)", list(ours.items()))
        elif theirs != ours:
            raise StateError(f"{self._path} was written by {theirs}, and this is {ours}; {WAY_OUT}")

    def _pickled(self) -> Iterator[tuple[str, bytes]]:
        for backends in list(BackendDict._instances):  # type: ignore[misc]  # moto's list of those in use
            name = name_of(backends)
            accounts = {
                account: {region: backend.__dict__ for region, backend in dict.items(regions)}
                for account, regions in dict.items(backends)
            }
            output = io.BytesIO()
            try:
                _Pickler(output, protocol=5).dump(accounts)
            except Exception as error:  # noqa: BLE001 - whatever moto put into its objects
                if name not in self._complained:
                    self._complained.add(name)
                    print(f"{name} will not outlive this process: {error}", file=sys.stderr)
                continue
            yield name, output.getvalue()


WAY_OUT = "remove the file to start with an empty AWS (`python -m sandbox stop --purge` does)"


class _Pickler(pickle.Pickler):
    """Names backends instead of copying them, and knows what pickle cannot take apart."""

    def persistent_id(self, value: Any) -> tuple[str, ...] | None:
        if isinstance(value, BaseBackend):
            for backends in BackendDict._instances:  # type: ignore[misc]
                if isinstance(value, backends.backend):
                    return ("backend", name_of(backends), value.account_id, value.region_name)
        if isinstance(value, AccountSpecificBackend):
            for backends in BackendDict._instances:  # type: ignore[misc]
                if issubclass(value.backend, backends.backend):
                    return ("account", name_of(backends), value.account_id)
        if isinstance(value, BackendDict):
            return ("service", name_of(value))
        return None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, _LOCKS):
            return (threading.RLock if isinstance(value, _LOCKS[1]) else threading.Lock, ())
        if isinstance(value, weakref.WeakValueDictionary):
            return (weakref.WeakValueDictionary, (), None, None, iter(list(value.items())))
        if isinstance(value, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            written = value.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            return (load_private_key, (written,))
        if isinstance(value, defaultdict) and "<locals>" in repr(value.default_factory):
            make: Any = value.default_factory
            return (defaultdict, (type(make()),), None, None, iter(list(value.items())))
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, named: tuple[str, ...]) -> Any:
        _, name, *rest = named
        found: Any = _backends(name)
        for key in rest:
            found = found[key]
        return found


_LOCKS = (type(threading.Lock()), type(threading.RLock()))


def load_private_key(written: bytes) -> Any:
    """Return a key that was written with the world; a name that pickle can find again."""
    return load_der_private_key(written, None)


@functools.cache
def name_of(backends: "BackendDict[Any]") -> str:
    """Return where a service's backends are found again: ``moto.ec2.models:ec2_backends``."""
    module = backends.backend.__module__
    for name, value in vars(importlib.import_module(module)).items():
        if value is backends:
            return f"{module}:{name}"
    raise LookupError(f"{backends.service_name} has no backends in {module}")


def _backends(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if not module.startswith("moto."):
        raise LookupError(f"{module} is not moto's")
    return getattr(importlib.import_module(module), attribute)


def _claim(path: Path) -> None:
    try:
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StateError(f"{path} cannot be used to keep the world: {error.strerror}") from error
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise StateError(f"{path} is not a file of yours; name another with --state")
        os.fchmod(opened, 0o600)
    finally:
        os.close(opened)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say what is wrong with the file where SQLite cannot use it."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise StateError(f"{path} is in use by another stand-in; stop that one first") from error
        raise StateError(f"{path} cannot be read ({error}); {WAY_OUT}") from error
