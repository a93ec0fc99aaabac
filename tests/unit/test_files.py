"""What cannot be read is told by file and reason, for every kind of file alike."""

import io
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from onboarding.cli.run import run
from onboarding.errors import InputError
from onboarding.files import read_standard_input, read_text

SECRET = "Zx8vQ2mN4kPq7Rt3"
SPOILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    "missing": (lambda path: None, "there is no such file"),
    "mark": (lambda path: path.write_bytes(b"\xef\xbb\xbf{}"), "byte-order mark"),
    "binary": (lambda path: path.write_bytes(b"{\n" + SECRET.encode() + b"\xff\xfe"), "not UTF-8 text"),
}
READERS = {
    "outputs": ("allowlist", "status", "--offline", "--outputs", "FILE"),
    "plan": ("guard", "FILE"),
    "ledger": ("allowlist", "history", "--ledger", "FILE"),
    "settings": ("preflight", "-s", "there"),
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: str, reader: str
) -> None:
    path = tmp_path / "stacks" / "Pulumi.there.yaml" if reader == "settings" else tmp_path / "file"
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "Pulumi.yaml").write_text("name: flexpay-egress\nruntime: python\nstackConfigDir: stacks\n")
    do, reason = SPOILS[spoil]
    do(path)
    code = run([part.replace("FILE", str(path)) for part in READERS[reader]] + ["-C", str(tmp_path)])
    told = capsys.readouterr().err
    if (reader, spoil) == ("settings", "mark"):
        assert "byte-order" not in told  # YAML allows for it, and pulumi reads it
        return
    assert code == 2
    assert str(path) in told
    assert reason in told or (reader, spoil) == ("ledger", "missing")
    assert "Errno" not in told
    assert "codec" not in told
    assert SECRET not in told


def test_a_place_that_cannot_be_read_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one\ntwo\nthr\xffee\n")
    with pytest.raises(InputError, match=r"file:3: not UTF-8 text") as caught:
        read_text(path)
    assert caught.value.__cause__ is None


def test_standard_input_is_held_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf{}")))
    with pytest.raises(InputError, match="standard input: starts with a byte-order mark"):
        read_standard_input()


PASTED = {
    "ledger": f'ledgerVersion: 1\nenvironment: there\nevents:\n{{"client_secret": "{SECRET}"}}\n',
    "plan": f'{{"steps": "{SECRET}"}}',
    "outputs": f'{{"client_id": "a", "client_secret": "{SECRET}"}}',
    "settings": f"config:\n  flexpay-egress:clientSecret: [{SECRET}\n",
}
"""A secret where none belongs, in every kind of file that people write by hand."""


def placed(folder: Path, reader: str) -> list[str]:
    """Write the file with the secret in it, and return the command that reads it."""
    (folder / "stacks").mkdir()
    (folder / "Pulumi.yaml").write_text("name: flexpay-egress\nruntime: python\nstackConfigDir: stacks\n")
    path = folder / ("stacks/Pulumi.there.yaml" if reader == "settings" else "file")
    path.write_text(PASTED[reader])
    return [part.replace("FILE", str(path)) for part in READERS[reader]] + ["-C", str(folder), "--verbose"]


@pytest.mark.parametrize("reader", READERS)
def test_a_secret_that_was_pasted_into_a_file_is_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reader: str
) -> None:
    assert run(placed(tmp_path, reader)) in (2, 4)
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    assert "file" in told.err or "Pulumi.there.yaml:" in told.err


@pytest.mark.parametrize("reader", READERS)
def test_a_bug_while_reading_it_shows_frames_and_neither_locals_nor_its_message(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    reader: str,
) -> None:
    monkeypatch.setattr(logging.getLogger("onboarding"), "handlers", [])  # of earlier runs with --verbose
    arguments = placed(tmp_path, reader)
    real = Path.read_bytes

    def broken(self: Path) -> bytes:
        text = real(self)
        if SECRET.encode() in text:
            raise RuntimeError(f"cannot digest {text!r}")
        return text

    monkeypatch.setattr(Path, "read_bytes", broken)
    monkeypatch.setattr(Path, "read_text", lambda self, **_: broken(self).decode())
    with caplog.at_level(logging.DEBUG):
        assert run(arguments) == 70
    told = capsys.readouterr()
    assert "internal error: RuntimeError" in told.err
    assert "in broken" in told.err
    assert SECRET not in told.out + told.err + caplog.text
    assert not [record for record in caplog.records if record.exc_info or record.stack_info]
