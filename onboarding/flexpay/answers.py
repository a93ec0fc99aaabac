"""Reads answers of the partner: pure, from bytes to what they mean.

The error envelope is ``codeName, message, statusCode, param`` (partner pages "Confirm Order" and
"Read Card"). Only fields that cannot carry a secret or a control character are let through.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from onboarding.flexpay.errors import Kind

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_PARAM = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]]{0,99}")
_BY_STATUS = {
    401: Kind.UNAUTHORIZED,
    404: Kind.NOT_FOUND,
    405: Kind.METHOD,
    408: Kind.TIMEOUT_STATUS,
    428: Kind.PRECONDITION,
    429: Kind.RATE_LIMITED,
}


_TOLD = {400: Kind.VALIDATION, 403: Kind.FORBIDDEN}
_UNTOLD = {400: Kind.BAD_REQUEST, 403: Kind.BLOCKED}


@dataclass(frozen=True)
class Exchange:
    """One call and what came of it: an answer, or the trouble in its place."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Only those that a diagnosis needs."""
    body: bytes = field(default=b"", repr=False)
    trouble: Kind | None = None
    detail: str = ""
    """Our own words about the trouble; never text of the partner."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Time spent by phase; a kept connection has neither dns, connect nor tls."""
    peer: str | None = None
    fingerprint: str | None = None
    not_after: str | None = None
    attempts: int = 1

    @property
    def digest(self) -> str:
        """SHA-256 of the body."""
        return sha256(self.body).hexdigest()


@dataclass(frozen=True)
class Envelope:
    """The partner's error answer."""

    code_name: str
    param: str | None


def parsed(body: bytes) -> Any:
    """Return the JSON value of a body, or None for anything that is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def envelope(body: bytes) -> Envelope | None:
    """Return the error envelope of a body, or None where it has none."""
    value = parsed(body)
    if not isinstance(value, dict):
        return None
    code, param = value.get("codeName"), value.get("param")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None
    return Envelope(code, param if isinstance(param, str) and _PARAM.fullmatch(param) else None)


def error_codes(body: bytes) -> tuple[str, ...]:
    """Return the eligibility codes of an order's answer; empty where it has none."""
    value = parsed(body)
    codes = value.get("errorCodes") if isinstance(value, dict) else None
    if not isinstance(codes, list):
        return ()
    return tuple(code for code in codes[:20] if isinstance(code, str) and _CODE.fullmatch(code))


def kind_of(done: Exchange) -> Kind | None:
    """Tell how a call ended; None is a 2xx whose body arrived whole."""
    if done.trouble is not None:
        return done.trouble
    status = done.status or 0
    if status in (400, 403):
        told = envelope(done.body) is not None
        return _TOLD[status] if told else _UNTOLD[status]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return {2: None, 3: Kind.REDIRECT, 5: Kind.SERVER}.get(status // 100, Kind.UNEXPECTED)


def seen(done: Exchange) -> str:
    """Return what was seen, in our own words: the status and its code name, or the trouble."""
    if done.trouble is not None:
        return done.detail if done.status is None else f"{done.status}, {done.detail}"
    told = envelope(done.body)
    return f"{done.status} {told.code_name}" if told else f"{done.status}"
