"""What is deployed, as plain values: parsed stack outputs, merged per environment.

Standard library only: the function bundle carries this module.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address

STACK = "stack "
"""How a source that is a stack begins, for messages; else it is a file."""


class Role(StrEnum):
    """Whether an address carries traffic today."""

    ACTIVE = "active"
    SPARE = "spare"


class Orders(StrEnum):
    """What an accepted order means at this environment's partner endpoint."""

    TEST = "test"
    REAL = "real"


@dataclass(frozen=True)
class Partner:
    """Where the partner is reached and how it is recognised."""

    server_url: str
    """``https://host[:port]`` without a trailing slash."""
    checkout_prefix: str
    orders: Orders
    ca_bundle: str | None = None
    """PEM file, relative to the project folder; None means the public authorities."""
    echo: tuple[str, ...] = ()
    """https services of independent operators that answer with the caller's address."""


@dataclass(frozen=True)
class Contacts:
    """Who answers for the submission."""

    legal_entity: str
    owner: str
    security: str


@dataclass(frozen=True)
class Merchant:
    """One merchant of the environment: it has credentials, and a review, of its own."""

    name: str
    integration_id: str
    legal_entity: str
    secret_name: str
    secret_arn: str
    test_order: str = "retail"
    """Name of a shipped template, or a file relative to the project folder."""


@dataclass(frozen=True)
class EgressAddress:
    """One address that traffic to the partner may come from."""

    slot: str
    """Permanent: ``<zone-id>/<n>``, or ``external/<address>``."""
    zone: str
    address: IPv4Address
    role: Role
    region: str
    account_id: str
    allocation_id: str | None = None
    nat_gateway_id: str | None = None
    owner: str | None = None
    """External addresses only: who runs the NAT."""
    purpose: str | None = None

    @property
    def external(self) -> bool:
        """Tell whether the address is run by somebody else and only declared here."""
        return self.slot.startswith("external/")


@dataclass(frozen=True)
class Stack:
    """One stack's outputs: one region of one environment."""

    source: str
    """``stack NAME``, or the file it was read from, for messages."""
    environment: str
    region: str
    account_id: str
    partner: Partner
    contacts: Contacts
    vpc_id: str | None
    addresses: tuple[EgressAddress, ...]
    private_subnets: Mapping[str, str]
    route_tables: Mapping[str, str]
    merchants: Mapping[str, Merchant]
    kms_key_arn: str | None = None
    reader_policy_arn: str | None = None
    verifier_functions: Mapping[str, str] | None = None
    control_function: str | None = None
    proof_bucket: str | None = None
    egress_by_zone: Mapping[str, str | None] = field(default_factory=dict)
    """Zone → slot its private subnets leave through; None: they have no default route."""

    @property
    def name(self) -> str | None:
        """The name that the engine knows it by; None where its outputs came from a file."""
        return self.source.removeprefix(STACK) if self.source.startswith(STACK) else None

    @property
    def short_name(self) -> str | None:
        """The name without organization and project, as in its settings file and its addresses' tags."""
        return self.name.rpartition("/")[2] if self.name else None

    @property
    def settings_file(self) -> str:
        """Where its settings are, within the project; a placeholder for a stack without a name."""
        return f"stacks/Pulumi.{self.short_name or '<stack>'}.yaml"


@dataclass(frozen=True)
class Environment:
    """All stacks of one environment, in the order of their regions."""

    name: str
    stacks: tuple[Stack, ...]

    @property
    def partner(self) -> Partner:
        """The partner endpoint; the same in every stack, which ``gather`` has checked."""
        return self.stacks[0].partner

    @property
    def contacts(self) -> Contacts:
        """Who answers for the submission; the same in every stack."""
        return self.stacks[0].contacts

    @cached_property
    def addresses(self) -> tuple[EgressAddress, ...]:
        """Every declared address, ordered by region and slot."""
        return tuple(
            sorted(
                (address for stack in self.stacks for address in stack.addresses),
                key=lambda address: (address.region, address.slot),
            )
        )

    @cached_property
    def active_addresses(self) -> tuple[EgressAddress, ...]:
        """The declared addresses that carry traffic today."""
        return tuple(address for address in self.addresses if address.role is Role.ACTIVE)

    @cached_property
    def merchants(self) -> Mapping[str, Merchant]:
        """Merchants by name; secrets of the first region that names them."""
        found: dict[str, Merchant] = {}
        for stack in self.stacks:
            for name, merchant in stack.merchants.items():
                found.setdefault(name, merchant)
        return dict(sorted(found.items()))


def gather(stacks: Iterable[Stack]) -> list[Environment]:
    """Group stacks into environments, both sorted by name.

    Raises ValueError where two stacks of one environment contradict each other on what they
    must share (partner, contacts) or where two of them declare the same address.
    """
    grouped: dict[str, list[Stack]] = {}
    for stack in stacks:
        grouped.setdefault(stack.environment, []).append(stack)
    environments = []
    for name in sorted(grouped):
        members = tuple(sorted(grouped[name], key=lambda stack: (stack.region, stack.source)))
        _agree(name, members)
        environments.append(Environment(name, members))
    return environments


def _agree(environment: str, members: tuple[Stack, ...]) -> None:
    first = members[0]
    holders: dict[IPv4Address, str] = {}
    for stack in members:
        for shared in ("partner", "contacts"):
            if getattr(stack, shared) != getattr(first, shared):
                raise ValueError(
                    f"environment {environment}: {shared} differs between {first.source} and {stack.source}"
                )
        for address in stack.addresses:
            if address.address in holders:
                raise ValueError(
                    f"environment {environment}: {address.address} is declared twice, "
                    f"by {holders[address.address]} and {stack.source} {address.slot}"
                )
            holders[address.address] = f"{stack.source} {address.slot}"
