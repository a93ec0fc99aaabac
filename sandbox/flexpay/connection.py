"""One client connection: reads requests, writes answers, and does to the socket what a fault asks."""

import re
import select
import socket
import ssl
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from email.utils import formatdate
from threading import Event
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox.flexpay.messages import Answer, Request, envelope, phrase
from sandbox.flexpay.switches import Fault

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 4 * 2**20
FAREWELL_SECONDS = 1.0
HALF_OPEN = getattr(select, "POLLRDHUP", 0)


class Gone(Exception):  # noqa: N818 - it is an outcome, not a fault
    """The connection is over."""


class Malformed(Exception):  # noqa: N818 - it is an outcome, not a fault
    """What came in is not HTTP that we speak; ``answer`` says so to the caller."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Connection:
    """A socket, plain or TLS, with the far side's address.

    ``stopping`` ends every wait; ``request_seconds`` is how long a started request may take before
    it is answered with 408.
    """

    def __init__(self, sock: socket.socket, peer: str, stopping: Event, request_seconds: float) -> None:
        self.sock = sock
        self.peer = peer
        self._stopping = stopping
        self._request_seconds = request_seconds
        self._buffer = bytearray()

    # reading

    def read(self, idle_seconds: float) -> Request:
        """Return the next request. Raises Gone when there is none, Malformed when it is no request."""
        deadline = time.monotonic() + idle_seconds
        if not self._buffer:
            self._fill(deadline)
        deadline = time.monotonic() + self._request_seconds
        try:
            return self._request(deadline)
        except TimeoutError:
            raise Malformed(envelope(408)) from None

    def _request(self, deadline: float) -> Request:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise Malformed(envelope(431))
            self._fill(deadline, started=True)
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise Malformed(envelope(400, "not an HTTP/1.1 request"))
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise Malformed(envelope(400, "malformed header"))
            headers[name.lower()] = value.strip()
        if words[2] == "HTTP/1.0" and "connection" not in headers:
            headers["connection"] = "close"
        body = self._body(headers, deadline)
        try:
            target = urlsplit(words[1])
        except ValueError:
            raise Malformed(envelope(400, "malformed target")) from None
        query = parse_qs(target.query, keep_blank_values=True)
        return Request(words[0], unquote(target.path), query, headers, body, self.peer)

    def _body(self, headers: dict[str, str], deadline: float) -> bytes:
        if headers.get("expect", "").lower() == "100-continue":
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks(deadline)
        length = headers.get("content-length", "0")
        if not re.fullmatch(r"[0-9]{1,18}", length):
            raise Malformed(envelope(400, "malformed Content-Length"))
        return self._exactly(int(length), deadline)

    def _chunks(self, deadline: float) -> bytes:
        whole = bytearray()
        while True:
            while (end := self._buffer.find(b"\r\n")) < 0:
                if len(self._buffer) > HEAD_LIMIT:
                    raise Malformed(envelope(400, "malformed chunk"))
                self._fill(deadline, started=True)
            size = bytes(self._buffer[:end]).split(b";")[0].strip()
            del self._buffer[: end + 2]
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", size):
                raise Malformed(envelope(400, "malformed chunk"))
            count = int(size, 16)
            if count == 0:
                self._exactly(2, deadline)
                return bytes(whole)
            whole += self._exactly(count, deadline)
            if len(whole) > BODY_LIMIT:
                raise Malformed(envelope(413))
            self._exactly(2, deadline)

    def _exactly(self, count: int, deadline: float) -> bytes:
        if count > BODY_LIMIT:
            raise Malformed(envelope(413))
        while len(self._buffer) < count:
            self._fill(deadline, started=True)
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _fill(self, deadline: float, *, started: bool = False) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError if started else Gone
        self.sock.settimeout(left)
        try:
            got = self.sock.recv(65536)
        except TimeoutError:
            if started:
                raise
            raise Gone from None
        except OSError:
            raise Gone from None
        if not got:
            raise Gone
        self._buffer += got

    # waiting

    def wait(self, seconds: float) -> None:
        """Let time pass; Gone when the stand-in stops or the caller gives up meanwhile."""
        deadline = time.monotonic() + seconds
        if seconds <= 0.2:
            if self._stopping.wait(seconds):
                raise Gone
            return
        poll = select.poll()
        poll.register(self.sock, HALF_OPEN)
        while (left := deadline - time.monotonic()) > 0:
            if poll.poll(min(left, 0.1) * 1000) or self._stopping.is_set():
                raise Gone

    def hello(self, seconds: float) -> None:
        """Wait until the client has begun its TLS handshake, without taking it in."""
        self.sock.settimeout(seconds)
        try:
            if not self.sock.recv(1, socket.MSG_PEEK):
                raise Gone
        except OSError:
            raise Gone from None

    def act(self, action: str) -> None:
        """Close, reset or hold the connection; always ends with Gone."""
        if action == "hold":
            self.wait(float("inf"))
        if action == "reset":
            # closing then sends RST instead of FIN
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self._farewell()
        raise Gone

    def _farewell(self) -> None:
        """Send FIN, and take in what is still unread: closing over it would send RST instead."""
        # the plain socket's methods: those of an SSLSocket would want to decipher it
        with suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
            self.sock.settimeout(FAREWELL_SECONDS)
            while socket.socket.recv(self.sock, 65536):
                pass

    # writing

    def answer(
        self, answer: Answer, faults: Sequence[Fault], *, close: bool, head_only: bool = False
    ) -> None:
        """Write an answer in one piece, or the way the faults ask. Raises Gone when it is over."""
        for fault in faults:
            if fault.at == "first-byte":
                self.wait(fault.delay)
        for fault in faults:
            if fault.at == "first-byte" and fault.action:
                self.act(fault.action)
        skew = sum(fault.date_skew for fault in faults)
        missing = max((1 for fault in faults if fault.body == "cut"), default=0)
        body = b"" if head_only else answer.body
        length = len(answer.body) * 2 + 64 if missing else len(answer.body)
        head = _head(answer, length, skew, close or bool(missing))
        stop = next((fault for fault in faults if fault.action and fault.at in ("headers", "body")), None)
        drip = next((fault for fault in faults if fault.delay and fault.at in ("headers", "body")), None)
        if stop is None and drip is None:
            self._send(head + body)
        else:
            self._send(head)
            if drip is not None and drip.at == "headers":
                self.wait(drip.delay)
            if stop is not None:
                body = body[: len(body) // 2] if stop.at == "body" else b""
            if drip is not None and drip.at == "body":
                self._drip(body, drip)
            elif body:
                self._send(body)
            if stop is not None and stop.action is not None:
                self.wait(0.05)  # let what was sent arrive: a reset throws away what is unread
                self.act(stop.action)
        if missing:
            self.act("close")

    def _drip(self, body: bytes, fault: Fault) -> None:
        for start in range(0, len(body), fault.piece):
            self._send(body[start : start + fault.piece])
            self.wait(fault.delay)

    def _send(self, raw: bytes) -> None:
        self.sock.settimeout(max(self._request_seconds, 60.0))
        try:
            self.sock.sendall(raw)
        except OSError:
            raise Gone from None


def _head(answer: Answer, length: int, skew: float, close: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {phrase(answer.status)}",
        f"Date: {formatdate(time.time() + skew, usegmt=True)}",
        "Server: flexpay-stand-in",
    ]
    if answer.status != 204:
        lines.append(f"Content-Length: {length}")
    if answer.body:
        lines.append(f"Content-Type: {answer.content_type}")
    lines.extend(f"{name}: {value}" for name, value in answer.headers.items())
    lines.append(f"Connection: {'close' if close else 'keep-alive'}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def tls(sock: socket.socket, context: ssl.SSLContext, seconds: float) -> ssl.SSLSocket:
    """Return the socket wrapped for the server's side of TLS; the handshake is yet to be done."""
    sock.settimeout(seconds)
    return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
