"""The reviewer's rules for the addresses of a submission."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from sandbox.flexpay.book import Merchant
from sandbox.flexpay.reasons import Reasons

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


def read_addresses(
    raw: Mapping[str, Any], names: Sequence[str], known: Known, reasons: Reasons
) -> tuple[Entry, ...]:
    """Return the entries of a submission's address list; what is wrong goes to ``reasons``."""
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
