"""What a verifier function was deployed with, and what it asks of AWS. Runs in the bundle."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from onboarding.aws.clients import Clients
from onboarding.deployment import Orders, Partner
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.proof import Proof
from stacks.contract import VERIFIER_METRICS

if TYPE_CHECKING:
    from onboarding.aws.secret_store import SecretStore


@dataclass(frozen=True)
class Deployment:
    """What this function was deployed with."""

    environment: str
    partner: Partner
    ca_bundle: Path | None
    secrets: Mapping[str, str]
    """Merchant → name of its secret."""
    place: str
    """The zone, or ``control``."""
    address: IPv4Address | None = None
    """The declared address that the zone leaves from."""
    proof_bucket: str | None = None


@dataclass(frozen=True)
class Cloud:
    """What a function asks of AWS; injected, so that deciding needs no network."""

    credentials: Callable[[str], ClientCredentials]
    """Secret name → what is in use now."""
    version: Callable[[str, str, str], ClientCredentials]
    """Secret name, version ID and stage → what is stored there. Raises a ToolkitError."""
    keep: Callable[[Sequence[Proof]], None]
    """Writes what one run proved to the environment's bucket. Raises a ToolkitError."""
    count: Callable[[Mapping[str, float]], None]
    """Metric → value."""


def read_deployment(root: Path, variables: Mapping[str, str]) -> Deployment:
    """Read what the bundle at ``root`` and the function's configuration say."""
    raw = json.loads((root / "deployment.json").read_text("utf-8"))
    partner = raw["partner"]
    address = variables.get("FLEXPAY_ADDRESS")
    return Deployment(
        environment=raw["environment"],
        partner=Partner(
            partner["serverUrl"],
            partner["checkoutPrefix"],
            Orders(partner["orders"]),
            echo=tuple(partner["echo"]),
        ),
        ca_bundle=root / "ca.pem" if raw["caBundle"] else None,
        secrets=raw["secrets"],
        place=variables["FLEXPAY_PLACE"],
        address=IPv4Address(address) if address else None,
        proof_bucket=variables.get("FLEXPAY_PROOF_BUCKET"),
    )


def cloud_of(deployment: Deployment) -> Cloud:
    """Return AWS as this function reaches it, with the role it runs under."""
    region = os.environ.get("AWS_REGION", "")
    clients = Clients()

    def store() -> "SecretStore":
        from onboarding.aws.secret_store import SecretStore  # noqa: PLC0415 - calls without AWS need none of it

        return SecretStore(clients.client("secretsmanager", region, attempts=3))

    def credentials(secret: str) -> ClientCredentials:
        return store().current(secret)

    def version(secret: str, version_id: str, stage: str) -> ClientCredentials:
        return store().version(secret, stage, version_id=version_id)

    def keep(proofs: Sequence[Proof]) -> None:
        from onboarding.aws.proof_bucket import ProofBucket  # noqa: PLC0415

        assert deployment.proof_bucket  # noqa: S101 - asked for before
        ProofBucket(clients.client("s3", region), deployment.proof_bucket).write(proofs)

    def count(values: Mapping[str, float]) -> None:
        dimensions = {"Environment": deployment.environment, "Zone": deployment.place}
        clients.client("cloudwatch", region).put_metric_data(
            Namespace=VERIFIER_METRICS,
            MetricData=[
                {
                    "MetricName": name,
                    "Value": value,
                    "Unit": "Count",
                    "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
                }
                for name, value in values.items()
            ],
        )

    return Cloud(credentials, version, keep, count)
