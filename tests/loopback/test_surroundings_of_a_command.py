"""Commands whose standard streams are closed or deserted, or that are interrupted before they begin."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onboarding.cli.run import run
from onboarding.exit_codes import ExitCode
from onboarding.ledger_file import start

TOOLKIT = [sys.executable, "-m", "onboarding"]
NO_LOGIN = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null"}
READING = (
    ["guard"],
    ["allowlist", "status", "--offline", "--outputs", "-"],
    ["allowlist", "history"],
)


def in_shell(redirection: str, arguments: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *TOOLKIT, *arguments, "-C", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | NO_LOGIN)


@pytest.mark.parametrize("arguments", READING, ids=lambda words: words[0])
def test_a_closed_stdin_is_an_empty_one(arguments: list[str], tmp_path: Path) -> None:
    start(tmp_path / "allowlist" / "production.yaml", "production")
    closed, empty = (in_shell(way, arguments, tmp_path) for way in ("<&-", "</dev/null"))
    assert closed.returncode == empty.returncode != ExitCode.INTERNAL
    assert (closed.stdout, closed.stderr) == (empty.stdout, empty.stderr)


@pytest.mark.parametrize("arguments", READING, ids=lambda words: words[0])
def test_a_closed_stderr_does_not_change_how_a_command_ends(arguments: list[str], tmp_path: Path) -> None:
    start(tmp_path / "allowlist" / "production.yaml", "production")
    closed, heard = (in_shell(way, arguments, tmp_path) for way in ("</dev/null 2>&-", "</dev/null"))
    assert closed.returncode == heard.returncode
    assert closed.stdout == heard.stdout


def test_a_listener_that_has_gone_away_ends_no_command(tmp_path: Path) -> None:
    """`… 2>&1 | head` must neither stop the work half-way nor turn its outcome into another."""
    start(tmp_path / "allowlist" / "production.yaml", "production")
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [*TOOLKIT, "guard", "-C", str(tmp_path)], stdin=subprocess.DEVNULL, stderr=writer, check=False
    )
    os.close(writer)
    assert ended.returncode == ExitCode.CANNOT_TELL


INTERRUPTED_WHILE_IMPORTING = """
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from onboarding.cli import main
main()
"""


def test_ctrl_c_before_anything_has_begun_leaves_no_traceback() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (ExitCode.INTERRUPTED, "")


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (["allowlist", "status", "--outputs", "-", "--outputs", "-"], "name files"),
        (
            ["credentials", "receive", "-m", "acme-air", "--outputs", "-"],
            "name the file that holds the answer",
        ),
        (["credentials", "stage", "-m", "acme-air", "--outputs", "-"], "use --fd or --file for the pair"),
    ],
)
def test_standard_input_is_for_one_thing(
    arguments: list[str], way_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitCode.USAGE
    assert f"next: {way_out}\n" in capsys.readouterr().err


def test_a_terminal_that_lacks_a_character_gets_it_spelled_out(tmp_path: Path) -> None:
    ledger = tmp_path / "allowlist" / "production.yaml"
    start(ledger, "production")
    recorded = [*TOOLKIT, "allowlist", "record", "submitted", "-r", "FPX-1", "--actor", "kim", "--undeclared"]
    recorded += ["-m", "acme-air", "-a", "203.0.114.10", "--note", "“sent” by post", "-C", str(tmp_path)]
    assert subprocess.run(recorded, capture_output=True, check=False).returncode == ExitCode.HOLDS
    told = subprocess.run(
        [*TOOLKIT, "allowlist", "history", "-C", str(tmp_path)],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert told.returncode == ExitCode.HOLDS, told.stderr
    assert rb"\u201csent\u201d by post" in told.stdout
