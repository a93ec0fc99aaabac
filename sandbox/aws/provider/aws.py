"""Calls to AWS: one shared session, clients made once, errors as one line."""

from __future__ import annotations

import functools
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

RESOURCE_HEADER = "X-Sandbox-Resource"
"""Tells the stand-in for which resource of the engine's a call is made; AWS itself never sees it."""
RESOURCE: ContextVar[str] = ContextVar("resource", default="")
"""URN of the resource that the request under way is about; empty for lookups."""
FIRST_POLL_SECONDS = 0.05
LAST_POLL_SECONDS = 1.0


class AwsError(Exception):
    """AWS refused a call, or could not be reached. `str` is one line: action, code, message."""

    def __init__(self, action: str, code: str, message: str) -> None:
        super().__init__(f"{action}: {code}: {' '.join(message.split())}")
        self.action = action
        self.code = code


@dataclass
class Clients:
    """Hands out AWS clients; endpoint and credentials come from the AWS_* environment alone."""

    max_retries: int = 3
    _made: dict[tuple[str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _session: Any = None

    def get(self, service: str, region: str) -> Any:
        """Return the client of a service in a region; making one is not thread-safe, so one at a time."""
        with self._lock:
            key = (service, region)
            if key not in self._made:
                self._made[key] = self._make(service, region)
            return self._made[key]

    def _make(self, service: str, region: str) -> Any:
        import botocore.config  # noqa: PLC0415  the engine waits for the port, not for this
        import botocore.session  # noqa: PLC0415  same

        if self._session is None:
            self._session = botocore.session.Session()
        config = botocore.config.Config(
            retries={"mode": "standard", "total_max_attempts": self.max_retries + 1},
            max_pool_connections=64,
            connect_timeout=5,
            s3={"addressing_style": "path"},
            user_agent_extra="flexpay-sandbox-provider",
        )
        client = self._session.create_client(service, region_name=region, config=config)
        client.meta.events.register("before-send", _name_resource)
        return client

    def warm_up(self) -> None:
        """Pay for the SDK's import and its largest service description while the engine is busy elsewhere."""
        self.get("ec2", os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")


def _name_resource(request: Any, **_: Any) -> None:
    if urn := RESOURCE.get():
        request.headers[RESOURCE_HEADER] = urn


def _pascal(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))


@dataclass(frozen=True)
class Aws:
    """AWS as seen from one region of one account."""

    clients: Clients
    region: str
    account: str
    partition: str = "aws"

    def call(self, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        """Call an operation (snake_case), leaving out parameters that are None; raises AwsError."""
        given = {name: value for name, value in params.items() if value is not None}
        client = self.clients.get(service, self.region)
        try:
            answer: dict[str, Any] = getattr(client, operation)(**given)
        except Exception as error:  # noqa: BLE001  whatever it is becomes one line
            raise _explained(service, _pascal(operation), error) from None
        answer.pop("ResponseMetadata", None)
        return answer

    def pages(self, service: str, operation: str, key: str, /, **params: Any) -> list[Any]:
        """Return all items of a paginated listing."""
        client = self.clients.get(service, self.region)
        given = {name: value for name, value in params.items() if value is not None}
        try:
            paginator = client.get_paginator(operation)
            return [item for page in paginator.paginate(**given) for item in page.get(key, [])]
        except Exception as error:  # noqa: BLE001  whatever it is becomes one line
            raise _explained(service, _pascal(operation), error) from None

    def arn(self, service: str, resource: str, *, region: bool = True, account: bool = True) -> str:
        """Return the ARN of a resource of this account and region."""
        where = self.region if region else ""
        return f"arn:{self.partition}:{service}:{where}:{self.account if account else ''}:{resource}"


def _explained(service: str, action: str, error: Exception) -> AwsError:
    import botocore.exceptions  # noqa: PLC0415  loaded by now

    if isinstance(error, botocore.exceptions.ClientError):
        detail = error.response.get("Error", {})
        return AwsError(
            f"{service}:{action}", str(detail.get("Code", "Unknown")), str(detail.get("Message", ""))
        )
    if isinstance(error, botocore.exceptions.BotoCoreError):
        return AwsError(f"{service}:{action}", type(error).__name__, str(error))
    return AwsError(f"{service}:{action}", type(error).__name__, "the provider could not make this call")


def wait_for(
    look: Callable[[], str | None],
    *,
    what: str,
    until: frozenset[str],
    pending: frozenset[str],
    seconds: float,
) -> None:
    """Look again and again until the state is one of `until`; raises AwsError on another state or time-out.

    `look` returns the state, None for "not there". The pause between looks grows from 50 ms to one second.
    """
    deadline = time.monotonic() + seconds
    pause = FIRST_POLL_SECONDS
    while True:
        state = look() or "gone"
        if state in until:
            return
        if state not in pending:
            raise AwsError(what, "UnexpectedState", f"unexpected state '{state}', wanted {_or(until)}")
        if time.monotonic() + pause > deadline:
            raise AwsError(what, "Timeout", f"still '{state}' after {seconds:.0f} s, wanted {_or(until)}")
        time.sleep(pause)
        pause = min(pause * 1.5, LAST_POLL_SECONDS)


def _or(states: frozenset[str]) -> str:
    return " or ".join(sorted(states))


@functools.cache
def _region_shape() -> re.Pattern[str]:
    return re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


def split_region(identifier: str) -> tuple[str, str | None]:
    """Split an import id of the form `id@region`; the region is None when there is none."""
    head, _, tail = identifier.rpartition("@")
    return (head, tail) if head and _region_shape().fullmatch(tail) else (identifier, None)


def at(answer: Any, path: str) -> Any:
    """Return what a dotted path leads to in an answer (`Vpcs.0.VpcId`), None when it leads nowhere."""
    for step in path.split("."):
        if isinstance(answer, list):
            answer = answer[int(step)] if step.isdigit() and int(step) < len(answer) else None
        elif isinstance(answer, Mapping):
            answer = answer.get(step)
        else:
            return None
    return answer
