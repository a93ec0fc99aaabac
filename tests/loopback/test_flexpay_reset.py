"""A partner that resets the connection before TLS begins."""

import contextlib
import gc
import socket
import ssl
import struct
import warnings
from pathlib import Path

import pytest

from onboarding.flexpay.connection import BoundedSocket

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open descriptors in /proc")
def test_a_reset_before_the_handshake_leaves_no_descriptor_open() -> None:
    context = ssl.create_default_context()
    context.sslsocket_class = BoundedSocket
    with socket.create_server(("127.0.0.1", 0)) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        before = sum(1 for _ in Path("/proc/self/fd").iterdir())
        for _ in range(5):
            client = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            accepted.close()
            with contextlib.suppress(OSError):
                context.wrap_socket(client, server_hostname="localhost")
            client.close()
        gc.collect()
        assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before
