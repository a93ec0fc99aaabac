"""What counts as proof that a pair of credentials works, and who may bring it."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol

from onboarding.errors import InputError
from onboarding.flexpay.credentials import ClientCredentials


class NotBehindEgress(InputError):  # noqa: N818 - names the fact, like its family
    """This host's calls do not leave from one of the environment's addresses, so it proves nothing."""


class Prover(Protocol):
    """Obtains a token from this host, where that is behind the environment's egress."""

    def vantage(self) -> IPv4Address:
        """Return the environment's address that calls leave from; NotBehindEgress otherwise."""

    def prove(self, credentials: ClientCredentials) -> None:
        """Obtain a token; a Finding when the partner refuses, CannotTell when it gives no usable answer."""


@dataclass(frozen=True)
class Stored:
    """One stack's version that is to be proven."""

    stack: str
    version_id: str
    stage: str
    """The label it carries now: AWSPENDING, or AWSCURRENT where it has become current already."""


@dataclass(frozen=True)
class Proven:
    """From where tokens were obtained."""

    addresses: tuple[IPv4Address, ...]
    notes: tuple[str, ...] = ()
    """What was left out, and why."""


class StoredProver(Protocol):
    """Has tokens obtained with pairs that are stored, by somebody who may read them."""

    def prove(self, stored: Sequence[Stored]) -> Proven:
        """Obtain tokens; a Finding when one is refused, CannotTell when there is no usable answer."""


@dataclass(frozen=True)
class Ground:
    """On what ground a pair may become current."""

    prover: Prover
    functions: StoredProver | None = None
    """The environment's functions; where there are any, they bring the proof."""
    unproven: str | None = None
    """The operator's reason to go without proof."""
    approved: frozenset[IPv4Address] = frozenset()
    """Addresses that the ledger says the partner lets in for this merchant."""
