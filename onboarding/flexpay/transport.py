"""The one way out to the partner and to the echo services.

Sessions ignore proxies and netrc of the environment, because a proxy changes the address under
test and netrc replaces the Authorization header; they follow no redirect, speak https only, trust
the environment's bundle or the public authorities, and repeat nothing.
"""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util.ssl_ import create_urllib3_context

from onboarding.errors import InputError
from onboarding.flexpay.answers import Exchange
from onboarding.flexpay.connection import BoundedSocket, TimedConnection, Trace, current
from onboarding.flexpay.errors import Kind
from onboarding.flexpay.trouble import trouble_of

BODY_LIMIT_BYTES = 256 * 1024
"""Far above any token, order or echo answer."""
said = logging.getLogger(__name__)
KEPT_HEADERS = ("Date", "Content-Type", "Location", "Retry-After")


@dataclass(frozen=True)
class Limits:
    """How long one call may take."""

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    """Longest silence while waiting for an answer."""
    total_seconds: float = 30.0
    """The whole call, however steadily a slow answer drips in."""


DEFAULT_LIMITS = Limits()


class _Adapter(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext, source_address: str | None) -> None:
        self._context = context
        self._source = (source_address, 0) if source_address else None
        super().__init__(max_retries=0, pool_maxsize=32)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        super().init_poolmanager(
            connections,
            maxsize,
            block,
            ssl_context=self._context,
            source_address=self._source,
            **pool_kwargs,
        )
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool}

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        # the context carries the trust already; requests would load its own bundle into it
        host, _ = super().build_connection_pool_key_attributes(request, True, None)
        return host, {"cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave verification to the context, which always demands it."""


class _Pool(urllib3.HTTPSConnectionPool):
    ConnectionCls = TimedConnection


class _Session(requests.Session):
    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        kwargs["allow_redirects"] = False
        kwargs["proxies"] = {}
        if not kwargs.get("timeout"):
            kwargs["timeout"] = (DEFAULT_LIMITS.connect_seconds, DEFAULT_LIMITS.read_seconds)
        return super().send(request, **kwargs)


@cache
def _context(ca_bundle: Path | str | None) -> ssl.SSLContext:
    # one per bundle: loading the public authorities takes longer than a whole call
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.check_hostname = True
    context.sslsocket_class = BoundedSocket
    try:
        context.load_verify_locations(cafile=str(ca_bundle or certifi.where()))
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"partner.caBundle: {ca_bundle} cannot be used as trusted certificates: {error}",
            hint="name a PEM file relative to the project folder, or leave it null for public authorities",
        ) from error
    return context


def open_session(ca_bundle: Path | str | None = None, source_address: str | None = None) -> requests.Session:
    """Return a session that leaves by the route under test and no other.

    ``source_address`` binds every connection to one of the host's own addresses. Raises InputError
    where the CA bundle cannot be read.
    """
    session = _Session()
    session.trust_env = False
    session.adapters.clear()  # so that http:// has no adapter at all
    session.mount("https://", _Adapter(_context(ca_bundle), source_address))
    session.headers["Accept-Encoding"] = "identity"
    return session


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    auth: AuthBase,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Exchange:
    """Make one call, once, and return what came of it; trouble on the way is a value, not an error.

    ``auth`` is required, so that no call is ever made with credentials found in the environment;
    `NoAuthorization` stands for none.
    """
    trace = Trace(deadline=monotonic() + limits.total_seconds)
    token = current.set(trace)
    began = monotonic()
    status, kept, parts, trouble, detail = None, {}, bytearray(), None, ""
    try:
        with session.request(
            method,
            url,
            headers=dict(headers or {}),
            data=body,
            auth=auth,
            stream=True,
            timeout=(limits.connect_seconds, limits.read_seconds),
        ) as answer:
            status = answer.status_code
            kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
            for part in answer.iter_content(16 * 1024):
                parts += part
                if len(parts) > BODY_LIMIT_BYTES:
                    trouble, detail = Kind.TOO_LARGE, f"more than {BODY_LIMIT_BYTES // 1024} KiB"
                    break
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        trouble, detail = trouble_of(error, trace)
    finally:
        current.reset(token)
    total = monotonic() - began
    said.debug(
        "%s %s: %s in %.0f ms",
        method,
        url.partition("?")[0],
        trouble or status,
        total * 1000,
    )
    return Exchange(
        status=status,
        headers=kept,
        body=bytes(parts[:BODY_LIMIT_BYTES]),
        trouble=trouble,
        detail=detail,
        seconds={phase.value: spent for phase, spent in trace.spent.items()} | {"total": total},
        peer=trace.peer,
        fingerprint=trace.fingerprint,
        not_after=trace.not_after,
    )


class NoAuthorization(AuthBase):
    """Sends no Authorization header, and keeps requests from looking for one elsewhere."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Make sure that there is none."""
        request.headers.pop("Authorization", None)
        return request
