"""How long a function takes to begin: ``python -m benchmarks.function_import [--runs N]``.

The cold import of the bundle's handler against ``import boto3, requests``, both in a clean
interpreter with the same libraries, one after the other in turn; the figure is the ratio of the
medians. What a call then loads by need (boto3, for the secret) is measured as well.
"""

import argparse
import io
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from pathlib import Path

from stacks import verifier_bundle

ROOT = Path(__file__).parents[1]
WANTED = 1.2
BEGIN = "import sys; sys.path[:0] = sys.argv[1:]; "
PROGRAMS = {
    "import boto3, requests": "import boto3, requests",
    "the handler": f"import {verifier_bundle.ENTRY}",
    "the handler and boto3": f"import {verifier_bundle.ENTRY}, onboarding.aws.secret_store, boto3",
}


def once(program: str, paths: list[str]) -> float:
    """Return the seconds of one interpreter, from start to end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-c", BEGIN + program, *paths], check=True)
    return time.perf_counter() - began


def main() -> int:
    """Print the ratios; returns 1 when the handler is slower than it is meant to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    packed = verifier_bundle.build(ROOT, {}, None)
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(packed)).extractall(folder)
        paths = [folder, sysconfig.get_path("purelib")]
        spent: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        for run in range(runs + 1):
            for name, program in PROGRAMS.items():
                seconds = once(program, paths)
                if run:  # the first one compiles
                    spent[name].append(seconds)
    base = statistics.median(spent["import boto3, requests"])
    for name, measured in spent.items():
        middle = statistics.median(measured)
        print(f"{name:<24} {middle * 1000:7.0f} ms  {middle / base:5.2f} x")
    print(f"bundle: {len(packed)} bytes")
    return int(max(statistics.median(spent[name]) for name in list(PROGRAMS)[1:]) > WANTED * base)


if __name__ == "__main__":
    sys.exit(main())
