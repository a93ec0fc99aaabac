"""A client that hides nothing: one connection per call, source address of choice, no retries."""

import http.client
import json
import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sandbox.flexpay.server import Partner

TOKEN = "/api/auth/v1/oauth/token?grant_type=client_credentials"
ORDERS = "/api/checkout/v1/orders"
MERCHANT = ("acme-air", "UP-12345678-9", "Acme Air Inc.")
LISTED, STRANGER = "127.0.10.1", "127.0.99.9"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_envelope(self, code_name: str = "INVALID_REQUEST_ERROR") -> bool:
        """Tell whether it is the partner's error envelope for its own status."""
        if self.headers["content-type"] != "application/json":
            return False
        value = self.json
        return (
            value["statusCode"] == self.status and value["codeName"] == code_name and bool(value["message"])
        )


def trust(partner: Partner) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=partner.ca)


def open_connection(
    partner: Partner, url: str | None = None, *, source: str = LISTED, timeout: float = 5
) -> http.client.HTTPSConnection:
    parts = urlsplit(url or partner.url)
    assert parts.hostname
    return http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout=timeout, source_address=(source, 0), context=trust(partner)
    )


def call(
    partner: Partner,
    method: str,
    path: str,
    *,
    url: str | None = None,
    headers: dict[str, str] | None = None,
    value: Any = None,
    body: bytes | None = None,
    source: str = LISTED,
    timeout: float = 5,
) -> Reply:
    connection = open_connection(partner, url, source=source, timeout=timeout)
    given = dict(headers or {})
    if value is not None:
        body = json.dumps(value).encode()
        given.setdefault("Content-Type", "application/json")
    connection.connect()
    assert connection.sock is not None
    with socket.socket(fileno=os.dup(connection.sock.fileno())) as wire:
        try:
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            found = {name.lower(): text for name, text in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        except TimeoutError:
            raise
        except (http.client.HTTPException, OSError) as error:
            _unmask(wire, error)
            raise
        finally:
            connection.close()


def _unmask(wire: socket.socket, error: Exception) -> None:
    """Raise ConnectionResetError where the connection was reset: in TLS, Python calls that an end."""
    try:
        wire.send(b"x")  # taken by the kernel after FIN, not after RST
    except OSError:
        raise ConnectionResetError from error


FATES: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "timed out"),
    (ConnectionRefusedError, "refused"),
    (http.client.RemoteDisconnected, "closed"),
    (ssl.SSLEOFError, "closed"),
    (ConnectionResetError, "reset"),
    (http.client.IncompleteRead, "cut short"),
)


def fate_of(attempt: Callable[[], Reply]) -> str:
    """Return how a call ended: its status, or which way the connection failed."""
    try:
        return str(attempt().status)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, http.client.HTTPException) as error:
        return next((fate for kind, fate in FATES if isinstance(error, kind)), repr(error))


def basic(client: tuple[str, str]) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(":".join(client).encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def token_call(partner: Partner, client: tuple[str, str], **how: Any) -> Reply:
    return call(partner, "POST", TOKEN, headers=basic(client), **how)


def order_call(partner: Partner, token: str, order: Any = None, **how: Any) -> Reply:
    return call(partner, "POST", ORDERS, headers=bearer(token), value=order or an_order(), **how)


def an_order(**changes: Any) -> dict[str, Any]:
    return {
        "integrationId": MERCHANT[1],
        "merchantConfig": {
            "confirmationUrl": "https://shop.example.com/confirm",
            "cancelUrl": "https://shop.example.com/cancel",
        },
        "price": "249.90",
        "localization": {"country": "US", "currency": "USD", "locale": "en-US"},
        "orderItems": [{"orderLine": {"name": "Case", "quantity": 1, "sku": "C", "unitPrice": "249.90"}}],
        **changes,
    }
