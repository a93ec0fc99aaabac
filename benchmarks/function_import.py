"""How long a function takes to begin, next to a function that only imports what it cannot do without."""

import io
import sys
import sysconfig
import tempfile
import zipfile

from benchmarks.cold import ROOT, taken
from benchmarks.figures import Benchmark, Figure, Result, Say, ratios
from stacks import verifier_bundle

WANTED = 1.2
BEGIN = "import sys; sys.path[:0] = sys.argv[1:]; "
PEER = "import boto3, requests"
PROGRAMS = {
    PEER: PEER,
    "the handler": f"import {verifier_bundle.ENTRY}",
    "the handler and AWS's client": f"import {verifier_bundle.ENTRY}, onboarding.aws.secret_store, "
    "botocore.session, botocore.client, botocore.config",
}


def measure(say: Say, *, runs: int = 15) -> Result:
    """Start interpreters in turns; the first round compiles and does not count."""
    packed = verifier_bundle.build(ROOT, {}, None)
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(packed)).extractall(folder)
        paths = [folder, sysconfig.get_path("purelib")]
        spent: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        for run in range(runs + 1):
            if run % 5 == 0:
                say(f"round {run} of {runs}")
            for name, program in PROGRAMS.items():
                one = taken([sys.executable, "-I", "-S", "-c", BEGIN + program, *paths])
                if run:
                    spent[name].append(one.seconds)
    others = spent[PEER]
    figures = [
        Figure(f"cold start of {name}", ratios(ours, others), at_most=WANTED, beside=f"over `{PEER}`")
        for name, ours in spent.items()
        if name != PEER
    ]
    figures.append(Figure(f"`{PEER}`", tuple(one * 1000 for one in others), "ms"))
    figures.append(Figure("size of the bundle", (len(packed) / 1000,), "kB"))
    return Result(tuple(figures))


BENCHMARK = Benchmark(
    name="function_import",
    title="How long a verifying function takes to begin",
    claim="A function that proves an address starts about as fast as one that imports boto3 and requests.",
    how="clean interpreters with the same libraries, one after the other in turns, from start to end; the "
    "bundle is the one that `pulumi up` deploys. The second figure adds what a call loads by need, for the "
    "secret.",
    measure=measure,
)
