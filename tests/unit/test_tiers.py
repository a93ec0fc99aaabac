import socket
import subprocess
import sys
import warnings

import pytest

from tests.conftest import MEMORY_ONLY, TESTS


def test_a_unit_test_cannot_reach_the_network() -> None:
    with socket.socket() as attempt, pytest.raises(AssertionError, match="tried to connect"):
        attempt.connect(("127.0.0.1", 9))


def test_every_tier_is_a_folder() -> None:
    assert {"unit", "program", "loopback", "engine", "netlab"} <= {path.name for path in TESTS.iterdir()}
    assert all((TESTS / tier).is_dir() for tier in MEMORY_ONLY)


def test_a_folder_that_an_older_run_left_behind_is_nobodys_failure() -> None:
    # as a user without rights over it, pytest warns while it clears the folder, after the last test
    warnings.warn(pytest.PytestWarning("(rm_rf) error removing /tmp/pytest-of-root/garbage-1"), stacklevel=1)


def test_a_run_in_the_background_can_interrupt_what_it_starts() -> None:
    asked = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"
