"""The partner as one object: starts the four ports, and is what tests take hold of.

``with running() as partner`` gives a partner in this process; ``python -m sandbox.flexpay`` one of
its own. One partner is one environment: a second environment is a second partner with its own
state folder, so that credentials of one mean nothing to the other.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from sandbox.flexpay.api import PREFIX, Api
from sandbox.flexpay.book import Approval, Book, Limits, Merchant
from sandbox.flexpay.calls import Calls
from sandbox.flexpay.certificates import NAMES, Certificates
from sandbox.flexpay.clock import Clock
from sandbox.flexpay.desk import Desk
from sandbox.flexpay.echo import Echo
from sandbox.flexpay.gate import Gate
from sandbox.flexpay.listener import Listener
from sandbox.flexpay.review import Reviewer
from sandbox.flexpay.switches import ECHOES, Fault, Switches
from sandbox.flexpay.tokens import Tokens

ENVIRONMENT = "sandbox"
ANYWHERE = ("127.0.0.1", "0.0.0.0")  # noqa: S104 - compared with, not bound to
"""Listening addresses under which the partner is called localhost."""


class PortTaken(Exception):  # noqa: N818 - it says what happened
    """A port that was asked for by number belongs to another program."""


class Partner:
    """The stand-in; every method may be called while it serves.

    ``state`` is a folder for everything that has to survive, None keeps it in memory (and the
    certificates in a temporary folder). ``names`` are further names for the certificate.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        environment: str = ENVIRONMENT,
        prefix: str = PREFIX,
        bind: str = "127.0.0.1",
        names: Sequence[str] = (),
        port: int = 0,
        idle_seconds: float = 75.0,
        request_seconds: float = 30.0,
    ) -> None:
        self.environment = environment
        self.prefix = _path(prefix)
        self.book = Book(state)
        self.clock = Clock(self.book.clock_offset)
        self.gate = Gate()
        self.switches = Switches()
        self.calls = Calls()
        self.tokens = Tokens(self.clock)
        own = (*names, *(() if bind in ANYWHERE else (bind,)))
        self.reviewer = Reviewer(self.book, self.clock, self.gate, environment, (*NAMES, *own))
        self.moved_ports: list[str] = []
        """Ports kept in the state that were taken at this start, so that others were chosen."""
        self._temporary = Path(tempfile.mkdtemp(prefix="flexpay-ca-")) if state is None else None
        self._certificates = Certificates((self._temporary or state or Path()) / "tls", own)
        self._bind = bind
        self._host = "localhost" if bind in ANYWHERE else bind
        self._port = port
        api = Api(self.book, self.clock, self.gate, self.tokens, self.prefix)
        timing = {"idle_seconds": idle_seconds, "request_seconds": request_seconds}
        common: dict[str, Any] = {"switches": self.switches, "clock": self.clock, **timing}
        secure: dict[str, Any] = {"certificates": self._certificates, "calls": self.calls, **common}
        self._listeners = {
            "partner": Listener("partner", api, **secure),
            **{name: Listener(name, Echo(name), **secure) for name in ECHOES},
            "desk": Listener("desk", Desk(self), certificates=None, calls=None, **common),
        }

    # addresses

    @property
    def url(self) -> str:
        """``https://localhost:PORT``, the partner's server URL."""
        return f"https://{self._host}:{self._listeners['partner'].port}"

    @property
    def echo(self) -> tuple[str, str]:
        """The two address echoes."""
        first, second = (f"https://{self._host}:{self._listeners[name].port}/" for name in ECHOES)
        return first, second

    @property
    def desk(self) -> str:
        """The reviewer desk, plain http on this machine only."""
        return f"http://127.0.0.1:{self._listeners['desk'].port}"

    @property
    def ca(self) -> Path:
        """The PEM file that clients have to trust."""
        return self._certificates.ca

    def addresses(self) -> dict[str, Any]:
        """Return what a program that starts the stand-in needs to know."""
        return {"url": self.url, "echo": list(self.echo), "desk": self.desk, "ca": str(self.ca)}

    # life

    def start(self) -> None:
        """Bind and serve; PortTaken when a port asked for by number is not free."""
        for name, listener in self._listeners.items():
            self._take_port(name, listener)
        self.book.ports = {name: listener.port for name, listener in self._listeners.items()}
        self.book.save()
        for listener in self._listeners.values():
            listener.start()

    def close(self) -> None:
        """End every connection and thread."""
        for listener in self._listeners.values():
            listener.stop()
        self.book.close()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _take_port(self, name: str, listener: Listener) -> None:
        address = "127.0.0.1" if name == "desk" else self._bind
        fixed = self._port if name == "partner" else 0
        kept = self.book.ports.get(name, 0)
        try:
            listener.bind(address, fixed or kept)
        except OSError as error:
            if fixed:
                raise PortTaken(f"port {fixed} on {address}: {error.strerror}") from error
            listener.bind(address, 0)
            self.moved_ports.append(name)

    # control

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
        addresses = tuple(str(IPv4Address(address)) for address in addresses)
        self.book.allow(Approval(name, address, ticket, now, in_force) for address in addresses)

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


def _path(prefix: str) -> str:
    """Return a prefix as it stands before /v1/orders; ValueError where no path begins with it."""
    if prefix.strip("/") and not prefix.startswith("/"):
        raise ValueError(f"the prefix {prefix!r} does not begin with a slash")
    return prefix.rstrip("/")


@contextmanager
def running(
    state: Path | None = None,
    *,
    merchants: Iterable[tuple[str, str, str]] = (),
    **settings: Any,
) -> Iterator[Partner]:
    """Run a partner on free ports in this process.

    ``merchants`` are (name, integration ID, legal entity); the other settings are those of Partner.
    """
    partner = Partner(state, **settings)
    try:
        for name, integration_id, legal_entity in merchants:
            partner.register(name, integration_id, legal_entity)
        partner.start()
        yield partner
    finally:
        partner.close()
