"""The partner's clock: tests move it instead of waiting."""

import time
from datetime import UTC, datetime
from threading import Lock


class Clock:
    """Wall clock plus an offset.

    It decides when tokens run out and approvals come into force. The ``Date`` header follows the
    real time all the same (see the ``dateSkew`` switch), since a moved clock is no clock skew.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self._offset = offset
        self._lock = Lock()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._offset

    def today(self) -> datetime:
        """Now as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    @property
    def offset(self) -> float:
        """Seconds by which it was moved."""
        return self._offset

    def advance(self, seconds: float) -> None:
        """Move forward (or, negative, back)."""
        with self._lock:
            self._offset += seconds
