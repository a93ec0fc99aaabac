"""The credentials commands against both stand-ins: secrets to store in, a partner that issues pairs."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.flexpay.server import Partner
from tests.loopback.aws_standin import Aws
from tests.loopback.verify_world import Ran, World, onboard

MERCHANT = "acme-air"
NAME = f"flexpay/sandbox/{MERCHANT}"
SOURCE = ("--source-address", "127.60.0.1")


def pair_json(pair: tuple[str, str]) -> str:
    return json.dumps({"client_id": pair[0], "client_secret": pair[1]})


@dataclass
class Desk:
    """An operator's desk: a project folder, a login, and what comes in on stdin."""

    world: World
    aws: Aws
    monkeypatch: pytest.MonkeyPatch
    regions: Sequence[str] = ("us-east-1",)
    key: str | None = None
    """ARN of the key that encrypts the secrets; None is AWS's own."""

    @property
    def partner(self) -> Partner:
        return self.world.partner

    def outputs(self) -> list[str]:
        return [str(self.world.folder / f"{region}.json") for region in self.regions]

    def deploy(self) -> None:
        """Make the secrets and write one outputs file per region."""
        for number, region in enumerate(self.regions):
            key = {"KmsKeyId": self.key} if self.key else {}
            arn = self.client("secretsmanager", region).create_secret(Name=NAME, **key)["ARN"]
            about = self.world.outputs()
            about["region"] = region
            about["merchants"][MERCHANT]["secretArn"] = arn
            if number:
                about["egressAddresses"] = []
            (self.world.folder / f"{region}.json").write_text(json.dumps(about))
        self.world.write()
        self.login("sandbox", "x")

    def login(self, key: str, secret: str, token: str | None = None) -> None:
        for name, value in {
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token or "",
        }.items():
            self.monkeypatch.setenv(name, value)

    def client(self, service: str, region: str = "us-east-1") -> Any:
        import boto3

        make: Any = boto3.client
        return make(
            service,
            region_name=region,
            endpoint_url=self.aws.url,
            aws_access_key_id="sandbox",
            aws_secret_access_key="x",
        )

    def common(self) -> list[str]:
        files = [part for path in self.outputs() for part in ("--outputs", path)]
        return [*files, "-C", str(self.world.folder)]

    def run(self, command: str, *arguments: str, stdin: str = "") -> Ran:
        """Run ``credentials COMMAND`` for the merchant, in this process."""
        merchant = () if "--merchant" in arguments else ("--merchant", MERCHANT)
        with piped(stdin, self.monkeypatch):
            return onboard("credentials", command, *merchant, *self.common(), *arguments)

    def value(self, stage: str = "AWSCURRENT", region: str = "us-east-1") -> tuple[str, str] | None:
        """Return the stored pair at a stage."""
        client = self.client("secretsmanager", region)
        try:
            raw = json.loads(client.get_secret_value(SecretId=NAME, VersionStage=stage)["SecretString"])
        except client.exceptions.ResourceNotFoundException:
            return None
        assert set(raw) == {"client_id", "client_secret"}
        return raw["client_id"], raw["client_secret"]

    def issue(self) -> tuple[str, str]:
        return self.partner.issue(MERCHANT)


class piped:  # noqa: N801 - reads as a statement
    """Put a text on standard input, as a shell pipe does."""

    def __init__(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._text = text
        self._monkeypatch = monkeypatch

    def __enter__(self) -> None:
        reader, writer = os.pipe()
        os.write(writer, self._text.encode())
        os.close(writer)
        self._stdin = os.fdopen(reader)
        self._monkeypatch.setattr(sys, "stdin", self._stdin)

    def __exit__(self, *_: object) -> None:
        self._stdin.close()


def desk_with(
    folder: Path,
    partner: Partner,
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
    *,
    regions: Sequence[str] = ("us-east-1",),
    key: str | None = None,
) -> Desk:
    """Return a desk with empty secrets and no approval yet."""
    desk = Desk(World(folder, partner, merchants=(MERCHANT,)), aws, monkeypatch, regions, key)
    desk.deploy()
    return desk
