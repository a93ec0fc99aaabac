"""Faults on request: which call is to go wrong, and how."""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sandbox.aws.calls import Call
from sandbox.aws.latency import parse_seconds


class Kind(StrEnum):
    """What happens to a call that a fault hits."""

    ERROR = "error"
    """Not carried out; ``code`` and ``status`` are the answer."""
    DELAY = "delay"
    """Carried out at once; the answer takes ``seconds`` longer."""
    LOST = "lost"
    """Carried out, but its answer is an internal error of AWS: the caller cannot know."""
    THROTTLE = "throttle"
    """Not carried out; refused as too fast."""
    DROPPED = "dropped"
    """Not carried out; the connection closes without an answer."""
    DROPPED_AFTER = "dropped-after"
    """Carried out; the connection closes without an answer."""


@dataclass(frozen=True)
class Fault:
    """One order to break calls of an action."""

    action: str
    """The operation, as AllocateAddress; ``*`` is every operation."""
    kind: Kind
    service: str | None = None
    """Only calls of this service; None is any."""
    nth: int | None = None
    """Only the nth matching call from now on, counted from 1; None is every one."""
    times: int | None = None
    """How many calls it hits before it is used up; None is no end."""
    code: str | None = None
    """Error code of the answer; None is the protocol's own word for an internal failure."""
    status: int | None = None
    """HTTP status of the answer; None is 400 with a code, and 500 without."""
    message: str = "a fault of the sandbox, as ordered"
    seconds: float = 0.0
    """Of Kind.DELAY."""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Fault":
        """Read an order from JSON. Raises ValueError with the key, the value and what is allowed."""
        unknown = sorted(raw.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise ValueError(f"unknown keys {unknown}; known are {sorted(cls.__dataclass_fields__)}")
        missing = sorted({"action", "kind"} - raw.keys())
        if missing:
            raise ValueError(f"missing keys {missing}")
        if raw["kind"] not in list(Kind):
            raise ValueError(f"kind: {raw['kind']!r} is not one of {', '.join(Kind)}")
        for name in ("nth", "times", "status"):
            value = raw.get(name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise ValueError(f"{name}: {value!r} is not a whole number above 0")
        seconds = parse_seconds("seconds", raw.get("seconds", 0.0))
        if raw["kind"] == Kind.DELAY and not seconds:
            raise ValueError("seconds: a delay needs a number of seconds")
        return cls(**{**raw, "kind": Kind(raw["kind"]), "seconds": seconds})


class Faults:
    """The orders in force. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._orders: dict[int, Fault] = {}
        self._seen: dict[int, int] = {}
        self._hit: dict[int, int] = {}

    def order(self, fault: Fault) -> int:
        """Put a fault in force; returns its number."""
        with self._lock:
            number = next(self._ids)
            self._orders[number] = fault
            self._seen[number] = self._hit[number] = 0
            return number

    def clear(self, number: int | None = None) -> None:
        """Take one fault, or all of them, out of force."""
        with self._lock:
            for known in [number] if number is not None else list(self._orders):
                self._orders.pop(known, None)

    def meet(self, call: Call) -> tuple[int, Fault] | None:
        """Count a call against every order and return the first that hits it."""
        with self._lock:
            first = None
            for number, fault in self._orders.items():
                if fault.action not in ("*", call.action) or fault.service not in (None, call.service):
                    continue
                self._seen[number] += 1
                used_up = fault.times is not None and self._hit[number] >= fault.times
                its_turn = fault.nth is None or self._seen[number] == fault.nth
                if first is None and its_turn and not used_up:
                    self._hit[number] += 1
                    first = (number, fault)
            return first

    def listed(self) -> list[dict[str, Any]]:
        """Return the orders in force as JSON, with how many calls they saw and hit."""
        with self._lock:
            return [
                {"id": number, **asdict(fault), "seen": self._seen[number], "hit": self._hit[number]}
                for number, fault in self._orders.items()
            ]
