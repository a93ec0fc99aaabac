"""The deployed functions prove their addresses through real NAT, with what AWS gives them."""

import base64
import hashlib
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from onboarding.verification.cloud import Action, Request, to_event
from onboarding.verification.probes import PairJob
from sandbox.netlab.function import Function, invoke, read_function
from sandbox.netlab.lab import Lab
from sandbox.netlab.view import LabError
from tests.engine.project import REGION, Project
from tests.netlab.conftest import Build
from tests.netlab.wiring import Wiring

pytestmark = [pytest.mark.netlab, pytest.mark.engine, pytest.mark.xdist_group("netlab")]

Ask = Callable[[Lab, str, Request], Any]
BUNDLES = Path(".flexpay", "bundles")


def function_of(deployed: Project, wiring: Wiring, zone: str) -> Function:
    name = wiring.outputs["verifierFunctions"][zone]
    return read_function(deployed.client("lambda"), name, deployed.folder / BUNDLES)


@pytest.fixture
def ask(deployed: Project, as_deployed: Wiring) -> Ask:
    """Invoke a zone's function inside its private subnet."""

    def asked(lab: Lab, zone: str, request: Request) -> Any:
        function = function_of(deployed, as_deployed, zone)
        assumed = deployed.client("sts").assume_role(
            RoleArn=function.role, RoleSessionName=function.name[:64]
        )
        return invoke(
            lab,
            zone,
            function,
            to_event(request),
            aws=str(deployed.world.running()["aws"].ready["url"]),
            credentials=assumed["Credentials"],
            region=REGION,
        )

    return asked


def measure(*merchants: str) -> Request:
    jobs = tuple(PairJob(merchant) for merchant in merchants)
    return Request(Action.MEASURE, "run-1", jobs)


def seen(lab: Lab, answer: Any) -> set[str]:
    """The addresses that the function was seen to leave from, as allocated."""
    return {
        str(lab.plan.allocated(IPv4Address(sample["address"])))
        for sample in answer["place"]["samples"]
        if sample["address"]
    }


def test_each_function_is_seen_from_its_zones_address(build: Build, as_deployed: Wiring, ask: Ask) -> None:
    with build() as lab:
        found = {zone: seen(lab, ask(lab, zone, Request(Action.LOOK))) for zone in as_deployed.zones}
    assert found == {zone: {address} for zone, address in as_deployed.addresses.items()}


def test_tokens_come_to_approved_zones_only_with_the_secrets_of_the_environment(
    build: Build, as_deployed: Wiring, ask: Ask
) -> None:
    merchants = sorted(as_deployed.outputs["merchants"])
    approved, unapproved = as_deployed.zones[0], as_deployed.zones[-1]
    with build() as lab:
        inside = ask(lab, approved, measure(*merchants))
        outside = ask(lab, unapproved, measure(*merchants))
        calls = lab.calls()
    assert {one["merchant"]: one["token"]["ok"] for one in inside["pairs"]} == dict.fromkeys(merchants, True)
    assert {one["merchant"]: one["reachable"]["ok"] for one in inside["pairs"]} == dict.fromkeys(
        merchants, True
    )
    assert {one["merchant"]: one["token"]["ok"] for one in outside["pairs"]} == dict.fromkeys(
        merchants, False
    )
    address = str(lab.plan.translation[IPv4Address(as_deployed.addresses[unapproved])])
    refused = {(call["endpoint"], call["status"]) for call in calls if call["peer"] == address}
    assert ("token", 403) in refused
    assert not any(status and status < 300 for endpoint, status in refused if endpoint == "token")


def test_a_function_behind_another_zones_gateway_is_seen_from_that_zones_address(
    build: Build, wiring: Wiring, ask: Ask
) -> None:
    first, second, _ = wiring.zones
    wiring.route(first, NatGatewayId=wiring.gateway(second))
    with build() as lab:
        found = seen(lab, ask(lab, first, Request(Action.LOOK)))
    assert found == {wiring.addresses[second]}


def test_code_that_was_not_deployed_is_not_run(
    deployed: Project, as_deployed: Wiring, tmp_path: Path
) -> None:
    (tmp_path / "verifier.zip").write_bytes(b"something else")
    name = as_deployed.outputs["verifierFunctions"][as_deployed.zones[0]]
    client = deployed.client("lambda")
    digest = client.get_function(FunctionName=name)["Configuration"]["CodeSha256"]
    assert base64.b64encode(hashlib.sha256(b"something else").digest()).decode() != digest
    with pytest.raises(LabError, match=r"which no zip in .* has"):
        read_function(client, name, tmp_path)
