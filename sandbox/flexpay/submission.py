"""Reads a submission the way the partner's reviewer would.

Written from the published schema (submission.schema.json, version 1) and shares no code with the
program that writes submissions, so that a mistake there cannot excuse itself here. Every problem
becomes one sentence that says where, what, and what would be right; all are reported at once.

The one exception a real reviewer would not make: addresses in 127/8 are taken, because the sandbox
has no others.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import Any
from urllib.parse import urlsplit

from sandbox.flexpay.book import Merchant

COVERS = "RFC 8785 serialisation of this document without the member digest"
CHANGES = ("add", "keep", "remove")
EMPTY_WORDS = ("tbd", "todo", "n/a", "na", "none", "unknown", "-", "?", "x", "test")
SANDBOX_ONLY = IPv4Network("127.0.0.0/8")
UNROUTABLE = (
    ("10.0.0.0/8", "private (RFC 1918): it is never the address we see"),
    ("172.16.0.0/12", "private (RFC 1918): it is never the address we see"),
    ("192.168.0.0/16", "private (RFC 1918): it is never the address we see"),
    ("100.64.0.0/10", "shared by a carrier (RFC 6598)"),
    ("169.254.0.0/16", "link-local (RFC 3927)"),
    ("0.0.0.0/8", "reserved (RFC 1122)"),
    ("192.0.0.0/24", "reserved (RFC 6890)"),
    ("192.0.2.0/24", "for documentation only (RFC 5737)"),
    ("198.51.100.0/24", "for documentation only (RFC 5737)"),
    ("203.0.113.0/24", "for documentation only (RFC 5737)"),
    ("192.88.99.0/24", "reserved (RFC 7526)"),
    ("198.18.0.0/15", "for benchmarks only (RFC 2544)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("240.0.0.0/4", "reserved (RFC 1112)"),
)


@dataclass(frozen=True)
class Known:
    """What the partner knows when a submission arrives."""

    environment: str
    hosts: frozenset[str]
    """Names under which the partner's API is reached."""
    merchants: Mapping[str, Merchant]
    approved: Mapping[str, frozenset[str]]
    """Merchant → addresses on its list today."""
    last_revision: int
    today: date


@dataclass(frozen=True)
class Entry:
    """One address and what is asked for it."""

    address: str
    changes: Mapping[str, str]
    """Merchant → add, keep or remove."""


@dataclass(frozen=True)
class Package:
    """A submission that was accepted for review."""

    revision: int
    merchants: tuple[str, ...]
    entries: tuple[Entry, ...]


class Reasons:
    """Collects what is wrong."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, where: str, what: str) -> None:
        """Note one problem."""
        self.found.append(f"{where}: {what}")

    def text(self, holder: Mapping[str, Any], name: str, where: str) -> str | None:
        """Return a member that must be a non-blank string, None (and a note) when it is not."""
        value = holder.get(name)
        if isinstance(value, str) and value.strip():
            return value
        self.add(f"{where}.{name}" if where else name, "is missing or empty")
        return None

    def object(self, holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Return a member that must be an object, an empty one (and a note) when it is not."""
        value = holder.get(name)
        if isinstance(value, dict):
            return value
        self.add(name, "is missing or not an object")
        return {}

    def array(
        self, holder: Mapping[str, Any], name: str, where: str = "", *, filled: bool = False
    ) -> list[Any]:
        """Return a member that must be an array, an empty one (and a note) when it is not."""
        value = holder.get(name)
        label = f"{where}.{name}" if where else name
        if not isinstance(value, list):
            self.add(label, "is missing or not an array")
            return []
        if filled and not value:
            self.add(label, "is empty")
        return value


def parse(text: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no duplicate keys, no NaN. Raises ValueError saying what is wrong."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = sorted({name for name, _ in pairs if [key for key, _ in pairs].count(name) > 1})
            raise ValueError(f"the member {', '.join(twice)} occurs twice in one object")
        return found

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)


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
    entries = _addresses(raw, names, known, reasons)
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


def _addresses(
    raw: Mapping[str, Any], names: Sequence[str], known: Known, reasons: Reasons
) -> tuple[Entry, ...]:
    entries: dict[str, Entry] = {}
    for index, one in enumerate(reasons.array(raw, "addresses", filled=True)):
        if not isinstance(one, dict):
            reasons.add(f"addresses[{index}]", "is not an object")
            continue
        where = f"addresses[{index}] {one.get('address')}"
        address = _address(one.get("address"), where, reasons)
        if address is None:
            continue
        if address in entries:
            reasons.add(where, "is listed twice")
            continue
        entries[address] = Entry(
            address, _changes(one, address, where, names=names, known=known, reasons=reasons)
        )
        _explained(one, where, reasons)
        _days(one, where, known.today, reasons)
    return tuple(entries.values())


def _address(text: Any, where: str, reasons: Reasons) -> str | None:
    if not isinstance(text, str) or not text:
        reasons.add(where, "has no address")
        return None
    if "/" in text:
        reasons.add(where, "is a range; we list single addresses")
        return None
    if ":" in text:
        reasons.add(where, "is IPv6; we list IPv4 addresses")
        return None
    try:
        address = IPv4Address(text)
    except ValueError:
        reasons.add(where, "is not an IPv4 address in dotted decimal")
        return None
    if address not in SANDBOX_ONLY:
        for network, why in UNROUTABLE:
            if address in IPv4Network(network):
                reasons.add(where, f"is {why}")
    return str(address)


def _changes(
    one: Mapping[str, Any],
    address: str,
    where: str,
    *,
    names: Sequence[str],
    known: Known,
    reasons: Reasons,
) -> Mapping[str, str]:
    raw = one.get("changeFor")
    if not isinstance(raw, dict) or not raw:
        reasons.add(where, "changeFor does not say for which merchants the address is")
        return {}
    changes: dict[str, str] = {}
    for name, change in raw.items():
        if name not in names:
            reasons.add(where, f"changeFor names {name}, which is not one of the submission's merchants")
        elif change not in CHANGES:
            reasons.add(where, f"the change for {name} is {change!r}, not one of {', '.join(CHANGES)}")
        else:
            changes[name] = change
            listed = address in known.approved.get(name, frozenset())
            if listed and change == "add":
                reasons.add(
                    where, f"is on the list of {name} already, so the change is keep or remove, not add"
                )
            if not listed and change != "add":
                reasons.add(where, f"is not on the list of {name}, so the change is add, not {change}")
    wanted = set(changes.values())
    expected = "add" if "add" in wanted else "remove" if wanted == {"remove"} else "keep"
    if changes and one.get("change") != expected:
        reasons.add(where, f"change is {one.get('change')!r}, but its changeFor amounts to {expected!r}")
    return changes


def _explained(one: Mapping[str, Any], where: str, reasons: Reasons) -> None:
    purpose = one.get("purpose")
    if not isinstance(purpose, str) or purpose.strip().lower() in ("", *EMPTY_WORDS):
        reasons.add(where, "has no purpose; say which traffic leaves from it")
    if one.get("change") == "remove":
        return
    if one.get("role") not in ("active", "spare"):
        reasons.add(where, f"role is {one.get('role')!r}, not active or spare")
    owner = one.get("owner")
    if isinstance(owner, str) and owner.strip():
        if one.get("dedicated") is False:
            reasons.add(where, "is shared with others; we list dedicated addresses only")
        return
    if one.get("dedicated") is not True:
        reasons.add(where, "is not confirmed as dedicated; we list dedicated addresses only")
    for name, what in (("zone", "zone"), ("accountId", "account"), ("allocationId", "allocation")):
        if not isinstance(one.get(name), str) or not one[name].strip():
            reasons.add(where, f"has neither {what} nor an owner: whose is it?")


def _days(one: Mapping[str, Any], where: str, today: date, reasons: Reasons) -> None:
    days: dict[str, date] = {}
    for name in ("effectiveFrom", "retireAfter"):
        text = one.get(name)
        if text is None:
            continue
        try:
            if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                raise ValueError
            days[name] = date.fromisoformat(text)
        except ValueError:
            reasons.add(where, f"{name} {text!r} is not a day such as 2026-11-23")
    last = days.get("retireAfter")
    if last and last < days.get("effectiveFrom", last):
        reasons.add(where, f"is to be retired after {last}, before it comes into use")
    if last and last < today and one.get("change") != "remove":
        reasons.add(where, f"was to be retired after {last}, which is past")


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
