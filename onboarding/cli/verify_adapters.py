"""What ``verify`` asks of AWS: secrets, route tables, functions."""

import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from onboarding.aws.clients import Clients
from onboarding.cli.proofs import brief_client
from onboarding.deployment import Environment, Role, Stack
from onboarding.errors import Finding, ToolkitError
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.verification.cloud import CONTROL
from onboarding.verification.function_vantage import FunctionVantage
from onboarding.verification.model import Report, Verdict
from onboarding.verification.vantage import Vantage

if TYPE_CHECKING:
    from onboarding.aws.functions import Functions

READ_AHEAD = 3
"""Secrets read side by side, so that calls to the partner are not faster than their reading."""


def function_vantages(
    environment: Environment, *, run_id: str, keep_proofs: bool
) -> tuple[list[FunctionVantage], FunctionVantage | None]:
    """Return the function of every zone that has a way out, and the control function if there is one."""
    clients = Clients()
    zones: list[FunctionVantage] = []
    control: FunctionVantage | None = None
    for stack in environment.stacks:
        if not stack.verifier_functions and not stack.control_function:
            continue
        reached = _functions(clients, stack)
        zones += _zones(reached, stack, run_id=run_id, keep_proofs=keep_proofs)
        if stack.control_function and control is None:
            # a call that AWS turned away was not made, so that asking again sends nothing twice
            ready = partial(reached.invoke_when_ready, stack.control_function)
            control = FunctionVantage(CONTROL, ready, ready, run_id)
    return zones, control


def functions_by_stack(environment: Environment) -> dict[str, list[FunctionVantage]]:
    """Return, by stack, the function of every zone that has a way out; for calls that keep no proof."""
    clients = Clients()
    return {
        stack.source: _zones(_functions(clients, stack), stack, run_id="", keep_proofs=False)
        for stack in environment.stacks
        if stack.verifier_functions
    }


def _functions(clients: Clients, stack: Stack) -> "Functions":
    from onboarding.aws.functions import READ_TIMEOUT_SECONDS, Functions

    # one attempt, and longer than a function runs: whoever gives up first does not know what was done
    return Functions(
        clients.client("lambda", stack.region, attempts=1, read_timeout_seconds=READ_TIMEOUT_SECONDS)
    )


def _zones(reached: "Functions", stack: Stack, *, run_id: str, keep_proofs: bool) -> list[FunctionVantage]:
    by_slot = {one.slot: one.address for one in stack.addresses if one.role is Role.ACTIVE}
    zones = []
    for zone, arn in sorted((stack.verifier_functions or {}).items()):
        address = by_slot.get(stack.egress_by_zone.get(zone) or "")
        if address is not None:
            ready, once = partial(reached.invoke_when_ready, arn), partial(reached.invoke, arn)
            zones.append(FunctionVantage(zone, ready, once, run_id, address, keep_proofs))
    return zones


def unkept(report: Report, vantages: Sequence[Vantage]) -> list[str]:
    """Return what kept functions from keeping proofs of what this run proved."""
    told = []
    for vantage in vantages:
        if not isinstance(vantage, FunctionVantage):
            continue
        here = {one.merchant for one in report.proven if one.vantage == vantage.name}
        if missing := sorted(str(name) for name in here - vantage.kept):
            why = "; ".join(dict.fromkeys(vantage.troubles)) or "this run is told to keep none"
            told.append(f"{vantage.name} kept no proof of {', '.join(missing)}: {why}")
    return told


def route_reader(
    environment: Environment, client: Callable[[str, str], Any]
) -> Callable[[], dict[str, Verdict]]:
    """Return the work of reading every stack's route tables; trouble with AWS is a verdict."""

    def read() -> dict[str, Verdict]:
        from onboarding.allowlist.discovery import egress_of
        from onboarding.aws.network import NetworkReader
        from onboarding.verification.judge_routes import judge_routes, unread

        verdicts: dict[str, Verdict] = {}
        for stack in environment.stacks:
            if stack.vpc_id is None:
                continue
            try:
                reader = NetworkReader(client("ec2", stack.region))
                view = reader.view(region=stack.region, account_id=stack.account_id)
                verdicts |= judge_routes(stack, egress_of(view, stack.vpc_id))
            except ToolkitError as error:
                verdicts |= unread(stack, error)
            except KeyError:
                gone = Finding(
                    f"{stack.vpc_id} is not in {stack.region} of the account these credentials belong to",
                    hint=f"log in to account {stack.account_id}, or run `pulumi refresh`",
                )
                verdicts |= unread(stack, gone)
        return verdicts

    return read


class SecretsOfRun:
    """Reads each secret once per run, however many addresses are proven with it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._clients = Clients()
        self._knowing = threading.Lock()
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._read: dict[tuple[str, str], ClientCredentials | ToolkitError] = {}

    def read_ahead(self, merchants: Sequence[str]) -> None:
        """Begin to read secrets at once, so that no call to the partner has to wait for them."""
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for merchant in merchants:
            waiting.put(merchant)
        in_trouble = threading.Event()

        def work() -> None:
            while not in_trouble.is_set():
                try:
                    self._current(None, waiting.get_nowait())
                except queue.Empty:
                    return
                except ToolkitError:
                    in_trouble.set()  # told where it is needed; the others are not asked for

        for number in range(min(READ_AHEAD, len(merchants))):
            threading.Thread(target=work, daemon=True, name=f"read ahead {number}").start()

    def client(self, service: str, region: str) -> Any:
        """Return an AWS client; from any thread."""
        return brief_client(self._clients, service, region)

    def reader(self, address: IPv4Address | None) -> Callable[[str], ClientCredentials]:
        """Return the reader for calls from an address: its own region's store."""
        region = next((one.region for one in self._environment.addresses if one.address == address), None)
        return lambda merchant: self._current(region, merchant)

    def _current(self, region: str | None, merchant: str) -> ClientCredentials:
        from onboarding.aws.secret_store import SecretStore

        # the list is the environment's, so a merchant may be named by another region's stack only
        holders = [one for one in self._environment.stacks if merchant in one.merchants]
        stack = next((one for one in holders if one.region == region), holders[0])
        key = (stack.region, merchant)
        client = self.client("secretsmanager", stack.region)
        with self._knowing:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._read:
                try:
                    self._read[key] = SecretStore(client).current(stack.merchants[merchant].secret_arn)
                except ToolkitError as error:
                    self._read[key] = error  # a store that says nothing is not asked once per address
            known = self._read[key]
        if isinstance(known, ToolkitError):
            raise known
        return known
