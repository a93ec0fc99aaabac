"""Verifier functions that measure nothing: they answer as a function does, after as long as one takes."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from benchmarks.estate import ECHO
from onboarding.flexpay.errors import Kind
from onboarding.verification.cloud import MAX_CONCURRENCY
from onboarding.verification.measurement import (
    CallRecord,
    EchoSample,
    PairMeasurement,
    PlaceMeasurement,
    Step,
    to_json,
)

CONFIGURATION = {"State": "Active", "LastUpdateStatus": "Successful", "Timeout": 300}


class Functions:
    """What the stub knows: ``addresses`` by ARN, and the seconds of ``MAX_CONCURRENCY`` merchants."""

    def __init__(self, addresses: Mapping[str, str], seconds: float) -> None:
        self.addresses = addresses
        self.seconds = seconds
        self.calls = 0
        self.lock = threading.Lock()

    def answer(self, arn: str, event: Mapping[str, Any]) -> Any:
        """Return what the function of ``arn`` says to an event."""
        if event["action"] == "look":
            return {"place": to_json(self._place(self.addresses[arn]))}
        if event["action"] == "stranger":
            return {"call": to_json(self._refused(event["which"], listed=bool(self.addresses[arn])))}
        jobs = event["jobs"]
        time.sleep(self.seconds * -(-len(jobs) // MAX_CONCURRENCY))
        pairs = [to_json(_let_in(job["merchant"], ordered=job["order"] is not None)) for job in jobs]
        return {"pairs": pairs, "kept": [job["merchant"] for job in jobs], "trouble": ""}

    def _place(self, address: str) -> PlaceMeasurement:
        samples = (EchoSample(host, address, CallRecord("echo", ok=True, status=200)) for host in ECHO)
        return PlaceMeasurement("function", tuple(samples))

    def _refused(self, which: str, *, listed: bool) -> CallRecord:
        if listed:
            return CallRecord(which, ok=True, kind=Kind.UNAUTHORIZED, status=401)
        return CallRecord(which, ok=False, kind=Kind.FORBIDDEN, fact="refused", status=403)


def _let_in(merchant: str, *, ordered: bool) -> PairMeasurement:
    return PairMeasurement(
        merchant,
        "function",
        Step(ok=True),
        token=CallRecord("token", ok=True, status=200, certificate_sha256="0" * 64),
        lifetime_seconds=1800.0,
        reachable=CallRecord("orders", ok=True, status=400),
        order=CallRecord("order", ok=True, status=200) if ordered else None,
    )


@contextmanager
def stubbed(functions: Functions) -> Iterator[str]:
    """Serve Lambda's GetFunctionConfiguration and Invoke on loopback; yields the endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(CONFIGURATION)

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            arn = unquote(self.path.split("/functions/")[1].rpartition("/")[0])
            self._send(functions.answer(arn, event))

        def _send(self, answer: Any) -> None:
            with functions.lock:
                functions.calls += 1
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            """Say nothing: a line per call would be all one sees."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
