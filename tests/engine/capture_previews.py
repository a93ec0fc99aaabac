"""Writes tests/unit/previews/: what the real engine says about the plans that the guard must judge.

Run it again after a change of engine or program: ``python -m tests.engine.capture_previews``.
Every document is the engine's own, without what the guard does not read (source positions,
time stamps, everything but name and type of what is not AWS's network).
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.engine.project import REPOSITORY, STACK, Project

FOLDER = REPOSITORY / "tests" / "unit" / "previews"
FORMS = {"": ("--show-sames",), ".steps": ("--show-sames", "--show-replacement-steps")}
KEPT = (
    "urn",
    "type",
    "id",
    "inputs",
    "outputs",
    "protect",
    "retainOnDelete",
    "external",
    "importID",
    "dependencies",
    "propertyDependencies",
)
BARE = ("urn", "type", "protect")
ZONE, SLOT, SPARE = "use1-az1", "use1-az1/1", "use1-az1/2"
EGRESS = "stacks/static_egress.py"


class Capture:
    """One deployed project, and the documents taken from it."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def take(self, name: str, *more: str, expected: int = 0) -> None:
        """Preview in every form and keep what the engine says."""
        told = []
        for form, arguments in FORMS.items():
            plan = self.project.folder / "plan.json"
            done = self.project.pulumi("preview", "--json", "--save-plan", str(plan), *arguments, *more)
            assert done.returncode == expected, (name, done.stdout[-2000:], done.stderr)
            document = json.loads(done.stdout)
            told.append(sorted(step["op"] for step in document["steps"]))
            if told[0] != told[-1] or not form:
                self.write(f"{name}{form}", document)
        if name in ("nothing", "tags", "moved", "past-the-gateway", "adopted"):
            self.write(f"{name}.plan", {"saved": json.loads(plan.read_text(encoding="utf-8"))})

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Write a document, trimmed, with the addresses by slot beside it."""
        if "saved" in document:
            saved = document["saved"]
            kept = {
                urn: {"goal": _trimmed_goal(urn, one["goal"]), "steps": one["steps"]}
                for urn, one in saved["resourcePlans"].items()
            }
            body = json.dumps({"config": _settings(saved["config"]), "resourcePlans": kept})
        else:
            steps = [json.dumps(_trimmed(step)) for step in document.pop("steps")]
            document.pop("duration")
            document["config"] = _settings(document["config"])
            head = json.dumps(document)[:-1]
            joined = ",\n".join(steps)
            body = f'{head}, "steps": [\n{joined}\n]}}'
        (FOLDER / f"{name}.json").write_text(f"{body}\n", encoding="utf-8")

    def settings(self, **egress: Any) -> None:
        """Set ``egress``."""
        self.project.configure(lambda config: config.update(egress=egress))

    @contextmanager
    def program(self, file: str, old: str, new: str) -> Iterator[None]:
        """Change the program for a while, past what its settings allow."""
        path = self.project.folder / file
        original = path.read_text(encoding="utf-8")
        assert old in original, (file, old)
        path.write_text(original.replace(old, new), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(original, encoding="utf-8")

    @contextmanager
    def configured(self, change: Callable[[dict[str, Any]], Any]) -> Iterator[None]:
        """Change the settings for a while."""
        original = self.project.world.stack_file.read_text(encoding="utf-8")
        self.project.configure(change)
        try:
            yield
        finally:
            self.project.world.stack_file.write_text(original, encoding="utf-8")


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    # where the partner's stand-in listens differs from run to run
    return {key: value for key, value in config.items() if not key.endswith(":partner")}


def _trimmed_goal(urn: str, goal: dict[str, Any]) -> dict[str, Any]:
    names = ("protect", "id", "inputDiff", "propertyDependencies") if "aws:ec2/" in urn else ("protect",)
    return {name: goal[name] for name in names if name in goal}


def _trimmed(step: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"op": step["op"], "urn": step["urn"]}
    network = "aws:ec2/" in step["urn"]
    for key in ("oldState", "newState"):
        state = step.get(key)
        if state:
            names = KEPT if network or step["urn"].endswith(f"::flexpay-egress-{STACK}") else BARE
            kept[key] = {name: state[name] for name in names if state.get(name)}
            outputs = kept[key].get("outputs") or {}
            for name in set(outputs) - {"publicIp", "allocationId", "egressAddresses", "tags"}:
                del outputs[name]
    return kept


def capture(project: Project) -> None:
    """Take every document; the second form only where a replacement makes it another."""
    one = Capture(project)
    project.configure(lambda config: config["network"].update(zones=[ZONE]))
    one.take("first-roll-out")
    project.up()
    addresses = {SLOT: {"role": "active"}}
    one.take("nothing")
    with one.configured(lambda config: config["tags"].update(more="tags")):
        one.take("tags")
    with one.configured(
        lambda config: config["merchants"].append(
            {
                "name": "acme-rail",
                "integrationId": "UP-12345678-3",
                "legalEntity": "Acme Rail",
                "testOrder": "air",
            }
        )
    ):
        one.take("merchant-added")
    with one.configured(lambda config: config.update(protect=False)):
        one.take("unprotected")
    with one.configured(lambda config: config["network"].update(cidr="10.99.0.0/16")):
        one.take("cidr-refused-by-program", expected=1)
    with one.program("stacks/network.py", 'cidr_block=str(args["cidr"]),', 'cidr_block="10.65.0.0/16",'):
        one.take("cidr-protected", expected=1)
        with one.configured(lambda config: config.update(protect=False)):
            one.take("cidr-unprotected")
    with (
        one.program(EGRESS, 'domain="vpc",', 'domain="vpc", network_border_group="us-east-1-bos-1",'),
        one.configured(lambda config: config.update(protect=False)),
    ):
        one.take("address-replaced-unprotected")
    allocation = project.outputs()["egressAddresses"][0]["allocationId"]
    getting = (
        "        return ec2.Eip.get(\n"
        f'            f"{{self._name}}-{{key(slot.slot)}}", "{allocation}", '
        "opts=pulumi.ResourceOptions(parent=self)\n        )\n        return ec2.Eip("
    )
    with one.program(EGRESS, "        return ec2.Eip(", getting):
        one.take("only-read")
    with one.program(
        EGRESS, "nat_gateway_id=self.gateways[exit_slot].id,", 'gateway_id="igw-0a1b2c3d4e5f67890",'
    ):
        one.take("past-the-gateway")
    one.settings(addresses=addresses | {SPARE: {"role": "spare"}})
    one.take("spare-added")
    project.up()
    foreign = project.client("ec2").allocate_address(Domain="vpc")["AllocationId"]
    with one.configured(
        lambda config: config["egress"]["addresses"].update(
            {f"{ZONE}/3": {"role": "spare", "allocation": foreign}}
        )
    ):
        one.take("adopted")
    with one.program(
        EGRESS,
        "adopt=slot.adopt or slot.owned",
        f'adopt="{foreign}" if slot.slot == "{SPARE}" else slot.owned',
    ):
        one.take("import-id-of-spare")
    with one.configured(lambda config: config["egress"]["addresses"].pop(SPARE)):
        one.take("spare-dropped", expected=1)
    moved = {SLOT: {"role": "spare"}, SPARE: {"role": "active"}}
    one.settings(addresses=moved, replace=[SLOT])
    one.take("moved")
    project.up()
    one.settings(addresses=moved)
    one.take("old-gateway-removed")
    project.up()
    with (
        one.configured(lambda config: config["egress"].update(replace=[SPARE])),
        one.program(
            EGRESS, 'connectivity_type="public",', 'connectivity_type="public", private_ip="10.64.0.9",'
        ),
    ):
        one.take("planned-replacement")


def main() -> None:
    """Start a project of its own, capture, and end it."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            capture(project.start())
        finally:
            project.world.stop(purge=True)


if __name__ == "__main__":
    main()
