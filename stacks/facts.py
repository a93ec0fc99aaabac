"""What is known before anything is registered: the stack's own state, AWS, and the ledger. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network


@dataclass(frozen=True)
class Allocation:
    """One Elastic IP address."""

    allocation_id: str
    address: IPv4Address
    environment: str | None = None
    """Its flexpay:environment tag."""
    slot: str | None = None
    """Its flexpay:slot tag."""
    stack: str | None = None
    """Its flexpay:stack tag."""
    held_by: str | None = None
    """What uses it, as AWS names it; None while nothing does."""
    fits_zone: bool = True
    """Whether it belongs to the network border group of the zone it is meant for."""

    def __str__(self) -> str:
        return f"{self.allocation_id} ({self.address})"


@dataclass(frozen=True)
class Managed:
    """What the stack manages since its last update, from its own state."""

    stack: str | None = None
    """The stack's own name."""
    remembers: bool = False
    """Whether an update was ever completed; False for a new stack, and for one whose state was lost."""
    addresses: Mapping[str, Allocation] = field(default_factory=dict)
    """By slot."""
    gateways: frozenset[str] = frozenset()
    """Slots that have a gateway."""
    zones: frozenset[str] = frozenset()
    """Zones that have subnets."""
    declared: Mapping[str, IPv4Address] = field(default_factory=dict)
    """Slot → address in the last outputs, which outlive the loss of the resource itself."""
    environment: str | None = None
    region: str | None = None
    account_id: str | None = None
    cidr: IPv4Network | None = None
    """Of the VPC that the stack made."""
    iam_path: str | None = None
    """Of the policies on its secrets, as the state has it."""
    exits: Mapping[str, str] = field(default_factory=dict)
    """Zone → slot that its private subnets leave through, from the last outputs."""


@dataclass(frozen=True)
class Found:
    """What AWS holds."""

    environment: frozenset[IPv4Address] = frozenset()
    """Every address that carries the environment's tag, whatever its slot."""
    tagged: Mapping[str, tuple[Allocation, ...]] = field(default_factory=dict)
    """By slot: the addresses that carry its tags and that the stack does not manage."""
    named: Mapping[str, Allocation] = field(default_factory=dict)
    """By allocation ID from the settings; absent: AWS knows no such allocation here."""
    gateways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By slot that has an address here and no gateway: the gateways that carry its tags."""
    gone: frozenset[str] = frozenset()
    """Allocations that the stack manages and AWS holds no more."""


@dataclass(frozen=True)
class Approvals:
    """What the ledger says."""

    ever: bool = False
    """Whether any address of the environment was ever approved: the first roll-out is over."""
    current: frozenset[IPv4Address] = frozenset()
    """Approved today for at least one merchant of the stack."""
    promised: frozenset[IPv4Address] = frozenset()
    """Submitted or approved for anybody: the partner lets them in, or soon may."""


@dataclass(frozen=True)
class Facts:
    """Everything that a plan is decided on."""

    managed: Managed = Managed()
    found: Found = Found()
    approvals: Approvals = Approvals()
