"""Line charts as SVG: the same numbers give the same bytes; for light and dark, and without colour too.

Not drawn by a plotting library: none of them makes one picture that follows the reader's light or dark page,
and they would bring more packages than all the rest of the tests need.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import StrictUndefined, Template

WIDTH, HEIGHT = 330, 180
"""Of one panel's plot, in pixels."""
LEFT, TOP, GAP, DOWN = 64, 92, 84, 84
COLUMNS = 2
ROOM = 24
"""Pixels from the corner within which no size is written, so that none covers another."""
TICKS = 4
DASHES = ("", "7 3", "2 3", "9 3 2 3")


@dataclass(frozen=True)
class Series:
    """One line."""

    name: str
    values: tuple[float, ...]
    """One for each ``x`` of its panel."""


@dataclass(frozen=True)
class Panel:
    """One plot; both axes begin at 0 and are linear, so that what grows linearly is a straight line."""

    title: str
    across: str
    """What the horizontal axis counts."""
    x: tuple[int, ...]
    series: tuple[Series, ...]


def render(title: str, panels: Sequence[Panel]) -> str:
    """Return panels, two in a row, with one legend; every panel has the same series in the same order."""
    names = [one.name for one in panels[0].series]
    if any([one.name for one in panel.series] != names for panel in panels):
        raise ValueError("every panel needs the same series")
    drawn = []
    for number, panel in enumerate(panels):
        row, column = divmod(number, COLUMNS)
        drawn.append(_panel(panel, LEFT + column * (WIDTH + GAP), TOP + row * (HEIGHT + DOWN)))
    rows, columns = -(-len(panels) // COLUMNS), min(COLUMNS, len(panels))
    return _template().render(
        title=title,
        width=LEFT + columns * (WIDTH + GAP) - GAP + 24,
        height=TOP + rows * (HEIGHT + DOWN) - DOWN + 56,
        plot=WIDTH,
        panels=drawn,
        legend=[
            {"name": name, "dash": DASHES[number], "x": LEFT + number * 190}
            for number, name in enumerate(names)
        ],
    )


def _panel(panel: Panel, left: int, top: int) -> dict[str, object]:
    most = _ceiling(max(max(one.values) for one in panel.series))
    widest = max(panel.x)
    near = widest * ROOM / WIDTH

    def place(across: float, up: float) -> tuple[str, str]:
        return f"{left + WIDTH * across / widest:.1f}", f"{top + HEIGHT * (1 - up / most):.1f}"

    lines = []
    for number, one in enumerate(panel.series):
        points = [place(x, value) for x, value in zip(panel.x, one.values, strict=True)]
        lines.append({"points": points, "dash": DASHES[number], "name": one.name})
    ticks = [most * step / TICKS for step in range(TICKS + 1)]
    return {
        "title": panel.title,
        "across": panel.across,
        "left": left,
        "top": top,
        "bottom": top + HEIGHT,
        "lines": lines,
        "ticks": [{"y": place(0, tick)[1], "text": _number(tick)} for tick in ticks],
        "marks": [{"x": place(x, 0)[0], "text": str(x)} for x in panel.x if x == widest or x >= near],
    }


def _ceiling(value: float) -> float:
    """Return the next round number whose quarters are round as well."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(power * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if power * step >= value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


@cache
def _template() -> Template:
    text = Path(__file__).with_name("chart.svg.j2").read_text(encoding="utf-8")
    made: Template = Template(
        text,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return made
