"""The calls themselves: one function per thing that can be measured, from whichever host runs it.

Needs the standard library and requests only, so that a function in the cloud runs the very same
code as a host. Nothing is judged here beyond what an answer means by itself.
"""

import netrc
import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address
from time import monotonic, time
from typing import Any
from urllib.parse import urlsplit

import requests

from onboarding.deployment import Partner
from onboarding.errors import Finding, ToolkitError
from onboarding.flexpay.answers import Exchange, envelope, error_codes, kind_of, seen
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.flexpay.errors import Diagnosis, Kind, diagnose
from onboarding.flexpay.orders import INCOMPLETE_ORDER, accepted, post_order, reached
from onboarding.flexpay.tokens import BearerAuth, Token, ask_token
from onboarding.flexpay.transport import DEFAULT_LIMITS, Limits, NoAuthorization, exchange
from onboarding.redaction import Hidden, KnownSecrets
from onboarding.verification.measurement import (
    CallRecord,
    EchoSample,
    PairMeasurement,
    Step,
    Surroundings,
)

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
LONGEST_ADDRESS = 64


@dataclass(frozen=True)
class PairJob:
    """What to measure for one merchant at one vantage."""

    merchant: str
    order: Mapping[str, Any] | None = None
    """The merchant's test order, rendered; None: place none from here."""
    template: str = ""
    """Where the order came from, for messages."""
    orders: bool = True
    """False: ask for a token and post nothing."""


def probe_pair(
    session: requests.Session,
    partner: Partner,
    job: PairJob,
    credentials: Callable[[], ClientCredentials],
    *,
    vantage: str,
    known_secrets: KnownSecrets,
    limits: Limits = DEFAULT_LIMITS,
) -> PairMeasurement:
    """Token, then an order that must be refused as incomplete, then the test order if there is one.

    The test order goes out only after the incomplete one met the validation, and once.
    """
    began = monotonic()
    try:
        own = credentials()
    except ToolkitError as error:
        step = Step(False, str(error), error.hint, isinstance(error, Finding), monotonic() - began)
        return PairMeasurement(job.merchant, vantage, step)
    known_secrets.register_pair(own.client_id, own.client_secret)
    measured = PairMeasurement(job.merchant, vantage, Step(True, seconds=monotonic() - began))
    done, token = _token(session, partner, own, known_secrets, limits)
    if isinstance(token, Diagnosis):
        return replace(measured, token=record("token", done, token))
    measured = replace(
        measured,
        token=record("token", done, None),
        lifetime_seconds=token.lifetime_seconds,
        lifetime_notes=token.notes,
    )
    if not job.orders:
        return measured
    done = post_order(session, partner, BearerAuth(token.value), INCOMPLETE_ORDER, limits=limits)
    attempts = 1
    if kind_of(done) is Kind.UNAUTHORIZED:
        # once more with a fresh token: the partner has not acted on the first call
        _, fresh = _token(session, partner, own, known_secrets, limits)
        if isinstance(fresh, Token):
            token, attempts = fresh, 2
            done = post_order(session, partner, BearerAuth(token.value), INCOMPLETE_ORDER, limits=limits)
    met = reached(done)
    measured = replace(measured, reachable=replace(record("incomplete order", done, met), attempts=attempts))
    if met is None and job.order is not None:
        done = post_order(session, partner, BearerAuth(token.value), job.order, limits=limits)
        judged = accepted(done, template=job.template)
        measured = replace(measured, order=record("order", done, judged))
    return measured


def _token(
    session: requests.Session,
    partner: Partner,
    credentials: ClientCredentials,
    known_secrets: KnownSecrets,
    limits: Limits,
) -> tuple[Exchange, Token | Diagnosis]:
    done, token = ask_token(session, partner.server_url, credentials, limits=limits)
    if isinstance(token, Token):
        known_secrets.register(token.value)
    return done, token


def probe_unknown_client(
    session: requests.Session, partner: Partner, *, limits: Limits = DEFAULT_LIMITS
) -> CallRecord:
    """Ask for a token with made-up credentials; the hoped-for answer is 401."""
    stranger = ClientCredentials(
        f"flexpay-onboard-probe-{secrets.token_hex(8)}", Hidden(secrets.token_urlsafe(24))
    )
    done, answer = ask_token(session, partner.server_url, stranger, limits=limits)
    return _refusal("token for an unknown client", done, None if isinstance(answer, Token) else answer)


def probe_unknown_token(
    session: requests.Session, partner: Partner, *, limits: Limits = DEFAULT_LIMITS
) -> CallRecord:
    """Post an incomplete order with a made-up token; the hoped-for answer is 401."""
    made_up = BearerAuth(Hidden(secrets.token_urlsafe(32)))
    done = post_order(session, partner, made_up, INCOMPLETE_ORDER, limits=limits)
    return _refusal("order with an unknown token", done, _kept_out(done))


def probe_without_token(
    session: requests.Session, partner: Partner, *, limits: Limits = DEFAULT_LIMITS
) -> CallRecord:
    """Post an incomplete order without any Authorization; the hoped-for answer is 401."""
    done = post_order(session, partner, NoAuthorization(), INCOMPLETE_ORDER, limits=limits)
    return _refusal("order without a token", done, _kept_out(done))


STRANGERS: Mapping[str, Callable[..., CallRecord]] = {
    "unknown-client": probe_unknown_client,
    "unknown-token": probe_unknown_token,
    "without-token": probe_without_token,
}
"""Calls that must be refused. They carry nothing that could be misused, and each is made once per run."""


def _kept_out(done: Exchange) -> Diagnosis | None:
    """Return what kept an incomplete order out; None where it was judged, whatever came of that."""
    judged = accepted(done, template="none")
    return None if judged is None or judged.kind is Kind.INELIGIBLE else reached(done)


def _refusal(call: str, done: Exchange, kept_out: Diagnosis | None) -> CallRecord:
    if kept_out is None:
        told = Diagnosis(
            Kind.UNEXPECTED,
            f"{call}: let in ({seen(done)})",
            "report this to the partner at once: who is not known must be refused",
            answered=True,
        )
        return record(call, done, told)
    if kept_out.kind is Kind.UNAUTHORIZED:
        return record(call, done, None)
    return record(call, done, diagnose(call, kept_out.kind, detail=seen(done)))


def probe_echo(
    open_fresh: Callable[[], requests.Session], url: str, *, limits: Limits = DEFAULT_LIMITS
) -> EchoSample:
    """Ask one echo service over a fresh connection, and read exactly one IPv4 address or nothing."""
    parts = urlsplit(url)
    service = f"{parts.hostname}:{parts.port or 443}"
    with open_fresh() as session:
        done = exchange(session, "GET", url, auth=NoAuthorization(), limits=limits)
    kind = kind_of(done)
    if kind is not None:
        told = diagnose(
            f"echo {service}", kind, detail=seen(done), next_step="run again, or name another echo"
        )
        return EchoSample(service, None, record("echo", done, told))
    address = parse_echo(done.body)
    if address is None:
        told = diagnose(
            f"echo {service}",
            Kind.WRONG_SHAPE,
            detail="not exactly one IPv4 address",
            next_step="name an echo that answers with the bare address",
        )
        return EchoSample(service, None, record("echo", done, told))
    return EchoSample(service, str(address), record("echo", done, None))


def parse_echo(body: bytes) -> IPv4Address | None:
    """Return the address if the body is one IPv4 address and nothing else."""
    if len(body) > LONGEST_ADDRESS:
        return None
    try:
        return IPv4Address(body.decode("ascii").strip())
    except ValueError:
        return None


def look_around(server_url: str, variables: Mapping[str, str] = os.environ) -> Surroundings:
    """See what on this host could change the way out or the Authorization header."""
    host = urlsplit(server_url).hostname or ""
    return Surroundings(
        proxies=tuple(
            sorted(name for name, value in variables.items() if value and name.lower() in PROXY_VARIABLES)
        ),
        netrc=_has_netrc(host, variables),
        ipv6=_has_ipv6_way(host),
    )


def _has_netrc(host: str, variables: Mapping[str, str]) -> bool:
    places = [variables["NETRC"]] if variables.get("NETRC") else ["~/.netrc", "~/_netrc"]
    for place in places:
        try:
            if netrc.netrc(os.path.expanduser(place)).authenticators(host):  # noqa: PTH111 - as requests does
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def _has_ipv6_way(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, 443, socket.AF_INET6, socket.SOCK_DGRAM)
    except OSError:
        return False
    for *_, place in found:
        if not IPv6Address(str(place[0]).partition("%")[0]).is_global:
            continue
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as way:
            try:
                way.connect(place)  # of a datagram socket: looks up the route and sends nothing
                if IPv6Address(str(way.getsockname()[0]).partition("%")[0]).is_global:
                    return True
            except OSError:
                continue
    return False


def record(call: str, done: Exchange, told: Diagnosis | None) -> CallRecord:
    """Return what may be kept of a call; ``told`` is None where the answer was the hoped-for one."""
    envelope_of = envelope(done.body)
    return CallRecord(
        call=call,
        ok=told is None,
        kind=told.kind.value if told else None,
        fact=told.fact if told else "",
        next_step=told.next_step if told else "",
        answered=told.answered if told else True,
        status=done.status,
        code_name=envelope_of.code_name if envelope_of else None,
        error_codes=error_codes(done.body),
        param=envelope_of.param if envelope_of else None,
        seconds=dict(done.seconds),
        peer=done.peer,
        certificate_sha256=done.fingerprint,
        certificate_not_after=done.not_after,
        length=len(done.body),
        body_sha256=done.digest if done.body else None,
        skew_seconds=_skew(done),
    )


def _skew(done: Exchange) -> float | None:
    try:
        return parsedate_to_datetime(done.headers["Date"]).timestamp() - time()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def independent(urls: Sequence[str]) -> tuple[str, ...]:
    """Return the echo URLs, each service once."""
    return tuple({(urlsplit(url).hostname, urlsplit(url).port): url for url in urls}.values())
