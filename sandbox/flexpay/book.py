"""What the partner remembers: merchants, clients, allow-list, submissions, orders, ports.

Kept in ``state.json`` (replaced in one step) and ``orders.jsonl`` (appended), both 0600. Secrets
are kept as SHA-256 only: they are high-entropy and shown once, when they are issued.
"""

import hashlib
import hmac
import json
import os
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Any

from sandbox.flexpay.files import STATE, lock, private_folder, readable, write_private

STATE_VERSION = 1


@dataclass(frozen=True)
class Limits:
    """Per-merchant settings behind the eligibility codes (page "QA Checklist")."""

    min_price: str = "50.00"
    max_price: str = "25000.00"
    min_booking_days: int = 1
    max_booking_days: int = 330
    """Booking window: days from today to the first departure."""
    currencies: tuple[str, ...] = ("USD", "CAD")
    countries: tuple[str, ...] = ("US", "CA")
    blocked_airports: tuple[str, ...] = ()
    offers: bool = True
    """False: every otherwise eligible order is answered with NO_OFFERS."""


@dataclass(frozen=True)
class Merchant:
    """A merchant the partner has a contract with."""

    name: str
    integration_id: str
    legal_entity: str
    verticals: tuple[str, ...] = ("air", "orderLine")
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Client:
    """Issued credentials, without the secret."""

    client_id: str
    merchant: str
    secret_sha256: str
    issued_at: float
    revoked_at: float | None = None


@dataclass(frozen=True)
class Approval:
    """One address on one merchant's allow-list."""

    merchant: str
    address: str
    ticket: str
    approved_at: float
    in_force_at: float


class Book:
    """All state, guarded by one lock; ``folder`` is None for memory only."""

    def __init__(self, folder: Path | None) -> None:
        self.lock = RLock()
        self.merchants: dict[str, Merchant] = {}
        self.clients: dict[str, Client] = {}
        self.allowed: dict[str, dict[str, Approval]] = {}
        """Address → merchant → approval."""
        self.submissions: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        """Order id → {"merchant", "createdAt", "order"}."""
        self.ports: dict[str, int] = {}
        self.clock_offset = 0.0
        """Kept, because approvals are dated by the moved clock."""
        self._folder = private_folder(folder) if folder else None
        self._journal: int | None = None
        self._claim = lock(self._folder) if self._folder else None
        if self._folder:
            try:
                self._load(self._folder)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Let go of the folder."""
        with self.lock:
            if self._journal is not None:
                os.close(self._journal)
                self._journal = None
            if self._claim is not None:
                os.close(self._claim)
                self._claim = None

    def register(self, merchant: Merchant) -> None:
        """Add or replace a merchant; an integration ID belongs to one merchant only (ValueError)."""
        with self.lock:
            for other in self.merchants.values():
                if other.integration_id == merchant.integration_id and other.name != merchant.name:
                    raise ValueError(f"{merchant.integration_id} already belongs to {other.name}")
            self.merchants[merchant.name] = merchant
            self.save()

    def issue(self, merchant: str, now: float) -> tuple[str, str]:
        """Make credentials; returns (client ID, client secret), the only time the secret is seen."""
        client_id = f"fp-{merchant}-{secrets.token_hex(5)}"
        client_secret = secrets.token_urlsafe(32)
        with self.lock:
            self.clients[client_id] = Client(client_id, merchant, _digest(client_secret), now)
            self.save()
        return client_id, client_secret

    def revoke(self, client_id: str, now: float) -> None:
        """End credentials; KeyError for an unknown client."""
        with self.lock:
            client = self.clients[client_id]
            if client.revoked_at is None:
                self.clients[client_id] = replace(client, revoked_at=now)
                self.save()

    def authenticate(self, client_id: str, client_secret: str) -> str | None:
        """Return the merchant these credentials belong to, or None."""
        client = self.clients.get(client_id)
        known = client.secret_sha256 if client else _digest("")
        matches = hmac.compare_digest(known, _digest(client_secret))
        return client.merchant if client and matches and client.revoked_at is None else None

    def allow(self, approvals: Iterable[Approval]) -> None:
        """Put addresses on allow-lists; one that is there already keeps its first approval."""
        with self.lock:
            for approval in approvals:
                self.allowed.setdefault(approval.address, {}).setdefault(approval.merchant, approval)
            self.save()

    def disallow(self, merchant: str, addresses: Iterable[str]) -> None:
        """Take addresses off a merchant's list; those not on it are no error."""
        with self.lock:
            for address in addresses:
                self.allowed.get(address, {}).pop(merchant, None)
                if not self.allowed.get(address, True):
                    del self.allowed[address]
            self.save()

    def approved_for(self, merchant: str) -> frozenset[str]:
        """Return the addresses on a merchant's list, in force or not yet."""
        return frozenset(address for address, holders in list(self.allowed.items()) if merchant in holders)

    def in_force(self, address: str, now: float, merchant: str | None = None) -> bool:
        """Tell whether calls from ``address`` are let in, for one merchant or for any at all."""
        holders = self.allowed.get(address)
        if not holders:
            return False
        if merchant is not None:
            approval = holders.get(merchant)
            return approval is not None and approval.in_force_at <= now
        return any(approval.in_force_at <= now for approval in list(holders.values()))

    def add_order(self, merchant: str, order: Mapping[str, Any], created_at: float) -> str:
        """Keep an order; returns its new id."""
        order_id = str(uuid.uuid4())
        kept = {"merchant": merchant, "createdAt": created_at, "order": {"id": order_id, **order}}
        with self.lock:
            self.orders[order_id] = kept
            if self._journal is not None:
                os.write(self._journal, json.dumps(kept).encode() + b"\n")
        return order_id

    def save(self) -> None:
        """Write everything but the orders; call with the change already made."""
        if not self._folder:
            return
        with self.lock:
            state = {
                "stateVersion": STATE_VERSION,
                "ports": self.ports,
                "clockOffset": self.clock_offset,
                "merchants": [asdict(merchant) for merchant in self.merchants.values()],
                "clients": [asdict(client) for client in self.clients.values()],
                "allowList": [asdict(one) for holders in self.allowed.values() for one in holders.values()],
                "submissions": self.submissions,
            }
            write_private(self._folder / STATE, json.dumps(state, indent=1))

    def _load(self, folder: Path) -> None:
        kept, journal = folder / STATE, folder / "orders.jsonl"
        if kept.exists():
            with readable(kept):
                state = json.loads(kept.read_text())
                if state["stateVersion"] != STATE_VERSION:
                    raise ValueError(f"state version {state['stateVersion']}")
                self._read(state)
        if journal.exists():
            with readable(journal):
                self._replay(journal)
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _read(self, state: Mapping[str, Any]) -> None:
        self.ports = dict(state["ports"])
        self.clock_offset = state["clockOffset"]
        for raw in state["merchants"]:
            limits = Limits(**tuples(raw["limits"]))
            merchant = Merchant(**{**tuples(raw), "limits": limits})
            self.merchants[merchant.name] = merchant
        self.clients = {raw["client_id"]: Client(**raw) for raw in state["clients"]}
        for raw in state["allowList"]:
            approval = Approval(**raw)
            self.allowed.setdefault(approval.address, {})[approval.merchant] = approval
        self.submissions = dict(state["submissions"])

    def _replay(self, journal: Path) -> None:
        whole = []
        lines = journal.read_bytes().split(b"\n")
        for line in lines[:-1]:
            kept = json.loads(line)
            self.orders[kept["order"]["id"]] = kept
            whole.append(line)
        if lines[-1]:  # the process died while it wrote the last line; that order was never answered
            write_private(journal, b"".join(line + b"\n" for line in whole))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with its arrays as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}
