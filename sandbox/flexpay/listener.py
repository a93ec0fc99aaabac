"""A listening port, and a thread for every connection to it."""

import select
import socket
import ssl
import sys
import time
import traceback
from contextlib import suppress
from threading import Event, Lock, Thread, current_thread
from typing import Protocol

from sandbox.flexpay.calls import Call, Calls
from sandbox.flexpay.certificates import Certificates
from sandbox.flexpay.clock import Clock
from sandbox.flexpay.connection import Connection, Gone, Malformed, tls
from sandbox.flexpay.messages import Answer, Refused, Request, envelope
from sandbox.flexpay.port import Port
from sandbox.flexpay.spoiling import spoil
from sandbox.flexpay.switches import Switches


class Service(Protocol):
    """What answers behind a port."""

    def admit(self, peer: str) -> str | None:
        """Return what to do to a connection from ``peer`` (close, reset, hold), None to let it in."""

    def endpoint(self, request: Request) -> str:
        """Name the endpoint a request is for."""

    def answer(self, endpoint: str, request: Request) -> Answer:
        """Handle a request; may raise Refused."""

    def latency(self) -> float:
        """Seconds every answer takes."""


class Listener:
    """Serves one port; ``certificates`` is None for plain http."""

    def __init__(
        self,
        name: str,
        service: Service,
        certificates: Certificates | None,
        *,
        switches: Switches,
        calls: Calls | None,
        clock: Clock,
        idle_seconds: float = 75.0,
        request_seconds: float = 30.0,
    ) -> None:
        self.name = name
        self._service = service
        self._certificates = certificates
        self._switches = switches
        self._calls = calls
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._request_seconds = request_seconds
        self._stopping = Event()
        self._lock = Lock()
        self._connections: dict[Thread, socket.socket] = {}
        self._port: Port | None = None
        self._port_state: str | None = None
        self._settled = Event()
        self._spared: set[Thread] = set()
        self._wake, self._woken = socket.socketpair()
        self._acceptor = Thread(target=self._accept, name=f"{name}-accept", daemon=True)

    @property
    def port(self) -> int:
        """The port's number; 0 before it is bound."""
        return self._port.number if self._port else 0

    def bind(self, address: str, port: int) -> None:
        """Take the port; 0 is a free one. OSError when it is taken."""
        self._port = Port(address, port)

    def start(self) -> None:
        """Listen and serve."""
        if self._port is None:
            raise RuntimeError("bind first")
        self._port.listen()
        self._acceptor.start()
        self._switches.ports.append(self.apply_port)

    def stop(self) -> None:
        """End all connections and let the port go."""
        self._stopping.set()
        self._wake.send(b"x")
        if self._acceptor.is_alive():
            self._acceptor.join(5)
        self._hang_up()
        for thread in list(self._connections):
            thread.join(5)
        for one in (self._port, self._wake, self._woken):
            if one is not None:
                one.close()

    def apply_port(self) -> None:
        """Bring the port into the state that the switches ask for; it is there on return."""
        if self._switches.port(self.name) == self._port_state or not self._acceptor.is_alive():
            return
        self._settled.clear()
        self._wake.send(b"x")
        self._settled.wait(5)

    def _settle(self) -> None:
        """Close, open or plug the port; on the acceptor's thread, whose poll would keep it open."""
        wanted = self._switches.port(self.name)
        if wanted != self._port_state and self._port is not None:
            self._port_state = wanted
            self._port.set(wanted)
            if wanted is not None:
                self._hang_up()
        self._settled.set()

    def _hang_up(self) -> None:
        """End the open connections, but for those that are to answer yet."""
        for thread, sock in list(self._connections.items()):
            if thread not in self._spared:
                with suppress(OSError):
                    # not SSLSocket.shutdown, which would forget the TLS state under its thread
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            poll = select.poll()
            poll.register(self._woken, select.POLLIN)
            if self._port is not None and self._port_state is None:
                poll.register(self._port.socket, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._woken.fileno() in ready:
                self._woken.recv(64)
                self._settle()
            elif self._port is not None:
                self._take(self._port.socket)

    def _take(self, listening: socket.socket) -> None:
        listening.setblocking(False)
        try:
            sock, (peer, _) = listening.accept()
        except OSError:
            return
        thread = Thread(target=self._connection, args=(sock, peer), name=self.name, daemon=True)
        with self._lock:
            self._connections[thread] = sock
        thread.start()

    def _connection(self, sock: socket.socket, peer: str) -> None:
        try:
            self._serve(sock, peer)
        except Gone:
            pass
        except Exception:  # noqa: BLE001 - a bug here must not end the stand-in; it is shown, not hidden
            traceback.print_exc(file=sys.stderr)
        finally:
            with self._lock:
                current = self._connections.pop(current_thread(), sock)
                self._spared.discard(current_thread())
            current.close()

    def _serve(self, sock: socket.socket, peer: str) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, peer, self._stopping, self._request_seconds)
        turned_away = self._service.admit(peer)
        if turned_away:
            self._note(peer, refused=True)
            connection.act(turned_away)
        flaw = self._before_handshake(connection, peer)
        if self._certificates is not None:
            try:
                secure = connection.sock = tls(sock, self._certificates.context(flaw), self._request_seconds)
                with self._lock:
                    self._connections[current_thread()] = secure
                secure.do_handshake()
            except OSError as error:
                self._note(peer, notes=(f"TLS handshake failed: {_reason(error)}",))
                raise Gone from None
        while not self._stopping.is_set():
            self._one(connection)

    def _before_handshake(self, connection: Connection, peer: str) -> str | None:
        flaw = None
        for fault in self._switches.for_connection(self.name, peer):
            if fault.at == "tls":
                connection.hello(self._request_seconds)
            if fault.at in ("accept", "tls"):
                connection.wait(fault.delay)
                if fault.action:
                    self._note(peer, faulty=True)
                    connection.act(fault.action)
            flaw = fault.certificate or flaw
        return flaw

    def _one(self, connection: Connection) -> None:
        try:
            request = connection.read(self._idle_seconds)
        except Malformed as malformed:
            self._note(connection.peer, status=malformed.answer.status)
            connection.answer(malformed.answer, (), close=True)
            connection.act("close")
        started = time.monotonic()
        endpoint = self._service.endpoint(request)
        faults = self._switches.for_call(endpoint, request.peer)
        for fault in faults:
            if fault.at == "request":
                connection.wait(fault.delay)
        answer = spoil(faults, request, lambda: self._handle(endpoint, request))
        action: str | None = next(
            (fault.action for fault in faults if fault.action and fault.at == "request"), None
        )
        action = action or answer.action
        silent = action or any(fault.action and fault.at == "first-byte" for fault in faults)
        facts = answer.facts
        self._record(
            Call(
                at=self._clock.now(),
                listener=self.name,
                peer=request.peer,
                endpoint=endpoint,
                method=request.method,
                path=request.path,
                status=None if silent else answer.status,
                merchant=facts.merchant,
                order=facts.order,
                order_created=facts.order_created,
                refused=facts.refused,
                faulty=bool(faults),
                notes=facts.notes,
                seconds=time.monotonic() - started,
            )
        )
        closing = self._switches.answered(endpoint, request.peer)
        if closing:
            self._spared.add(current_thread())  # its answer is still to be written
            self._switches.settle()
        if action:
            connection.act(action)
        close = closing or request.headers.get("connection", "").lower() == "close"
        connection.wait(self._service.latency())
        connection.answer(answer, faults, close=close, head_only=request.method == "HEAD")
        if close:
            connection.act("close")

    def _handle(self, endpoint: str, request: Request) -> Answer:
        try:
            return self._service.answer(endpoint, request)
        except Refused as refused:
            return refused.answer
        except Exception:  # noqa: BLE001 - a bug here looks like the partner's own 500, and is shown
            traceback.print_exc(file=sys.stderr)
            return envelope(500)

    def _note(
        self,
        peer: str,
        *,
        status: int | None = None,
        refused: bool = False,
        faulty: bool = False,
        notes: tuple[str, ...] = (),
    ) -> None:
        at = self._clock.now()
        self._record(
            Call(
                at, self.name, peer, "connection", status=status, refused=refused, faulty=faulty, notes=notes
            )
        )

    def _record(self, call: Call) -> None:
        if self._calls is not None:
            self._calls.add(call)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or type(error).__name__
    return type(error).__name__
