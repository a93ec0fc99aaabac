"""Switches: how the stand-in misbehaves, per endpoint and peer, on the nth call or always.

A fault is one flat record whose fields combine; its JSON keys are the camelCase field names.
Faults of a connection (``at`` accept or tls, ``certificate``, ``port``) happen before any path is
known. On an endpoint other than the listener they are therefore *armed* by the call before it:
on ``orders`` they strike the connections that come after a token has been issued, and the token's
answer closes its connection so that there will be one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from threading import Lock
from typing import Any, Literal, get_args

from sandbox.flexpay.certificates import FLAWS

At = Literal["accept", "tls", "request", "first-byte", "headers", "body"]
"""When: as the connection is accepted, in the TLS handshake, once the request was read, before
the first byte of the answer, after its headers, half-way through its body."""
Action = Literal["close", "reset", "hold"]
"""close: orderly end of the connection; reset: RST; hold: say nothing until the caller gives up."""
Body = Literal["envelope", "page", "empty", "malformed", "truncated", "cut", "huge", "not-utf8"]
"""envelope: the partner's; page: HTML; malformed: not JSON; truncated: the first half of the JSON
as a complete answer; cut: Content-Length promises more than is sent; huge: ``size`` bytes."""
Port = Literal["closed", "unreachable"]
"""closed: connection refused; unreachable: SYNs get no answer (Linux only)."""

PARTNER = ("token", "orders", "order", "offers", "unknown")
ECHOES = ("echo-1", "echo-2")
ENDPOINTS = ("any", *PARTNER, *ECHOES)
HUGE = 64 * 2**20
SKEW = 10**9
"""About thirty years."""


@dataclass(frozen=True)
class Fault:
    """One fault; what is not set stays sound."""

    endpoint: str = "any"
    """One of ENDPOINTS; ``any`` is every call to the partner, not to the echoes."""
    peer: str | None = None
    """Only calls from this address."""
    nth: int | None = None
    """Only the nth matching call since the fault was set (1 is the next one)."""
    times: int | None = None
    """Only the first so many matching calls."""
    after: str | None = None
    """Strikes only once this endpoint has answered a call since the fault was set."""
    processed: bool | None = None
    """Whether the call is handled for real (an order is created, a token issued) before its answer
    is spoiled. By default it is where the answer is needed, and not where it is replaced."""
    delay: float = 0.0
    """Seconds, at ``at``; for ``body`` the pause after each ``piece``: a slow drip."""
    at: At = "first-byte"
    piece: int = 1
    """Bytes between two pauses of a drip."""
    action: Action | None = None
    """What happens to the connection, at ``at``."""
    status: int | None = None
    body: Body | None = None
    text: str | None = None
    """The body, word for word."""
    content_type: str | None = None
    size: int = HUGE
    set: Mapping[str, Any] = field(default_factory=dict)
    """Fields put into the JSON object of the real answer."""
    remove: tuple[str, ...] = ()
    """Fields taken out of the JSON object of the real answer."""
    location: str | None = None
    """Redirect there, with ``status`` or 302; ``{path}`` stands for path and query of the call."""
    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: str | None = None
    """One of expired, wrong-name, untrusted."""
    port: Port | None = None
    date_skew: float = 0.0
    """Seconds by which the Date header is wrong."""

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                raise ValueError(f"{name}: {value!r} is of the wrong type")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"status: {self.status} is not between 200 and 599")
        if self.processed not in (None, True, False):
            raise ValueError(f"processed: {self.processed!r} is not true or false")
        for name, allowed in _ALLOWED.items():
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise ValueError(f"{name}: {value!r} is none of {', '.join(allowed)}")
        for name in ("nth", "times"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value!r} is not a whole number from 1")
        self._can_be_sent()
        if self.delay < 0 or self.piece < 1 or self.size < 0:
            raise ValueError("delay and size cannot be negative, piece is at least 1")
        if self.of_connection and (self.replaces_answer or self.set or self.remove):
            raise ValueError("a fault of the connection cannot change an answer as well; set two faults")
        if self.port and (self.peer or self.nth or self.times):
            raise ValueError("a port is closed for everybody until the fault is taken away")

    def _can_be_sent(self) -> None:
        if not abs(self.date_skew) <= SKEW:
            raise ValueError(f"date_skew: {self.date_skew} is more than {SKEW} seconds, which no date shows")
        for name, text in (("content_type", self.content_type), ("location", self.location)):
            if text is not None and not _fits_a_header(text):
                raise ValueError(f"{name}: {text!r} cannot stand in a header: printable ASCII only")
        for name, text in self.headers.items():
            if not (_fits_a_header(name) and _fits_a_header(text)):
                raise ValueError(
                    f"headers: {name!r}: {text!r} cannot stand in a header: printable ASCII only"
                )

    @property
    def of_connection(self) -> bool:
        """Tell whether it strikes before a request can be read."""
        return bool(self.certificate or self.port or self.at in ("accept", "tls"))

    @property
    def replaces_answer(self) -> bool:
        """Tell whether the real answer is not needed."""
        made_up = self.body in ("envelope", "page", "empty", "malformed", "huge", "not-utf8")
        return bool(self.status or self.location or self.text is not None or made_up)

    @property
    def processes(self) -> bool:
        """Tell whether the call is handled for real."""
        if self.processed is not None:
            return self.processed
        return not self.replaces_answer and not (self.action and self.at == "request")

    @property
    def armed_by(self) -> str | None:
        """The endpoint whose answer arms the fault, if it does not strike at once."""
        if self.after is None and self.of_connection and self.endpoint in ("orders", "order", "offers"):
            return "token"
        return self.after

    @classmethod
    def from_json(cls, raw: Any) -> "Fault":
        """Parse camelCase JSON; ValueError names what is wrong with it."""
        if not isinstance(raw, dict):
            raise ValueError("a fault is a JSON object")
        names = {camel(one.name): one.name for one in fields(cls)}
        unknown = sorted(set(raw) - set(names) - {"id"})
        if unknown:
            raise ValueError(f"unknown keys {', '.join(unknown)}; known are {', '.join(sorted(names))}")
        values = {names[key]: value for key, value in raw.items() if key != "id"}
        if isinstance(values.get("remove"), list):
            values["remove"] = tuple(values["remove"])
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"wrong type of value: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """Return what differs from a sound answer."""
        sound = Fault()
        return {
            camel(one.name): getattr(self, one.name)
            for one in fields(self)
            if getattr(self, one.name) != getattr(sound, one.name) or one.name == "endpoint"
        }


_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "endpoint": ENDPOINTS,
    "after": ENDPOINTS,
    "at": get_args(At),
    "action": get_args(Action),
    "body": get_args(Body),
    "port": get_args(Port),
    "certificate": FLAWS,
}


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "endpoint": str,
    "at": str,
    "peer": str,
    "nth": int,
    "times": int,
    "delay": (int, float),
    "piece": int,
    "status": int,
    "text": str,
    "content_type": str,
    "size": int,
    "set": Mapping,
    "remove": tuple,
    "location": str,
    "headers": Mapping,
    "date_skew": (int, float),
}


@dataclass
class _Active:
    fault: Fault
    armed: bool
    seen: int = 0


class Switches:
    """The faults that are set, and how often each has had its chance."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._active: dict[str, _Active] = {}
        self._count = 0
        self.ports: list[Callable[[], None]] = []
        """Each brings one port into the state that ``port`` asks for."""

    def settle(self) -> None:
        """Have closed and opened what has to be."""
        for apply in self.ports:
            apply()

    def add(self, fault: Fault) -> str:
        """Set a fault; returns the id by which it is taken away."""
        with self._lock:
            self._count += 1
            self._active[f"fault-{self._count}"] = _Active(fault, armed=fault.armed_by is None)
            return f"fault-{self._count}"

    def remove(self, fault_id: str) -> None:
        """Take a fault away; KeyError when it is not set."""
        with self._lock:
            del self._active[fault_id]

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._active.clear()

    def listed(self) -> dict[str, Fault]:
        """Return the faults by id."""
        with self._lock:
            return {key: one.fault for key, one in self._active.items()}

    def for_connection(self, listener: str, peer: str) -> list[Fault]:
        """Return (and count) the connection faults that strike a new connection of a listener."""
        if not self._active:
            return []
        with self._lock:
            return [
                one.fault
                for one in self._active.values()
                if one.fault.of_connection
                and not one.fault.port
                and _listens(one.fault.endpoint, listener)
                and _strikes(one, peer)
            ]

    def for_call(self, endpoint: str, peer: str) -> list[Fault]:
        """Return (and count) the faults that strike a call."""
        if not self._active:
            return []
        with self._lock:
            return [
                one.fault
                for one in self._active.values()
                if not one.fault.of_connection
                and _means(one.fault.endpoint, endpoint)
                and _strikes(one, peer)
            ]

    def port(self, listener: str) -> Port | None:
        """Return what is wrong with a listener's port at the moment."""
        if not self._active:
            return None
        with self._lock:
            for one in self._active.values():
                if one.fault.port and one.armed and _listens(one.fault.endpoint, listener):
                    return one.fault.port
        return None

    def answered(self, endpoint: str, peer: str) -> bool:
        """Arm the faults that waited for this call; True: its connection has to be closed."""
        if not self._active:
            return False
        closing = False
        with self._lock:
            for one in self._active.values():
                fault = one.fault
                if not one.armed and fault.armed_by in ("any", endpoint) and fault.peer in (None, peer):
                    one.armed = True
                    closing = closing or fault.of_connection
        return closing


def _strikes(one: _Active, peer: str) -> bool:
    if not one.armed or one.fault.peer not in (None, peer):
        return False
    one.seen += 1
    return one.fault.nth in (None, one.seen) and (one.fault.times is None or one.seen <= one.fault.times)


def _means(named: str, endpoint: str) -> bool:
    return named == endpoint or (named == "any" and endpoint in PARTNER)


def _listens(named: str, listener: str) -> bool:
    return named == listener or (listener == "partner" and named in ("any", *PARTNER))


def _fits_a_header(text: Any) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()


def camel(name: str) -> str:
    """Return the JSON key of a field name."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
