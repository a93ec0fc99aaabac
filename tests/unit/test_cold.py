"""What a cold process took is its own: neither its parent's memory nor a failure counts."""

import sys

import pytest

from benchmarks.cold import taken

BIG = 200_000_000


def test_the_memory_is_the_processes_own_however_large_its_parent_is() -> None:
    parent = b"x" * BIG
    small = taken([sys.executable, "-I", "-S", "-c", "pass"])
    large = taken([sys.executable, "-I", "-S", "-c", f"b'x' * {BIG}"])
    assert len(parent) == BIG
    assert small.megabytes < BIG / 1e6 < large.megabytes
    assert small.own > 0
    assert small.seconds > 0


def test_what_it_imports_is_compiled_even_where_the_caller_forbids_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    asked = "import os, sys; raise SystemExit(sys.dont_write_bytecode)"
    taken([sys.executable, "-c", asked])
    taken([sys.executable, "-c", asked], {"PYTHONDONTWRITEBYTECODE": "1"})


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said() -> None:
    with pytest.raises(SystemExit, match=r"ended with 3\nwhy it failed"):
        taken([sys.executable, "-c", "print('why it failed'); raise SystemExit(3)"])
    with pytest.raises(SystemExit, match="no-such-command"):
        taken(["/no-such-command"])
