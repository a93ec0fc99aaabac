"""The partner's own certificate authority, kept in the state folder so that restarts keep trust."""

import json
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.flexpay.files import private_folder, readable, write_private

if TYPE_CHECKING:
    import trustme

NAMES = ("localhost", "127.0.0.1")
VALID_DAYS = 397
"""Browsers accept no longer one."""
RENEW_BEFORE_DAYS = 60
FLAWS = ("expired", "wrong-name", "untrusted")


class Certificates:
    """TLS contexts of the stand-in: the sound one, and one per flaw on demand.

    ``folder`` holds ``ca.pem`` (give this to clients), ``ca-key.pem`` and the server's own
    certificate; ``names`` are further DNS names or IP addresses for the certificate.
    """

    def __init__(self, folder: Path, names: Sequence[str] = ()) -> None:
        self._folder = private_folder(folder)
        self._names = tuple(dict.fromkeys((*NAMES, *names)))
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._ensure()

    @property
    def ca(self) -> Path:
        """The PEM file of the authority that clients have to trust."""
        return self._folder / "ca.pem"

    def context(self, flaw: str | None = None) -> ssl.SSLContext:
        """Return a server context; ``flaw`` is one of FLAWS or None.

        Raises ValueError for an unknown flaw.
        """
        key = flaw or "server"
        if key not in self._contexts:
            chain = self._folder / f"{key}.pem"
            if flaw is not None:
                self._spoil(flaw, chain)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            context.load_cert_chain(chain)
            self._contexts[key] = context
        return self._contexts[key]

    def _ensure(self) -> None:
        facts = self._folder / "certificates.json"
        now = datetime.now(UTC)
        if facts.exists():
            with readable(facts):
                known = json.loads(facts.read_text())
                renewal = datetime.fromisoformat(known["notAfter"]) - timedelta(days=RENEW_BEFORE_DAYS)
                if known["names"] == list(self._names) and now < renewal:
                    return
        authority = self._authority()
        until = now + timedelta(days=VALID_DAYS)
        self._issue(authority, self._folder / "server.pem", self._names, now - timedelta(days=1), until)
        write_private(facts, json.dumps({"names": list(self._names), "notAfter": until.isoformat()}))

    def _authority(self) -> "trustme.CA":
        import trustme  # noqa: PLC0415 - a quarter of the start-up time, needed on the first start only

        key = self._folder / "ca-key.pem"
        if key.exists():
            return trustme.CA.from_pem(self.ca.read_bytes(), key.read_bytes())
        authority = trustme.CA(organization_name="Flex Pay stand-in", organization_unit_name="sandbox only")
        write_private(self.ca, authority.cert_pem.bytes())
        write_private(key, authority.private_key_pem.bytes())
        return authority

    def _issue(
        self, authority: "trustme.CA", chain: Path, names: Sequence[str], since: datetime, until: datetime
    ) -> None:
        issued = authority.issue_cert(
            *names,
            common_name=names[0],
            organization_name="Flex Pay stand-in",
            not_before=since,
            not_after=until,
        )
        write_private(chain, issued.private_key_and_cert_chain_pem.bytes())

    def _spoil(self, flaw: str, chain: Path) -> None:
        if flaw not in FLAWS:
            raise ValueError(f"unknown certificate flaw {flaw!r}; known are {', '.join(FLAWS)}")
        import trustme  # noqa: PLC0415 - see _authority

        now = datetime.now(UTC)
        since, until = now - timedelta(days=30), now + timedelta(days=30)
        authority = (
            trustme.CA(organization_name="Nobody you know") if flaw == "untrusted" else self._authority()
        )
        names = ("wrong.example",) if flaw == "wrong-name" else self._names
        if flaw == "expired":
            until = now - timedelta(days=1)
        self._issue(authority, chain, names, since, until)
