"""The record of every call, so that tests can count and developers can watch; it holds no secret."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

KEPT = 200_000
Observer = Callable[["Call"], None]


@dataclass(frozen=True)
class Call:
    """One call, or one connection that did not get as far as a call."""

    at: float
    """Seconds since the epoch, by the partner's clock."""
    listener: str
    peer: str
    endpoint: str
    """token, orders, order, offers, unknown, echo-1, echo-2; ``connection`` when no request was read."""
    method: str = ""
    path: str = ""
    """Without its query, where callers put what they should not."""
    status: int | None = None
    """What was answered (or begun to be); None when the connection ended without an answer."""
    merchant: str | None = None
    order: str | None = None
    order_created: bool = False
    refused: bool = False
    """The allow-list turned the caller away."""
    faulty: bool = False
    """A switch had its hand in it."""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    """From the request's arrival until its answer was ready, delays by switches not included."""


class Calls:
    """The last calls in order of arrival."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: deque[Call] = deque(maxlen=KEPT)
        self._observers: list[Observer] = []

    def watch(self, observer: Observer) -> None:
        """Have ``observer`` called with every call, on the thread that serves it."""
        self._observers.append(observer)

    def add(self, call: Call) -> None:
        """Keep a call; done before its answer is sent, so that whoever has the answer finds the call."""
        with self._lock:
            self._kept.append(call)
        for observer in self._observers:
            observer(call)

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._kept.clear()

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(list(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, endpoint: str, peer: str | None = None) -> list[Call]:
        """Return the calls to one endpoint, of one peer or of all."""
        return [call for call in self if call.endpoint == endpoint and peer in (None, call.peer)]

    def orders_created(self) -> int:
        """Return how many orders the recorded calls have created."""
        return sum(call.order_created for call in self)

    def to_json(self) -> list[dict[str, Any]]:
        """Return all calls as JSON objects."""
        return [asdict(call) for call in self]
