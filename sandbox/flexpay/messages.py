"""HTTP requests and answers as values, and the partner's error envelope."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

CODE_NAMES = {404: "INVALID_REQUEST_ERROR", 408: "API_TIMEOUT", 428: "ORDER_NOT_COMPLETE"}
"""Code names by status where they differ from the two general ones (pages Confirm Order, Read Card)."""
MESSAGES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Access Denied",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    428: "Order not complete",
    500: "Internal Server Error",
}
BLOCK_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head>\n"
    "<body><h1>Access denied</h1><p>The request was blocked.</p></body></html>\n"
)


@dataclass(frozen=True)
class Request:
    """One request as it came in; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    peer: str
    """Address of the socket's other end: the only address that counts."""


@dataclass(frozen=True)
class Facts:
    """What a call did, for the record; holds no secret."""

    merchant: str | None = None
    order: str | None = None
    order_created: bool = False
    refused: bool = False
    """The allow-list turned the caller away."""
    notes: tuple[str, ...] = ()
    """Hints for developers, e.g. fields that were ignored."""


@dataclass(frozen=True)
class Answer:
    """One answer before it goes onto the wire."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    facts: Facts = Facts()
    action: str | None = None
    """Instead of being sent: close, reset or hold the connection."""


def parse(text: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no duplicate keys, no NaN. Raises ValueError saying what is wrong."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = sorted({name for name, _ in pairs if [key for key, _ in pairs].count(name) > 1})
            raise ValueError(f"the member {', '.join(twice)} occurs twice in one object")
        return found

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)


class Refused(Exception):  # noqa: N818 - it is an outcome, not a fault
    """Ends the handling of a request with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def as_json(status: int, value: Any, *, facts: Facts = Facts(), **headers: str) -> Answer:
    """Return ``value`` as a JSON answer; keyword ``cache_control`` becomes ``Cache-Control``."""
    named = {name.replace("_", "-").title(): text for name, text in headers.items()}
    return Answer(status, json.dumps(value).encode(), headers=named, facts=facts)


def envelope(
    status: int,
    message: str | None = None,
    *,
    param: str | None = None,
    facts: Facts = Facts(),
    **headers: str,
) -> Answer:
    """Return the partner's error envelope: codeName, message, statusCode and, on 400, param."""
    general = "API_ERROR" if status >= 500 else "INVALID_REQUEST_ERROR"
    value: dict[str, Any] = {
        "codeName": CODE_NAMES.get(status, general),
        "message": message or MESSAGES.get(status) or phrase(status),
        "statusCode": status,
    }
    if param is not None:
        value["param"] = param
    return as_json(status, value, facts=facts, **headers)


def page(status: int, html: str = BLOCK_PAGE, *, facts: Facts = Facts()) -> Answer:
    """Return an HTML answer such as a firewall in front of the API gives."""
    return Answer(status, html.encode(), "text/html; charset=utf-8", facts=facts)


def phrase(status: int) -> str:
    """Return the standard reason phrase, or an empty one for unknown codes."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
