"""Every benchmark, in the order of the page."""

from benchmarks import function_import, ledger, verify
from benchmarks.figures import Benchmark

ALL: tuple[Benchmark, ...] = (
    verify.BENCHMARK,
    function_import.BENCHMARK,
    ledger.BENCHMARK,
)
