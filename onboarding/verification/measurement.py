"""What was measured, as plain values that survive JSON, so that a function can hand them back.

Standard library only. Every field is on the allow-list of evidence: status, code names, timing,
peer, certificate fingerprint, length and SHA-256 of a body; never a body, never a header as it came.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class CallRecord:
    """One call to the partner or to an echo service."""

    call: str
    """What was asked, e.g. ``token``."""
    ok: bool
    """The answer is the one that was hoped for."""
    kind: str | None = None
    """How it ended instead: a ``flexpay.errors.Kind``."""
    fact: str = ""
    next_step: str = ""
    answered: bool = True
    """False: no usable answer, nothing may be concluded."""
    status: int | None = None
    code_name: str | None = None
    error_codes: tuple[str, ...] = ()
    param: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By phase: dns, connect, tls, first byte; and total."""
    peer: str | None = None
    certificate_sha256: str | None = None
    certificate_not_after: str | None = None
    length: int = 0
    body_sha256: str | None = None
    skew_seconds: float | None = None
    """The server's Date minus this host's clock."""
    attempts: int = 1

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read what ``asdict`` wrote."""
        return cls(**{**raw, "error_codes": tuple(raw["error_codes"])})

    def evidence(self) -> dict[str, Any]:
        """Return what a report may show, without what is empty."""
        shown = {
            "status": self.status,
            "kind": self.kind,
            "codeName": self.code_name,
            "errorCodes": list(self.error_codes) or None,
            "param": self.param,
            "milliseconds": {name: round(spent * 1000, 1) for name, spent in self.seconds.items()},
            "peer": self.peer,
            "certificateSha256": self.certificate_sha256,
            "length": self.length or None,
            "bodySha256": self.body_sha256,
            "attempts": self.attempts,
        }
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(frozen=True)
class Step:
    """Something that was done without the partner, e.g. reading the secret."""

    ok: bool
    fact: str = ""
    next_step: str = ""
    answered: bool = True
    seconds: float = 0.0


@dataclass(frozen=True)
class PairMeasurement:
    """What one merchant met from one address; None is a call that was not made."""

    merchant: str
    vantage: str
    credentials: Step
    token: CallRecord | None = None
    lifetime_seconds: float | None = None
    lifetime_notes: tuple[str, ...] = ()
    reachable: CallRecord | None = None
    order: CallRecord | None = None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read what ``asdict`` wrote."""
        calls = {
            name: CallRecord.from_json(raw[name]) if raw[name] else None
            for name in ("token", "reachable", "order")
        }
        notes = tuple(raw["lifetime_notes"])
        return cls(**{**raw, **calls, "credentials": Step(**raw["credentials"]), "lifetime_notes": notes})

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """The calls that were made, in their order."""
        return tuple(call for call in (self.token, self.reachable, self.order) if call)


@dataclass(frozen=True)
class EchoSample:
    """What one echo service said, over a connection of its own."""

    service: str
    """Host and port of the service."""
    address: str | None
    call: CallRecord


@dataclass(frozen=True)
class Surroundings:
    """What on this host could change the way out; names only, since a proxy URL may hold a password."""

    proxies: tuple[str, ...] = ()
    """Environment variables that name a proxy."""
    netrc: bool = False
    """A netrc entry exists for the partner's host."""
    ipv6: bool = False
    """The partner has IPv6 addresses and this host a global way to them, past the NAT gateway."""


@dataclass(frozen=True)
class PlaceMeasurement:
    """What was seen of one vantage itself."""

    vantage: str
    samples: tuple[EchoSample, ...] = ()
    surroundings: Surroundings = Surroundings()

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read what ``asdict`` wrote."""
        samples = tuple(
            EchoSample(sample["service"], sample["address"], CallRecord.from_json(sample["call"]))
            for sample in raw["samples"]
        )
        near = raw["surroundings"]
        return cls(raw["vantage"], samples, Surroundings(tuple(near["proxies"]), near["netrc"], near["ipv6"]))


def to_json(measured: Any) -> dict[str, Any]:
    """Return any value of this module as JSON types."""
    return asdict(measured)
