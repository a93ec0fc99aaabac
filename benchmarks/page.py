"""``docs/performance.md`` as text: sections that ``python -m benchmarks`` writes, and nobody else."""

import os
import platform
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Benchmark, Figure, Result

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
HEAD = """\
# Performance

<!-- Written by `make bench`; whoever changes it by hand is overwritten, and a test says so. -->

What this product claims about speed, measured by `make bench` on one machine within ten minutes; a section
alone by `python -m benchmarks NAME`. Machines differ, so what is claimed is a ratio wherever there is
something to measure beside it: both sides run in turns, and each pair of runs gives one ratio. The goal is
held against the median. A goal that was missed is said here and ends the run with 1.

"""
TABLE = "| what | median | least to most | runs | goal | |\n|---|---|---|---|---|---|\n"
WIDTH = 112
_SECTION = re.compile(r"<!-- benchmark: (\w+) -->\n(.*?)<!-- end: \1 -->\n", re.DOTALL)


@dataclass(frozen=True)
class Machine:
    """What figures depend on; nothing that tells whose machine it was."""

    cores: int
    python: str
    system: str

    @classmethod
    def this(cls) -> "Machine":
        """Describe the machine that this runs on."""
        return cls(
            len(os.sched_getaffinity(0)),
            platform.python_version(),
            f"{platform.system()} {platform.machine()}",
        )

    def __str__(self) -> str:
        return f"{self.cores} cores, Python {self.python}, {self.system}"


def number(value: float) -> str:
    """Return a number with the digits that mean something: 0.0123, 1.10, 12.3, 1,234."""
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def opening(benchmark: Benchmark) -> str:
    """Return what a section says before its figures; the same in every run."""
    paragraphs = (f"**{benchmark.claim}**", f"Measured: {benchmark.how}")
    return "\n\n".join((f"## {benchmark.title}", *(textwrap.fill(one, WIDTH) for one in paragraphs), TABLE))


def row(figure: Figure) -> str:
    """Return one line of the table."""
    what = f"{figure.what} ({figure.beside})" if figure.beside else figure.what
    goal = "" if figure.at_most is None else f"≤ {number(figure.at_most)}"
    verdict = "" if figure.at_most is None else "**missed**" if figure.missed else "holds"
    spread = f"{number(min(figure.values))} to {number(max(figure.values))}"
    cells = (what, f"{number(figure.median)} {figure.unit}", spread, str(len(figure.values)), goal, verdict)
    return f"| {' | '.join(cells)} |\n"


def section(benchmark: Benchmark, result: Result, machine: Machine, seconds: float) -> str:
    """Return a benchmark's section; ``seconds`` is how long measuring took."""
    notes = "".join(f"\n{note.strip()}\n" for note in result.notes)
    foot = f"\n{machine}; `python -m benchmarks {benchmark.name}` took {seconds:.0f} s.\n"
    return f"{opening(benchmark)}{''.join(map(row, result.figures))}{notes}{foot}"


def read(text: str) -> dict[str, str]:
    """Return the sections of a page by the name of their benchmark."""
    return {found[1]: found[2] for found in _SECTION.finditer(text)}


def write(sections: Mapping[str, str], order: Iterable[Benchmark]) -> str:
    """Return the whole page; a section whose benchmark is no more goes."""
    parts = [
        f"<!-- benchmark: {one.name} -->\n{sections[one.name]}<!-- end: {one.name} -->\n"
        for one in order
        if one.name in sections
    ]
    return HEAD + "\n".join(parts)
