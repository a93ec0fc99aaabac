"""Tells from an exception, and how far the call had come, what went wrong on the wire."""

import http.client
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3

from onboarding.flexpay.connection import Phase, Trace
from onboarding.flexpay.errors import Kind

_TIMEOUTS = {
    Phase.DNS: Kind.DNS,
    Phase.CONNECT: Kind.TIMEOUT_CONNECT,
    Phase.TLS: Kind.TIMEOUT_TLS,
    Phase.FIRST_BYTE: Kind.TIMEOUT_FIRST_BYTE,
    Phase.BODY: Kind.TIMEOUT_BODY,
}
_EXPIRED = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_WRONG_NAME = {62, 63, 64}  # X509_V_ERR_HOSTNAME_MISMATCH and its two siblings
_CUT = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError, http.client.RemoteDisconnected)


def trouble_of(error: BaseException, trace: Trace) -> tuple[Kind, str]:
    """Return the kind of trouble, and our own words for what was seen.

    Wrappers of ``requests`` and ``urllib3`` say less than what they wrap, so the whole chain is
    looked through, the most telling cause first.
    """
    chain = list(_chain(error))
    if trace.bind_failed:
        return Kind.SOURCE_NOT_OWNED, "the source address cannot be bound"
    for tell in (_tls_or_time, _ending, _system):
        for cause in chain:
            told = tell(cause, trace)
            if told is not None:
                return told
    return Kind.MALFORMED, type(error).__name__


def _tls_or_time(cause: BaseException, trace: Trace) -> tuple[Kind, str] | None:
    told: tuple[Kind, str] | None = None
    match cause:
        case ssl.SSLCertVerificationError():
            told = _certificate(cause)
        case socket.gaierror():
            told = Kind.DNS, cause.strerror or "name resolution failed"
        case ConnectionRefusedError():
            told = Kind.REFUSED, "connection refused"
        case TimeoutError() | urllib3.exceptions.TimeoutError() | requests.Timeout():
            told = _TIMEOUTS[trace.phase], f"no end of phase {trace.phase}"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            pass
        case ssl.SSLError():
            told = Kind.TLS, (cause.reason or "TLS failed").lower().replace("_", " ")
    return told


def _ending(cause: BaseException, trace: Trace) -> tuple[Kind, str] | None:
    match cause:
        case requests.exceptions.InvalidSchema():
            return Kind.PLAIN_HTTP, "not an https:// URL"
        case http.client.IncompleteRead() | urllib3.exceptions.IncompleteRead():
            return Kind.TRUNCATED, "the answer ended before its announced length"
        case _ if isinstance(cause, _CUT) and not isinstance(cause, requests.RequestException):
            # once an answer has begun, no list has turned the address away
            kind = Kind.RESET_BODY if trace.phase is Phase.BODY else Kind.RESET
            return kind, f"the connection was cut in phase {trace.phase}"
        case http.client.HTTPException() | urllib3.exceptions.DecodeError():
            return Kind.MALFORMED, "not an HTTP answer"
    return None


def _system(cause: BaseException, trace: Trace) -> tuple[Kind, str] | None:
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, requests.RequestException):
        return Kind.UNREACHABLE, f"{cause.strerror or 'unreachable'} in phase {trace.phase}"
    return None


def _certificate(error: ssl.SSLCertVerificationError) -> tuple[Kind, str]:
    kind = Kind.TLS_UNTRUSTED
    if error.verify_code in _EXPIRED:
        kind = Kind.TLS_EXPIRED
    elif error.verify_code in _WRONG_NAME:
        kind = Kind.TLS_NAME
    # OpenSSL's text repeats what the server wrote into its certificate only for a wrong name
    detail = "" if kind is Kind.TLS_NAME else error.verify_message or ""
    return kind, detail


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield every exception that this one wraps, itself first."""
    waiting, met = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in met:
            continue
        met.add(id(one))
        yield one
        waiting += [
            linked
            for linked in (getattr(one, "reason", None), one.__cause__, one.__context__, *one.args)
            if isinstance(linked, BaseException)
        ]
