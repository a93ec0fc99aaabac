"""An environment of one or two regions with memory clients, and pairs to store in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any

from onboarding.aws.secret_store import SecretStore
from onboarding.credentials.lifecycle import Vault
from onboarding.credentials.proof import Ground, NotBehindEgress, Proven, Stored
from onboarding.errors import ToolkitError
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.redaction import Hidden
from tests.unit.secrets_client import Breakable, Interruption, MemoryClient

NAME = "flexpay/production/acme-air"
ADDRESS = IPv4Address("203.0.113.10")
APPROVED = frozenset({ADDRESS})


def pair(letter: str) -> ClientCredentials:
    return ClientCredentials(f"client-{letter}-0123456789", Hidden(f"secret-{letter}-Zx8vQ2mN4k"))


A, B, C = pair("A"), pair("B"), pair("C")


@dataclass
class Prover:
    """Stands for the partner and for where this host is."""

    behind: bool = True
    refusal: ToolkitError | None = None
    proved: list[str] = field(default_factory=list)

    def vantage(self) -> IPv4Address:
        if not self.behind:
            raise NotBehindEgress("not behind the egress")
        return ADDRESS

    def prove(self, credentials: ClientCredentials) -> None:
        self.proved.append(credentials.client_id)
        if self.refusal:
            raise self.refusal


@dataclass
class Functions:
    """Stands for deployed functions, which read what they are told to from the memory clients."""

    world: "World"
    refusal: ToolkitError | None = None
    proved: list[str] = field(default_factory=list)
    """The stored texts with which tokens were obtained."""

    def prove(self, stored: Sequence[Stored]) -> Proven:
        for one in stored:
            client = self.world.clients[one.stack.removeprefix("production.")]
            assert one.stage in client.versions[one.version_id].labels
            self.proved.append(client.versions[one.version_id].text)
        if self.refusal:
            raise self.refusal
        return Proven((ADDRESS, IPv4Address("203.0.113.11")), ("a zone was left out",))


class World:
    """Regions by name; each has a client to look into."""

    def __init__(self, regions: Sequence[str] = ("us-east-1",)) -> None:
        self.clients = {region: MemoryClient() for region in regions}
        self.prover = Prover()
        self.functions: Functions | None = None

    def vaults(self, interruption: Interruption | None = None) -> list[Vault]:
        def client(real: MemoryClient) -> Any:
            return Breakable(real, interruption) if interruption else real

        return [
            Vault(f"production.{region}", region, f"arn:{region}:{NAME}", SecretStore(client(real)))
            for region, real in self.clients.items()
        ]

    def ground(self, *, approved: bool = True, unproven: str | None = None) -> Ground:
        return Ground(self.prover, self.functions, unproven, APPROVED if approved else frozenset())

    def values(self, label: str) -> list[str | None]:
        return [client.value_at(label) for client in self.clients.values()]

    @property
    def now(self) -> datetime:
        return max(client.now for client in self.clients.values())

    @property
    def only(self) -> MemoryClient:
        (client,) = self.clients.values()
        return client
