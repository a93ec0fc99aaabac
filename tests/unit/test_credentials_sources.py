"""Reading a pair: only private files, and no traces."""

import io
import os
from pathlib import Path

import pytest

from onboarding.cli.credentials_parts import read_answer
from onboarding.credentials.sources import LARGEST_BYTES, read_descriptor, read_private_file, shred
from onboarding.errors import InputError

TEXT = '{"client_id": "a", "client_secret": "S3cr3t-Value-1"}'


def private(path: Path, data: bytes = TEXT.encode(), mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def piped(data: bytes) -> int:
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return reader


def test_a_private_file_is_read(tmp_path: Path) -> None:
    assert read_private_file(private(tmp_path / "pair")).reveal() == TEXT


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o610])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(InputError, match="must be 0600"):
        read_private_file(private(tmp_path / "pair", mode=mode))


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    private(tmp_path / "pair")
    (tmp_path / "link").symlink_to(tmp_path / "pair")
    with pytest.raises(InputError, match="symbolic link"):
        read_private_file(tmp_path / "link")


def test_a_pipe_or_folder_is_not_a_file_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(InputError, match="not a plain file"):
            read_private_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        read_private_file(tmp_path / "nowhere")


def test_somebody_elses_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    private(tmp_path / "pair")
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(InputError, match=f"owned by user {owner}, not by the caller"):
        read_private_file(tmp_path / "pair")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfe{\x00", "UTF-16"),
        (b"\xc3\x28", "not UTF-8"),
        (b"x" * (LARGEST_BYTES + 1), "more than"),
    ],
)
def test_what_is_no_text_is_refused_without_showing_it(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        read_private_file(private(tmp_path / "pair", data))
    assert caught.value.__cause__ is None


def test_a_descriptor_is_read_to_its_end() -> None:
    descriptor = piped(TEXT.encode())
    try:
        assert read_descriptor(descriptor, name="--fd 3").reveal() == TEXT
    finally:
        os.close(descriptor)


def test_a_closed_descriptor_is_named() -> None:
    with pytest.raises(InputError, match="--fd 250: cannot be read"):
        read_descriptor(250, name="--fd 250")


def test_shredding_overwrites_before_it_removes(tmp_path: Path) -> None:
    path = private(tmp_path / "pair")
    (tmp_path / "other-name").hardlink_to(path)
    shred(path)
    assert not path.exists()
    left = (tmp_path / "other-name").read_bytes()
    assert len(left) == len(TEXT)
    assert b"S3cr3t" not in left


@pytest.mark.parametrize(("at_a_terminal", "told"), [(True, 1), (False, 0)])
def test_whoever_pastes_the_partners_answer_is_told_how_it_ends(
    at_a_terminal: bool, told: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr("sys.stdin.isatty", lambda: at_a_terminal)
    with pytest.raises(InputError, match="the answer is"):
        read_answer("-")
    assert capsys.readouterr().err.count("the partner's answer from standard input; Ctrl-D ends it") == told
