"""The built network with the partner in it, for the length of a ``with`` block."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.flexpay.api import TOKEN_PATH
from sandbox.netlab import kernel
from sandbox.netlab.judging import Seen, Verdict, judge
from sandbox.netlab.plan import PARTNER, Declared, Plan, plan
from sandbox.netlab.view import LabError, View
from sandbox.services import REPOSITORY

PROBE = Path(__file__).with_name("probe.py")
CALL_SECONDS = 2.0
"""Per call of a probe: long for a link inside one kernel, short for somebody who waits."""
END_SECONDS = 10.0
"""How long the partner may take to end."""
_labs = count(1)


@dataclass(frozen=True)
class Reach:
    """How the partner is reached, as the deployment has it."""

    server_url: str
    echo: tuple[str, ...]
    state: Path
    """The partner stand-in's state folder; the lab works on a copy."""

    @property
    def names(self) -> tuple[str, ...]:
        """The host names in these URLs, each once."""
        return tuple(dict.fromkeys(str(urlsplit(url).hostname) for url in (self.server_url, *self.echo)))


class Lab:
    """What a ``with build(…)`` block works with."""

    def __init__(self, plan: Plan, declared: Sequence[Declared], reach: Reach, state: Path) -> None:
        self.plan = plan
        self.state = state
        """The lab partner's own state folder."""
        self._declared = declared
        self._reach = reach

    def check(self) -> list[Verdict]:
        """Look from every private subnet at once; one verdict per zone, in the order declared."""
        owners = {item.address: item.zone for item in self._declared}
        with ThreadPoolExecutor(len(self._declared)) as pool:
            seen = list(pool.map(self.look, (item.zone for item in self._declared)))
        return [judge(item, one, owners) for item, one in zip(self._declared, seen, strict=True)]

    def look(self, zone: str) -> Seen:
        """Call the echoes and the partner from one zone's private subnet."""
        told = {
            "echo": list(self._reach.echo),
            "token": self._reach.server_url + TOKEN_PATH,
            "ca": str(self.state / "tls" / "ca.pem"),
            "seconds": CALL_SECONDS,
        }
        done = self.run(zone, [sys.executable, "-I", "-S", str(PROBE)], given=json.dumps(told))
        if done.returncode:
            raise LabError(f"the probe in {zone} ended with {done.returncode}: {done.stderr.strip()}")
        said = json.loads(done.stdout)
        troubles = [
            one.get("error", f"status {one.get('status')}") for one in said["seen"] if "text" not in one
        ]
        return Seen(
            addresses=tuple(
                self.plan.allocated(IPv4Address(one["text"])) for one in said["seen"] if "text" in one
            ),
            trouble=troubles[0] if troubles else "",
            status=said["token"].get("status"),
        )

    def run(
        self,
        zone: str,
        arguments: Sequence[str],
        *,
        given: str = "",
        environment: Mapping[str, str] | None = None,
        seconds: float = 120,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program in a zone's private subnet, to its end; LabError when it takes too long."""
        name = self._namespace(zone)
        try:
            return subprocess.run(
                ["ip", "netns", "exec", name, *arguments],
                input=given,
                env={"PATH": os.environ.get("PATH", os.defpath), **(environment or {})},
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"{arguments[-1]} in {zone} did not end within {seconds:g} s") from None

    @contextmanager
    def endpoint(self, zone: str, url: str) -> Iterator[None]:
        """Make a service of this machine (the AWS stand-in) reachable in a zone under its own URL."""
        parts = urlsplit(url)
        endpoint = kernel.Endpoint(self._namespace(zone), (str(parts.hostname), int(parts.port or 80)))
        try:
            yield
        finally:
            endpoint.close()

    def calls(self) -> list[dict[str, Any]]:
        """Return the lab partner's record of calls, with the addresses as it saw them."""
        desk = [sys.executable, "-m", "sandbox.flexpay", "desk", "--state", str(self.state), "calls"]
        done = subprocess.run(
            ["ip", "netns", "exec", self.plan.partner, *desk],
            capture_output=True,
            text=True,
            env=_python_environment(),
            check=True,
        )
        said: list[dict[str, Any]] = json.loads(done.stdout)
        return said

    def _namespace(self, zone: str) -> str:
        try:
            return self.plan.subnets[zone]
        except KeyError:
            raise LabError(f"no private subnet in {zone}; built are {', '.join(self.plan.subnets)}") from None


@contextmanager
def build(view: View, declared: Sequence[Declared], reach: Reach) -> Iterator[Lab]:
    """Build the network, start the partner in it, and take everything away at the end.

    Raises LabError where it cannot be built.
    """
    if why := kernel.missing():
        raise LabError(why)
    planned = plan(view, tuple(declared), f"{kernel.prefix()}-{next(_labs)}")
    with ExitStack() as ending:
        ending.callback(kernel.remove, planned.namespaces)
        kernel.build(planned.commands)
        for name in planned.subnets.values():
            kernel.name_hosts(name, reach.names, str(PARTNER))
        folder = Path(ending.enter_context(kernel.folder("partner")))
        state = copy_partner(reach.state, folder / "partner", planned.translation)
        ending.enter_context(_partner(planned.partner, state, reach))
        yield Lab(planned, declared, reach, state)


def copy_partner(state: Path, copy: Path, translation: Mapping[IPv4Address, IPv4Address]) -> Path:
    """Copy a partner's state with its allow-list translated: trust, credentials and ports stay."""
    copy.mkdir(mode=0o700)
    book = json.loads((state / "state.json").read_text(encoding="utf-8"))
    for approval in book["allowList"]:
        listed = IPv4Address(approval["address"])
        approval["address"] = str(translation.get(listed, listed))
    shutil.copytree(state / "tls", copy / "tls")
    kept = copy / "state.json"
    kept.touch(mode=0o600)
    kept.write_text(json.dumps(book), encoding="utf-8")
    return copy


@contextmanager
def _partner(namespace: str, state: Path, reach: Reach) -> Iterator[None]:
    command = [sys.executable, "-m", "sandbox.flexpay", "--state", str(state), "--bind", str(PARTNER)]
    command += [word for name in reach.names for word in ("--name", name)]
    announced = state.parent / "partner.log"
    with announced.open("w", encoding="utf-8") as log:
        process = kernel.start(
            namespace,
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_python_environment(),
            start_new_session=True,  # a Ctrl-C is for us, who end it in order
        )
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for above
        ready = process.stdout.readline()
        if not ready:
            process.wait(END_SECONDS)
            said = announced.read_text(encoding="utf-8").strip()
            raise LabError(f"the partner in {namespace} ended with {process.returncode}: {said}")
        _same_ports(json.loads(ready), reach)
        yield
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _same_ports(ready: Mapping[str, Any], reach: Reach) -> None:
    """Make sure that the deployment's URLs lead to the lab's partner."""
    there = [urlsplit(url).port for url in (ready["url"], *ready["echo"])]
    wanted = [urlsplit(url).port for url in (reach.server_url, *reach.echo)]
    if there[: len(wanted)] != wanted:
        raise LabError(
            f"the deployment calls the partner on the ports {wanted}, its state says {there}: "
            "run `python -m sandbox start` and `pulumi up` again"
        )


def _python_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(REPOSITORY)}


def declared_by(outputs: Mapping[str, Any]) -> tuple[Declared, ...]:
    """Return what a stack's outputs promise per zone; LabError for a stack without zones of its own."""
    by_slot = {item["slot"]: item["address"] for item in outputs.get("egressAddresses", [])}
    subnets = outputs.get("privateSubnets") or {}
    declared = tuple(
        Declared(zone, subnets[zone], IPv4Address(by_slot[slot]))
        for zone, slot in sorted((outputs.get("egressByZone") or {}).items())
        if zone in subnets
    )
    if not declared:
        raise LabError("the stack's outputs name no zone with a private subnet; deploy first: pulumi up")
    return declared


def reach_of(outputs: Mapping[str, Any], state: Path) -> Reach:
    """Return how the deployed settings reach the partner."""
    partner = outputs["partner"]
    return Reach(str(partner["serverUrl"]), _strings(partner["echo"]), state)


def _strings(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
