"""The front door: every request is identified, recorded, made to fail or to wait, then handed to moto."""

import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from botocore.exceptions import UnknownServiceError
from moto.core.base_backend import BackendDict
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import NotFound

from sandbox.aws import functions
from sandbox.aws.answers import BROKEN, THROTTLED, Answer, created_id, error_answer, error_code
from sandbox.aws.calls import Call, identify, own_account, read_body
from sandbox.aws.conditions import CONDITIONS
from sandbox.aws.controls import Controls
from sandbox.aws.faults import Fault, Faults, Kind
from sandbox.aws.iam.authorize import lock_out, owner_of, refusal
from sandbox.aws.record import Record, Recorded

StartResponse = Callable[..., Any]


class ConnectionDropped(ConnectionError):  # noqa: N818 - an order carried out, not a malfunction
    """The connection was closed on purpose; the server must not answer on it."""


class FrontDoor:
    """WSGI application of the stand-in.

    ``changed`` is called, inside the lock, after every call that may have changed moto's state and before
    its answer goes out. ``verbose`` shows tracebacks of moto on stderr.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None, *, verbose: bool = False) -> None:
        self.record = Record()
        self.faults = Faults()
        self.lock = threading.RLock()
        """Held while moto works: one call at a time, so that a saved state is never in between."""
        self._controls = Controls(self.record, self.faults, self.lock, self._reset)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._changed = changed
        self._verbose = verbose

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        body = read_body(environ)
        path = environ.get("PATH_INFO", "")
        if path == "/sandbox" or path.startswith("/sandbox/"):
            return _send(start_response, self._controls.answer(environ, body))
        return self._aws(environ, body, start_response)

    def _aws(self, environ: dict[str, Any], body: bytes, start_response: StartResponse) -> Iterable[bytes]:
        number, arrived = self.record.number(), time.time()
        call = identify(environ, body, route=operation_of, account_of=account_of)
        time.sleep(CONDITIONS.latency.of_call(call))
        answer = self._gate(call, body, environ)
        hit = self.faults.meet(call) if answer is None else None
        try:
            answer = answer or self._with_fault(call, hit[1] if hit else None, environ)
        except ConnectionDropped:
            self._remember(number, arrived, call, None, hit, environ)
            _close_connection(environ)
            raise
        self._remember(number, arrived, call, answer, hit, environ)
        return _send(start_response, answer)

    def _gate(self, call: Call, body: bytes, environ: dict[str, Any]) -> Answer | None:
        """Return the answer of a call that is not to be carried out: not permitted, or a dry run."""
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account
        try:
            with self.lock:
                refused = lock_out(call, body, environ)
                if CONDITIONS.enforce_iam:
                    refused = refused or refusal(call, body, environ)
                    # another account's secret or key is found there; without policies nobody sees across
                    environ["HTTP_X_MOTO_ACCOUNT_ID"] = owner_of(call, body)
        except ValueError as error:
            return error_answer(call, "NotImplemented", 501, f"the stand-in cannot judge this: {error}")
        if refused:
            return refused
        if call.parameters.get("DryRun") == "true":
            return error_answer(
                call, "DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set."
            )
        return None

    def _with_fault(self, call: Call, fault: Fault | None, environ: dict[str, Any]) -> Answer:
        if fault is None:
            return self._carry_out(call, environ)
        broken, broken_status = BROKEN[call.protocol]
        match fault.kind:
            case Kind.ERROR:
                code, status = fault.code or broken, fault.status or (400 if fault.code else broken_status)
                return error_answer(call, code, status, fault.message)
            case Kind.THROTTLE:
                code, status = THROTTLED[call.protocol]
                return error_answer(call, code, status, "Rate exceeded")
            case Kind.DROPPED:
                raise ConnectionDropped
        answer = self._carry_out(call, environ)
        match fault.kind:
            case Kind.DELAY:
                time.sleep(fault.seconds)
            case Kind.LOST:
                return error_answer(call, broken, broken_status, "the answer was lost, as ordered")
            case Kind.DROPPED_AFTER:
                raise ConnectionDropped
        return answer

    def _carry_out(self, call: Call, environ: dict[str, Any]) -> Answer:
        if (call.service, call.action) == ("lambda", "Invoke"):
            try:
                return functions.invoke(call, environ, environ["wsgi.input"].read(), self.lock, self._changed)
            except Exception as error:  # noqa: BLE001 - becomes an AWS answer, like moto's own failures
                return self._moto_failed(call, error)
        kept: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
            kept[:] = [int(status.split(maxsplit=1)[0]), tuple(headers)]
            return lambda data: None

        with self.lock:
            try:
                parts = self._moto(environ, start)
                try:
                    content = b"".join(parts)
                finally:
                    if closing := getattr(parts, "close", None):
                        closing()
            except Exception as error:  # noqa: BLE001 - moto's own failures become AWS answers
                return self._moto_failed(call, error)
            if call.changes:
                self._changed()
        return Answer(kept[0], kept[1], content)

    def _moto_failed(self, call: Call, error: Exception) -> Answer:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        print(f"{call.service}:{call.action}: moto failed: {said}", file=sys.stderr)
        if self._verbose:
            traceback.print_exc()
        if isinstance(error, NotImplementedError):
            return error_answer(call, "NotImplemented", 501, f"the stand-in cannot do this: {said}")
        return error_answer(call, BROKEN[call.protocol][0], 500, f"the stand-in failed: {said}")

    def _reset(self) -> None:
        BackendDict.reset()
        CONDITIONS.reset()
        self.faults.clear()
        self.record.clear()
        self._changed()

    def _remember(  # noqa: PLR0917 - one caller, which has just all of it
        self,
        number: int,
        arrived: float,
        call: Call,
        answer: Answer | None,
        hit: tuple[int, Fault] | None,
        environ: Mapping[str, Any],
    ) -> None:
        self.record.add(
            Recorded(
                number=number,
                service=call.service,
                action=call.action,
                region=call.region,
                account=call.account,
                access_key=call.access_key,
                at=arrived,
                seconds=time.time() - arrived,
                status=answer.status if answer else 0,
                error=error_code(answer) if answer else None,
                fault=hit[0] if hit else None,
                parameters=dict(call.parameters),
                created=created_id(call, answer) if answer else None,
                resource=environ.get("HTTP_X_SANDBOX_RESOURCE"),
            )
        )


def operation_of(service: str, environ: Mapping[str, Any]) -> str | None:
    """Return the operation that a REST request means, by AWS's own service model; None when none."""
    with suppress(NotFound, NotImplementedError, UnknownServiceError):
        operation, _ = get_service_router(service).match(Request(dict(environ)))
        return str(operation.name)
    return None


def account_of(access_key: str) -> str:
    """Return the account of a key: the one it spells out, the one that issued it, or the sandbox's."""
    return own_account(access_key) or str(get_account_id_from(access_key))


def _close_connection(environ: Mapping[str, Any]) -> None:
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)  # closing would wait for the server's own handles on it


def _send(start_response: StartResponse, answer: Answer) -> list[bytes]:
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers))
    return [answer.body]
