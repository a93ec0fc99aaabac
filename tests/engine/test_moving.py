"""The runbook for a move to another account, carried out on the real engine to the letter.

What it prints is run: its settings, its commands, in its order, each in the account that it names.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import yaml

from sandbox.services import REPOSITORY
from tests.engine.accounting import held
from tests.engine.project import ACCOUNT, REGION, STACK, Project
from tests.engine.test_rollover_walk import Walk

pytestmark = [pytest.mark.engine, pytest.mark.long]
PAGE = REPOSITORY / "docs" / "runbooks" / "moving.md"
SECTION = "## Another account, same region"
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
ALLOCATION = re.compile(r"eipalloc-0a1b2c3d4e5f6000(\d)")
DOCUMENTED = {"203.0.113.10": "use1-az1/1", "203.0.113.11": "use1-az4/1"}
"""Address in the runbook → its slot."""
MERCHANT = "acme-air"
NEXT, NEW_ACCOUNT = f"{STACK}-next", "444455556666"
ANSWERED = {"up", "refresh", "destroy"}
"""Commands of the engine that ask before they do something, and show first what they would do."""


def steps() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield the number of each step and its blocks: language and text."""
    text = PAGE.read_text(encoding="utf-8").partition(SECTION)[2]
    parts = re.split(r"^(\d)\. ", text, flags=re.MULTILINE)[1:]
    for number, body in zip(parts[::2], parts[1::2], strict=True):
        blocks = []
        for indent, language, block in BLOCK.findall(body):
            blocks.append((language, "\n".join(line.removeprefix(indent) for line in block.splitlines())))
        yield int(number), blocks


class Move:
    """The old stack, the new one in another account, and what the runbook's examples stand for."""

    def __init__(self, project: Project) -> None:
        self.project = project
        zones = sorted(slot.partition("/")[0] for slot in DOCUMENTED.values())

        def smallest(config: dict[str, Any]) -> None:
            config["network"]["zones"] = zones
            config["merchants"] = [one for one in config["merchants"] if one["name"] == MERCHANT]

        project.configure(smallest)
        project.up()
        shown = {item["slot"]: item for item in project.outputs()["egressAddresses"]}
        self.addresses = {example: shown[slot]["address"] for example, slot in DOCUMENTED.items()}
        self.old = {one["address"]: one["allocationId"] for one in shown.values()}
        self.issued = self.approved_and_issued()
        self.begun = len(self.asked("AllocateAddress"))
        content = yaml.safe_load(project.world.stack_file.read_text(encoding="utf-8"))
        content.pop("encryptionsalt", None)
        content["config"]["aws:allowedAccountIds"] = [NEW_ACCOUNT]
        self.settings(NEXT).write_text(yaml.safe_dump(content), encoding="utf-8")
        self.succeeds(f"pulumi stack init {NEXT} --non-interactive", NEW_ACCOUNT)

    def approved_and_issued(self) -> str:
        """Have the partner let both addresses in, and return the credentials that it issues."""
        walk = Walk(self.project)
        walk.toolkit("allowlist", "draft", "--out", "submissions")
        (package,) = (self.project.folder / "submissions").glob("*/submission.json")
        taken = walk.desk("submit", str(package))
        walk.toolkit("allowlist", "record", "submitted", "--submission", "submissions", "--reference", "FP-1")
        walk.desk("approve", taken["id"], "--ticket", "FP-1")
        walk.toolkit("allowlist", "record", "approved", "--reference", "FP-1")
        return json.dumps(walk.desk("issue", "--merchant", MERCHANT))

    def proves(self, address: str) -> None:
        """Insist that the new stack's credentials and orders are accepted from an address."""
        on = f"--stack {NEXT} --merchant {MERCHANT} --source-address {address}"
        self.succeeds(f"flexpay-onboard credentials put {on}", NEW_ACCOUNT, given=self.issued)
        self.succeeds(f"flexpay-onboard verify {on} --control-source 127.200.0.1", NEW_ACCOUNT)

    def asked(self, action: str) -> list[Any]:
        calls: list[Any] = self.project.control("GET", f"/sandbox/calls?action={action}")["calls"]
        return calls

    def settings(self, stack: str) -> Any:
        return self.project.folder / "stacks" / f"Pulumi.{stack}.yaml"

    def ec2(self, account: str) -> Any:
        make: Any = boto3.client
        url = self.project.world.running()["aws"].ready["url"]
        return make(
            "ec2",
            region_name=REGION,
            endpoint_url=url,
            aws_access_key_id=account or "sandbox",
            aws_secret_access_key="x",
        )

    def theirs(self) -> dict[str, str]:
        """Address → allocation of everything in the new account."""
        found = self.ec2(NEW_ACCOUNT).describe_addresses()["Addresses"]
        return {item["PublicIp"]: item["AllocationId"] for item in found}

    def meant(self, text: str) -> str:
        """Put this world's names in the place of the runbook's."""
        first, second = self.addresses.values()
        theirs = self.theirs()
        ids = {"1": self.old[first], "2": theirs.get(first), "3": self.old[second], "4": theirs.get(second)}
        for example, address in self.addresses.items():
            text = text.replace(example, address)
        text = ALLOCATION.sub(lambda match: str(ids[match[1]]), text)
        return re.sub(r"\bproduction\b", STACK, text)

    def configure(self, text: str) -> None:
        named = re.match(r"# stacks/Pulumi\.(\S+)\.yaml\n", text)
        assert named, text
        path = self.settings(named[1])
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["config"] |= yaml.safe_load(text)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")

    def carry_out(self, text: str) -> None:
        account = ""
        for line in text.splitlines():
            if line.startswith("# "):
                account = {"# old account": "", "# new account": NEW_ACCOUNT}[line]
            elif line.startswith("aws ec2 "):
                self.aws(line, account)
            else:
                self.command(self.meant(line), account)
            now = {*self.project.allocated(), *self.theirs()}
            assert set(self.addresses.values()) == now, f"after {line}"

    def aws(self, line: str, account: str) -> None:
        operation, *options = self.meant(line).removeprefix("aws ec2 ").split()
        named = {
            "".join(word.capitalize() for word in option.removeprefix("--").split("-")): value
            for option, value in zip(options[::2], options[1::2], strict=True)
        }
        getattr(self.ec2(account), operation.replace("-", "_"))(**named)

    def command(self, line: str, account: str) -> None:
        program, verb = line.split()[:2]
        stack = line.rpartition(" ")[2]
        if (program, verb) == ("pulumi", "up"):
            self.judged(stack, account)
        if program == "pulumi":
            line += " --yes --skip-preview" if verb in ANSWERED else " --yes"
        self.succeeds(line, account)

    def judged(self, stack: str, account: str) -> None:
        """Insist that the guard lets the plan pass, without a word."""
        preview = self.run(f"pulumi preview --json --show-sames --stack {stack}", account)
        done = self.project.toolkit("guard", "--json", given=preview.stdout)
        assert done.returncode == 0, done.stdout + done.stderr + preview.stderr
        assert json.loads(done.stdout)["findings"] == []

    def run(self, line: str, account: str = "", given: str | None = None) -> Any:
        key = {"AWS_ACCESS_KEY_ID": account or "sandbox"}
        return self.project.run("sh", "-c", line, given=given, extra=key)

    def succeeds(self, line: str, account: str = "", given: str | None = None) -> str:
        done = self.run(line, account, given)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return str(done.stdout)

    def standing(self, line: str, account: str = "") -> dict[str, tuple[str, str]]:
        """Return address → status and account of every address that the ledger or a stack names."""
        (environment,) = json.loads(self.succeeds(line, account))["environments"]
        return {row["address"]: (row["status"], row["accountId"]) for row in environment["addresses"]}


def test_the_runbook_moves_every_address_to_another_account(project: Project) -> None:
    move = Move(project)
    first, second = move.addresses.values()
    for number, blocks in steps():
        for language, text in blocks:
            if language == "yaml":
                move.configure(move.meant(text))
            else:
                move.carry_out(text)
        if number == 3:
            refused = move.run(f"pulumi up --yes --skip-preview --stack {STACK}")
            assert refused.returncode != 0
            assert "docs/runbooks/moving.md" in refused.stdout
        if number == 4:
            move.succeeds(f"pulumi up --yes --skip-preview --expect-no-changes --stack {STACK}")
            (left,) = project.outputs()["egressAddresses"]
            assert (left["address"], left["role"]) == (second, "active")
            assert set(project.outputs()["egressByZone"].values()) == {"use1-az4/1"}
        if number == 5:
            line = f"flexpay-onboard allowlist status -s {STACK} -s {NEXT} --offline --json"
            assert move.standing(line) == {first: ("unproven", NEW_ACCOUNT), second: ("unproven", ACCOUNT)}
            move.proves(first)
    new = f"pulumi up --yes --skip-preview --stack {NEXT}"
    move.succeeds(f"{new} --expect-no-changes", NEW_ACCOUNT)
    line = f"flexpay-onboard allowlist status -s {NEXT} --json"
    assert move.standing(line, NEW_ACCOUNT) == {
        first: ("approved", NEW_ACCOUNT),
        second: ("approved", NEW_ACCOUNT),
    }
    assert held(project) == {}
    assert len(move.asked("AllocateAddress")) == move.begun
    assert move.asked("ReleaseAddress") == []
