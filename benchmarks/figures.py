"""What a benchmark is and what it returns: figures as values. Nothing here measures, prints or writes.

A new benchmark is a module with a ``BENCHMARK`` of this form and a line in ``benchmarks.catalogue``.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Say = Callable[[str], None]
"""Takes a line of progress."""
TIMES = "x"
"""Unit of a ratio."""


@dataclass(frozen=True)
class Figure:
    """One thing that was measured, with everything that was measured of it."""

    what: str
    values: tuple[float, ...]
    """One per run, in ``unit``; a ratio is one per pair of runs, made side by side."""
    unit: str = TIMES
    at_most: float | None = None
    """The goal of the median; None where nothing is claimed and the figure only explains another."""
    beside: str = ""
    """What a ratio is a ratio of, or what the number depends on."""

    def __post_init__(self) -> None:
        """Refuse a figure that nobody measured."""
        if not self.values:
            raise ValueError(f"{self.what}: no run")

    @property
    def median(self) -> float:
        """The figure that the goal is held against."""
        return statistics.median(self.values)

    @property
    def missed(self) -> bool:
        """Whether there is a goal and it was not reached."""
        return self.at_most is not None and self.median > self.at_most


@dataclass(frozen=True)
class Result:
    """What one run of a benchmark found."""

    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    """Paragraphs of Markdown that belong to these figures: a path that was walked, a picture."""

    @property
    def missed(self) -> tuple[Figure, ...]:
        """The figures that did not reach their goals."""
        return tuple(figure for figure in self.figures if figure.missed)


@dataclass(frozen=True)
class Benchmark:
    """A claim about speed, and how it is measured."""

    name: str
    """As on the command line: letters, digits and underscores."""
    title: str
    claim: str
    """One or two sentences that a user can rely on."""
    how: str
    """How it is measured, under which conditions, against what."""
    measure: Callable[[Say], Result]


def ratios(ours: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    """Return the ratio of each pair; both sides were measured in turns, so a pair met the same machine."""
    return tuple(one / other for one, other in zip(ours, others, strict=True))


__all__ = ["TIMES", "Benchmark", "Figure", "Result", "Say", "ratios"]
