"""Waiting for the signal to end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event


@contextmanager
def told_to_end() -> Iterator[Event]:
    """Yield an event that SIGTERM and SIGINT set; on leaving, they mean what they meant before.

    Enter before anybody can know of the process, so that no signal finds it unprepared.
    """
    told = Event()
    before = {
        number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
