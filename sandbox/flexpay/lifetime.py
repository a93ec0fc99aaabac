"""Waiting for the signal to end."""

import signal
from threading import Event


def until_told() -> None:
    """Return on SIGTERM or SIGINT; a second signal then finds the usual behaviour."""
    told = Event()
    before = {
        number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        told.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
