"""Commands run in this process as a user runs them, against the AWS stand-in."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from onboarding.cli.run import run
from tests.loopback.aws_standin import REGION, Aws
from tests.loopback.egress_world import EgressWorld


@dataclass(frozen=True)
class Said:
    """What one command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Toolkit:
    """A project folder with a deployed environment, and its commands."""

    def __init__(self, world: EgressWorld, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.world = world
        self.folder = folder
        self._capture = capture
        self.deploy()

    @property
    def outputs(self) -> str:
        return str(self.folder / "out.json")

    @property
    def out(self) -> Path:
        return self.folder / "review"

    def deploy(self, **changes: Any) -> None:
        """Write the outputs as they are now."""
        self.world.outputs.update(self.world.as_outputs() | changes)
        self.world.write(Path(self.outputs))

    def run(self, *arguments: str, stack: bool = True) -> Said:
        given = [*arguments, "-C", str(self.folder)]
        code = run(given + (["--outputs", self.outputs] if stack else []))
        said = self._capture.readouterr()
        return Said(code, said.out, said.err)

    def draft(self, *arguments: str) -> Said:
        return self.run("allowlist", "draft", "--out", str(self.out), *arguments)

    def record(self, action: str, *arguments: str) -> Said:
        said = self.run("allowlist", "record", action, "-r", "FPX-1", "--actor", "kim", *arguments)
        assert said.code == 0, said.err
        return said

    def submit(self) -> None:
        self.record("submitted", "--submission", str(self.out))

    def files(self, revision: int = 1) -> dict[str, bytes]:
        folder = self.out / f"{self.world.environment}-rev-{revision}"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def document(self, revision: int = 1) -> Any:
        return json.loads(self.files(revision)["submission.json"])


def log_in(aws: Aws, monkeypatch: pytest.MonkeyPatch, **keys: str) -> None:
    """Give the process the credentials that a shell would have."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.get("key", "sandbox"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.get("secret", "x"))
    monkeypatch.setenv("AWS_REGION", REGION)
    if "token" in keys:
        monkeypatch.setenv("AWS_SESSION_TOKEN", keys["token"])


@pytest.fixture
def toolkit(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Toolkit:
    log_in(aws, monkeypatch)
    return Toolkit(EgressWorld(aws.url, zones=("use1-az1", "use1-az4")), tmp_path, capsys)
