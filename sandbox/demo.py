"""The whole story once: an empty machine, a deployed environment, an approval, a verified order.

Every step is a command that a person could type; the demo types it, shows what it says, and
holds its exit code against what that step must end with.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Collection
from time import monotonic
from typing import Any

from sandbox.world import REPOSITORY, STACK, World, WorldError

SUBMISSIONS = ".sandbox/submissions"
TICKET = "FP-1001"
CONTROL = "127.200.0.1"
"""An address of this machine that nobody ever submitted: what comes from it must be refused."""
WAITING = 3


class DemoError(Exception):
    """A step ended in a way that the story does not allow."""


class Stage:
    """Runs the story's commands in the sandbox's environment and shows them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._began = monotonic()
        self._bold, self._dim, self._plain = (
            ("\033[1m", "\033[2m", "\033[0m") if _coloured() else ("", "", "")
        )

    def heading(self, text: str) -> None:
        """Announce the next step."""
        print(
            f"\n{self._bold}{text}{self._plain} {self._dim}({monotonic() - self._began:.0f} s){self._plain}",
            flush=True,
        )

    def run(
        self,
        *command: str,
        expect: Collection[int] = (0,),
        given: str | None = None,
        show: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; ``given`` is its standard input.

        With ``show`` its output goes to the terminal as it comes, else it is returned. Raises
        DemoError when the exit code is not one of ``expect``.
        """
        print(f"{self._dim}$ {shlex.join(command)}{self._plain}", flush=True)
        done = subprocess.run(
            command,
            cwd=self.world.project,
            env=self.world.environment(os.environ),
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            stdout=None if show else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in expect:
            raise DemoError(
                f"`{shlex.join(command)}` ended with {done.returncode}, "
                f"expected {' or '.join(map(str, expect))}"
            )
        return done

    def ask(self, *command: str, expect: Collection[int] = (0,)) -> Any:
        """Run a command that prints JSON and return what it says."""
        return json.loads(self.run(*command, expect=expect, show=False).stdout)


def run(world: World) -> int:
    """Play the story; returns the exit code. What was started is ended only if it did not finish."""
    already = world.running()
    try:
        _play(Stage(world))
    except (DemoError, WorldError) as error:
        print(f"\nthe demo stopped: {error}\nlogs: {world.state / 'logs'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; `make demo` goes on from here", file=sys.stderr)
        if not already:
            world.stop()
        return 130
    return 0


def _play(stage: Stage) -> None:
    world = stage.world
    stage.heading("1/6  The AWS stand-in and the partner stand-in start")
    for name, service in world.start().items():
        print(f"{name}: {service.ready['url']}")

    stage.heading("2/6  A real `pulumi up`: three zones, an address and a gateway in each, empty secrets")
    stage.run("pulumi", "up", "--stack", STACK, "--yes", "--skip-preview", "--non-interactive", "--suppress-outputs")
    outputs = stage.ask("pulumi", "stack", "output", "--stack", STACK, "--json")
    sources = [item["address"] for item in outputs["egressAddresses"]]
    merchants = sorted(outputs["merchants"])
    verify = ["flexpay-onboard", "verify", "-s", STACK, "--control-source", CONTROL]
    verify += [word for source in sources for word in ("--source-address", source)]

    stage.heading("3/6  The review package; nothing can be proven before the partner has approved it")
    stage.run("flexpay-onboard", "allowlist", "draft", "-s", STACK, "--out", SUBMISSIONS)
    fresh = _package(world) is not None
    if fresh:
        stage.run(*verify, expect=(WAITING,))

    stage.heading("4/6  The partner's reviewer takes it in, checks it on its own terms, and approves")
    if fresh:
        _review(stage)
    stage.run("flexpay-onboard", "allowlist", "status", "-s", STACK, expect=(0, WAITING))

    stage.heading("5/6  Credentials come from the partner and go in through standard input")
    for merchant in merchants:
        _store_credentials(stage, merchant, sources[0])

    stage.heading("6/6  A token and a test order from every address, and a refusal from one off the list")
    stage.run(*verify, "--report", "json=.sandbox/verify.json", "--report", "junit=.sandbox/verify.xml")
    _summary(stage, sources, merchants)
