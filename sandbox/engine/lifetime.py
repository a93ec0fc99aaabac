"""How a plugin process ends: quietly, when the engine says so or is gone."""

import os
import signal
import stat
import sys
import threading


def end_with_engine() -> None:
    """Make this process end at once on SIGINT, SIGTERM, or when the engine that started it has died.

    The engine interrupts its plugins when it is done, and a traceback of theirs would land in the
    user's output. A killed engine cannot interrupt anything; it holds the other end of our stdin,
    though, and that closes with it, so that no plugin goes on changing the cloud unattended.
    Call it from the main thread.
    """
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: os._exit(0))
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_wait_for_end_of_stdin, name="engine-watch", daemon=True).start()


def _wait_for_end_of_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)
