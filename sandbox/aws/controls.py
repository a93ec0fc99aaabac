"""The stand-in's own controls over HTTP: what was called, what shall fail, how slow it is.

GET    /sandbox                         what there is
GET    /sandbox/calls?after=N&action=A  calls since number N, of one operation or all
DELETE /sandbox/calls                   forget them
GET    /sandbox/faults                  orders in force, with how often they hit
POST   /sandbox/faults                  a new order, see ``faults.Fault``; answers its id
DELETE /sandbox/faults[/ID]             take one or all back
GET    /sandbox/latency, PUT            see ``latency.Latency``
GET    /sandbox/limits, PUT             {"addresses": 5}
GET    /sandbox/iam, PUT                {"enforce": true}
POST   /sandbox/reset                   an empty AWS, no faults, no latency
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from sandbox.aws.answers import Answer, json_answer
from sandbox.aws.conditions import CONDITIONS
from sandbox.aws.faults import Fault, Faults
from sandbox.aws.latency import Latency
from sandbox.aws.record import Record

MAX_ADDRESSES = 100_000


class Controls:
    """Answers requests below ``/sandbox``."""

    def __init__(
        self, record: Record, faults: Faults, lock: threading.RLock, reset: Callable[[], None]
    ) -> None:
        self._record = record
        self._faults = faults
        self._lock = lock
        self._reset = reset

    def answer(self, environ: Mapping[str, Any], body: bytes) -> Answer:
        """Carry out one control request; wrong ones are 400 with the key and what is allowed."""
        method = environ["REQUEST_METHOD"]
        _, _, name, *rest = f"{environ['PATH_INFO']}/".split("/")
        argument = rest[0] if rest else ""
        query = {key: values[0] for key, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            handler = getattr(self, f"_{method.lower()}_{name or 'index'}", None)
            if handler is None:
                return json_answer(404, {"error": f"no {method} {environ['PATH_INFO']}; see GET /sandbox"})
            with self._lock:
                return json_answer(200, handler(argument, query, _json(body)))
        except ValueError as error:
            return json_answer(400, {"error": str(error)})

    def _get_index(self, argument: str, query: dict[str, str], body: Any) -> Any:
        return {"controls": (__doc__ or "").splitlines()[2:]}

    def _get_calls(self, argument: str, query: dict[str, str], body: Any) -> Any:
        after = query.get("after", "0")
        if not after.isdecimal():
            raise ValueError(f"after: {after!r} is not a number")
        return {"calls": self._record.listed(after=int(after), action=query.get("action"))}

    def _delete_calls(self, argument: str, query: dict[str, str], body: Any) -> Any:
        self._record.clear()
        return {}

    def _get_faults(self, argument: str, query: dict[str, str], body: Any) -> Any:
        return {"faults": self._faults.listed()}

    def _post_faults(self, argument: str, query: dict[str, str], body: Any) -> Any:
        return {"id": self._faults.order(Fault.parse(_object(body)))}

    def _delete_faults(self, argument: str, query: dict[str, str], body: Any) -> Any:
        if argument and not argument.isdecimal():
            raise ValueError(f"{argument!r} is not the number of a fault")
        self._faults.clear(int(argument) if argument else None)
        return {}

    def _get_latency(self, argument: str, query: dict[str, str], body: Any) -> Any:
        return asdict(CONDITIONS.latency)

    def _put_latency(self, argument: str, query: dict[str, str], body: Any) -> Any:
        CONDITIONS.latency = Latency.parse(_object(body))
        return asdict(CONDITIONS.latency)

    def _get_limits(self, argument: str, query: dict[str, str], body: Any) -> Any:
        return {"addresses": CONDITIONS.address_limit}

    def _put_limits(self, argument: str, query: dict[str, str], body: Any) -> Any:
        limit = _only(body, "addresses")
        if not isinstance(limit, int) or isinstance(limit, bool) or not 0 <= limit <= MAX_ADDRESSES:
            raise ValueError(f"addresses: {limit!r} is not a whole number from 0 to {MAX_ADDRESSES}")
        CONDITIONS.address_limit = limit
        return {"addresses": limit}

    def _get_iam(self, argument: str, query: dict[str, str], body: Any) -> Any:
        return {"enforce": CONDITIONS.enforce_iam}

    def _put_iam(self, argument: str, query: dict[str, str], body: Any) -> Any:
        enforce = _only(body, "enforce")
        if not isinstance(enforce, bool):
            raise ValueError(f"enforce: {enforce!r} is neither true nor false")
        CONDITIONS.enforce_iam = enforce
        return {"enforce": enforce}

    def _post_reset(self, argument: str, query: dict[str, str], body: Any) -> Any:
        self._reset()
        return {}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from error


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def _only(body: Any, key: str) -> Any:
    if set(_object(body)) != {key}:
        raise ValueError(f"the body must have exactly the key {key}")
    return body[key]
