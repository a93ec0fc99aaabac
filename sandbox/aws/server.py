"""The AWS stand-in as a server on loopback, for a process of its own or inside a test."""

import errno
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from sandbox.aws import behaviour
from sandbox.aws.conditions import CONDITIONS
from sandbox.aws.faults import Faults
from sandbox.aws.front import FrontDoor
from sandbox.aws.record import Record

HOST = "127.0.0.1"
LAST_PORT = 65535
BACKLOG = 128
POLL_SECONDS = 0.02
"""How soon a server in a thread notices that it shall stop."""


@dataclass(frozen=True)
class Running:
    """A stand-in that answers at ``url``; the rest is for tests in the same process."""

    url: str
    record: Record
    faults: Faults


def reset() -> None:
    """Return to an empty AWS and to ordinary circumstances; a test's way to start clean."""
    BackendDict.reset()
    CONDITIONS.reset()


def prepare() -> None:
    """Put AWS's rules in force in this process; to be called before moto's backends are used."""
    os.environ.pop("MOTO_ACCOUNT_ID", None)  # it would override the caller's account
    # thousands of images that nobody here launches: most of the memory, and of the time to begin
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    behaviour.install()


def make(port: int, front: FrontDoor, *, verbose: bool = False) -> BaseWSGIServer:
    """Return a server that listens; ``port`` 0 is a free one. Raises OSError when it is taken or no port."""

    class Handler(MotoRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            if verbose:
                print(message % args, file=sys.stderr)

    if not 0 <= port <= LAST_PORT:  # create_server would leave its socket open
        raise OSError(errno.EINVAL, f"port must be 0-{LAST_PORT}")
    prepare()
    with socket.create_server((HOST, port), backlog=BACKLOG) as listening:  # its errors can be caught
        port = listening.getsockname()[1]
        return make_server(HOST, port, front, threaded=True, request_handler=Handler, fd=listening.fileno())


@contextmanager
def running(*, port: int = 0, verbose: bool = False) -> Iterator[Running]:
    """Run an empty stand-in in a thread of this process; one at a time, since moto is process-wide."""
    if not _alone.acquire(blocking=False):
        raise RuntimeError("a stand-in is running in this process already, and moto's world is process-wide")
    try:
        prepare()
        reset()
        front = FrontDoor(verbose=verbose)
        server = make(port, front, verbose=verbose)
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="aws-stand-in")
        thread.start()
        try:
            yield Running(f"http://{HOST}:{server.port}", front.record, front.faults)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            reset()
    finally:
        _alone.release()


_alone = threading.Lock()
