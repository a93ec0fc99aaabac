"""Something that goes on while something else is done."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def meanwhile(work: Callable[[], object], *, every: float) -> Iterator[None]:
    """Do the work again and again in a thread, so many seconds apart; it has ended when the block has."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(every):
            work()

    worker = threading.Thread(target=go_on)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()
