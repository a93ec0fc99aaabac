"""Everything a judgement may look at, as one value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Address

from onboarding.allowlist.ledger import Ledger, Standing
from onboarding.deployment import EgressAddress, Environment
from onboarding.verification.measurement import CallRecord, PairMeasurement, PlaceMeasurement
from onboarding.verification.model import Subject, Verdict


@dataclass(frozen=True)
class Place:
    """A vantage of this run and the address it leaves from, as far as that is known."""

    vantage: str
    zone: str | None
    address: IPv4Address | None
    bound: bool
    """The address was told, not only observed."""

    @property
    def subject(self) -> Subject:
        """The place as the subject of a check."""
        return Subject(
            vantage=self.vantage, zone=self.zone, address=str(self.address) if self.address else None
        )


@dataclass(frozen=True)
class Choices:
    """What the caller decided about this run."""

    merchants: tuple[str, ...]
    skipped: frozenset[str] = frozenset()
    allow_real_order: bool = False
    via: str = "local"


def _never(_merchant: str, _address: IPv4Address) -> datetime | None:
    return None


@dataclass(frozen=True)
class Facts:
    """What is known at one point of the run; measurements are added as they come in."""

    environment: Environment
    ledger: Ledger
    choices: Choices
    now: datetime
    places: tuple[Place, ...] = ()
    last_proof: Callable[[str, IPv4Address], datetime | None] = _never
    """When a pair was last proven, in earlier runs."""
    seen: Mapping[str, PlaceMeasurement] = field(default_factory=dict)
    """By vantage."""
    pairs: Mapping[tuple[str, str], PairMeasurement] = field(default_factory=dict)
    """By merchant and vantage."""
    strangers: Mapping[str, CallRecord] = field(default_factory=dict)
    """Calls that must be refused, from an approved address."""
    control: Mapping[str, CallRecord] = field(default_factory=dict)
    """The same calls from the control source."""
    control_source: str | None = None
    routes: Mapping[str, Verdict] = field(default_factory=dict)
    """By active address: what the route tables say."""

    @property
    def active(self) -> tuple[EgressAddress, ...]:
        """The declared addresses that carry traffic today."""
        return self.environment.active_addresses

    def declared(self, address: IPv4Address | None) -> EgressAddress | None:
        """Return the declaration of an address, if there is one."""
        return self._declared.get(address)

    def approved(self, merchant: str, address: IPv4Address | None) -> bool:
        """Tell whether the ledger lets a merchant's calls from an address expect success."""
        return address is not None and self.ledger.entry(merchant, address).standing is Standing.APPROVED

    def place_of(self, subject: Subject) -> Place | None:
        """Return the place a subject stands for."""
        return self._places.get(subject.vantage)

    def pairs_of(self, subject: Subject) -> list[PairMeasurement]:
        """Return the measurements of a merchant, a vantage, or one pair."""
        known = self.pairs if subject.merchant is None else self._by_merchant.get(subject.merchant, {})
        return [measured for (_, vantage), measured in known.items() if subject.vantage in (None, vantage)]

    def answered_elsewhere(self, vantage: str | None) -> bool:
        """Tell whether the partner answered another address in this run, so that it cannot be down."""
        return any(other != vantage for other in self._answered)

    @cached_property
    def _declared(self) -> Mapping[IPv4Address | None, EgressAddress]:
        return {one.address: one for one in self.environment.addresses}

    @cached_property
    def _places(self) -> Mapping[str | None, Place]:
        return {place.vantage: place for place in reversed(self.places)}

    @cached_property
    def _by_merchant(self) -> Mapping[str, Mapping[tuple[str, str], PairMeasurement]]:
        found: dict[str, dict[tuple[str, str], PairMeasurement]] = {}
        for pair, measured in self.pairs.items():
            found.setdefault(pair[0], {})[pair] = measured
        return found

    @cached_property
    def _answered(self) -> frozenset[str]:
        """Vantages to which the partner gave any answer."""
        return frozenset(
            vantage
            for (_, vantage), measured in self.pairs.items()
            if any(call.status is not None for call in measured.calls)
        )
