"""docs/troubleshooting.md has a section for every word that the tools use about a problem, and no other."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from onboarding.allowlist.comprehensive import CANNOT_TELL
from onboarding.allowlist.verdicts import Status
from onboarding.flexpay.errors import Kind, diagnose
from onboarding.verification.catalog import CHECKS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
FOUND_IN_AWS = "What AWS has and the outputs do not say"


def sections(title: str) -> dict[str, str]:
    """Return the sections of one part of the page, their text on one line."""
    parts = re.split(r"^## (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    part = dict(zip(parts[1::2], parts[2::2], strict=True))[title]
    found = re.split(r"^### (.+)\n", part, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in zip(found[1::2], found[2::2], strict=True)}


def first_words(modules: Iterable[Path], *callees: str) -> Iterator[str]:
    """Yield the text that each call of one of these functions has as its first argument."""
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in callees:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value)


def test_every_check_has_its_section_and_no_section_is_left_over() -> None:
    assert list(sections("Checks of `verify`")) == [check.id for check in CHECKS]


def test_every_check_is_told_apart_by_its_id() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    known = {check.id for check in CHECKS}
    assert all(set(check.needs) <= known for check in CHECKS)


def test_every_end_of_a_call_has_its_section_in_its_own_order() -> None:
    assert list(sections("How a call can end")) == [kind.value for kind in Kind]


@pytest.mark.parametrize("kind", Kind)
def test_the_section_of_an_end_is_found_by_the_sentence_that_is_shown(kind: Kind) -> None:
    shown = diagnose("call", kind).fact.removeprefix("call: ")
    assert f'"{shown}"' in sections("How a call can end")[kind]


def test_every_check_of_preflight_has_its_section() -> None:
    ids = set(first_words((ROOT / "onboarding" / "preflight").glob("*.py"), "Result", "_quota"))
    assert set(sections("Checks of `preflight`")) == ids
    table = (ROOT / "docs" / "submission.md").read_text(encoding="utf-8").partition("## preflight")[2]
    assert {
        id_
        for row in re.findall(r"^\| (`.+?) \|", table, flags=re.MULTILINE)
        for id_ in row[1:-1].split("`, `")
    } == ids


def test_every_difference_from_aws_has_its_section() -> None:
    modules = [ROOT / "onboarding" / "allowlist" / f"{name}.py" for name in ("comprehensive", "drafting")]
    assert set(sections(FOUND_IN_AWS)) == {*first_words(modules, "Gap"), CANNOT_TELL}


def test_every_standing_has_its_section() -> None:
    told = sections("Where an address stands")
    assert set(told) <= set(Status)
    assert set(Status) - set(told) == {Status.STALE}
    assert Status.STALE in sections(FOUND_IN_AWS)


@pytest.mark.parametrize(
    "begin",
    [
        "slot's tags are on",
        "belongs to stack",
        "AWS holds it no more",
        "an update exchanged the address",
        "and no address here carries the",
        "today and would have no way out",
        "its gateway carries traffic and would go in the same update",
        "this stack was deployed with",
        "no usable answer",
    ],
)
def test_what_the_program_says_when_it_refuses_is_what_the_page_quotes(begin: str) -> None:
    program = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "stacks").glob("*.py"))
    said = re.sub(r'"\s*f?"', "", program)
    page = PAGE.read_text(encoding="utf-8").partition("## Refused before anything happens")[2]
    assert begin in said
    assert begin in page
