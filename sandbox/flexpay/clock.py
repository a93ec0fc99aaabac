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
        """Move forward (or, negative, back); ValueError, and nothing moved, where no date is there."""
        with self._lock:
            offset = self._offset + seconds
            try:
                datetime.fromtimestamp(time.time() + offset, UTC)
            except (ValueError, OverflowError, OSError) as error:
                raise ValueError(f"the clock cannot be moved by {seconds} s: {error}") from error
            self._offset = offset
