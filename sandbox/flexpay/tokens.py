"""Access tokens: issued to client credentials, good for 30 minutes (partner page "Authorization")."""

import base64
import binascii
import secrets
from dataclasses import dataclass
from threading import Lock

from sandbox.flexpay.clock import Clock

LIFETIME_SECONDS = 1800


@dataclass(frozen=True)
class Grant:
    """What a token stands for."""

    merchant: str
    client_id: str
    expires_at: float


class Tokens:
    """Tokens in memory: a restart invalidates them, as a partner's restart may."""

    def __init__(self, clock: Clock, lifetime_seconds: int = LIFETIME_SECONDS) -> None:
        self._clock = clock
        self._grants: dict[str, Grant] = {}
        self._lock = Lock()
        self.lifetime_seconds = lifetime_seconds

    def issue(self, merchant: str, client_id: str) -> str:
        """Return a new token."""
        token = secrets.token_urlsafe(48)
        now = self._clock.now()
        with self._lock:
            if len(self._grants) > 10_000:
                self._grants = {key: one for key, one in self._grants.items() if one.expires_at > now}
            self._grants[token] = Grant(merchant, client_id, now + self.lifetime_seconds)
        return token

    def find(self, token: str) -> Grant | None:
        """Return what a token stands for, None when it is unknown or has run out."""
        grant = self._grants.get(token)
        return grant if grant and grant.expires_at > self._clock.now() else None

    def revoke(self, client_id: str) -> None:
        """End the tokens of a client whose credentials were revoked."""
        with self._lock:
            self._grants = {key: one for key, one in self._grants.items() if one.client_id != client_id}


def basic(header: str) -> tuple[str, str] | None:
    """Return (client ID, client secret) of an ``Authorization: Basic`` header, None when it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    client_id, colon, client_secret = decoded.partition(":")
    return (client_id, client_secret) if colon and client_id else None


def bearer(header: str) -> str | None:
    """Return the token of an ``Authorization: Bearer`` header, None when it is none."""
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
