"""The socket under every call: timed by phase, IPv4 only, and bounded as a whole.

A `Trace` is laid out per call, and the connection that serves the call writes into it. It travels
in a context variable, because between the call and its connection lie requests and urllib3.
"""

import errno
import hashlib
import os
import socket
import ssl
import threading
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Any

from urllib3.connection import HTTPSConnection


class Phase(StrEnum):
    """How far a call has come."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    FIRST_BYTE = "first byte"
    BODY = "body"


@dataclass
class Trace:
    """What one call met on its way; times are in seconds."""

    deadline: float
    """Monotonic time at which the whole call is over, whatever arrives meanwhile."""
    phase: Phase = Phase.FIRST_BYTE
    spent: dict[Phase, float] = field(default_factory=dict)
    peer: str | None = None
    fingerprint: str | None = None
    """SHA-256 of the server's certificate (DER), hexadecimal."""
    not_after: str | None = None
    """When that certificate runs out, as OpenSSL prints it."""
    connected_at: float = 0.0
    """When the TCP connection stood, to measure the TLS handshake from."""
    sent_at: float | None = None
    """When the request went out, to measure the first byte from."""
    bind_failed: bool = False

    def remaining(self) -> float:
        """Return the seconds left; raises TimeoutError when there are none."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the call as a whole took too long")
        return left


current: ContextVar[Trace | None] = ContextVar("current", default=None)


class BoundedSocket(ssl.SSLSocket):
    """Ends a call at its deadline although every single byte of a slow drip arrives in time."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive, waiting no longer than the call has left."""
        trace = current.get()
        if trace is not None:
            left, patience = trace.remaining(), self.gettimeout()
            if patience is None or left < patience:
                self.settimeout(left)
        # else an end without TLS's farewell, and on some Pythons a reset too, would look like a clean end
        self.suppress_ragged_eofs = False
        try:
            got = super().recv_into(buffer, nbytes, flags)
        except ssl.SSLEOFError:
            if was_reset(self):
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from None
            got = 0
        if trace is not None and trace.phase is Phase.FIRST_BYTE and trace.sent_at is not None:
            trace.spent.setdefault(Phase.FIRST_BYTE, monotonic() - trace.sent_at)
        return got

    def __del__(self) -> None:
        # when the peer resets before the handshake, CPython's ssl raises and leaves the socket open
        self.close()


def was_reset(connected: socket.socket) -> bool:
    """Tell whether the peer ended a connection by a reset: then it has no peer any more.

    After a FIN the kernel still names the peer. Before 3.12.3, Python's ssl reports both alike
    (https://github.com/python/cpython/issues/115627).
    """
    try:
        connected.getpeername()
    except OSError:
        return True
    return False


class TimedConnection(HTTPSConnection):
    """An HTTPS connection that resolves IPv4 only and notes how long each phase takes."""

    certificate: tuple[str, str | None] | None = None
    peer: str | None = None

    def _new_conn(self) -> socket.socket:
        trace = current.get() or Trace(deadline=monotonic() + 60)
        patience = self.timeout if isinstance(self.timeout, int | float) else 60.0
        trace.phase, began = Phase.DNS, monotonic()
        found = resolve(self._dns_host, self.port, min(patience, trace.remaining()))
        trace.spent[Phase.DNS] = monotonic() - began
        trace.phase, began = Phase.CONNECT, monotonic()
        try:
            connected = self._first_that_answers(found, began + min(patience, trace.remaining()), trace)
            trace.phase = Phase.TLS
            return connected
        finally:
            trace.connected_at = monotonic()
            trace.spent[Phase.CONNECT] = trace.connected_at - began

    def _first_that_answers(
        self, found: Sequence[tuple[str, int]], until: float, trace: Trace
    ) -> socket.socket:
        problem: OSError = OSError("the name has no address")
        for place in found:
            attempt = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                for option in self.socket_options or ():
                    attempt.setsockopt(*option)
                if self.source_address:
                    trace.bind_failed = True
                    attempt.bind(self.source_address)
                    trace.bind_failed = False
                left = until - monotonic()
                if left <= 0:
                    raise TimeoutError("connecting took too long")
                attempt.settimeout(left)
                attempt.connect(place)
            except OSError as error:
                attempt.close()
                problem = error
                if trace.bind_failed:
                    break
            else:
                trace.peer = self.peer = f"{place[0]}:{place[1]}"
                return attempt
        raise problem

    def connect(self) -> None:
        """Connect, then note what the TLS handshake took and whom it met."""
        super().connect()
        trace = current.get()
        if trace is not None and isinstance(self.sock, ssl.SSLSocket):
            trace.spent[Phase.TLS] = monotonic() - trace.connected_at
            self.certificate = _certificate(self.sock)
            trace.phase = Phase.FIRST_BYTE

    def getresponse(self) -> Any:
        """Wait for the answer's head; also on a kept connection, whose certificate is known."""
        trace = current.get()
        if trace is None:
            return super().getresponse()
        if self.certificate:
            trace.fingerprint, trace.not_after = self.certificate
        trace.peer = self.peer  # kept, since a socket that was reset meanwhile cannot tell any more
        trace.phase, trace.sent_at = Phase.FIRST_BYTE, monotonic()
        answer = super().getresponse()
        trace.phase = Phase.BODY
        return answer


def _certificate(connected: ssl.SSLSocket) -> tuple[str, str | None]:
    shown = connected.getpeercert(binary_form=True) or b""
    facts = connected.getpeercert() or {}
    return hashlib.sha256(shown).hexdigest(), str(facts.get("notAfter", "")) or None


def resolve(host: str, port: int, timeout_seconds: float) -> list[tuple[str, int]]:
    """Return the IPv4 addresses of a host.

    The system's resolver cannot be given a time limit, so it runs in a thread that is left behind
    when it takes too long. Raises socket.gaierror, or TimeoutError.
    """
    answer: list[Any] = []

    def ask() -> None:
        try:
            answer.append(socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM))
        except OSError as error:
            answer.append(error)

    asking = threading.Thread(target=ask, daemon=True, name=f"resolve {host}")
    asking.start()
    asking.join(timeout_seconds)
    if not answer:
        raise TimeoutError(f"no answer about {host} from the name servers")
    if isinstance(answer[0], OSError):
        raise answer[0]
    return list(dict.fromkeys((str(item[4][0]), int(item[4][1])) for item in answer[0]))
