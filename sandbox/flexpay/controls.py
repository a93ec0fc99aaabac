"""Everything that can be done to the partner, but for its ports: by its reviewer, by tests, by the desk."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from sandbox.flexpay.book import Approval, Book, Limits, Merchant
from sandbox.flexpay.calls import Calls
from sandbox.flexpay.clock import Clock
from sandbox.flexpay.gate import Gate
from sandbox.flexpay.review import Reviewer
from sandbox.flexpay.switches import Fault, Switches
from sandbox.flexpay.tokens import Tokens


class Controls:
    """One environment of the partner: what it remembers, how it behaves, what was called.

    ``state`` is as in Book; ``hosts`` are the names under which the API is reached.
    """

    def __init__(self, state: Path | None, environment: str, prefix: str, hosts: Sequence[str]) -> None:
        self.environment = environment
        self.prefix = prefix
        self.book = Book(state)
        self.clock = Clock(self.book.clock_offset)
        self.gate = Gate()
        self.switches = Switches()
        self.calls = Calls()
        self.tokens = Tokens(self.clock)
        self.reviewer = Reviewer(self.book, self.clock, self.gate, environment, hosts)

    def register(
        self,
        name: str,
        integration_id: str,
        legal_entity: str = "Example Merchant Inc.",
        *,
        verticals: Sequence[str] = ("air", "orderLine"),
        limits: Limits | None = None,
    ) -> None:
        """Make a merchant known: the contract that precedes every submission."""
        merchant = Merchant(name, integration_id, legal_entity, tuple(verticals), limits or Limits())
        self.book.register(merchant)

    def allow(self, merchant: str, *addresses: str, ticket: str = "BY-HAND") -> None:
        """Put addresses on a merchant's allow-list without a submission.

        KeyError for an unknown merchant, ValueError for what is no IPv4 address.
        """
        now = self.clock.now()
        name = self.book.merchants[merchant].name
        in_force = now + self.gate.propagation_seconds
        listed = tuple(_address(address) for address in addresses)
        self.book.allow(Approval(name, address, ticket, now, in_force) for address in listed)

    def disallow(self, merchant: str, *addresses: str) -> None:
        """Take addresses off a merchant's allow-list."""
        self.book.disallow(merchant, addresses)

    def issue(self, merchant: str) -> tuple[str, str]:
        """Issue credentials; returns (client ID, client secret). Raises NotYet before an approval."""
        return self.reviewer.issue(merchant)

    def revoke(self, client_id: str) -> None:
        """End credentials and their tokens; KeyError when unknown."""
        self.book.revoke(client_id, self.clock.now())
        self.tokens.revoke(client_id)

    def advance(self, seconds: float) -> None:
        """Move the clock: tokens run out, approvals come into force."""
        self.clock.advance(seconds)
        self.book.clock_offset = self.clock.offset
        self.book.save()

    def fault(self, *faults: Fault) -> list[str]:
        """Set faults; returns their ids."""
        ids = [self.switches.add(fault) for fault in faults]
        self.switches.settle()
        return ids

    def no_fault(self, fault_id: str | None = None) -> None:
        """Take one fault away, or all of them."""
        if fault_id is None:
            self.switches.clear()
        else:
            self.switches.remove(fault_id)
        self.switches.settle()

    @contextmanager
    def faulty(self, *faults: Fault) -> Iterator[None]:
        """Set faults for the length of a ``with`` block."""
        ids = self.fault(*faults)
        try:
            yield
        finally:
            for fault_id in ids:
                self.no_fault(fault_id)


def _address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv4 address") from None
