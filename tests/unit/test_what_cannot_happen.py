"""docs/what-cannot-happen.md names tests that exist, one at least for every row."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "what-cannot-happen.md").read_text(encoding="utf-8")
VERDICTS = ("impossible", "prevented", "detected before `up`")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| what ")
]
DEFINED = {
    name
    for path in TESTS.rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:40] for row in ROWS])
def test_every_row_has_a_verdict_and_tests_that_exist(row: list[str]) -> None:
    _, verdict, how, tests = row
    named = re.findall(r"`(\w+)`", tests)
    assert verdict in VERDICTS
    assert how
    assert named
    assert set(named) <= DEFINED


def test_all_fifteen_pains_are_there() -> None:
    numbers = [int(found.group(1)) for row in ROWS if (found := re.match(r"(\d+)\.", row[0]))]
    assert numbers == list(range(1, 16))
