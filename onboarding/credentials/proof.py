"""What counts as proof that a pair of credentials works, and who may bring it."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol

from onboarding.errors import InputError
from onboarding.flexpay.credentials import ClientCredentials


class NotBehindEgress(InputError):  # noqa: N818 - names the fact, like its family
    """This host's calls do not leave from one of the environment's addresses, so it proves nothing."""


class Prover(Protocol):
    """Obtains a token from behind the environment's egress."""

    def vantage(self) -> IPv4Address:
        """Return the environment's address that calls leave from; NotBehindEgress otherwise."""

    def prove(self, credentials: ClientCredentials) -> None:
        """Obtain a token; a Finding when the partner refuses, CannotTell when it gives no usable answer."""


@dataclass(frozen=True)
class Ground:
    """On what ground a pair may become current."""

    prover: Prover
    unproven: str | None = None
    """The operator's reason to go without proof."""
    approved: frozenset[IPv4Address] = frozenset()
    """Addresses that the ledger says the partner lets in for this merchant."""
