"""Reads a submission the way the partner's reviewer would.

Written from the published schema (submission.schema.json, version 1) and shares no code with the
program that writes submissions, so that a mistake there cannot excuse itself here. Every problem
becomes one sentence that says where, what, and what would be right; all are reported at once.

The one exception a real reviewer would not make: addresses in 127/8 are taken, because the sandbox
has no others.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any
from urllib.parse import urlsplit

from sandbox.flexpay.reasons import Reasons
from sandbox.flexpay.submission_addresses import Entry, Known, read_addresses

COVERS = "RFC 8785 serialisation of this document without the member digest"


@dataclass(frozen=True)
class Package:
    """A submission that was accepted for review."""

    revision: int
    merchants: tuple[str, ...]
    entries: tuple[Entry, ...]


def digest(document: Mapping[str, Any]) -> str:
    """Return the digest that the schema's ``covers`` describes."""
    covered = {name: value for name, value in document.items() if name != "digest"}
    canonical = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def examine(raw: Any, known: Known) -> tuple[Package | None, list[str]]:
    """Return the package and no reasons, or reasons why it goes back to the merchant."""
    reasons = Reasons()
    if not isinstance(raw, dict):
        return None, ["the submission is not a JSON object"]
    if raw.get("submissionVersion") != 1 or isinstance(raw.get("submissionVersion"), bool):
        return None, [f"submissionVersion: {raw.get('submissionVersion')!r} is not one we read; we read 1"]
    _digest(raw, reasons)
    revision = _identity(raw, known, reasons)
    names = _merchants(raw, known, reasons)
    contacts = reasons.object(raw, "contacts")
    for who in ("legalEntity", "owner", "security") if contacts else ():
        reasons.text(contacts, who, "contacts")
    _destination(raw, known, reasons)
    _origin(raw, known, reasons)
    entries = read_addresses(raw, names, known, reasons)
    _comprehensive(raw, names, entries, known, reasons)
    return Package(revision, names, entries), reasons.found


def _digest(raw: Mapping[str, Any], reasons: Reasons) -> None:
    given = reasons.object(raw, "digest")
    if not given:
        return
    if given.get("algorithm") != "sha-256" or given.get("covers") != COVERS:
        reasons.add("digest", f"we read algorithm sha-256, covers {COVERS!r} only")
    elif given.get("value") != digest(raw):
        reasons.add(
            "digest.value", f"does not match the document, which has {digest(raw)}; it was changed since"
        )


def _identity(raw: Mapping[str, Any], known: Known, reasons: Reasons) -> int:
    environment = raw.get("environment")
    if environment != known.environment:
        reasons.add(
            "environment", f"{environment!r} is not reviewed here, this desk is for {known.environment!r}"
        )
    revision = raw.get("revision")
    if not isinstance(revision, int) or isinstance(revision, bool) or revision < 1:
        reasons.add("revision", f"{revision!r} is not a whole number from 1")
        return 0
    if revision <= known.last_revision:
        last = known.last_revision
        reasons.add(
            "revision", f"{revision} is not newer than revision {last}, which we have; hand in {last + 1}"
        )
    expected = f"{environment}-rev-{revision}"
    if raw.get("submission") != expected:
        reasons.add("submission", f"{raw.get('submission')!r} should be {expected!r}")
    return revision


def _merchants(raw: Mapping[str, Any], known: Known, reasons: Reasons) -> tuple[str, ...]:
    names: list[str] = []
    for index, one in enumerate(reasons.array(raw, "merchants", filled=True)):
        where = f"merchants[{index}]"
        if not isinstance(one, dict):
            reasons.add(where, "is not an object")
            continue
        name = reasons.text(one, "name", where)
        integration_id = reasons.text(one, "integrationId", where)
        legal_entity = reasons.text(one, "legalEntity", where)
        if name is None:
            continue
        merchant = known.merchants.get(name)
        if name in names:
            reasons.add(where, f"{name} is named twice")
        elif merchant is None:
            reasons.add(
                where, f"{name} is not a merchant we know; known are {', '.join(known.merchants) or 'none'}"
            )
        else:
            if integration_id and integration_id != merchant.integration_id:
                reasons.add(f"{where}.integrationId", f"{integration_id} is not the one {name} was given")
            if legal_entity and legal_entity != merchant.legal_entity:
                ours = merchant.legal_entity
                reasons.add(f"{where}.legalEntity", f"{legal_entity!r} is not the contract's party, {ours!r}")
        names.append(name)
    return tuple(dict.fromkeys(names))


def _destination(raw: Mapping[str, Any], known: Known, reasons: Reasons) -> None:
    destination = reasons.object(raw, "destination")
    if not destination:
        return
    url = destination.get("serverUrl")
    host, port = _https(url)
    if host is None:
        reasons.add("destination.serverUrl", f"{url!r} is not an https URL")
        return
    if host not in known.hosts:
        ours = ", ".join(sorted(known.hosts))
        reasons.add("destination.serverUrl", f"{host} is not where this environment is reached: {ours}")
    if host not in reasons.array(destination, "hosts", "destination", filled=True):
        reasons.add("destination.hosts", f"does not name {host}, the host of serverUrl")
    if port not in reasons.array(destination, "ports", "destination", filled=True):
        reasons.add("destination.ports", f"does not name {port}, the port of serverUrl")


def _https(url: Any) -> tuple[str | None, int]:
    """Return host and port of an https URL, None as the host when it is none."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        return (parts.hostname if parts.scheme == "https" else None), parts.port or 443
    except ValueError:
        return None, 443


def _origin(raw: Mapping[str, Any], known: Known, reasons: Reasons) -> None:
    latest = datetime.combine(known.today + timedelta(days=1), datetime.max.time(), UTC)
    _instant(raw, "createdAt", "", latest, reasons)
    established = reasons.object(raw, "established")
    if established:
        reasons.array(established, "stacks", "established", filled=True)
        reasons.array(established, "calls", "established")
        _instant(established, "at", "established", latest, reasons)
    for one in reasons.array(raw, "incomplete"):
        text = one.get("text") if isinstance(one, dict) else one
        reasons.add("incomplete", f"the list says itself that it may not be comprehensive: {text}")
    for name in ("notes", "tickets"):
        reasons.array(raw, name)


def _instant(holder: Mapping[str, Any], name: str, where: str, latest: datetime, reasons: Reasons) -> None:
    text = reasons.text(holder, name, where)
    label = f"{where}.{name}" if where else name
    if text is None:
        return
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        reasons.add(label, f"{text!r} is not a UTC instant such as 2026-11-23T21:00:00Z")
        return
    if moment > latest:
        reasons.add(label, f"{text} lies in the future")


def _comprehensive(
    raw: Mapping[str, Any], names: Sequence[str], entries: Sequence[Entry], known: Known, reasons: Reasons
) -> None:
    by_address = {entry.address: entry for entry in entries}
    for name, address in _listed(names, known):
        if name not in by_address.get(address, Entry(address, {})).changes:
            reasons.add(
                "addresses",
                f"{address} is on the list of {name} and the submission says nothing of it; keep or remove",
            )
    previous = raw.get("previous", "missing")
    if previous is None:
        previous = {"approvedFor": {}}
    if not isinstance(previous, dict) or not isinstance(previous.get("approvedFor"), dict):
        reasons.add("previous", "is missing or not an object with approvedFor")
        return
    for name in names:
        theirs = previous["approvedFor"].get(name, [])
        ours = known.approved.get(name, frozenset())
        if not isinstance(theirs, list) or {str(one) for one in theirs} != ours:
            reasons.add(
                f"previous.approvedFor.{name}",
                f"is {_joined(theirs)}, but our list has {_joined(ours)}; "
                "record our last decision, then draft again",
            )


def _listed(names: Sequence[str], known: Known) -> Iterator[tuple[str, str]]:
    for name in names:
        for address in sorted(known.approved.get(name, frozenset()), key=IPv4Address):
            yield name, address


def _joined(addresses: Any) -> str:
    if not isinstance(addresses, list | frozenset):
        return repr(addresses)
    return ", ".join(sorted(map(str, addresses))) or "nothing"
