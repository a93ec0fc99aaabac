"""``python -m benchmarks [NAME …]``: measures, prints a table, writes docs/performance.md.

Without names all of them. A name alone rewrites only its own section. Ends with 1 when a goal was missed.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from benchmarks import page
from benchmarks.catalogue import ALL
from benchmarks.figures import Benchmark, Result

WITHIN_SECONDS = 600
"""What all of them may take together."""


def say(line: str) -> None:
    """Show progress where it is not in the way of the table."""
    print(f"  {line}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that are named; returns the exit code, 130 after Ctrl-C."""
    names = {benchmark.name: benchmark for benchmark in ALL}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    chosen = parser.parse_args(arguments).name or list(names)
    if unknown := sorted(set(chosen) - names.keys()):
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names)}")
    began, missed = time.monotonic(), False
    for name in dict.fromkeys(chosen):
        try:
            missed |= bool(_run(names[name]).missed)
        except KeyboardInterrupt:
            print(
                f"\ninterrupted; {name} is as it was, what was measured before it is written", file=sys.stderr
            )
            return 130
    took = time.monotonic() - began
    print(f"{took:.0f} s in all; {page.PAGE.relative_to(page.PAGE.parents[1])} is written")
    if took > WITHIN_SECONDS:
        print(f"that is more than the {WITHIN_SECONDS} s that all of them may take", file=sys.stderr)
        missed = True
    return int(missed)


def _run(benchmark: Benchmark) -> Result:
    print(f"{benchmark.name}: {benchmark.title}", flush=True)
    began = time.monotonic()
    result = benchmark.measure(say)
    took = time.monotonic() - began
    for figure in result.figures:
        what = f"{figure.what}, {figure.beside}" if figure.beside else figure.what
        spread = f"{page.number(min(figure.values))} to {page.number(max(figure.values))}"
        goal = "" if figure.at_most is None else f"at most {page.number(figure.at_most)}"
        verdict = "" if figure.at_most is None else "MISSED" if figure.missed else "holds"
        print(f"  {what:<72} {page.number(figure.median):>8} {figure.unit:<5} ({spread})  {goal} {verdict}")
    for note in result.notes:
        print("\n".join(f"  {line}" for line in note.strip().splitlines()))
    # after each, so that a later one that breaks off loses nothing
    sections = page.read(page.PAGE.read_text(encoding="utf-8")) if page.PAGE.exists() else {}
    sections[benchmark.name] = page.section(benchmark, result, page.Machine.this(), took)
    page.PAGE.write_text(page.write(sections, ALL), encoding="utf-8")
    return result


if __name__ == "__main__":
    sys.exit(main())
