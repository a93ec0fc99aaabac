"""What the tests of lasting addresses share: approvals, and where every address is."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from onboarding.allowlist.ledger import Action, new_event
from onboarding.ledger_file import append, start
from stacks.contract import TAG_SLOT
from tests.engine.accounting import discovered, held
from tests.engine.project import STACK, Project

EIP = "aws:ec2/eip:Eip"
ZONE, SLOT, SPARE = "use1-az1", "use1-az1/1", "use1-az1/2"
SAFE = ("--show-sames",)


def by_slot(project: Project) -> dict[str, str]:
    """Slot → allocation ID, by the outputs."""
    return {item["slot"]: item["allocationId"] for item in project.outputs()["egressAddresses"]}


def tags_of(project: Project, allocation_id: str) -> dict[str, str]:
    (found,) = project.client("ec2").describe_addresses(AllocationIds=[allocation_id])["Addresses"]
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}


def approve(project: Project, *addresses: str) -> None:
    """Record addresses as submitted and approved, for the first merchant; all held ones unless named."""
    path = project.folder / "allowlist" / f"{STACK}.yaml"
    start(path, STACK)
    chosen = [IPv4Address(one) for one in addresses or held(project).values()]
    now = datetime.now(UTC) - timedelta(hours=1)
    for late, action in enumerate((Action.SUBMITTED, Action.APPROVED)):
        event = new_event(
            STACK,
            at=now + timedelta(seconds=late),
            action=action,
            merchants=["acme-air"],
            addresses=chosen,
            reference="FP-4711",
            actor="tests",
        )
        append(path, event)


def prepare(project: Project, *slots: str, **settings: Any) -> dict[str, str]:
    """Bring up one zone with these slots, the first active, and have all of them approved."""
    chosen = slots or (SLOT,)
    roles = {slot: {"role": "spare" if number else "active"} for number, slot in enumerate(chosen)}

    def change(config: dict[str, Any]) -> None:
        config["network"].update(zones=[ZONE])
        config.update(egress={"addresses": roles}, **settings)

    project.configure(change)
    project.up()
    approve(project)
    return by_slot(project)


def guard(project: Project, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Preview, and let the guard judge it: its exit code and answer."""
    preview = project.pulumi("preview", "--json", *SAFE, *arguments).stdout
    done = project.toolkit("guard", "--json", given=preview)
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def assert_kept(
    project: Project, approved: Mapping[str, str], *, outputs: Path | None = None
) -> dict[str, str]:
    """Insist that approved addresses are held under their slots, and no address of ours is lost track of.

    ``approved`` maps slots to allocations. Returns retained allocations with their reason.
    """
    now = held(project)
    for slot, allocation in approved.items():
        assert allocation in now, f"{slot}: {allocation} was released"
        assert tags_of(project, allocation)[TAG_SLOT] == slot
    said = json.loads(outputs.read_text(encoding="utf-8")) if outputs else project.outputs()
    retained = {one["allocationId"]: one["reason"] for one in discovered(project, said)["retained"]}
    declared = {one["allocationId"] for one in said["egressAddresses"]}
    lost = set(now) - declared - set(retained)
    assert not lost, f"neither declared nor listed as retained: {lost}"
    assert all(retained.values())
    return retained
