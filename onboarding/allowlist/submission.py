"""One revision of the list that is handed in for security review, as a value and as a document.

The document's shape is ``submission.schema.json`` beside this module; it is published, and the
partner's side may parse it without our code. Every other form (CSV, text, Markdown, HTML) is
rendered from the document, so that no two of them can disagree.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib.resources import files
from ipaddress import IPv4Address
from typing import Any
from urllib.parse import urlsplit

from onboarding.allowlist.clocks import instant
from onboarding.deployment import Contacts, Merchant, Partner, Role

SUBMISSION_VERSION = 1
HTTPS_PORT = 443
COVERS = "RFC 8785 serialisation of this document without the member digest"

Document = dict[str, Any]
"""A submission as JSON values, as the schema describes it."""


class Change(StrEnum):
    """What the reviewer is asked to do with an address."""

    ADD = "add"
    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True)
class SubmittedAddress:
    """One line of the list."""

    address: IPv4Address
    change_for: Mapping[str, Change]
    """Merchant → what is asked for it; never empty."""
    purpose: str
    slot: str | None = None
    zone: str | None = None
    region: str | None = None
    account_id: str | None = None
    allocation_id: str | None = None
    nat_gateway_id: str | None = None
    role: Role | None = None
    owner: str | None = None
    dedicated: bool | None = None
    """True: AWS shows that only the merchant's workloads leave from it. None: not checked."""
    effective_from: date | None = None
    retire_after: date | None = None

    @property
    def change(self) -> Change:
        """The change over all merchants: add if new for one, remove if it goes for all, else keep."""
        asked = set(self.change_for.values())
        return next(change for change in (Change.ADD, Change.KEEP, Change.REMOVE) if change in asked)


@dataclass(frozen=True)
class Previous:
    """What was approved before, as the ledger has it."""

    approved_for: Mapping[str, frozenset[IPv4Address]]
    revision: int | None = None
    submission: str | None = None

    @property
    def addresses(self) -> frozenset[IPv4Address]:
        """Every address that is approved for some merchant."""
        return frozenset().union(*self.approved_for.values())


@dataclass(frozen=True)
class Gap:
    """A reason why the list may not be comprehensive, or must not be handed in as it is."""

    code: str
    text: str
    """One sentence of fact, with its subject."""
    address: IPv4Address | None = None


@dataclass(frozen=True)
class Submission:
    """Everything the package says; two equal values give the same bytes in every format."""

    environment: str
    revision: int
    created_at: datetime
    """Aware; shown in UTC, to the second."""
    merchants: tuple[Merchant, ...]
    contacts: Contacts
    partner: Partner
    addresses: tuple[SubmittedAddress, ...]
    previous: Previous | None
    stacks: tuple[str, ...]
    """Sources of the outputs that declare the addresses."""
    calls: tuple[str, ...]
    """AWS calls whose answers were compared with them."""
    incomplete: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What both sides call this revision."""
        return submission_name(self.environment, self.revision)


def submission_name(environment: str, revision: int) -> str:
    """Return the name of a revision, e.g. ``production-rev-3``."""
    return f"{environment}-rev-{revision}"


def revision_of(reference: str | None) -> int | None:
    """Return the revision that a ledger event names, ``3 sha256:…``; None where it names none."""
    number = (reference or "").partition(" ")[0]
    return int(number) if number.isascii() and number.isdigit() else None


def ledger_reference(document: Mapping[str, Any]) -> str:
    """Return how the ledger names a submission: revision and digest, ``3 sha256:…``."""
    return f"{document['revision']} sha256:{document['digest']['value']}"


def to_document(submission: Submission) -> Document:
    """Return the submission as the published JSON document, digest included."""
    at = instant(submission.created_at)
    document: Document = {
        "submissionVersion": SUBMISSION_VERSION,
        "submission": submission.name,
        "revision": submission.revision,
        "environment": submission.environment,
        "createdAt": at,
        "merchants": [
            {
                "name": merchant.name,
                "legalEntity": merchant.legal_entity,
                "integrationId": merchant.integration_id,
            }
            for merchant in sorted(submission.merchants, key=lambda merchant: merchant.name)
        ],
        "contacts": {
            "legalEntity": submission.contacts.legal_entity,
            "owner": submission.contacts.owner,
            "security": submission.contacts.security,
        },
        "destination": {
            "serverUrl": submission.partner.server_url,
            "hosts": [urlsplit(submission.partner.server_url).hostname],
            "ports": [urlsplit(submission.partner.server_url).port or HTTPS_PORT],
        },
        "addresses": [
            _address(address) for address in sorted(submission.addresses, key=lambda entry: entry.address)
        ],
        "previous": _previous(submission.previous),
        "established": {"stacks": list(submission.stacks), "calls": list(submission.calls), "at": at},
        "incomplete": [
            {"code": gap.code, "address": str(gap.address) if gap.address else None, "text": gap.text}
            for gap in submission.incomplete
        ],
        "notes": list(submission.notes),
        "tickets": list(submission.tickets),
    }
    return sealed(document)


def _address(entry: SubmittedAddress) -> Document:
    return {
        "address": str(entry.address),
        "slot": entry.slot,
        "zone": entry.zone,
        "region": entry.region,
        "accountId": entry.account_id,
        "allocationId": entry.allocation_id,
        "natGatewayId": entry.nat_gateway_id,
        "role": entry.role.value if entry.role else None,
        "owner": entry.owner,
        "dedicated": entry.dedicated,
        "purpose": entry.purpose,
        "change": entry.change.value,
        "changeFor": {name: change.value for name, change in sorted(entry.change_for.items())},
        "effectiveFrom": entry.effective_from.isoformat() if entry.effective_from else None,
        "retireAfter": entry.retire_after.isoformat() if entry.retire_after else None,
    }


def _previous(previous: Previous | None) -> Document | None:
    if previous is None:
        return None
    return {
        "revision": previous.revision,
        "submission": previous.submission,
        "approvedAddresses": [str(address) for address in sorted(previous.addresses)],
        "approvedFor": {
            merchant: [str(address) for address in sorted(addresses)]
            for merchant, addresses in sorted(previous.approved_for.items())
        },
    }


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the bytes that the digest covers.

    RFC 8785 for what a submission holds: strings, integers, booleans and null (no fractions), and
    keys whose order by code point and by UTF-16 unit is the same.
    """
    covered = {key: value for key, value in document.items() if key != "digest"}
    return json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(document: Mapping[str, Any]) -> str:
    """Return SHA-256 over ``canonical``, in lower-case hexadecimal.

    It shows damage, not origin: whoever can change the document can compute it again.
    """
    return sha256(canonical(document)).hexdigest()


def sealed(document: Mapping[str, Any]) -> Document:
    """Return the document with the digest that fits it."""
    digest = {"algorithm": "sha-256", "value": digest_of(document), "covers": COVERS}
    return {**{key: value for key, value in document.items() if key != "digest"}, "digest": digest}


def spoken(digest: str) -> str:
    """Return a digest in groups of four, to be read out over another channel."""
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


@cache
def schema() -> Mapping[str, Any]:
    """Return the published JSON Schema of the document."""
    text = files("onboarding.allowlist").joinpath("submission.schema.json").read_text(encoding="utf-8")
    parsed: Mapping[str, Any] = json.loads(text)
    return parsed


def faults(document: Any) -> tuple[str, ...]:
    """Return what makes a document unacceptable: against the schema, its digest, and itself.

    Empty means that it may be handed in. Each fault names its place.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 60 ms that other commands need not pay

    validator = Draft202012Validator(schema())
    found = [
        f"{'.'.join(str(part) for part in error.absolute_path) or 'document'}: {error.message}"
        for error in sorted(validator.iter_errors(document), key=lambda error: list(map(str, error.path)))
    ]
    if found:
        return tuple(found)
    try:
        fits = document["digest"]["value"] == digest_of(document)
    except UnicodeEncodeError:
        return ("document: holds half a character (a lone surrogate), which no text in UTF-8 can",)
    if not fits:
        found.append("digest.value: does not fit the document, which was changed or damaged")
    listed = Counter(entry["address"] for entry in document["addresses"])
    found += [
        f"addresses: {address} is listed twice" for address, times in sorted(listed.items()) if times > 1
    ]
    if document["submission"] != submission_name(document["environment"], document["revision"]):
        found.append("submission: is not <environment>-rev-<revision>")
    return tuple(found)
