"""The last proof per merchant and address: when a token was issued and an order reached from there.

Standard library only: the function bundle carries this module. Local runs write each proof to a file
of its own in ``.flexpay/proof``; a function writes those of one run into one object of the
environment's bucket, so that reading them takes few calls however many merchants there are.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from onboarding.errors import InputError
from onboarding.files import read_text, write_atomically

PROOF_VERSION = 1
FOLDER = Path(".flexpay", "proof")

Pair = tuple[str, IPv4Address]
"""A merchant and an address."""


class Origin(StrEnum):
    """Where it was measured."""

    LOCAL = "local"
    """On the machine of whoever ran `verify`."""
    FUNCTION = "function"
    """By a function in the environment's own subnets."""


class Order(StrEnum):
    """Whether the order itself was accepted too, or only reached its validation."""

    PROVEN = "proven"
    NOT_PROVEN = "not-proven"


@dataclass(frozen=True)
class Proof:
    """One merchant's calls were let in from one address."""

    environment: str
    merchant: str
    address: IPv4Address
    proven_at: datetime
    """UTC."""
    vantage: Origin
    order: Order
    source: str
    """The host that ran it, or the zone of the function."""
    run_id: str

    @property
    def name(self) -> str:
        """Where it is kept alone, below the store: ``production/acme-air@203.0.113.10.json``."""
        return f"{self.environment}/{self.merchant}@{self.address}.json"


def name_together(proofs: Sequence[Proof]) -> str:
    """Return where proofs of one run and address are kept: ``production/203.0.113.10/2c26b46b68ffc68f.json``.

    The name follows from the merchants that are in it, and from them alone. A run that proves the
    same ones takes the last one's place, and one that proves fewer leaves the others' last proof
    where it is: whoever writes may neither read nor delete.
    """
    ((environment, address),) = {(one.environment, one.address) for one in proofs}
    merchants = "\n".join(sorted({one.merchant for one in proofs}))
    return f"{environment}/{address}/{hashlib.sha256(merchants.encode()).hexdigest()[:16]}.json"


def to_json(proof: Proof) -> str:
    """Return one proof as it is stored."""
    return json.dumps(_document(proof), indent=2)


def to_json_together(proofs: Sequence[Proof]) -> str:
    """Return the proofs of one run as they are stored in one object: a list, by merchant."""
    return json.dumps([_document(one) for one in sorted(proofs, key=lambda one: one.merchant)], indent=2)


def _document(proof: Proof) -> dict[str, Any]:
    return {
        "proofVersion": PROOF_VERSION,
        "environment": proof.environment,
        "merchant": proof.merchant,
        "address": str(proof.address),
        "provenAt": proof.proven_at.astimezone(UTC).isoformat(timespec="seconds"),
        "vantage": proof.vantage,
        "order": proof.order,
        "source": proof.source,
        "runId": proof.run_id,
    }


_AGAIN = "remove it and run `flexpay-onboard verify` again"


def from_json(text: str, *, source: str) -> Proof:
    """Parse one stored proof. ``source`` names it in messages. Raises InputError."""
    return _proof(_parsed(text, source), source)


def from_json_together(text: str, *, source: str) -> tuple[Proof, ...]:
    """Parse an object that holds a list of proofs, or one alone. Raises InputError as ``from_json``."""
    raw = _parsed(text, source)
    return tuple(_proof(one, source) for one in (raw if isinstance(raw, list) else [raw]))


def _parsed(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: not a proof: {error}", hint=_AGAIN) from None


def _proof(raw: Any, source: str) -> Proof:
    if not isinstance(raw, Mapping):
        raise InputError(f"{source}: not a proof: not a JSON object", hint=_AGAIN)
    try:
        version = raw["proofVersion"]
        if version != PROOF_VERSION:
            raise InputError(
                f"{source}: proofVersion: found {version!r}; this toolkit reads {PROOF_VERSION}",
                hint="use the flexpay-onboard release that wrote it",
            )
        proven_at = datetime.fromisoformat(_text(raw, "provenAt"))
        if proven_at.tzinfo is None:
            raise ValueError(f"provenAt: {raw['provenAt']} has no offset from UTC")
        return Proof(
            environment=_text(raw, "environment"),
            merchant=_text(raw, "merchant"),
            address=IPv4Address(_text(raw, "address")),
            proven_at=proven_at,
            vantage=Origin(raw["vantage"]),
            order=Order(raw["order"]),
            source=_text(raw, "source"),
            run_id=_text(raw, "runId"),
        )
    except KeyError as error:
        raise InputError(f"{source}: {error.args[0]}: missing", hint=_AGAIN) from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{source}: not a proof: {error}", hint=_AGAIN) from None


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw[key]
    if not isinstance(value, str) or not value:
        raise TypeError(f"{key}: must be text, found {value!r}")
    return value


def newest(proofs: Iterable[Proof]) -> dict[Pair, Proof]:
    """Return the last proof of each pair."""
    found: dict[Pair, Proof] = {}
    for one in proofs:
        pair = one.merchant, one.address
        if pair not in found or found[pair].proven_at <= one.proven_at:
            found[pair] = one
    return found


def last_proofs(local: Mapping[Pair, Proof], cloud: Mapping[Pair, Proof]) -> dict[Pair, Proof]:
    """Merge proofs; one measured in the environment outranks a local one of any age."""
    return {**local, **cloud}


class LocalProofs:
    """Proofs of local runs, in ``.flexpay/proof`` below the project's folder ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER

    def write(self, proof: Proof) -> Path:
        """Keep a proof, unless a later one is there already, and return its file. Raises InputError."""
        path = self._folder / proof.name
        if path.exists() and self._load(path).proven_at > proof.proven_at:
            return path
        try:
            write_atomically(path, to_json(proof) + "\n", durable=False)  # can be had again
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        return path

    def read(self, environment: str) -> dict[Pair, Proof]:
        """Return the last local proofs of an environment. Raises InputError for a damaged file."""
        found: dict[Pair, Proof] = {}
        for path in sorted((self._folder / environment).glob("*.json")):
            proof = self._load(path)
            if path != self._folder / proof.name:
                raise InputError(f"{path}: holds the proof of {proof.name}", hint=_AGAIN)
            found[proof.merchant, proof.address] = proof
        return found

    def _load(self, path: Path) -> Proof:
        return from_json(read_text(path, hint=_AGAIN), source=str(path))
