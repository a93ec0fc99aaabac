"""How the commands grow: with environments in one account, and with merchants in each."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import requests

from benchmarks import scale_page
from benchmarks.estate import REGIONS, ZONES, Estate, merchants
from benchmarks.figures import Benchmark, Figure, Result, Say
from benchmarks.scale_page import Cost, Sweep
from benchmarks.stubbed_functions import Functions, stubbed
from benchmarks.verify import AWS, DELAY_SECONDS, ROOT, prepare, standin
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
QUICK_SECONDS = 3.0
YARDSTICK = """
import json
import boto3, requests

many = [{"address": f"198.51.100.{n % 256}", "merchants": [str(n)] * 3} for n in range(4000)]
for _ in range(12):
    json.loads(json.dumps(many, indent=2))
"""
"""Work like that of the commands: imports, and objects that become text and objects again.

What a processor does in a second changes within minutes where others share it, and the sizes are measured
minutes apart.
"""
LINEAR = 1.2
"""Allowed over the straight line, since machines are noisy; what grows with the square comes to 1.9."""


class Runner:
    """Runs commands in an estate and counts what they ask of AWS, functions included."""

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
        self._first = self._now = self._yardstick()

    def all(self, kept: dict[str, list[Cost]]) -> None:
        """Run every command and keep its cost: of a quick one, where noise weighs most, the best of three."""
        for command in COMMANDS:
            costs = [self.run(command)]
            if costs[0].own < QUICK_SECONDS:
                costs += [self.run(command), self.run(command)]
            kept.setdefault(command, []).append(min(costs, key=lambda one: one.own))

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
        before = self._now
        took, own, megabytes = self._timed(
            [sys.executable, "-m", "onboarding", *command.split(), *arguments, "-C", folder]
        )
        self._now = self._yardstick()
        pace = self._first * 2 / (before + self._now)
        asked = requests.get(f"{self._estate.url}/sandbox/calls", timeout=60).json()["calls"]
        return Cost(took, own * pace, megabytes, len(asked) + self._functions.calls)

    def _yardstick(self) -> float:
        """Return the processor time that the same work takes at this moment."""
        return self._timed([sys.executable, "-c", YARDSTICK])[1]

    def _timed(self, command: Sequence[str]) -> tuple[float, float, float]:
        with tempfile.TemporaryFile("w+") as said:
            began = time.perf_counter()
            process = subprocess.Popen(command, cwd=ROOT, env=self._variables, stdout=said, stderr=said)
            _, status, used = os.wait4(process.pid, 0)
            took = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                said.seek(0)
                raise SystemExit(
                    f"{' '.join(command[:5])} ended with {process.returncode}\n{said.read()[-3000:]}"
                )
        return took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def function_seconds(folder: Path) -> float:
    """Return the seconds that a function takes for as many merchants as it measures at once.

    The handler's own code, in this process, against the partner stand-in with its usual delay; without
    the start of a function, which AWS pays once.
    """
    names = merchants(MAX_CONCURRENCY)
    with (
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


def measure(say: Say) -> Result:
    """Grow environments, then merchants; draw both, and hold the last step against the ones before."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        say("timing a function")
        seconds = function_seconds(folder)
        aws = held.enter_context(standin("sandbox.aws", "--port", "0"))
        estate = Estate(aws["url"], folder)
        functions = Functions(estate.functions, seconds)
        runner = Runner(estate, functions, held.enter_context(stubbed(functions)))
        environments: dict[str, list[Cost]] = {}
        grown: dict[str, list[Cost]] = {}
        for count in ENVIRONMENTS:
            estate.grow(count)
            for number in MERCHANTS[:-1] if count == BESIDE else ():
                say(f"{count} environments, {number} merchants in each")
                estate.write(number)
                runner.all(grown)
            say(f"{count} environments, {MERCHANTS[-1]} merchants in each")
            estate.write(MERCHANTS[-1])
            runner.all(environments)
            if count == BESIDE:
                for command, costs in environments.items():
                    grown[command].append(costs[-1])
    sweeps = (
        _sweep(
            "environments",
            f"More environments, {MERCHANTS[-1]} merchants in each",
            ENVIRONMENTS,
            environments,
        ),
        _sweep("merchants", f"More merchants, in each of {BESIDE} environments", MERCHANTS, grown),
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
    "and run beside the others; of quick commands the best of three runs counts. The same piece of work is "
    "timed before and after each command, and processor time is told at the machine's pace of the beginning. "
    "Verifier functions are stubs that answer after as long as the function's own code took just before. "
    "Held is the last size against a straight line through the smaller ones: 1 is linear, growth with the "
    "square comes to 1.9.",
    measure=measure,
)
