"""``python -m sandbox.aws``: the AWS stand-in as a process."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from werkzeug.serving import BaseWSGIServer

from sandbox.aws import server
from sandbox.aws.front import FrontDoor
from sandbox.aws.state import StateError, StateFile


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.aws",
        description="An AWS on loopback, for trying and testing. Prints one JSON line with its url once it "
        "listens. GET /sandbox on that url lists what can be recorded, broken and slowed down. Any "
        "credentials will do (account 123456789012); an access key of twelve digits is the root key of "
        "the account with that number.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) is a free port")
    parser.add_argument(
        "--state", type=Path, help="file that keeps the world; without it, it ends with the process"
    )
    parser.add_argument("--verbose", action="store_true", help="requests and moto's tracebacks on stderr")
    chosen = parser.parse_args()
    try:
        listening = start(chosen.port, chosen.state, verbose=chosen.verbose)
    except StateError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: port {chosen.port} cannot be used: {error.strerror}", file=sys.stderr)
        return 2
    # every answered call is on disk already: there is nothing to tidy up
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: os._exit(0))
    print(json.dumps({"url": f"http://{server.HOST}:{listening.port}"}), flush=True)
    listening.serve_forever()
    return 0


def start(port: int, state: Path | None, *, verbose: bool) -> BaseWSGIServer:
    """Return a listening server over the world of a state file, or over an empty one.

    Raises StateError, and OSError when the port is taken.
    """
    server.prepare()
    kept = StateFile(state) if state else None
    if kept:
        kept.restore()
    front = FrontDoor(kept.save if kept else lambda: None, verbose=verbose)
    return server.make(port, front, verbose=verbose)


if __name__ == "__main__":
    sys.exit(main())
