"""``python -m sandbox.engine``: print the path of a usable pulumi CLI, building it where needed."""

import argparse
import os
import signal
import sys

from sandbox.engine import cli, progress
from sandbox.engine.errors import EngineError


def main() -> int:
    """Return the exit code: 0 found or built, 2 not to be had here, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.engine",
        description="Find the pulumi CLI and print its path: one on PATH (3.250.0 or newer), else the "
        "build in the user's cache folder, else build it there once (needs Go 1.25; about 6 minutes on "
        "2 cores and 4 GB of disk). Progress goes to stderr.",
    )
    parser.parse_args()
    # a build in progress is taken down with us, whichever way we are asked to stop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(cli.ensure(os.environ, progress.say).path)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the next call starts the build again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
