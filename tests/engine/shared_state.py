"""Operators who share a state backend: a versioned bucket, and a key instead of a passphrase.

The addresses of bucket and key are the README's, but for where the AWS stand-in listens: an official
AWS endpoint needs neither ``endpoint`` nor ``disableSSL`` nor ``s3ForcePathStyle``.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT
from tests.engine.project import REPOSITORY, STACK, TIMEOUT_SECONDS, Project

PRODUCTION = "production"
ZONES = ("use1-az1", "use1-az4")
QUIET_SECONDS = 4.0
LOGIN = re.compile(r"pulumi login '(s3://([\w-]+)\?\S+)'")
INIT = re.compile(r"pulumi stack init (\w+) --secrets-provider '(awskms://(alias/[\w-]+)\?\S+)'")
LOCKED = "the stack is currently locked by 1 lock(s)"


def production_path() -> dict[str, str]:
    """Return what the README's production path names: url, bucket, secrets provider, key alias."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    login, init = LOGIN.search(text), INIT.search(text)
    assert login is not None
    assert init is not None
    assert init[1] == PRODUCTION
    return {"url": login[1], "bucket": login[2], "secrets": init[2], "alias": init[3]}


class Operator:
    """One person's clone of the project, logged in to the shared backend."""

    def __init__(self, name: str, project: Project, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._home = folder.with_name(f"{name}-home")
        self._project = project
        self._begun: list[subprocess.Popen[str]] = []
        ignored = shutil.ignore_patterns(".sandbox", ".venv", "__pycache__", f"Pulumi.{STACK}.yaml")
        shutil.copytree(project.folder, folder, ignore=ignored)
        (folder / ".venv").symlink_to(project.folder / ".venv")
        (folder / ".sandbox").symlink_to(project.folder / ".sandbox")
        self._home.mkdir()
        (self._home / "plugins").symlink_to(project.folder / ".sandbox" / "pulumi" / "plugins")

    @property
    def environment(self) -> dict[str, str]:
        """The shell of this operator: no passphrase, and the backend that `pulumi login` remembers."""
        theirs = self._project.environment
        del theirs["PULUMI_BACKEND_URL"], theirs["PULUMI_CONFIG_PASSPHRASE"]
        return theirs | {"PULUMI_HOME": str(self._home), "HOME": str(self._home), "USER": self.name}

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pulumi to its end, whatever that is."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def begin_up(self) -> "subprocess.Popen[str]":
        """Begin ``pulumi up``, in a session of its own, and do not wait for it."""
        begun = subprocess.Popen(
            ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", PRODUCTION],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._begun.append(begun)
        return begun

    def end(self) -> None:
        """End what this operator began and nobody waited for."""
        for process in self._begun:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def on_stack(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pulumi on the shared stack."""
        return self.pulumi(*arguments, "--stack", PRODUCTION)


class SharedState:
    """The bucket, the key and two operators of one environment."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.path = production_path()
        self.s3: Any = project.client("s3")
        self._bucket()
        where = urlsplit(project.world.running()["aws"].ready["url"]).netloc
        self.url = f"{self.path['url']}&endpoint={where}&disableSSL=true&s3ForcePathStyle=true"
        self._stack_file()
        self.first = Operator("kim", project, folder / "kim")
        self.login(self.first)
        made = self.first.pulumi("stack", "init", PRODUCTION, "--secrets-provider", self.path["secrets"])
        assert made.returncode == 0, made.stdout + made.stderr
        # what the first operator commits is what the second one clones
        ours = self.first.folder / "stacks" / f"Pulumi.{PRODUCTION}.yaml"
        shutil.copy(ours, project.folder / "stacks" / ours.name)
        self.second = Operator("lee", project, folder / "lee")
        self.login(self.second)

    def login(self, operator: Operator) -> None:
        """Log an operator in, as the README says."""
        done = operator.pulumi("login", self.url)
        assert done.returncode == 0, done.stdout + done.stderr

    def _bucket(self) -> None:
        self.s3.create_bucket(Bucket=self.path["bucket"])
        self.s3.put_bucket_versioning(
            Bucket=self.path["bucket"], VersioningConfiguration={"Status": "Enabled"}
        )
        kms = self.project.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=self.path["alias"], TargetKeyId=key)

    def _stack_file(self) -> None:
        content = yaml.safe_load(self.project.world.stack_file.read_text(encoding="utf-8"))
        content["config"]["flexpay-egress:environment"] = PRODUCTION
        content["config"]["flexpay-egress:network"]["zones"] = list(ZONES)
        target = self.project.folder / "stacks" / f"Pulumi.{PRODUCTION}.yaml"
        target.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def keys(self, prefix: str) -> list[str]:
        """Return the bucket's keys below ``.pulumi/``."""
        found = self.s3.list_objects_v2(Bucket=self.path["bucket"], Prefix=f".pulumi/{prefix}")
        return [item["Key"] for item in found.get("Contents", ())]

    def locks(self) -> list[dict[str, Any]]:
        """Return who holds the stack, as the lock says."""
        bodies = [
            self.s3.get_object(Bucket=self.path["bucket"], Key=key)["Body"] for key in self.keys("locks/")
        ]
        return [json.loads(body.read()) for body in bodies]

    def calls_have_ended(self) -> bool:
        """Watch for a while: tell whether resources have been made, and no call but a look ends any more."""
        before = [one["number"] for one in self._changes()]
        time.sleep(QUIET_SECONDS)
        return len(before) > 0 and before == [one["number"] for one in self._changes()]

    def _changes(self) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self.project.control("GET", "/sandbox/calls")["calls"]
        return [one for one in calls if one["service"] == "ec2" and not one["action"].startswith("Describe")]

    def gateways(self) -> dict[str, str]:
        """Return name → ID of the NAT gateways that are there, as the program names them."""
        found = self.project.client("ec2").describe_nat_gateways()["NatGateways"]
        slots = {
            one["NatGatewayId"]: next(tag["Value"] for tag in one["Tags"] if tag["Key"] == TAG_SLOT)
            for one in found
            if one["State"] != "deleted"
        }
        return {f"egress-{slot.replace('/', '-')}": gateway for gateway, slot in slots.items()}

    def subnets(self) -> set[str]:
        """Return the IDs of the environment's subnets that are there."""
        ours = [{"Name": f"tag:{TAG_ENVIRONMENT}", "Values": [PRODUCTION]}]
        found = self.project.client("ec2").describe_subnets(Filters=ours)["Subnets"]
        return {one["SubnetId"] for one in found}

    def ids(self, kind: str) -> set[str]:
        """Return the IDs of a type's resources in the state."""
        return {one["id"] for one in self.state()["resources"] if one["type"] == kind and "id" in one}

    def allocations(self) -> list[str]:
        """Return what AWS holds for the account."""
        return list(self.project.allocated().values())

    def state(self) -> dict[str, Any]:
        """Return the exported deployment."""
        done = self.first.on_stack("stack", "export")
        assert done.returncode == 0, done.stderr
        deployment: dict[str, Any] = json.loads(done.stdout)["deployment"]
        return deployment

    def slots(self) -> dict[str, str]:
        """Return slot → allocation ID, by the outputs."""
        done = self.second.on_stack("stack", "output", "--json")
        assert done.returncode == 0, done.stderr
        return {item["slot"]: item["allocationId"] for item in json.loads(done.stdout)["egressAddresses"]}

    def assert_consistent(
        self, *, kept: Mapping[str, str] | None = None, pending: str | None = None
    ) -> dict[str, str]:
        """Insist that state, outputs and AWS agree, that nobody holds the stack, and nothing is left to do.

        ``kept`` are slots whose allocations must be the same as before; ``pending`` is the one type of
        which the engine may remember interrupted operations. Returns the slots.
        """
        slots = self.slots()
        assert self.locks() == []
        state = self.state()
        interrupted = {one["resource"]["type"] for one in state.get("pending_operations") or ()}
        assert {one.rpartition(":")[2] for one in interrupted} <= ({pending} if pending else set())
        addresses = self.project.client("ec2").describe_addresses()["Addresses"]
        tagged = {
            tag["Value"]: one["AllocationId"]
            for one in addresses
            for tag in one["Tags"]
            if tag["Key"] == TAG_SLOT
        }
        assert len(addresses) == len(slots), "an address was allocated twice"
        assert tagged == slots
        assert self.ids("aws:ec2/eip:Eip") == set(slots.values())
        assert {slot: slots[slot] for slot in kept or {}} == dict(kept or {})
        again = self.second.on_stack("up", "--yes", "--skip-preview", "--expect-no-changes")
        assert again.returncode == 0, again.stdout + again.stderr
        return slots


__all__ = ["LOCKED", "PRODUCTION", "Operator", "SharedState"]
