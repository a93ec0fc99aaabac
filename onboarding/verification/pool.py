"""Runs pieces of work side by side, and lets go at once when interrupted."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Done = TypeVar("Done")
_POLL_SECONDS = 0.2


def side_by_side(works: Sequence[Callable[[], Done]], *, concurrency: int) -> Iterator[tuple[int, Done]]:
    """Yield (index, result) of every piece of work, as they get done.

    What one raises is raised here. Threads are daemons, because a call that waits for the partner
    must not keep an interrupted process alive; work that has not begun by then never begins.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Done | None, BaseException | None]] = queue.SimpleQueue()
    stopped = threading.Event()
    for index in range(len(works)):
        waiting.put(index)

    def labour() -> None:
        while not stopped.is_set():
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((index, works[index](), None))
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread and raised there
                done.put((index, None, error))

    for number in range(min(concurrency, len(works))):
        threading.Thread(target=labour, daemon=True, name=f"work {number}").start()
    try:
        for _ in works:
            yield _next(done)
    finally:
        stopped.set()


def _next(done: "queue.SimpleQueue[tuple[int, Done | None, BaseException | None]]") -> tuple[int, Done]:
    while True:
        try:
            # a timeout, because a wait without one cannot be interrupted on every platform
            index, result, error = done.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            continue
        if error is not None:
            raise error
        return index, result  # type: ignore[return-value]  # None only where Done itself is None
