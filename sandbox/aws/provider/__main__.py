"""`python -m sandbox.aws.provider`: print the port, serve the engine, leave at once when told to."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

from sandbox.engine.lifetime import end_with_engine

from .protocol import provider_grpc
from .servicer import AwsProvider

THREADS = 64
"""The engine runs as many operations at once as `--parallel` allows; each holds a thread while it waits."""

NO_LIMIT = -1


def main() -> None:
    """Serve until the engine ends us or is gone; the first line of stdout is the port."""
    end_with_engine()
    server = grpc.server(
        ThreadPoolExecutor(THREADS),
        options=[("grpc.max_receive_message_length", NO_LIMIT), ("grpc.max_send_message_length", NO_LIMIT)],
    )
    servicer = AwsProvider()
    provider_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=servicer.warm_up, daemon=True).start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
