"""One line per call, for people."""

import os
from datetime import datetime
from typing import TextIO

from sandbox.flexpay.calls import Call


def one_line(call: Call) -> str:
    """Return e.g. ``21:40:07  127.0.0.1  POST /api/checkout/v1/orders  200  acme-air  order 3fa8…``."""
    moment = datetime.fromtimestamp(call.at).strftime("%H:%M:%S")
    what = f"{call.method} {call.path}" if call.method else f"connection to {call.listener}"
    parts = [moment, call.peer, what, str(call.status or "no answer")]
    if call.merchant:
        parts.append(call.merchant)
    if call.order_created:
        parts.append(f"order {call.order}")
    if call.refused:
        parts.append("not on the allow-list")
    if call.faulty:
        parts.append("(by a switch)")
    return "\n          ".join(map(_shown, ("  ".join(parts), *call.notes)))


def tell(call: Call, stream: TextIO) -> None:
    """Write a call's line, on the thread that is to answer the call."""
    say(one_line(call), stream)


def say(line: str, stream: TextIO) -> None:
    """Write a line; that nobody reads any more is no reason to leave a caller without an answer."""
    try:
        print(line, file=stream, flush=True)
    except OSError:
        # what is still buffered must not raise at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _shown(text: str) -> str:
    """Return what a caller made up so that it stays on its line and leaves the terminal as it is."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
