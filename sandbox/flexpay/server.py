"""The partner as one object: starts the four ports, and is what tests take hold of.

``with running() as partner`` gives a partner in this process; ``python -m sandbox.flexpay`` one of
its own. One partner is one environment: a second environment is a second partner with its own
state folder, so that credentials of one mean nothing to the other.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.flexpay.api import PREFIX, Api
from sandbox.flexpay.certificates import NAMES, Certificates
from sandbox.flexpay.controls import Controls
from sandbox.flexpay.desk import Desk
from sandbox.flexpay.echo import Echo
from sandbox.flexpay.listener import Listener
from sandbox.flexpay.switches import ECHOES

ENVIRONMENT = "sandbox"
ANYWHERE = ("127.0.0.1", "0.0.0.0")  # noqa: S104 - compared with, not bound to
"""Listening addresses under which the partner is called localhost."""


class PortTaken(Exception):  # noqa: N818 - it says what happened
    """The port that was asked for, or any on that address, is not to be had."""


class Partner(Controls):
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
        prefix = _path(prefix)
        own = (*names, *(() if bind in ANYWHERE else (bind,)))
        super().__init__(state, environment, prefix, (*NAMES, *own))
        self.moved_ports: list[str] = []
        """Ports kept in the state that were taken at this start, so that others were chosen."""
        self._temporary = Path(tempfile.mkdtemp(prefix="flexpay-ca-")) if state is None else None
        self._certificates = Certificates((self._temporary or state or Path()) / "tls", own)
        self._bind = bind
        self._host = "localhost" if bind in ANYWHERE else bind
        self._port = port
        api = Api(self.book, self.clock, self.gate, self.tokens, prefix)
        timing = {"idle_seconds": idle_seconds, "request_seconds": request_seconds}
        common: dict[str, Any] = {"switches": self.switches, "clock": self.clock, **timing}
        secure: dict[str, Any] = {"certificates": self._certificates, "calls": self.calls, **common}
        self._listeners = {
            "partner": Listener("partner", api, **secure),
            **{name: Listener(name, Echo(name), **secure) for name in ECHOES},
            "desk": Listener("desk", Desk(self, self.addresses), certificates=None, calls=None, **common),
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
            try:
                listener.bind(address, 0)
            except OSError as other:
                raise PortTaken(f"no port on {address}: {other.strerror}") from other
            self.moved_ports.append(name)


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
