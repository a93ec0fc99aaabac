"""One listening port that can be closed, or made unreachable, without being lost."""

import socket
from contextlib import suppress

BACKLOG = 512


class Port:
    """A bound TCP port; OSError when it is taken, and 0 is a free one.

    Only the thread that waits for its connections may change its state: as long as another one
    waits in poll, the kernel keeps the closed socket, and with it the port.
    """

    def __init__(self, address: str, number: int) -> None:
        self._address = address
        self._plugs: list[socket.socket] = []
        self.socket = _bound(address, number)
        self.number: int = self.socket.getsockname()[1]

    def listen(self) -> None:
        """Take connections."""
        self.socket.listen(BACKLOG)

    def set(self, state: str | None) -> None:
        """Open the port (None), or make it ``closed`` or ``unreachable``."""
        self.close()
        self.socket = _bound(self._address, self.number)
        if state is None:
            self.listen()
        elif state == "unreachable":
            self.socket.listen(0)
            self._plugs = [_plug(self._address, self.number) for _ in range(4)]
        # closed: bound, so that nobody else takes the port, but not listening

    def close(self) -> None:
        """Let the port go."""
        for one in (self.socket, *self._plugs):
            one.close()
        self._plugs.clear()


def _bound(address: str, number: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, number))
    except BaseException:
        sock.close()
        raise
    return sock


def _plug(address: str, number: int) -> socket.socket:
    """Fill a place in the queue of a port with no room, so that further SYNs are dropped."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    with suppress(BlockingIOError):
        sock.connect((address, number))
    return sock
