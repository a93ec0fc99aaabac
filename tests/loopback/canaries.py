"""Looks for secrets wherever a command may have left them: output, logs, tracebacks, files, processes."""

import logging
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from onboarding.cli import run as cli
from onboarding.redaction import Hidden, KnownSecrets
from tests.loopback.credentials_world import MERCHANT, Desk
from tests.loopback.verify_world import Ran

OUR_LOGGERS = ("onboarding", "boto", "urllib3", "requests", "filelock", "asyncio")
AWKWARD = "+/%&\"'\\=?"
"""Characters that every encoding writes in another way."""


def made_up() -> tuple[str, str]:
    """Return a pair nobody issued, with characters that encodings change."""
    return f"fp-{secrets.token_hex(6)}", f"{secrets.token_urlsafe(9)}{AWKWARD}{secrets.token_urlsafe(9)}"


@dataclass
class Watch:
    """Collects everything a run leaves behind, and searches it."""

    desk: Desk
    texts: list[str] = field(default_factory=list)
    planted: set[Path] = field(default_factory=set)
    """Files in which a test put a secret itself."""
    ran: list[str] = field(default_factory=list)
    """The command lines that ran in this process."""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Log at DEBUG, keep tracebacks with locals, and put temporary files where they can be searched."""
        folder = self.desk.world.folder / "tmp"
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        handler = _Collector(self.texts)
        root = logging.getLogger()
        monkeypatch.setattr(root, "handlers", [*root.handlers, handler])
        monkeypatch.setattr(root, "level", logging.DEBUG)
        logging.getLogger("onboarding").setLevel(logging.DEBUG)
        running: Any = cli
        real = running.app

        def observed(**arguments: Any) -> Any:
            self.ran.append(" ".join(map(str, arguments["args"])))
            try:
                return real(**arguments)
            except BaseException as error:
                told = traceback.TracebackException.from_exception(error, capture_locals=True)
                self.texts.append("".join(without_test_frames(told).format()))
                raise

        monkeypatch.setattr(running, "app", observed)

    def saw(self, ran: Ran) -> Ran:
        """Keep what a command printed."""
        self.texts += [ran.stdout, ran.stderr]
        return ran

    def leaks(self, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """Return the places where a secret of the pairs was found, in any encoding."""
        known_secrets = KnownSecrets()
        for client_id, client_secret in pairs:
            known_secrets.register_pair(client_id, Hidden(client_secret))
        found = [text[-2000:] for text in self.texts if known_secrets.found_in(text)]
        for path in self.desk.world.folder.rglob("*"):
            if not path.is_file() or path in self.planted:
                continue
            if known_secrets.found_in(path.read_bytes().decode("utf-8", "replace")):
                found.append(f"file {path}")
        return found


class _Collector(logging.Handler):
    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        # the stand-ins run in this process too, and what they log is not the product's
        if record.name.startswith(OUR_LOGGERS):
            self._texts.append(record.getMessage())


def without_test_frames(told: traceback.TracebackException) -> traceback.TracebackException:
    """Take out the frames that planted the secret, which hold it by right."""
    link: traceback.TracebackException | None = told
    seen = set[int]()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        kept = [frame for frame in link.stack if f"{os.sep}tests{os.sep}" not in frame.filename]
        link.stack = traceback.StackSummary.from_list(kept)
        link = link.__cause__ or link.__context__
    return told


def in_process_of_its_own(
    desk: Desk, arguments: Sequence[str], stdin: str, look: Callable[[str], None]
) -> Ran:
    """Run ``credentials …`` as a child; ``look`` gets the argv and environment of it and its children."""
    child = subprocess.Popen(
        [sys.executable, "-m", "onboarding", "credentials", *arguments, "-m", MERCHANT, *desk.common()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for text in _processes_below(child.pid):
                look(text)
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        out, err = child.communicate(stdin, timeout=60)
    finally:
        over.set()
        watcher.join()
    return Ran(child.returncode, out, err)


def _processes_below(top: int) -> list[str]:
    family, texts = {top}, []
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if int(folder.name) in family or parent in family:
                family.add(int(folder.name))
                for name in ("cmdline", "environ"):
                    texts.append((folder / name).read_bytes().decode("utf-8", "replace"))
        except (OSError, IndexError):
            continue
    return texts
