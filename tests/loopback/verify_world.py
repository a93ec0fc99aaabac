"""An environment whose addresses are on this machine: partner stand-in, outputs, ledger, credentials."""

import io
import json
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from onboarding.allowlist.ledger import Action, Event, new_event
from onboarding.ledger_file import append, start
from sandbox.flexpay.server import Partner

ADDRESSES = ("127.60.0.1", "127.60.0.2", "127.60.0.3")
ZONES = ("use1-az1", "use1-az4", "use1-az6")
CONTROL = "127.60.9.9"
MERCHANTS = {"acme-air": ("UP-12345678-1", "air"), "acme-shop": ("UP-12345678-2", "retail")}
ACCOUNT = "123456789012"


@dataclass
class World:
    """A project folder with outputs and ledger, beside a running partner."""

    folder: Path
    partner: Partner
    merchants: Sequence[str] = tuple(MERCHANTS)
    addresses: Sequence[str] = ADDRESSES
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of ``partner`` in the outputs that differ."""

    network: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the outputs about the VPC."""

    @property
    def outputs_file(self) -> Path:
        return self.folder / "outputs.json"

    @property
    def ledger(self) -> Path:
        return self.folder / "allowlist" / "sandbox.yaml"

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of the environment's one stack."""
        return {
            "contractVersion": 1,
            "environment": "sandbox",
            "region": "us-east-1",
            "accountId": ACCOUNT,
            "partner": {
                "serverUrl": self.partner.url,
                "checkoutPrefix": "/api/checkout",
                "orders": "test",
                "caBundle": str(self.partner.ca),
                "echo": list(self.partner.echo),
                **self.changes,
            },
            "contacts": {"legalEntity": "Acme", "owner": "o@acme.example", "security": "s@acme.example"},
            "vpcId": None,
            "egressAddresses": [
                {
                    "slot": f"{zone}/1",
                    "zone": zone,
                    "address": address,
                    "allocationId": f"eipalloc-{number:08x}",
                    "natGatewayId": None,
                    "role": "active",
                }
                for number, (zone, address) in enumerate(zip(ZONES, self.addresses, strict=False))
            ],
            "egressByZone": {},
            "privateSubnets": {},
            "routeTables": {},
            "merchants": {
                name: {
                    "secretName": f"flexpay/sandbox/{name}",
                    "secretArn": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:flexpay/sandbox/{name}",
                    "integrationId": MERCHANTS[name][0],
                    "legalEntity": "Acme",
                    "testOrder": MERCHANTS[name][1],
                }
                for name in self.merchants
            },
            "kmsKeyArn": None,
            "readerPolicyArn": None,
            "verifierFunctions": {},
            "controlFunction": None,
            "proofBucket": None,
            **self.network,
        }

    def write(self) -> None:
        """Write outputs, and a ledger if there is none."""
        self.outputs_file.write_text(json.dumps(self.outputs()))
        start(self.ledger, "sandbox")

    def approve(self, *, waiting: Sequence[str] = ()) -> None:
        """Record the submission of every address, and the approval of those that are not waiting."""
        then = datetime.now(UTC) - timedelta(days=2)
        append(self.ledger, self._event(Action.SUBMITTED, self.addresses, then))
        approved = [address for address in self.addresses if address not in waiting]
        if approved:
            append(self.ledger, self._event(Action.APPROVED, approved, then + timedelta(days=1)))

    def _event(self, action: Action, addresses: Sequence[str], at: datetime) -> Event:
        return new_event(
            "sandbox",
            at=at,
            action=action,
            merchants=self.merchants,
            addresses=map(IPv4Address, addresses),
            reference="FP-1",
            actor="test",
        )

    def let_in(self) -> dict[str, tuple[str, str]]:
        """Make the partner let every merchant in from every address; returns their credentials."""
        for merchant in self.merchants:
            self.partner.allow(merchant, *self.addresses)
        return {merchant: self.partner.issue(merchant) for merchant in self.merchants}


@dataclass(frozen=True)
class Ran:
    """What a command printed and returned."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> Any:
        return json.loads(self.stdout)


def onboard(*arguments: str) -> Ran:
    """Run a command in this process."""
    from onboarding.cli.run import run

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    return Ran(int(code), out.getvalue(), err.getvalue())


def sources(addresses: Sequence[str] = ADDRESSES) -> list[str]:
    """Return the options that name every address as a source."""
    return [part for address in addresses for part in ("--source-address", address)]
