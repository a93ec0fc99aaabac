"""Where calls come from: this host, or (through the same protocol) a function in the cloud."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

import requests

from onboarding.deployment import Partner
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.flexpay.transport import DEFAULT_LIMITS, Limits, open_session
from onboarding.redaction import KnownSecrets
from onboarding.verification.measurement import CallRecord, EchoSample, PairMeasurement, PlaceMeasurement
from onboarding.verification.pool import side_by_side
from onboarding.verification.probes import (
    STRANGERS,
    PairJob,
    independent,
    look_around,
    probe_echo,
    probe_pair,
)


class Vantage(Protocol):
    """A place that calls can be made from.

    The methods return pieces of work for the runner's pool, so that a host makes one call after
    the other while a function is handed many at once.
    """

    @property
    def name(self) -> str:
        """Unique in a run, e.g. ``host 203.0.113.10`` or ``function use1-az1``."""

    @property
    def address(self) -> IPv4Address | None:
        """The egress address it is meant to leave from; None: whatever the echoes say."""

    @property
    def zone(self) -> str | None:
        """The zone whose egress it stands for."""

    def place_work(self) -> Callable[[], PlaceMeasurement]:
        """Return the work of looking at the place itself."""

    def pair_work(self, jobs: Sequence[PairJob]) -> list[Callable[[], list[PairMeasurement]]]:
        """Return the work of measuring merchants from here."""

    def stranger_work(self, which: str) -> Callable[[], CallRecord]:
        """Return the work of one call of STRANGERS."""


@dataclass
class LocalVantage:
    """This host, bound to one of its own addresses where one is given.

    ``credentials`` reads a merchant's credentials from the store; None for a control source, which
    is never given any.
    """

    partner: Partner
    ca_bundle: Path | None
    known_secrets: KnownSecrets
    credentials: Callable[[str], ClientCredentials] | None = None
    address: IPv4Address | None = None
    zone: str | None = None
    limits: Limits = DEFAULT_LIMITS
    _session: requests.Session = field(init=False)

    def __post_init__(self) -> None:
        self._session = self._open()

    @property
    def name(self) -> str:
        """``host``, with the address it is bound to."""
        return f"host {self.address}" if self.address else "host"

    def _open(self) -> requests.Session:
        return open_session(self.ca_bundle, str(self.address) if self.address else None)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def place_work(self) -> Callable[[], PlaceMeasurement]:
        """Ask every echo, and look for what could change the way out."""

        def work() -> PlaceMeasurement:
            asking = [self._echo(url) for url in independent(self.partner.echo)]
            samples = dict(side_by_side(asking, concurrency=len(asking)))
            near = look_around(self.partner.server_url)
            return PlaceMeasurement(self.name, tuple(samples[index] for index in sorted(samples)), near)

        return work

    def _echo(self, url: str) -> Callable[[], EchoSample]:
        return lambda: probe_echo(self._open, url, limits=self.limits)

    def pair_work(self, jobs: Sequence[PairJob]) -> list[Callable[[], list[PairMeasurement]]]:
        """One piece of work per merchant."""
        return [self._pair(job) for job in jobs]

    def _pair(self, job: PairJob) -> Callable[[], list[PairMeasurement]]:
        read = self.credentials
        if read is None:
            raise AssertionError("a control source is never given credentials")

        def work() -> list[PairMeasurement]:
            measured = probe_pair(
                self._session,
                self.partner,
                job,
                lambda: read(job.merchant),
                vantage=self.name,
                known_secrets=self.known_secrets,
                limits=self.limits,
            )
            return [measured]

        return work

    def stranger_work(self, which: str) -> Callable[[], CallRecord]:
        """One call that must be refused."""
        return lambda: STRANGERS[which](self._session, self.partner, limits=self.limits)
