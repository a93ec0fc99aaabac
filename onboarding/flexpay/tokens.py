"""Access tokens: asking for one, and keeping one (partner page "Authorization").

The request is ``POST {server}/api/auth/v1/oauth/token?grant_type=client_credentials`` with a
Basic header and no body; the default lifetime is 30 minutes.
"""

import base64
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import requests
from requests.auth import AuthBase

from onboarding.deployment import Partner
from onboarding.flexpay.answers import Exchange, kind_of, parsed, seen
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.flexpay.errors import Diagnosis, Kind, diagnose
from onboarding.flexpay.transport import DEFAULT_LIMITS, Limits, exchange
from onboarding.redaction import Hidden

TOKEN_PATH = "/api/auth/v1/oauth/token"  # noqa: S105 - a path
DEFAULT_LIFETIME_SECONDS = 1800.0
"""Where the answer states none: the page's "default 30 minutes"."""
LONGEST_LIFETIME_SECONDS = 24 * 3600.0
"""A longer claim is not believed, so that one wrong answer does not pin a token for weeks."""
MARGIN_SECONDS = 60.0
MARGIN_SHARE = 0.1
NEXT_AFTER_401 = (
    "check that the credentials are this environment's and this merchant's, and that they were not revoked: "
    "`flexpay-onboard credentials status`. They are not tried again on their own"
)


@dataclass(frozen=True)
class Token:
    """One access token; times are seconds on the monotonic clock."""

    value: Hidden
    lifetime_seconds: float
    obtained_at: float
    notes: tuple[str, ...] = ()
    """What was odd about the stated lifetime."""

    @property
    def renew_at(self) -> float:
        """When to ask for the next one: shortly before this one runs out."""
        return self.expires_at - min(MARGIN_SECONDS, MARGIN_SHARE * self.lifetime_seconds)

    @property
    def expires_at(self) -> float:
        """When this one runs out."""
        return self.obtained_at + self.lifetime_seconds


class BasicAuth(AuthBase):
    """Client ID and secret as the partner's page wants them; shows neither."""

    def __init__(self, credentials: ClientCredentials) -> None:
        self._credentials = credentials

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header."""
        pair = f"{self._credentials.client_id}:{self._credentials.client_secret.reveal()}"
        request.headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return request

    def __repr__(self) -> str:
        return "BasicAuth([redacted])"


class BearerAuth(AuthBase):
    """One fixed access token; does not show it."""

    def __init__(self, token: Hidden) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth([redacted])"


def ask_token(
    session: requests.Session,
    server_url: str,
    credentials: ClientCredentials,
    *,
    limits: Limits = DEFAULT_LIMITS,
    clock: Callable[[], float] = monotonic,
) -> tuple[Exchange, Token | Diagnosis]:
    """Ask once; return the call, and the token or why there is none."""
    asked_at = clock()
    done = exchange(
        session,
        "POST",
        f"{server_url}{TOKEN_PATH}?grant_type=client_credentials",
        auth=BasicAuth(credentials),
        headers={"Accept": "application/json"},
        limits=limits,
    )
    return done, read_token(done, asked_at)


def request_token(
    session: requests.Session,
    partner: Partner,
    credentials: ClientCredentials,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> Token:
    """Obtain a token with these credentials at the partner endpoint they were issued for.

    Asks once and never repeats. Raises PartnerRefused (a Finding: the partner answered no) or
    PartnerUnusable (a CannotTell: no usable answer); both carry ``.diagnosis``.
    """
    _, answer = ask_token(session, partner.server_url, credentials, limits=limits)
    if isinstance(answer, Diagnosis):
        raise answer.error()
    return answer


def read_token(done: Exchange, asked_at: float) -> Token | Diagnosis:
    """Read the answer of the token endpoint; pure."""
    kind = kind_of(done)
    if kind is not None:
        step = NEXT_AFTER_401 if kind is Kind.UNAUTHORIZED else ""
        return diagnose("token call", kind, detail=seen(done), next_step=step)
    answer = parsed(done.body)
    if answer is None:
        return diagnose("token call", Kind.NOT_JSON, detail=_type_of(done))
    if not isinstance(answer, dict):
        return diagnose("token call", Kind.WRONG_SHAPE, detail="not a JSON object")
    value = answer.get("access_token")
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        return diagnose("token call", Kind.WRONG_SHAPE, detail="no usable access_token")
    lifetime, notes = lifetime_of(answer.get("expires_in"))
    return Token(Hidden(value), lifetime, asked_at, notes)


def lifetime_of(stated: Any) -> tuple[float, tuple[str, ...]]:
    """Return the lifetime to count on, in seconds, and what was odd about the stated one."""
    if stated is None:
        return DEFAULT_LIFETIME_SECONDS, ("no expires_in; 1800 s assumed",)
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return DEFAULT_LIFETIME_SECONDS, (f"expires_in is a {type(stated).__name__}; 1800 s assumed",)
    # compared before float(): an integer may be too large to become one
    if stated > LONGEST_LIFETIME_SECONDS:
        hours = int(LONGEST_LIFETIME_SECONDS // 3600)
        return LONGEST_LIFETIME_SECONDS, (f"expires_in is more than {hours} hours; counted as {hours} hours",)
    if not stated > 0:  # so that what is not a number is not positive either
        return DEFAULT_LIFETIME_SECONDS, ("expires_in is not a positive number; 1800 s assumed",)
    return float(stated), ()


class TokenKeeper:
    """Keeps one token for any number of threads.

    ``fetch`` obtains a fresh one. One renewal runs at a time; while it runs, or while it fails,
    a token that is still valid stays in use. Nothing is repeated on its own: threads that waited
    for a renewal share its failure, and while the old token holds the next attempt comes
    ``pause_seconds`` later at the earliest.
    """

    def __init__(
        self,
        fetch: Callable[[], Token],
        *,
        clock: Callable[[], float] = monotonic,
        pause_seconds: float = 5.0,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._pause = pause_seconds
        self._renewing = threading.Lock()
        self._token: Token | None = None
        self._not_before = -math.inf
        self._attempts = 0
        self._failure: Exception | None = None

    def token(self) -> Token:
        """Return a valid token; raises what ``fetch`` raises when there is none to fall back on."""
        token, attempts = self._token, self._attempts
        if token is not None and self._fresh_enough(token):
            return token
        holds = token is not None and self._clock() < token.expires_at
        if not self._renewing.acquire(blocking=not holds) and token is not None:
            return token
        try:
            return self._renewed(attempts)
        finally:
            self._renewing.release()

    def discard(self, rejected: Token) -> None:
        """Forget a token that the API refused, unless another thread has replaced it already."""
        with self._renewing:
            if self._token is rejected:
                self._token = None
                self._not_before = -math.inf

    def _fresh_enough(self, token: Token) -> bool:
        now = self._clock()
        return now < token.renew_at or (now < token.expires_at and now < self._not_before)

    def _renewed(self, attempts_before: int) -> Token:
        token = self._token
        if token is not None and self._fresh_enough(token):
            return token  # another thread was faster
        if self._failure is not None and self._attempts != attempts_before:
            raise self._failure  # another thread has just tried; asking again could lock the client out
        try:
            self._token = self._fetch()
        except Exception as error:
            # any kind: the store behind the credentials is the application's own
            self._attempts += 1
            self._failure = error
            if token is None or self._clock() >= token.expires_at:
                raise
            self._not_before = self._clock() + self._pause
            return token
        self._attempts += 1
        self._failure = None
        self._not_before = -math.inf
        return self._token


def _type_of(done: Exchange) -> str:
    kind = done.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return "HTML" if kind == "text/html" else f"{len(done.body)} bytes"
