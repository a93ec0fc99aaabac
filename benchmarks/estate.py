"""Many environments at once: contract files, ledgers, and the networks they speak of in the AWS stand-in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import requests

from onboarding.allowlist.ledger import Action, new_event
from onboarding.ledger_file import append, start
from tests.loopback.egress_world import ACCOUNT, EgressWorld, client

REGIONS = {"us-east-1": "use1", "us-west-2": "usw2", "eu-west-1": "euw1"}
ZONES = (1, 2)
"""Per region, so that an environment has six addresses."""
ECHO = ("https://echo-1.example", "https://echo-2.example")


def merchants(count: int) -> tuple[str, ...]:
    """Return so many names."""
    return tuple(f"merchant-{number:03}" for number in range(count))


@dataclass
class Estate:
    """Environments in one account. ``url`` is the AWS stand-in, ``folder`` holds what a project holds."""

    url: str
    folder: Path
    functions: dict[str, str] = field(default_factory=dict)
    """ARN of a verifier function → the address it leaves from; empty for the control function."""
    _regions: dict[str, list[EgressWorld]] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Lift the quota, which is per account and region."""
        requests.put(f"{self.url}/sandbox/limits", json={"addresses": 10_000}, timeout=10).raise_for_status()

    @property
    def names(self) -> list[str]:
        """The environments so far."""
        return list(self._regions)

    def grow(self, environments: int) -> None:
        """Deploy networks until there are so many environments."""
        for number in range(len(self._regions), environments):
            name = f"env-{number:02}"
            self._regions[name] = [self._deployed(name, number, region) for region in REGIONS]

    def _deployed(self, environment: str, number: int, region: str) -> EgressWorld:
        if region not in self._clients:
            self._clients[region] = client(self.url, region=region)
        zones = tuple(f"{REGIONS[region]}-az{zone}" for zone in ZONES)
        return EgressWorld(
            self.url,
            environment=environment,
            zones=zones,
            network=f"10.{number}",
            region=region,
            ec2=self._clients[region],
        )

    def write(self, count: int) -> None:
        """Write contract files and ledgers of all environments, each with ``count`` merchants, approved."""
        names = merchants(count)
        for environment, worlds in self._regions.items():
            for world in worlds:
                world.merchants = names
                path = self._file(environment, world.region)
                path.write_text(json.dumps(world.as_outputs() | self._verifier(world)), encoding="utf-8")
            addresses = [IPv4Address(one) for world in worlds for one in world.ips]
            self._approve(environment, names, addresses)

    def _verifier(self, world: EgressWorld) -> dict[str, Any]:
        prefix = f"arn:aws:lambda:{world.region}:{ACCOUNT}:function:flexpay-{world.environment}-verifier-"
        functions = {entry["zone"]: f"{prefix}{entry['zone']}" for entry in world.addresses}
        self.functions |= {functions[entry["zone"]]: entry["address"] for entry in world.addresses}
        self.functions[f"{prefix}control"] = ""
        partner = world.as_outputs()["partner"] | {"echo": list(ECHO)}
        return {"partner": partner, "verifierFunctions": functions, "controlFunction": f"{prefix}control"}

    def _approve(self, environment: str, names: Sequence[str], addresses: Sequence[IPv4Address]) -> None:
        path = self.folder / "allowlist" / f"{environment}.yaml"
        path.unlink(missing_ok=True)
        start(path, environment)
        at = datetime.now(UTC) - timedelta(days=3)
        for action in (Action.SUBMITTED, Action.APPROVED):
            at += timedelta(hours=1)
            event = new_event(
                environment,
                at=at,
                action=action,
                merchants=names,
                addresses=addresses,
                reference="BENCH-1",
                actor="bench",
            )
            append(path, event)

    def _file(self, environment: str, region: str) -> Path:
        return self.folder / f"{environment}.{region}.json"

    def outputs(self, *environments: str) -> list[str]:
        """Return the options that name the contract files of environments; of all when none is named."""
        chosen = environments or tuple(self._regions)
        return [
            part
            for name in chosen
            for region in REGIONS
            for part in ("--outputs", str(self._file(name, region)))
        ]
