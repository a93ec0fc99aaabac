"""What can come of a call to the partner, told apart, each with its own next step.

Pure: decides from values; ``transport`` fills in what happened on the wire.
"""

from dataclasses import dataclass
from enum import StrEnum

from onboarding.errors import CannotTell, Finding, ToolkitError


class Kind(StrEnum):
    """One way in which a call can end."""

    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SOURCE_NOT_OWNED = "source-not-owned"
    TIMEOUT_CONNECT = "timeout-connect"
    TIMEOUT_TLS = "timeout-tls"
    TIMEOUT_FIRST_BYTE = "timeout-first-byte"
    TIMEOUT_BODY = "timeout-body"
    TLS_EXPIRED = "tls-expired"
    TLS_NAME = "tls-name"
    TLS_UNTRUSTED = "tls-untrusted"
    TLS = "tls"
    RESET = "reset"
    RESET_BODY = "reset-body"
    TRUNCATED = "truncated"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    NOT_JSON = "not-json"
    WRONG_SHAPE = "wrong-shape"
    PLAIN_HTTP = "plain-http"
    REDIRECT = "redirect"
    VALIDATION = "validation"
    BAD_REQUEST = "bad-request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    BLOCKED = "blocked"
    NOT_FOUND = "not-found"
    METHOD = "method"
    TIMEOUT_STATUS = "timeout-status"
    PRECONDITION = "precondition"
    RATE_LIMITED = "rate-limited"
    SERVER = "server-error"
    UNEXPECTED = "unexpected-status"
    INELIGIBLE = "ineligible"


NETWORK_BLOCKS = frozenset(
    {Kind.REFUSED, Kind.UNREACHABLE, Kind.TIMEOUT_CONNECT, Kind.TIMEOUT_TLS, Kind.RESET}
)
"""How a firewall turns an address away without a word; an outage looks the same."""
REFUSALS = frozenset({Kind.FORBIDDEN, Kind.BLOCKED})
"""How an allow-list turns an address away in HTTP."""

_ANSWERED_WRONG = frozenset(
    {
        Kind.SOURCE_NOT_OWNED,
        Kind.TLS_EXPIRED,
        Kind.TLS_NAME,
        Kind.TLS_UNTRUSTED,
        Kind.PLAIN_HTTP,
        Kind.REDIRECT,
        Kind.VALIDATION,
        Kind.BAD_REQUEST,
        Kind.UNAUTHORIZED,
        Kind.FORBIDDEN,
        Kind.BLOCKED,
        Kind.NOT_FOUND,
        Kind.METHOD,
        Kind.PRECONDITION,
        Kind.INELIGIBLE,
    }
)
_FACTS = {
    Kind.DNS: "the name of the host could not be resolved",
    Kind.REFUSED: "the connection was refused",
    Kind.UNREACHABLE: "the host could not be reached",
    Kind.SOURCE_NOT_OWNED: "this host does not own the source address",
    Kind.TIMEOUT_CONNECT: "no answer while connecting",
    Kind.TIMEOUT_TLS: "no answer during the TLS handshake",
    Kind.TIMEOUT_FIRST_BYTE: "connected, but no answer came in time",
    Kind.TIMEOUT_BODY: "the answer began, but did not end in time",
    Kind.TLS_EXPIRED: "the server's certificate is not valid today",
    Kind.TLS_NAME: "the server's certificate is for another name",
    Kind.TLS_UNTRUSTED: "the server's certificate is not signed by a trusted authority",
    Kind.TLS: "the TLS handshake failed",
    Kind.RESET: "the connection was cut",
    Kind.RESET_BODY: "the answer began, and the connection was reset",
    Kind.TRUNCATED: "the answer was cut short",
    Kind.TOO_LARGE: "the answer is far too large",
    Kind.MALFORMED: "what came back is not an HTTP answer",
    Kind.NOT_JSON: "the answer is not JSON",
    Kind.WRONG_SHAPE: "the answer lacks what the partner's page promises",
    Kind.PLAIN_HTTP: "plain http is refused",
    Kind.REDIRECT: "answered with a redirect, which is not followed",
    Kind.VALIDATION: "refused as invalid by the partner's validation",
    Kind.BAD_REQUEST: "answered 400 without the partner's error envelope",
    Kind.UNAUTHORIZED: "not authorized",
    Kind.FORBIDDEN: "access denied, in the partner's own error envelope",
    Kind.BLOCKED: "access denied by something in front of the API (no error envelope)",
    Kind.NOT_FOUND: "nothing is served at this path",
    Kind.METHOD: "the method is not allowed at this path",
    Kind.TIMEOUT_STATUS: "the partner gave up waiting for itself",
    Kind.PRECONDITION: "a precondition is not met",
    Kind.RATE_LIMITED: "too many requests",
    Kind.SERVER: "the partner failed",
    Kind.UNEXPECTED: "an answer that the partner's pages do not mention",
    Kind.INELIGIBLE: "the order is not eligible",
}
_ASK_ALLOWLIST = (
    "ask the partner whether this address is in force for this merchant and environment, naming the "
    "submission's reference; `flexpay-onboard allowlist status` shows what was approved"
)
_BLOCK_OR_OUTAGE = (
    "this is a block or an outage: compare with the other addresses in this report; if those get an "
    "answer, " + _ASK_ALLOWLIST
)
_NEXT = {
    Kind.DNS: "check partner.serverUrl and the name servers of the subnet (VPC: enableDnsSupport)",
    Kind.REFUSED: "check the port in partner.serverUrl; " + _BLOCK_OR_OUTAGE,
    Kind.UNREACHABLE: "check the default route and the network ACLs of the subnet",
    Kind.SOURCE_NOT_OWNED: "run this on the host that owns the address, or name one that `ip -4 addr` shows",
    Kind.TIMEOUT_CONNECT: _BLOCK_OR_OUTAGE,
    Kind.TIMEOUT_TLS: _BLOCK_OR_OUTAGE,
    Kind.TIMEOUT_FIRST_BYTE: "the way is open, so run again; if it stays so, report it to the partner",
    Kind.TIMEOUT_BODY: "run again; if it stays so, report it to the partner",
    Kind.TLS_EXPIRED: "check this host's clock; if right, tell the partner; never switch verification off",
    Kind.TLS_NAME: "check the host in partner.serverUrl and whether a proxy intercepts TLS on the way",
    Kind.TLS_UNTRUSTED: "check partner.caBundle, and whether a proxy intercepts TLS on the way",
    Kind.TLS: "check that TLS 1.2 or newer passes the way out, and that the port speaks TLS",
    Kind.RESET: _BLOCK_OR_OUTAGE,
    Kind.RESET_BODY: "run again; if it stays so, report it to the partner",
    Kind.TRUNCATED: "run again; if it stays so, report it to the partner",
    Kind.TOO_LARGE: "check partner.serverUrl: this does not look like the partner's API",
    Kind.MALFORMED: "check partner.serverUrl: this does not look like the partner's API",
    Kind.NOT_JSON: "check partner.serverUrl: a portal, proxy or maintenance page answers in place of the API",
    Kind.WRONG_SHAPE: "check partner.serverUrl; if it is right, report it to the partner",
    Kind.PLAIN_HTTP: "use the https:// address of the partner; credentials are never sent in clear",
    Kind.REDIRECT: "set partner.serverUrl to the API's final address, as given by the integration lead",
    Kind.VALIDATION: "compare the body with the partner's page on this call",
    Kind.BAD_REQUEST: "check partner.serverUrl and checkoutPrefix; the API itself sends an envelope",
    Kind.UNAUTHORIZED: "check the credentials",
    Kind.FORBIDDEN: _ASK_ALLOWLIST,
    Kind.BLOCKED: _ASK_ALLOWLIST,
    Kind.NOT_FOUND: "check partner.serverUrl and partner.checkoutPrefix (/api/checkout or /api/flexpay)",
    Kind.METHOD: "check partner.serverUrl and partner.checkoutPrefix",
    Kind.TIMEOUT_STATUS: "run again in a few minutes; if it stays so, report it to the partner",
    Kind.PRECONDITION: "ask the integration lead which step comes before this one",
    Kind.RATE_LIMITED: "wait, then run again with a smaller --concurrency",
    Kind.SERVER: "run again in a few minutes; see the partner's status page",
    Kind.UNEXPECTED: "report status and digest of the body to the partner",
    Kind.INELIGIBLE: "change the order template so that it fits the merchant's limits",
}


@dataclass(frozen=True)
class Diagnosis:
    """One call's end, told to a person."""

    kind: Kind
    fact: str
    """One sentence that names the call, without any text of the partner."""
    next_step: str
    answered: bool
    """True: the system answered and the answer is wrong. False: nothing may be concluded."""

    def error(self) -> ToolkitError:
        """Return this as the error that a command raises."""
        family = PartnerRefused if self.answered else PartnerUnusable
        return family(self)


def diagnose(call: str, kind: Kind, *, detail: str = "", next_step: str = "") -> Diagnosis:
    """Put a kind into words: ``call`` is what was asked, ``detail`` what was seen."""
    fact = f"{call}: {_FACTS[kind]}" + (f" ({detail})" if detail else "")
    return Diagnosis(kind, fact, next_step or _NEXT[kind], kind in _ANSWERED_WRONG)


class PartnerRefused(Finding):
    """The partner answered, and the answer is a refusal."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.fact, hint=diagnosis.next_step)
        self.diagnosis = diagnosis


class PartnerUnusable(CannotTell):
    """No answer from the partner that anything may be concluded from."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.fact, hint=diagnosis.next_step)
        self.diagnosis = diagnosis
