"""The whole story once: an empty machine, a deployed environment, an approval, a verified order.

Every step is a command that a person could type; the demo types it, shows what it says, and
holds its exit code against what that step must end with.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection
from time import monotonic
from typing import Any

from sandbox.services import REPOSITORY
from sandbox.world import STACK, World, WorldError

ON_STACK = ("--stack", STACK)
QUIETLY = ("--yes", "--skip-preview", "--non-interactive", "--suppress-outputs", "--suppress-progress")
SUBMISSIONS = ".sandbox/submissions"
REPORT = ".sandbox/verify.json"
TICKET = "FP-1001"
CONTROL = "127.200.0.1"
"""An address of this machine that nobody ever submitted: what comes from it must be refused."""
WAITING = 3
PATIENCE_SECONDS = 30
IMPATIENCE_SECONDS = 5
"""After a second Ctrl-C, which pulumi takes as an order to drop everything."""


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
        environment = self.world.environment(os.environ) | {"PYTHONPATH": str(REPOSITORY)}
        print(f"{self._dim}$ {shlex.join(command)}{self._plain}", flush=True)
        if shutil.which(command[0], path=environment["PATH"]) is None:
            raise DemoError(f"{command[0]} is not installed; run `make setup`")
        with subprocess.Popen(
            command,
            cwd=self.world.project,
            env=environment,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=None if show else subprocess.PIPE,
            text=True,
        ) as process:
            try:
                answer, _ = process.communicate(given)
            except KeyboardInterrupt:
                _let_finish(process)
                raise
        done = subprocess.CompletedProcess(command, process.returncode, answer, None)
        if done.returncode not in expect:
            raise DemoError(
                f"`{shlex.join(command)}` ended with {done.returncode}, "
                f"expected {' or '.join(map(str, expect))}"
            )
        return done

    def desk(self, *arguments: str) -> Any:
        """Let the partner's reviewer do something and return what the desk says."""
        at = ("--state", str((self.world.state / "partner").relative_to(self.world.project)))
        return self.ask("python", "-m", "sandbox.flexpay", "desk", *at, *arguments)

    def ask(self, *command: str, expect: Collection[int] = (0,)) -> Any:
        """Run a command that prints JSON and return what it says."""
        return json.loads(self.run(*command, expect=expect, show=False).stdout)


def run(world: World) -> int:
    """Play the story; returns the exit code.

    What was started goes on running, for a look at it, but for what an interrupted story started itself.
    """
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
    stage.run("pulumi", "up", *ON_STACK, *QUIETLY)
    outputs = stage.ask("pulumi", "stack", "output", *ON_STACK, "--json")
    sources = [item["address"] for item in outputs["egressAddresses"]]
    verify = ["flexpay-onboard", "verify", *ON_STACK, "--control-source", CONTROL]
    verify += [word for source in sources for word in ("--source-address", source)]

    stage.heading("3/6  The review package; before the partner approves it, nothing can be proven")
    stage.run("flexpay-onboard", "allowlist", "draft", *ON_STACK, "--out", SUBMISSIONS)
    if not _approved(stage):
        stage.run(*verify, expect=(WAITING,))

    stage.heading("4/6  The partner's reviewer takes it in, checks it on its own terms, and approves")
    if not _approved(stage):
        _review(stage)
    stage.run("flexpay-onboard", "allowlist", "status", *ON_STACK)

    stage.heading("5/6  Credentials come from the partner and go in through standard input")
    for merchant in sorted(outputs["merchants"]):
        _store_credentials(stage, merchant, sources[0])

    stage.heading("6/6  A token and a test order from every address, and a refusal from one off the list")
    stage.run(*verify, "--report", f"json={REPORT}", "--report", "html=.sandbox/verify.html")
    _summary(stage, outputs)


def _approved(stage: Stage) -> bool:
    """Tell whether every address waits for nothing more, as the ledger has it."""
    status = stage.ask(
        "flexpay-onboard", "allowlist", "status", *ON_STACK, "--offline", "--json", expect=(0, 1, WAITING)
    )
    pairs = [row for environment in status["environments"] for row in environment["addresses"]]
    return all(row["status"] in ("approved", "unproven") for row in pairs)


def _review(stage: Stage) -> None:
    packages = sorted((stage.world.project / SUBMISSIONS).glob("*/submission.json"))
    submitted = stage.desk("submit", str(packages[-1].relative_to(stage.world.project)))
    print(f"{submitted['id']}: taken in, {len(submitted['changes'])} addresses")
    record = ("flexpay-onboard", "allowlist", "record")
    stage.run(*record, "submitted", *ON_STACK, "--reference", TICKET, "--submission", SUBMISSIONS)
    decided = stage.desk("approve", submitted["id"], "--ticket", TICKET)
    print(f"{decided['id']}: {decided['status']}")
    stage.run(*record, "approved", *ON_STACK, "--reference", TICKET)


def _store_credentials(stage: Stage, merchant: str, source: str) -> None:
    status = stage.ask(
        "flexpay-onboard",
        "credentials",
        "status",
        *ON_STACK,
        "--merchant",
        merchant,
        "--json",
        expect=(0, WAITING),
    )
    if all(secret["current"] for secret in status["secrets"]):
        print(f"{merchant}: stored and proven before")
        return
    issued = stage.desk("issue", "--merchant", merchant)
    put = (
        "flexpay-onboard",
        "credentials",
        "put",
        *ON_STACK,
        "--merchant",
        merchant,
        "--source-address",
        source,
    )
    stage.run(*put, given=json.dumps(issued))


def _summary(stage: Stage, outputs: dict[str, Any]) -> None:
    world = stage.world
    report = json.loads((world.project / REPORT).read_text(encoding="utf-8"))
    shown = ", ".join(f"{item['address']} ({item['slot']})" for item in outputs["egressAddresses"])
    stage.heading("Done")
    count, merchants = len(outputs["egressAddresses"]), ", ".join(sorted(outputs["merchants"]))
    print(
        f"""Created  {count} egress addresses: {shown};
         a NAT gateway behind each, a key, and a secret for each of {merchants}
Proven   {len(report["proven"])} pairs of merchant and address carried a token and an order call; an address
         that was never submitted was refused. The partner stand-in judges the peer address of the socket.
         Here these addresses are bound to sockets of this machine, not routed through NAT gateways.
Files    ledger: allowlist/{STACK}.yaml; review packages: {SUBMISSIONS}/;
         reports: .sandbox/verify.html and .json; logs: .sandbox/logs/
Next     make shell      then e.g. add a zone in stacks/Pulumi.{STACK}.yaml and: pulumi preview -s {STACK}
Stop     make stop       keeps everything for next time; python -m sandbox stop --purge forgets it"""
    )


def _let_finish(process: subprocess.Popen[str]) -> None:
    """Give an interrupted command, which heard the same Ctrl-C, the time to put its things in order.

    pulumi finishes what AWS has begun and gives up its lock; killed, it would leave both behind.
    """
    for patience in (PATIENCE_SECONDS, IMPATIENCE_SECONDS):
        try:
            process.wait(patience)
        except KeyboardInterrupt:
            continue
        except subprocess.TimeoutExpired:
            break
        return
    process.kill()


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
