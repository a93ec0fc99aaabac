"""Adapter: the folders of drafted revisions, ``DIR/<environment>-rev-<n>/``."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from onboarding.allowlist.submission import Document, faults, submission_name
from onboarding.errors import InputError
from onboarding.files import read_text

DOCUMENT = "submission.json"
_ASIDE = "old"


class SubmissionFolder:
    """Reads and writes the revisions of one environment below a folder."""

    def __init__(self, out: Path, environment: str) -> None:
        self._out = out
        self._environment = environment

    def path(self, revision: int) -> Path:
        """Return where a revision lives, whether it is there or not."""
        return self._out / submission_name(self._environment, revision)

    def document(self, revision: int) -> Document | None:
        """Return a revision's document; None where there is none.

        Raises InputError for one that is damaged, since nothing may be concluded from it.
        """
        self._mend(revision)
        place = self.path(revision) / DOCUMENT
        if not place.exists():
            return None
        text = read_text(place, hint="move the folder away, then draft again")
        try:
            document: Document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{place}: not JSON: {error}", hint="move the folder away, then draft again"
            ) from error
        if found := faults(document):
            raise InputError(
                "\n".join(f"{place}: {fault}" for fault in found),
                hint="it was edited or damaged; move the folder away, then draft again",
            )
        return document

    def holds(self, revision: int, files: Mapping[str, str]) -> bool:
        """Tell whether a revision is there already, byte for byte."""
        folder = self.path(revision)
        try:
            return all((folder / name).read_bytes() == text.encode() for name, text in files.items())
        except OSError:
            return False

    def write(self, revision: int, files: Mapping[str, str]) -> Path:
        """Put a revision in place at once and whole; files of others in its folder stay.

        Raises InputError where the folder cannot be written; then what was there is still there.
        """
        target = self.path(revision)
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=self._out) as work:
                self._swap(target, Path(work), files)
        except OSError as error:
            raise InputError(f"{target}: cannot be written: {error.strerror or error}") from error
        return target

    def _mend(self, revision: int) -> None:
        """Put a revision back that a killed writer had set aside and not yet replaced."""
        target = self.path(revision)
        if target.exists():
            return
        for aside in sorted(self._out.glob(f".{target.name}.*/{_ASIDE}")):
            with suppress(OSError):  # its writer is alive after all and was faster
                aside.rename(target)
                shutil.rmtree(aside.parent)
                return

    @staticmethod
    def _swap(target: Path, work: Path, files: Mapping[str, str]) -> None:
        fresh, old = work / "new", work / _ASIDE
        if target.is_dir():
            shutil.copytree(target, fresh, symlinks=True)
        else:
            fresh.mkdir()
        for name, text in files.items():
            (fresh / name).write_bytes(text.encode())
        if target.exists():
            target.rename(old)
        try:
            fresh.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise
