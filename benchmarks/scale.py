"""How the commands grow: with environments in one account, and with merchants in each."""

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import requests

from benchmarks import scale_page
from benchmarks.cold import taken
from benchmarks.estate import REGIONS, ZONES, Estate, merchants
from benchmarks.figures import Benchmark, Figure, Result, Say
from benchmarks.scale_page import Cost, Sweep
from benchmarks.stubbed_functions import Functions, stubbed
from benchmarks.verify import AWS, DELAY_SECONDS, prepare, standin
from onboarding.deployment import Orders, Partner
from onboarding.verification import handler
from onboarding.verification.cloud import MAX_CONCURRENCY, Action, Request, to_event
from onboarding.verification.function_cloud import Deployment, cloud_of
from onboarding.verification.probes import PairJob

ENVIRONMENTS = (1, 5, 10, 25, 50)
MERCHANTS = (10, 50, 100, 200)
BESIDE = 10
"""Environments while merchants grow."""
COMMANDS = ("allowlist status", "overview --html", "allowlist draft", "verify")
ROUNDS = 3
QUICK_SECONDS = 3.0
Size = tuple[int, int]
"""Environments, and merchants in each."""
LINEAR = 1.2
"""Allowed over the straight line, since machines are noisy; what grows with the square comes to 1.9."""


class Spot:
    """Commands at one size; they count what is asked of AWS, functions included."""

    def __init__(self, estate: Estate, functions: Functions, endpoint: str) -> None:
        self._estate = estate
        self._functions = functions
        self._variables = {
            **os.environ,
            **AWS,
            "AWS_ENDPOINT_URL": estate.url,
            "AWS_ENDPOINT_URL_LAMBDA": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, command: str) -> Cost:
        """Run one of COMMANDS; `draft` and `verify` are about one environment, the others about all."""
        folder, first = str(self._estate.folder), self._estate.names[0]
        arguments = {
            "allowlist status": self._estate.outputs(),
            "overview --html": [f"{folder}/overview.html", *self._estate.outputs()],
            "allowlist draft": ["--out", tempfile.mkdtemp(dir=folder), *self._estate.outputs(first)],
            "verify": self._estate.outputs(first),
        }[command]
        requests.delete(f"{self._estate.url}/sandbox/calls", timeout=10).raise_for_status()
        self._functions.calls = 0
        whole = [sys.executable, "-m", "onboarding", *command.split(), *arguments, "-C", folder]
        one = taken(whole, self._variables)
        asked = requests.get(f"{self._estate.url}/sandbox/calls", timeout=60).json()["calls"]
        return Cost(one.seconds, one.own, one.megabytes, len(asked) + self._functions.calls)


def in_turns(spots: Mapping[Size, Spot], say: Say) -> dict[tuple[Size, str], Cost]:
    """Run every command at every size, in turns, and keep the best of each.

    How fast the machine is changes within seconds, so sizes that are compared take turns; the best of
    three counts, and of what takes long, which noise matters less to, the better of two.
    """
    best: dict[tuple[Size, str], Cost] = {}
    for number in range(ROUNDS):
        for command in COMMANDS:
            say(f"round {number + 1} of {ROUNDS}: {command}")
            for size, spot in spots.items():
                known = best.get((size, command))
                if number < ROUNDS - 1 or known is None or known.own < QUICK_SECONDS:
                    found = spot.run(command)
                    best[size, command] = min(known or found, found, key=lambda one: one.own)
    return best


def function_seconds(folder: Path) -> float:
    """Return the seconds that a function takes for as many merchants as it measures at once.

    The handler's own code, in this process, against the partner stand-in with its usual delay; without
    the start of a function, which AWS pays once.
    """
    names = merchants(MAX_CONCURRENCY)
    with (
        patch.dict(os.environ),
        standin(
            "sandbox.flexpay", "--port", "0", "--latency", str(DELAY_SECONDS), "--state", f"{folder}/partner"
        ) as partner,
        standin("sandbox.aws", "--port", "0") as aws,
    ):
        own = folder / "function"
        own.mkdir()
        prepare(own, partner, aws["url"], names)
        deployment = Deployment(
            environment="bench",
            partner=Partner(partner["url"], "/api/checkout", Orders.TEST, echo=tuple(partner["echo"])),
            ca_bundle=Path(partner["ca"]),
            secrets={name: f"flexpay/bench/{name}" for name in names},
            place="use1-az1",
        )
        event = to_event(Request(Action.MEASURE, "bench", tuple(PairJob(name) for name in names)))
        cloud = cloud_of(deployment)
        cloud.credentials(deployment.secrets[names[0]])  # making the client is part of a function's start
        began = time.perf_counter()
        said = handler.answer(event, deployment, cloud, remaining=lambda: 300.0, now=datetime.now(UTC))
        took = time.perf_counter() - began
    if not all(pair["reachable"]["ok"] for pair in said["pairs"]):
        raise SystemExit(f"the function measured nothing: {said}")
    return took


def estates(say: Say, folder: Path, held: ExitStack) -> dict[Size, Estate]:
    """Make an estate of every size, each number of environments in an AWS of its own."""

    def made(count: int, url: str) -> Estate:
        estate = Estate(url, folder / f"{count}")
        estate.folder.mkdir()
        estate.grow(count)
        estate.write(MERCHANTS[-1])
        return estate

    urls = {count: held.enter_context(standin("sandbox.aws", "--port", "0"))["url"] for count in ENVIRONMENTS}
    say(f"making {', '.join(map(str, ENVIRONMENTS))} environments of {MERCHANTS[-1]} merchants each")
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the largest first, since it takes longest
        under_way = {count: pool.submit(made, count, urls[count]) for count in reversed(ENVIRONMENTS)}
        found = {(count, MERCHANTS[-1]): under_way[count].result() for count in ENVIRONMENTS}
    for number in MERCHANTS[:-1]:
        one = replace(found[BESIDE, MERCHANTS[-1]], folder=folder / f"{BESIDE}-{number}")
        one.folder.mkdir()
        one.write(number)
        found[BESIDE, number] = one
    return found


def measure(say: Say) -> Result:
    """Grow environments, then merchants; draw both, and hold the last step against the ones before."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        say("timing a function")
        seconds = function_seconds(folder)
        spots = {}
        for size, estate in estates(say, folder, held).items():
            functions = Functions(estate.functions, seconds)
            spots[size] = Spot(estate, functions, held.enter_context(stubbed(functions)))
        best = in_turns(spots, say)
    sweeps = (
        _sweep(
            "environments",
            f"More environments, {MERCHANTS[-1]} merchants in each",
            ENVIRONMENTS,
            {command: [best[(x, MERCHANTS[-1]), command] for x in ENVIRONMENTS] for command in COMMANDS},
        ),
        _sweep(
            "merchants",
            f"More merchants, in each of {BESIDE} environments",
            MERCHANTS,
            {command: [best[(BESIDE, x), command] for x in MERCHANTS] for command in COMMANDS},
        ),
    )
    scale_page.write(sweeps, seconds)
    return Result(tuple(_figures(sweeps)), ("Drawn and explained in [scale](scale.md).",))


def _sweep(name: str, title: str, x: tuple[int, ...], costs: dict[str, list[Cost]]) -> Sweep:
    return Sweep(name, title, x, {command: tuple(found) for command, found in costs.items()})


def _figures(sweeps: Sequence[Sweep]) -> list[Figure]:
    figures = []
    for sweep in sweeps:
        size = f"{sweep.x[-1]} {sweep.name}"
        for command in COMMANDS:
            last = sweep.costs[command][-1]
            told = (
                ("processor time", lambda cost: cost.own),
                ("memory", lambda cost: cost.megabytes),
                ("calls", lambda cost: float(cost.calls)),
            )
            figures += [
                Figure(
                    f"`{command}`, {size}, {what}",
                    (scale_page.beyond_line(sweep, command, of),),
                    at_most=LINEAR,
                    beside="over the straight line",
                )
                for what, of in told
            ]
            figures.append(Figure(f"`{command}`, {size}", (last.seconds,), "s"))
    return figures


BENCHMARK = Benchmark(
    name="scale",
    title="Many environments, many merchants",
    claim=f"From one environment to {ENVIRONMENTS[-1]}, in {len(REGIONS)} regions each, and up to "
    f"{MERCHANTS[-1]} merchants in each of them, time, memory and calls to AWS grow linearly or less.",
    how="cold processes, from contract files, ledgers and the AWS stand-in, in one account with "
    f"{len(REGIONS) * len(ZONES)} addresses per environment. `draft` and `verify` are about one environment "
    f"and run beside the others. All sizes take turns, and the best of {ROUNDS} runs counts, of long "
    f"ones the better of {ROUNDS - 1}. Verifier functions are stubs that answer after as long as the "
    "function's own code took just before. Held is the last size against a straight line through the smaller "
    "ones: 1 is linear, growth with the square comes to 1.9.",
    measure=measure,
)
