"""Remembers the calls that were made, without their secrets."""

import threading
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT_CALLS = 100_000


@dataclass(frozen=True)
class Recorded:
    """One call as it came in and was answered."""

    number: int
    """Counts up from 1 while the stand-in lives."""
    service: str
    action: str
    region: str
    account: str
    access_key: str
    at: float
    """Unix time of its arrival, in seconds."""
    seconds: float
    """Until the answer was ready, latency and faults included."""
    status: int
    """HTTP status; 0 when the connection was dropped."""
    error: str | None
    """AWS error code of the answer."""
    fault: int | None
    """Number of the fault that hit it."""
    parameters: dict[str, str] = field(default_factory=dict)
    """Of EC2 calls only; bodies of other services may hold secrets."""
    created: str | None = None
    """Identifier of what an EC2 Create or Allocate call made."""
    resource: str | None = None
    """URN of the resource for which the sandbox's provider made the call; None for everybody else's."""


class Record:
    """The calls in the order of their arrival. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Recorded] = deque(maxlen=KEPT_CALLS)
        self._last = 0

    def number(self) -> int:
        """Return the number of the call that arrives now."""
        with self._lock:
            self._last += 1
            return self._last

    def add(self, call: Recorded) -> None:
        """Remember an answered call."""
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Forget all calls; numbers go on."""
        with self._lock:
            self._calls.clear()

    def listed(self, *, after: int = 0, action: str | None = None) -> list[dict[str, Any]]:
        """Return calls with a number above ``after``, of one action or all, in order of arrival."""
        with self._lock:
            chosen = [c for c in self._calls if c.number > after and action in (None, c.action)]
        return [asdict(call) for call in sorted(chosen, key=lambda call: call.number)]
