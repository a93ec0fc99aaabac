"""For applications: a ``requests`` auth object that keeps the partner's access token.

    from onboarding.flexpay import FlexPayAuth, open_session

    auth = FlexPayAuth("https://partner.example", credentials=read_credentials)
    session = open_session()
    session.post("https://partner.example/api/checkout/v1/orders", json=order, auth=auth)

The same object serves the checkout and the marketing API, any number of sessions and threads.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from onboarding.errors import InputError
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.flexpay.errors import Diagnosis
from onboarding.flexpay.tokens import Token, TokenKeeper, ask_token
from onboarding.flexpay.transport import DEFAULT_LIMITS, Limits, open_session

CredentialsSource = Callable[[], ClientCredentials | str]
"""Returns the credentials, or the secret's JSON text; called anew for each token."""

_SENT_WITH = "_flexpay_token"
_TRIED_TWICE = "_flexpay_tried_twice"


class FlexPayAuth(AuthBase):
    """Puts ``Authorization: Bearer …`` on requests to one partner endpoint.

    ``server_url`` is ``https://host[:port]`` of the environment the credentials were issued for;
    a request to any other host is refused, and the secret goes to its token endpoint alone.
    ``credentials`` is asked before every token call, so a rotated secret is picked up by itself.

    One token is kept, renewed shortly before it runs out by one thread while the others go on
    using it, and stays in use while the token endpoint is down. After a 401 the call is made once
    more with a fresh token, as a 401 means that the partner has not acted on it. Nothing else is repeated.

    Raises InputError for a URL that is not https, what `onboarding.flexpay.errors` describes when no
    token can be had (PartnerRefused, PartnerUnusable), and ValueError where the stored text is no pair
    of credentials. None of them carries a frame with the text in it, for error trackers show locals.
    """

    def __init__(
        self,
        server_url: str,
        credentials: CredentialsSource,
        *,
        ca_bundle: Path | str | None = None,
        source_address: str | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._origin = _origin(server_url)
        self._server_url = server_url.rstrip("/")
        self._credentials = credentials
        self._ca_bundle = ca_bundle
        self._source_address = source_address
        self._limits = limits
        self._keeper = TokenKeeper(self._fetch)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Authorize one request; ``requests`` calls this."""
        if _origin(request.url or "") != self._origin:
            raise InputError(
                "FlexPayAuth: the request goes to another host than the credentials belong to",
                hint=f"use it for {self._server_url} only, and one object per environment",
            )
        self._authorize(request, self._keeper.token())
        request.hooks.setdefault("response", []).append(self._once_more)
        return request

    def __repr__(self) -> str:
        return f"FlexPayAuth({self._server_url!r}, [redacted])"

    def __reduce__(self) -> str:
        raise TypeError("FlexPayAuth holds a token and is not serialised; make one per process")

    def _authorize(self, request: requests.PreparedRequest, token: Token) -> None:
        setattr(request, _SENT_WITH, token)
        request.headers["Authorization"] = f"Bearer {token.value.reveal()}"

    def _once_more(self, answer: requests.Response, **kwargs: Any) -> requests.Response:
        request = answer.request
        token = getattr(request, _SENT_WITH, None)
        if answer.status_code != 401 or token is None or getattr(request, _TRIED_TWICE, False):
            return answer
        if not isinstance(request.body, bytes | str | None):
            return answer  # a stream has been read and cannot be sent again
        again = request.copy()
        setattr(again, _TRIED_TWICE, True)
        self._keeper.discard(token)
        self._authorize(again, self._keeper.token())
        _ = answer.content  # the connection is free again only once the answer is read
        answer.close()
        second = answer.connection.send(again, **kwargs)
        second.history.append(answer)
        second.request = again
        return second

    def _fetch(self) -> Token:
        credentials = _parsed(self._credentials())
        # a session of its own: a connection that lay idle for half an hour is dead behind a NAT gateway
        with open_session(self._ca_bundle, self._source_address) as session:
            _, token = ask_token(session, self._server_url, credentials, limits=self._limits)
        if isinstance(token, Diagnosis):
            raise token.error()
        return token


def _parsed(given: ClientCredentials | str) -> ClientCredentials:
    if not isinstance(given, str):
        return given
    try:
        return ClientCredentials.from_json(given)
    except ValueError as error:
        reason = str(error)
    # raised anew, from a frame in which the text is not any more
    del given
    raise ValueError(f"what is stored is no pair of client credentials: {reason}")


def _origin(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise InputError(
            "FlexPayAuth: not an https:// URL; credentials and tokens are never sent in clear",
            hint="pass https://host[:port]",
        )
    return parts.hostname, parts.port or 443


__all__ = ["CredentialsSource", "FlexPayAuth"]
