"""The part that touches the kernel: namespaces, sockets inside of them, and what is left behind.

Everything happens inside namespaces of our own; this machine's own network gets no interface,
route, rule or setting from here.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from sandbox.netlab.plan import Command
from sandbox.netlab.view import LabError
from sandbox.processes import birth

PREFIX = "flexpay"
NAMESPACES = Path("/run/netns")
FILES = Path("/etc/netns")
"""``ip netns exec`` shows FILES/<namespace>/hosts as /etc/hosts (ip-netns(8))."""
FOLDERS = Path(tempfile.gettempdir())
"""Where a run keeps its own files, under names that begin like those of its namespaces."""
TOOLS = {"ip": "iproute2", "nft": "nftables", "sysctl": "procps"}
_CLONE_NEWNET = 0x40000000


def missing() -> str:
    """Return why namespaces cannot be built here, "" when they can."""
    if sys.platform != "linux":
        return f"network namespaces need Linux, this is {sys.platform}"
    lacking = [f"{tool} (package {package})" for tool, package in TOOLS.items() if not shutil.which(tool)]
    if lacking:
        return f"not installed: {', '.join(lacking)}"
    if os.geteuid() != 0:
        return "network namespaces need root: sudo, with the same interpreter"
    probe = f"{prefix()}-probe"
    made = _run(Command(("ip", "netns", "add", probe)))
    if made.returncode:
        return f"this kernel or container allows no network namespaces: {made.stderr.strip()}"
    _run(Command(("ip", "netns", "delete", probe)))
    return ""


def prefix(pid: int | None = None) -> str:
    """Return how names of a process begin: its number may come again, number and birth may not."""
    number = pid or os.getpid()
    return f"{PREFIX}-{number}-{birth(number)}"


def build(commands: Iterable[Command]) -> None:
    """Run the commands in order; LabError names the one that failed."""
    for command in commands:
        done = _run(command)
        if done.returncode:
            raise LabError(f"`{command}` ended with {done.returncode}: {done.stderr.strip()}")


def folder(purpose: str) -> "tempfile.TemporaryDirectory[str]":
    """Return a new folder of this process, private to its user; ``leftovers`` finds it by its name."""
    return tempfile.TemporaryDirectory(prefix=f"{prefix()}-{purpose}-", dir=FOLDERS)


def remove(names: Iterable[str]) -> None:
    """Take namespaces, what still runs in them, and their files away; what is not there is no error.

    A process keeps its namespace alive without a name, so those of a killed run are ended first.
    A signal to end us is heard when that is done.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        for name in names:
            if (NAMESPACES / name).exists():
                for pid in processes_in(name):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                _run(Command(("ip", "netns", "delete", name)))
            for place in (FILES, FOLDERS):
                shutil.rmtree(place / name, ignore_errors=True)
        with suppress(OSError):
            FILES.rmdir()  # only when it is empty
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def processes_in(name: str) -> tuple[int, ...]:
    """Return the processes whose network is the namespace ``name``."""
    return tuple(int(pid) for pid in _run(Command(("ip", "netns", "pids", name))).stdout.split())


def leftovers() -> tuple[str, ...]:
    """Return names of ours, of namespaces and folders, whose process is gone."""
    places = (NAMESPACES, FILES, FOLDERS)
    found = {path.name for place in places if place.exists() for path in place.iterdir()}
    return tuple(sorted(name for name in found if _orphaned(name)))


def _orphaned(name: str) -> bool:
    parts = name.split("-")
    if len(parts) < 4 or parts[0] != PREFIX or not parts[1].isdigit() or not parts[2].isdigit():
        return False
    return birth(int(parts[1])) != parts[2]


def name_hosts(namespace: str, names: Iterable[str], address: str) -> None:
    """Have programs in a namespace find ``names`` at ``address``, and ask no name server."""
    folder = FILES / namespace
    while True:
        with suppress(FileNotFoundError):  # another process has just removed the parent, empty until now
            folder.mkdir(parents=True)
            break
    (folder / "hosts").write_text("".join(f"{address} {name}\n" for name in names), encoding="utf-8")
    (folder / "resolv.conf").write_text("", encoding="utf-8")


def start(namespace: str, arguments: Iterable[str], **settings: object) -> "subprocess.Popen[str]":
    """Start a program in a namespace; ``settings`` are those of Popen."""
    popen: Callable[..., subprocess.Popen[str]] = subprocess.Popen
    return popen(["ip", "netns", "exec", namespace, *arguments], text=True, **settings)


def _run(command: Command) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command.arguments, input=command.given, capture_output=True, text=True, check=False)


class Endpoint:
    """A listening socket inside a namespace whose connections are carried to a service of this machine.

    As with an interface endpoint in a VPC, the service is there without any route to it: only the
    socket is in the namespace, the relay and its connection onwards are outside.
    """

    def __init__(self, namespace: str, address: tuple[str, int]) -> None:
        self._address = address
        self._stopping = Event()
        self._listening = _listen(namespace, address)
        self._thread = Thread(target=self._accept, name=f"endpoint {namespace}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections."""
        self._stopping.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the accept
        self._thread.join(5)
        self._listening.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._address, timeout=5)
            except OSError:
                near.close()  # the caller sees what it would see of a service that is down
                continue
            far.settimeout(None)
            # the pair is closed when both directions have ended
            back = Thread(target=_carry, args=(far, near), daemon=True)
            back.start()
            Thread(target=_carry_and_close, args=(near, far, back), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _carry_and_close(near: socket.socket, far: socket.socket, back: Thread) -> None:
    _carry(near, far)
    back.join()
    near.close()
    far.close()


def _listen(namespace: str, address: tuple[str, int]) -> socket.socket:
    """Return a socket that listens inside a namespace; made by a thread that enters it and ends there."""
    made: list[socket.socket | OSError] = []

    def make() -> None:
        libc = ctypes.CDLL(None, use_errno=True)  # os.setns comes with Python 3.12
        try:
            with (NAMESPACES / namespace).open("rb") as handle:
                if libc.setns(handle.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.create_server(address))
        except OSError as error:
            made.append(error)

    thread = Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise LabError(f"no socket in {namespace}: {made[0]}")
    return made[0]
