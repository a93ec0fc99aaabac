"""A change of address from beginning to end on the real engine, with calls to the partner all the while."""

import json
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import boto3  # noqa: F401  # loaded once per worker, not within a test's time
import pytest

from onboarding.deployment import Orders, Partner
from onboarding.errors import ToolkitError
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.flexpay.tokens import request_token
from onboarding.flexpay.transport import open_session
from sandbox.services import REPOSITORY
from tests.engine.meanwhile import meanwhile
from tests.engine.project import STACK, Project

pytestmark = [pytest.mark.engine, pytest.mark.lengthy]
ZONE, OLD, NEW = "use1-az1", "use1-az1/1", "use1-az1/2"
MERCHANT = "acme-air"
ON = ("--stack", STACK)
PAUSE_SECONDS = 0.25
"""Between two calls: the partner limits how often a client may ask for tokens."""


@dataclass
class Traffic:
    """Calls to the partner, each from where the zone's default route leads at that moment."""

    project: Project
    partner: Partner
    credentials: ClientCredentials
    table: str
    """Route table of the zone's private subnet."""
    first: str
    """The address that is to be replaced."""
    calls: list[str] = field(default_factory=list)
    """The source address of every call that was let in."""
    lost: list[str] = field(default_factory=list)
    """Why, for every other."""

    def source(self, ec2: Any) -> str:
        routes = ec2.describe_route_tables(RouteTableIds=[self.table])["RouteTables"][0]["Routes"]
        (gateway,) = [
            route["NatGatewayId"] for route in routes if route.get("DestinationCidrBlock") == "0.0.0.0/0"
        ]
        (found,) = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
        assert found["State"] == "available", f"{gateway} is {found['State']}"
        return str(found["NatGatewayAddresses"][0]["PublicIp"])

    def call_from(self, source: str) -> None:
        with open_session(self.partner.ca_bundle, source) as session:
            request_token(session, self.partner, self.credentials)

    def once(self, ec2: Any) -> None:
        try:
            source = self.source(ec2)
            self.call_from(source)
            self.calls.append(source)
        except Exception as error:  # noqa: BLE001 - whatever stops a call, it is lost
            self.lost.append(repr(error))

    def flowing(self) -> AbstractContextManager[None]:
        ec2 = self.project.client("ec2")
        return meanwhile(lambda: self.once(ec2), every=PAUSE_SECONDS)


class Walk:
    """The commands of one move."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def desk(self, *arguments: str) -> Any:
        done = self.project.run(
            sys.executable,
            *("-m", "sandbox.flexpay", "desk", "--state", str(self.project.world.state / "partner")),
            *arguments,
            extra={"PYTHONPATH": str(REPOSITORY)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def toolkit(self, *arguments: str, given: str | None = None) -> str:
        done = self.project.toolkit(*arguments, *ON, given=given)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def hand_in(self, ticket: str, *more: str, action: str, address: str | None = None) -> None:
        self.toolkit("allowlist", "draft", "--out", "submissions", *more)
        packages = sorted((self.project.folder / "submissions").glob("*/submission.json"))
        taken = self.desk("submit", str(packages[-1]))
        named = ["--address", address] if address else []
        if action == "approved":
            record = ("allowlist", "record", "submitted", "--submission", "submissions")
            self.toolkit(*record, "--reference", ticket)
            assert self.standing()[:2] == ("approval", 3)
        self.desk("approve", taken["id"], "--ticket", ticket)
        self.toolkit("allowlist", "record", action, "--reference", ticket, *named)

    def standing(self) -> tuple[str | None, int, dict[str, Any]]:
        """Return the step that is due, the exit code and the whole answer."""
        done = self.project.toolkit("rollover", "--slot", OLD, "--json", *ON)
        said = json.loads(done.stdout)
        assert done.returncode == said["exitCode"]
        (move,) = said["moves"] or [{"due": None}]
        return move["due"], done.returncode, move

    def carry_out(self, due: str) -> None:
        """Insist on the step that is due, and run its commands as they are printed."""
        found, code, move = self.standing()
        assert (found, code) == (due, 3)
        for line in move["instructions"]:
            if line.startswith(("pulumi", "flexpay-onboard")):
                command = f"{line} --yes" if line.startswith("pulumi up") else line
                done = self.project.run("sh", "-c", command)
                assert done.returncode == 0, f"{due}: {command}: {done.stdout}{done.stderr}"

    def checks(self, step: str) -> int:
        return self.project.toolkit("rollover", "--slot", OLD, "--check", step, *ON).returncode

    def roles(self, old: str | None, new: str, *, replace: bool = False) -> None:
        slots = {OLD: {"role": old}} if old else {}

        def change(config: dict[str, Any]) -> None:
            config["egress"] = {"addresses": slots | {NEW: {"role": new}}}
            if replace:
                config["egress"]["replace"] = [OLD]

        self.project.configure(change)

    def verify(self, address: str) -> None:
        self.toolkit("verify", "--source-address", address, "--control-source", "127.200.0.1")


def rolled_out(walk: Walk) -> Traffic:
    """Deploy one zone, have it approved, store credentials and prove them; returns its traffic, stopped."""

    def smallest(config: dict[str, Any]) -> None:
        config["network"]["zones"] = [ZONE]
        config["merchants"] = [one for one in config["merchants"] if one["name"] == MERCHANT]

    walk.project.configure(smallest)
    walk.project.up()
    outputs = walk.project.outputs()
    (first,) = (item["address"] for item in outputs["egressAddresses"])
    walk.toolkit("allowlist", "draft", "--out", "submissions")
    (package,) = (walk.project.folder / "submissions").glob("*/submission.json")
    taken = walk.desk("submit", str(package))
    walk.toolkit("allowlist", "record", "submitted", "--submission", "submissions", "--reference", "FP-1")
    walk.desk("approve", taken["id"], "--ticket", "FP-1")
    walk.toolkit("allowlist", "record", "approved", "--reference", "FP-1")
    issued = json.dumps(walk.desk("issue", "--merchant", MERCHANT))
    walk.toolkit("credentials", "put", "--merchant", MERCHANT, "--source-address", first, given=issued)
    partner = Partner(
        outputs["partner"]["serverUrl"],
        outputs["partner"]["checkoutPrefix"],
        Orders.TEST,
        str(walk.project.folder / outputs["partner"]["caBundle"]),
    )
    credentials = ClientCredentials.from_json(issued)
    return Traffic(walk.project, partner, credentials, outputs["routeTables"][ZONE], first)


def test_an_address_is_changed_without_one_lost_call(project: Project) -> None:
    walk = Walk(project)
    traffic = rolled_out(walk)
    first = traffic.first
    assert project.toolkit("rollover", *ON).returncode == 0  # nothing is under way

    with traffic.flowing():
        assert walk.checks("attach") == 3
        walk.roles("active", "spare")
        walk.carry_out("allocate")
        second = next(item["address"] for item in project.outputs()["egressAddresses"] if item["slot"] == NEW)

        assert walk.standing()[0] == "submit"
        walk.hand_in("FP-2", action="approved", address=second)

        assert walk.checks("attach") == 0
        walk.roles("spare", "active", replace=True)
        walk.carry_out("attach")

        assert walk.standing()[0] == "verify"
        walk.verify(second)
        project.configure(lambda config: config["egress"].pop("replace"))
        walk.carry_out("detach")

        assert walk.standing()[0] == "retire"
        walk.hand_in("FP-3", "--remove", first, action="retired", address=first)

        due, _, move = walk.standing()
        assert due == "drop"
        assert any("state unprotect" in line for line in move["instructions"])
        assert walk.project.toolkit("addresses", "release", first, "--yes", *ON).returncode == 1
        walk.roles(None, "active")
        _forget(project, move["old"]["address"])

        assert walk.standing()[0] == "release"
        walk.toolkit("addresses", "release", first, "--yes")
        assert walk.standing()[:2] == (None, 0)
        time.sleep(PAUSE_SECONDS * 4)

    assert traffic.lost == []
    assert outward_route_changes(project) == ["CreateRoute", "ReplaceRoute"]  # no moment without a route
    with pytest.raises(ToolkitError):
        traffic.call_from(first)  # the list is enforced: a call from the wrong place would have been lost
    assert list(dict.fromkeys(traffic.calls)) == [first, second]  # moved once, and never back
    assert traffic.calls.count(first) > 10
    assert traffic.calls.count(second) > 10
    assert set(project.allocated()) == {second}
    assert project.toolkit("rollover", *ON).returncode == 0


def outward_route_changes(project: Project) -> list[str]:
    """Return what was done to the zone's default route, in order."""
    made = project.control("GET", "/sandbox/calls")["calls"]
    return [
        call["action"]
        for call in made
        if call["action"] in ("CreateRoute", "ReplaceRoute", "DeleteRoute")
        and not call["parameters"].get("GatewayId")
        and call["parameters"].get("DestinationCidrBlock") == "0.0.0.0/0"
    ]


def _forget(project: Project, address: str) -> None:
    (urn,) = (
        item["urn"]
        for item in project.state()["resources"]
        if item["type"] == "aws:ec2/eip:Eip" and item["outputs"]["publicIp"] == address
    )
    done = project.pulumi("state", "unprotect", urn, "--yes")
    assert done.returncode == 0, done.stderr
    project.up()
    assert address in project.allocated()
