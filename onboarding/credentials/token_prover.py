"""Adapter: proves a pair of credentials with one real token call from one of our addresses."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

import requests

from onboarding.credentials.proof import NotBehindEgress
from onboarding.deployment import Environment
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.flexpay.tokens import request_token
from onboarding.redaction import guarded
from onboarding.verification.probes import independent, probe_echo

WAYS_OUT = (
    "deploy the functions that prove it from inside (verifier.enabled), run this from a host behind the "
    "environment's egress, name an address this host owns with --source-address, go without proof with "
    "--unproven REASON, or only `credentials stage` for now"
)


class TokenProver:
    """Asks the environment's own token endpoint, and no other, for one token.

    ``open_session`` makes a session bound to ``source`` (None: whatever the host's routes choose);
    ``observe`` asks echo services, over such a session, which address that is. A source address
    that the host does not own cannot be bound, so naming one proves the vantage by itself.
    """

    def __init__(
        self,
        environment: Environment,
        open_session: Callable[[], requests.Session],
        *,
        source: IPv4Address | None,
        observe: Callable[[], IPv4Address | None],
    ) -> None:
        self._environment = environment
        self._open_session = open_session
        self._source = source
        self._observe = observe

    def vantage(self) -> IPv4Address:
        """Return the environment's active address that calls leave from; NotBehindEgress otherwise."""
        active = {address.address for address in self._environment.active_addresses}
        seen = self._source or self._observe()
        if seen is None:
            raise NotBehindEgress("it is not known from which address this host's calls leave", hint=WAYS_OUT)
        if seen not in active:
            raise NotBehindEgress(
                f"calls of this host leave from {seen}, which is not an active address of "
                f"{self._environment.name}",
                hint=WAYS_OUT,
            )
        return seen

    def prove(self, credentials: ClientCredentials) -> None:
        """Obtain one token; raises PartnerRefused (a Finding) or PartnerUnusable (a CannotTell)."""
        with self._open_session() as session:
            guarded(lambda: request_token(session, self._environment.partner, credentials))


def observed_address(
    open_session: Callable[[], requests.Session], echoes: Sequence[str]
) -> IPv4Address | None:
    """Return the address that echo services see; None unless all that answer agree."""
    samples = [probe_echo(open_session, url).address for url in independent(echoes)]
    seen = {address for address in samples if address is not None}
    return IPv4Address(seen.pop()) if len(seen) == 1 else None
