"""What was measured about growth, as values; and ``docs/scale.md`` and its pictures, written from them."""

import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import chart
from benchmarks.page import Machine, number
from benchmarks.verify import DELAY_SECONDS
from onboarding.verification.cloud import MAX_CONCURRENCY
from onboarding.verification.handler import RESERVE_SECONDS
from stacks.contract import VERIFIER_TIMEOUT_SECONDS

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "scale.md"
_BLOCK = re.compile(r"(?<=<!-- measured: begin -->\n).*?(?=<!-- measured: end -->)", re.DOTALL)


@dataclass(frozen=True)
class Cost:
    """One cold process."""

    seconds: float
    own: float
    """Seconds of processor time."""
    megabytes: float
    """At its peak."""
    calls: int
    """To AWS, invocations of functions included."""


@dataclass(frozen=True)
class Sweep:
    """Commands while one thing grows."""

    name: str
    """``environments`` or ``merchants``."""
    title: str
    x: tuple[int, ...]
    costs: Mapping[str, tuple[Cost, ...]]
    """Command → its cost at each ``x``."""


PANELS: tuple[tuple[str, Callable[[Cost], float]], ...] = (
    ("seconds", lambda cost: cost.seconds),
    ("seconds of processor time", lambda cost: cost.own),
    ("peak memory, MB", lambda cost: cost.megabytes),
    ("calls to AWS", lambda cost: float(cost.calls)),
)


def beyond_line(sweep: Sweep, command: str, of: Callable[[Cost], float]) -> float:
    """Return the last cost over what a line through all others foretells: 1 is linear, less is better.

    The line is fitted by least squares. What grows with the square of the size comes to 1.9 here.
    """
    *before, last = (of(cost) for cost in sweep.costs[command])
    line = statistics.linear_regression(sweep.x[:-1], before)
    return last / (line.slope * sweep.x[-1] + line.intercept)


def picture(sweep: Sweep) -> str:
    """Return the sweep as SVG."""
    panels = [
        chart.Panel(
            title,
            sweep.name,
            sweep.x,
            tuple(
                chart.Series(command, tuple(of(cost) for cost in costs))
                for command, costs in sweep.costs.items()
            ),
        )
        for title, of in PANELS
    ]
    return chart.render(sweep.title, panels)


def table(sweep: Sweep) -> str:
    """Return the sweep in Markdown: seconds (processor time), MB and calls of each command at each size."""
    head = " | ".join(f"{x} {sweep.name if x != 1 else sweep.name.removesuffix('s')}" for x in sweep.x)
    lines = [f"| | {head} |", "|---|" + "---|" * len(sweep.x)]
    for command, costs in sweep.costs.items():
        cells = " | ".join(
            f"{number(one.seconds)} s ({number(one.own)} s), {one.megabytes:.0f} MB, {one.calls} calls"
            for one in costs
        )
        lines.append(f"| `{command}` | {cells} |")
    return "\n".join(lines)


def measured(sweeps: tuple[Sweep, ...], machine: Machine, function_seconds: float) -> str:
    """Return what stands between the marks of the page."""
    parts = []
    for sweep in sweeps:
        parts += [f"![{sweep.title}](scale-{sweep.name}.svg)", table(sweep)]
    fits = int((VERIFIER_TIMEOUT_SECONDS - RESERVE_SECONDS) / function_seconds) * MAX_CONCURRENCY
    parts.append(
        f"{machine}. A function measured {MAX_CONCURRENCY} merchants in {function_seconds:.2f} s, with a "
        f"partner that answers after {DELAY_SECONDS * 1000:.0f} ms. At that pace one scheduled run of "
        f"{VERIFIER_TIMEOUT_SECONDS} s begins about {fits:,} merchants."
    )
    return "\n".join(f"\n{part}\n" for part in parts) + "\n"


def write(sweeps: tuple[Sweep, ...], function_seconds: float) -> None:
    """Write the pictures, and the measured part of the page. Raises ValueError where its marks are gone."""
    text = PAGE.read_text(encoding="utf-8")
    block = measured(sweeps, Machine.this(), function_seconds)
    written, count = _BLOCK.subn(lambda _: block, text)
    if count != 1:
        raise ValueError(f"{PAGE}: the marks of the measured part are gone")
    for sweep in sweeps:
        (DOCS / f"scale-{sweep.name}.svg").write_text(picture(sweep), encoding="utf-8")
    PAGE.write_text(written, encoding="utf-8")
