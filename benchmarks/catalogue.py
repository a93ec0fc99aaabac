"""Every benchmark, in the order of the page."""

from benchmarks import function_import, ledger, scale, up, verify
from benchmarks.figures import Benchmark

ALL: tuple[Benchmark, ...] = (
    up.BENCHMARK,
    verify.BENCHMARK,
    function_import.BENCHMARK,
    ledger.BENCHMARK,
    scale.BENCHMARK,
)
