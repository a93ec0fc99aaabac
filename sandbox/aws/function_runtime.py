"""A function's runtime: run by path in a clean interpreter (``python -I -S``), once per invocation.

Reads one JSON object from stdin: ``task`` (folder of the unpacked code), ``runtime`` (folder with
what AWS's runtime brings), ``handler``, ``event``, ``seconds`` until the time is up, ``source``
(address that connections leave from; null: there is no way out), ``aws`` (host and port that are
AWS itself), ``result`` (file for the answer). Exit code 0: the answer is there; 1: it is an error.
"""

import importlib
import json
import socket
import sys
import time
import traceback
from typing import Any


class Context:
    """What AWS hands to a handler besides the event; only what is used here."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left."""
        return max(0, int((self._until - time.monotonic()) * 1000))


def route(source: str | None, aws: tuple[str, int]) -> None:
    """Have every connection leave from one address, as behind a NAT gateway, AWS's own excepted."""
    connect = socket.socket.connect

    def routed(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET and self.type == socket.SOCK_STREAM and tuple(address) != aws:
            if source is None:
                time.sleep(self.gettimeout() or 0)  # nothing answers where no route leads
                raise TimeoutError("timed out")
            self.bind((source, 0))
        connect(self, address)

    socket.socket.connect = routed  # type: ignore[assignment]  # the method's descriptor type


def main() -> int:
    """Run the handler; return the exit code."""
    told = json.load(sys.stdin)
    sys.path[:0] = [told["task"], told["runtime"]]
    route(told["source"], (told["aws"][0], told["aws"][1]))
    failed = 0
    try:
        module, _, name = told["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module), name)
        answer = handler(told["event"], Context(told["seconds"]))
        text = json.dumps(answer)
    except BaseException as error:  # noqa: BLE001 - as the runtime does: whatever it is, it is the answer
        traceback.print_exc()
        trace = traceback.format_tb(error.__traceback__)
        text = json.dumps(
            {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}
        )
        failed = 1
    with open(told["result"], "w", encoding="utf-8") as result:  # noqa: PTH123 - nothing more to import
        result.write(text)
    return failed


if __name__ == "__main__":
    sys.exit(main())
