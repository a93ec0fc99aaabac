"""docs/performance.md is what the benchmarks wrote. Figures are not compared: machines are noisy."""

import re
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import page
from benchmarks.catalogue import ALL
from benchmarks.figures import Benchmark, Figure, Result, Say, ratios

AGAIN = "measure it again: python -m benchmarks {}"
ROW = re.compile(
    r"\| [^|]+ \| [\d.,]+ \S+ \| [\d.,]+ to [\d.,]+ \| \d+ \| (≤ [\d.,]+ \| (holds|\*\*missed\*\*)| \| ) \|"
)
FOOT = re.compile(r"\d+ cores, Python 3\.\d+\.\d+\S*, Linux \w+; `python -m benchmarks (\w+)` took \d+ s\.")
SAMPLE = Benchmark(
    "sample", "A title", "It is fast.", "with a watch.", lambda say: Result((Figure("a", (1.0,)),))
)
MACHINE = page.Machine(2, "3.11.2", "Linux x86_64")


@pytest.fixture(scope="module")
def written() -> str:
    return page.PAGE.read_text(encoding="utf-8")


def test_the_page_is_as_the_generator_writes_it(written: str) -> None:
    assert page.write(page.read(written), ALL) == written, "docs/performance.md is written by make bench only"


@pytest.mark.parametrize("benchmark", ALL, ids=lambda one: str(one.name))
def test_every_benchmark_has_a_section_of_its_own_form(written: str, benchmark: Benchmark) -> None:
    section = page.read(written).get(benchmark.name, "")
    opening = page.opening(benchmark)
    assert section.startswith(opening), AGAIN.format(benchmark.name)
    rows = section.removeprefix(opening).partition("\n\n")[0].splitlines()
    assert rows
    assert [row for row in rows if not ROW.fullmatch(row)] == []
    foot = FOOT.fullmatch(section.rstrip().splitlines()[-1])
    assert foot is not None
    assert foot[1] == benchmark.name


def test_names_are_unique_and_can_be_typed() -> None:
    names = [one.name for one in ALL]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_0-9]+", name) for name in names)


def test_a_section_written_is_the_section_read_and_leaves_the_others_alone() -> None:
    other = Benchmark("other", "Other", "c", "h", SAMPLE.measure)
    sections = {
        one.name: page.section(
            one, Result((Figure("a", (1.0, 3.0, 1.5), at_most=2),), ("Note.",)), MACHINE, 1
        )
        for one in (SAMPLE, other)
    }
    text = page.write(sections, (SAMPLE, other))
    assert page.read(text) == sections
    again = page.write(
        page.read(text) | {"sample": page.section(SAMPLE, Result((Figure("b", (2,)),)), MACHINE, 2)},
        (SAMPLE, other),
    )
    assert page.read(again)["other"] == sections["other"]
    assert page.read(page.write(sections, (other,))).keys() == {"other"}


@pytest.mark.parametrize(
    ("values", "verdict"), [((1.0, 1.2, 9.0), "holds"), ((1.0, 1.21, 1.22), "**missed**")]
)
def test_the_median_decides_and_a_missed_goal_is_said(values: tuple[float, ...], verdict: str) -> None:
    figure = Figure("what", values, at_most=1.2)
    assert figure.missed is (verdict != "holds")
    line = page.row(figure)
    assert verdict in line
    assert ROW.fullmatch(line.strip())
    assert Result((figure,)).missed == ((figure,) if figure.missed else ())


def test_a_figure_without_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="no run"):
        Figure("what", ())


def test_a_ratio_is_one_per_pair() -> None:
    assert ratios([2, 9], [1, 3]) == (2, 3)
    with pytest.raises(ValueError, match="argument"):
        ratios([2, 9], [1])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.1, "1.10"), (12.3, "12.3"), (99.96, "100"), (1234.5, "1,234")],
)
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert page.number(value) == text


def test_an_interrupted_run_keeps_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken_off(say: Say) -> Result:
        raise KeyboardInterrupt

    second = Benchmark("second", "Second", "c", "h", broken_off)
    monkeypatch.setattr(command, "ALL", (SAMPLE, second))
    monkeypatch.setattr(page, "PAGE", tmp_path / "docs" / "performance.md")
    page.PAGE.parent.mkdir()
    assert command.main([]) == 130
    assert "second is as it was" in capsys.readouterr().err
    assert page.read(page.PAGE.read_text(encoding="utf-8")).keys() == {"sample"}
