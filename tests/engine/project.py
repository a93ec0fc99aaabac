"""A copy of the project with a sandbox of its own, driven through the real pulumi CLI."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.flexpay.desk_client import call
from sandbox.world import ACCOUNT, REGION, STACK, World

REPOSITORY = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 180
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
ASKED_WITHOUT_A_CHANGE = ["sts:GetCallerIdentity", "ec2:DescribeAddresses"]
"""All that an update asks AWS when nothing changed, whatever the stack's size: whose account this is, and
which addresses there are."""


class Project:
    """One project folder; everything a test does to it stays in there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Pulumi.yaml", "__main__.py"):
            shutil.copy(REPOSITORY / name, folder / name)
        for package in ("stacks", "onboarding"):
            shutil.copytree(
                REPOSITORY / package,
                folder / package,
                # half-written bytecode of a neighbour is gone before it is copied
                ignore=shutil.ignore_patterns("*.pyc.*", f"Pulumi.{STACK}.yaml"),
            )
        (folder / ".venv").symlink_to(REPOSITORY / ".venv")
        self.world = World(folder)
        self._begun: Beginning | None = None

    def start(self) -> "Project":
        """Start the stand-ins and create the stack."""
        self.world.start()
        if self._begun is None:
            self._begun = Beginning.of(self)
        return self

    def renew(self) -> bool:
        """Return to how everything was after the first ``start``; False when only a new project is."""
        return self._begun is not None and self._begun.restore(self)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which commands meet this project's sandbox."""
        return self.world.environment(os.environ)

    def run(
        self,
        *command: str,
        given: str | None = None,
        extra: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the project folder, to its end, whatever that is."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | dict(extra or {}),
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def pulumi(
        self, *arguments: str, extra: Mapping[str, str] | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run pulumi on the sandbox stack."""
        command = ("pulumi", *arguments, "--stack", STACK, "--non-interactive")
        return self.run(*command, extra=extra, timeout=timeout)

    def up(self, *arguments: str, timeout: float = TIMEOUT_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run ``pulumi up`` and insist that it succeeds."""
        done = self.pulumi("up", "--yes", "--skip-preview", *arguments, timeout=timeout)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def preview(self, *arguments: str) -> dict[str, Any]:
        """Return what ``pulumi preview --json`` says, errors included."""
        done = self.pulumi("preview", "--json", *arguments)
        plan: dict[str, Any] = json.loads(done.stdout)
        return plan

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of the last update, and insist that there are any."""
        outputs = self.known_outputs()
        assert outputs, "the stack has no outputs"
        return outputs

    def toolkit(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run flexpay-onboard."""
        return self.run("flexpay-onboard", *arguments, given=given)

    def configure(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the stack file; ``change`` gets the project's keys without their namespace."""
        content = yaml.safe_load(self.world.stack_file.read_text(encoding="utf-8"))
        prefix = "flexpay-egress:"
        config = content["config"]
        own = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
        change(own)
        others = {key: value for key, value in config.items() if not key.startswith(prefix)}
        content["config"] = others | {f"{prefix}{key}": value for key, value in own.items()}
        self.world.stack_file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def state(self) -> dict[str, Any]:
        """Return the stack's checkpoint, {} for a stack that is gone or was never updated.

        From its file: the engine takes a second to tell the same.
        """
        files = list((self.world.state / "backend").glob(f".pulumi/stacks/*/{STACK}.json"))
        latest = json.loads(files[0].read_bytes())["checkpoint"]["latest"] if files else None
        return dict(latest or {})

    def known_outputs(self) -> dict[str, Any]:
        """Return the outputs of the last update as the state has them, {} when it has none."""
        for resource in self.state().get("resources") or ():
            if resource["type"] == "pulumi:pulumi:Stack":
                return dict(resource.get("outputs") or {})
        return {}

    def client(self, service: str) -> Any:
        """Return a boto3 client on this project's AWS stand-in."""
        import boto3

        make: Any = boto3.client  # its typed overloads want a literal service name
        return make(
            service,
            region_name=REGION,
            endpoint_url=self.world.running()["aws"].ready["url"],
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Use the AWS stand-in's own controls, e.g. ``control("POST", "/sandbox/faults", {…})``."""
        import requests

        url = f"{self.world.running()['aws'].ready['url']}{path}"
        answer = requests.request(method, url, json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def allocated(self) -> dict[str, str]:
        """Return address → allocation ID of every address that AWS holds for the account."""
        found = self.client("ec2").describe_addresses()["Addresses"]
        return {item["PublicIp"]: item["AllocationId"] for item in found}


@dataclass(frozen=True)
class Beginning:
    """What a project was like before anything was done to it."""

    names: frozenset[str]
    """What lay in its folder."""
    program: Mapping[Path, bytes]
    """Every file of ``stacks/``."""
    stacks: Mapping[Path, bytes]
    """The engine's own files, of a stack that was never updated."""
    partner: Any
    """What the partner's desk says of its state."""

    @classmethod
    def of(cls, project: Project) -> "Beginning":
        return cls(
            frozenset(path.name for path in project.folder.iterdir()),
            {path: path.read_bytes() for path in _files(project.folder / "stacks")},
            {path: path.read_bytes() for path in _files(project.world.state / "backend")},
            _desk(project),
        )

    def restore(self, project: Project) -> bool:
        """Put it all back; False, and nothing done, when a stand-in is gone or the partner was used."""
        if project.world.running().keys() != {"aws", "partner"} or _desk(project) != self.partner:
            return False
        for path in project.folder.iterdir():
            if path.name not in self.names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for folder, kept in (("stacks", self.program), (".sandbox/backend", self.stacks)):
            for path in _files(project.folder / folder):
                if path not in kept:
                    path.unlink()
            for path, content in kept.items():
                if not path.exists() or path.read_bytes() != content:
                    path.write_bytes(content)
        project.control("POST", "/sandbox/reset")
        return True


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _desk(project: Project) -> Any:
    return call(project.world.running()["partner"].ready["desk"], "GET", "/state")


def everything(config: dict[str, Any], zones: Sequence[str]) -> None:
    """Switch on every part of a stack, in these zones; a change for ``Project.configure``."""
    endpoints = ["secretsmanager", "kms", "s3"]
    config["network"] |= {"zones": list(zones), "endpoints": endpoints, "flowLogs": True}
    config["verifier"] = {"enabled": True, "schedule": "rate(1 hour)", "alarmTopicArn": TOPIC}


def asked_without_a_change(project: Project) -> list[str]:
    """Update a stack that needs no change; return what AWS was asked, in order."""
    project.control("DELETE", "/sandbox/calls")
    project.up("--expect-no-changes")
    calls = project.control("GET", "/sandbox/calls")["calls"]
    return [f"{call['service']}:{call['action']}" for call in calls]


__all__ = [
    "ACCOUNT",
    "ASKED_WITHOUT_A_CHANGE",
    "REGION",
    "STACK",
    "Project",
    "asked_without_a_change",
    "everything",
]
