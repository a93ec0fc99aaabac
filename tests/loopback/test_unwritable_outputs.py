"""Results that go to a closed stdout, a full disk, a pipe, or twice to one file."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from onboarding.cli.verify_output import targets
from onboarding.errors import InputError
from onboarding.exit_codes import ExitCode
from onboarding.files import write_atomically

LISTING = [sys.executable, "-m", "onboarding", "verify", "--list"]


def test_a_full_disk_behind_stdout_is_told_and_is_no_internal_error() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(LISTING, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == ExitCode.CANNOT_TELL
    assert "standard output: the result was not written: No space left" in ended.stderr


def test_a_closed_stdout_is_told_and_is_no_internal_error() -> None:
    closing = ["sh", "-c", 'exec "$@" >&-', "sh", *LISTING]
    ended = subprocess.run(closing, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == ExitCode.CANNOT_TELL
    assert "standard output: the result was not written" in ended.stderr


def test_help_to_a_closed_stdout_is_no_internal_error() -> None:
    closing = ["sh", "-c", 'exec "$@" >&-', "sh", *LISTING[:3], "--help"]
    ended = subprocess.run(closing, stderr=subprocess.PIPE, text=True, check=False)
    assert "internal error" not in ended.stderr
    assert ended.returncode == ExitCode.HOLDS


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(pipe, "the report\n")
        assert os.read(reader, 100) == b"the report\n"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_two_reports_to_one_file_are_refused_before_any_call(tmp_path: Path) -> None:
    there = tmp_path / "report"
    (tmp_path / "link").symlink_to(there)
    with pytest.raises(InputError, match="same file"):
        targets([f"json={there}", f"junit={tmp_path / 'link'}"])
    assert len(targets([f"json={there}", f"junit={there}.xml"])) == 2
