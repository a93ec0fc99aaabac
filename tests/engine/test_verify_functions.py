"""`verify` through deployed functions: the bundle itself runs, and leaves as the routes say."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.services import REPOSITORY
from tests.engine.project import STACK, Project

pytestmark = pytest.mark.engine
ON = ("--stack", STACK)


def desk(project: Project, *arguments: str) -> Any:
    done = project.run(
        sys.executable,
        *("-m", "sandbox.flexpay", "desk", "--state", str(project.world.state / "partner"), *arguments),
        extra={"PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def onboard(project: Project, *arguments: str, given: str | None = None, expect: int = 0) -> str:
    done = project.toolkit(*arguments, given=given)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def prepare(project: Project) -> None:
    """Deploy with functions, have the list approved, and store every merchant's credentials."""
    project.configure(lambda config: config.update(verifier={"enabled": True}))
    project.up()
    onboard(project, "allowlist", "draft", *ON, "--out", "packages")
    package = next(iter((project.folder / "packages").glob("*/submission.json")))
    submitted = desk(project, "submit", str(package))
    record = ("allowlist", "record")
    onboard(project, *record, "submitted", *ON, "--reference", "T-1", "--submission", str(package.parent))
    desk(project, "approve", submitted["id"], "--ticket", "T-1")
    onboard(project, *record, "approved", *ON, "--reference", "T-1")
    source = project.outputs()["egressAddresses"][0]["address"]
    for merchant in project.outputs()["merchants"]:
        issued = json.dumps(desk(project, "issue", "--merchant", merchant))
        put = ("credentials", "put", *ON, "--merchant", merchant, "--source-address", source)
        onboard(project, *put, given=issued)


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose addresses are approved and whose functions are deployed."""
    project = Project(tmp_path_factory.mktemp("functions"))
    try:
        prepare(project.start())
        yield project
    finally:
        project.world.stop(purge=True)


def results(report: dict[str, Any], check: str) -> dict[str | None, dict[str, Any]]:
    """Zone → the last result of a check there."""
    return {one["zone"]: one for one in report["results"] if one["id"] == check}


def verified(project: Project, *arguments: str, expect: int) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(onboard(project, "verify", *ON, "--json", *arguments, expect=expect))
    return report


def calls(project: Project) -> list[dict[str, Any]]:
    """Return the token and order calls that the partner has had."""
    return [call for call in desk(project, "calls") if not call["endpoint"].startswith("echo")]


def addresses(project: Project) -> dict[str, str]:
    """Zone → address."""
    return {item["zone"]: item["address"] for item in project.outputs()["egressAddresses"]}


@pytest.fixture
def enforced(proven: Project) -> Iterator[Project]:
    """The same, with permissions judged as AWS judges them."""
    proven.control("PUT", "/sandbox/iam", {"enforce": True})
    try:
        yield proven
    finally:
        proven.control("PUT", "/sandbox/iam", {"enforce": False})


def test_every_zone_proves_its_address_with_no_more_than_its_roles_permissions(enforced: Project) -> None:
    before = len(calls(enforced))
    report = verified(enforced, expect=0)
    assert report["via"] == "function"
    assert {zone: one["outcome"] for zone, one in results(report, "egress-address").items()} == dict.fromkeys(
        addresses(enforced), "pass"
    )
    fresh = calls(enforced)[before:]
    let_in = {(call["merchant"], call["peer"]) for call in fresh if call["status"] == 200}
    merchants = set(enforced.outputs()["merchants"])
    assert let_in == {(name, one) for name in merchants for one in addresses(enforced).values()}
    placed = [call for call in fresh if call["order_created"]]
    assert sorted(call["merchant"] for call in placed) == sorted(merchants)
    assert results(report, "not-listed-address-refused")[None]["outcome"] == "pass"
    strangers = {call["peer"] for call in fresh} - set(addresses(enforced).values())
    assert all(call["merchant"] is None for call in fresh if call["peer"] in strangers)


def test_functions_keep_proofs_and_status_reads_them(enforced: Project) -> None:
    bucket = enforced.outputs()["proofBucket"]
    client = enforced.client("s3")
    kept = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
    # one object per address, with what its function proved of every merchant
    assert sorted(key.rsplit("/", 1)[0] for key in kept) == sorted(
        f"proofs/sandbox/{address}" for address in addresses(enforced).values()
    )
    proofs = json.loads(client.get_object(Bucket=bucket, Key=kept[0])["Body"].read())
    assert [one["merchant"] for one in proofs] == sorted(enforced.outputs()["merchants"])
    assert {(one["vantage"], one["proofVersion"]) for one in proofs} == {("function", 1)}
    assert not (enforced.folder / ".flexpay" / "proof").exists()
    status = json.loads(onboard(enforced, "allowlist", "status", *ON, "--json"))
    rows = status["environments"][0]["addresses"]
    assert {row["status"] for row in rows} == {"approved"}
    offline = json.loads(onboard(enforced, "allowlist", "status", *ON, "--json", "--offline", expect=0))
    assert {row["status"] for row in offline["environments"][0]["addresses"]} == {"unproven"}


def test_a_scheduled_run_counts_keeps_proofs_and_creates_nothing(enforced: Project) -> None:
    before = len(calls(enforced))
    said = enforced.client("lambda").invoke(
        FunctionName=enforced.outputs()["verifierFunctions"]["use1-az1"],
        Payload=json.dumps({"protocol": 1, "action": "scheduled"}).encode(),
    )
    answer = json.loads(said["Payload"].read())
    assert answer == {"proven": 2, "failed": 0, "trouble": ""}
    fresh = calls(enforced)[before:]
    assert {call["peer"] for call in fresh} == {addresses(enforced)["use1-az1"]}
    assert {call["status"] for call in fresh} == {200, 400}
    found = enforced.client("cloudwatch").list_metrics(Namespace="FlexPay/Verifier")["Metrics"]
    assert {one["MetricName"] for one in found} == {"Failed", "Proven", "AllProven"}


def test_a_staged_pair_is_proven_from_every_zone_and_promoted_from_anywhere(enforced: Project) -> None:
    merchant = sorted(enforced.outputs()["merchants"])[0]
    issued = desk(enforced, "issue", "--merchant", merchant)
    about = (*ON, "--merchant", merchant)
    onboard(enforced, "credentials", "stage", *about, given=json.dumps(issued))
    before = len(calls(enforced))
    promoted = json.loads(onboard(enforced, "credentials", "promote", *about, "--json"))
    assert promoted["proof"]["basis"] == "proven"
    assert set(promoted["proof"]["detail"].split(", ")) == set(addresses(enforced).values())
    fresh = calls(enforced)[before:]
    assert sorted((call["endpoint"], call["peer"], call["status"]) for call in fresh) == sorted(
        ("token", address, 200) for address in addresses(enforced).values()
    )
    arn = enforced.outputs()["merchants"][merchant]["secretArn"]
    value = enforced.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    assert json.loads(value) == issued


def test_a_pair_that_is_refused_in_a_zone_is_not_put(enforced: Project) -> None:
    merchant = sorted(enforced.outputs()["merchants"])[0]
    client = enforced.client("secretsmanager")
    arn = enforced.outputs()["merchants"][merchant]["secretArn"]
    current = client.get_secret_value(SecretId=arn)["SecretString"]
    wrong = json.dumps(json.loads(current) | {"client_secret": "S3cr3t-Of-Nobody"})
    onboard(enforced, "credentials", "put", *ON, "--merchant", merchant, given=wrong, expect=1)
    assert client.get_secret_value(SecretId=arn)["SecretString"] == current
    labels = client.list_secret_version_ids(SecretId=arn)["Versions"]
    assert not [one for one in labels if "AWSPENDING" in one["VersionStages"]]


def test_the_control_function_can_read_nothing(enforced: Project) -> None:
    said = enforced.client("lambda").invoke(
        FunctionName=enforced.outputs()["controlFunction"],
        Payload=json.dumps({"protocol": 1, "action": "scheduled"}).encode(),
    )
    assert said["FunctionError"] == "Unhandled"
    assert b"never holds a credential" in said["Payload"].read()


def default_route(project: Project, zone: str) -> tuple[str, str]:
    """Return a zone's route table and the gateway its default route leads to."""
    table = project.outputs()["routeTables"][zone]
    (found,) = project.client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"]
    (gateway,) = (
        route["NatGatewayId"] for route in found["Routes"] if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    )
    return table, gateway


def test_a_route_to_another_zones_gateway_is_found_by_the_traffic_itself(proven: Project) -> None:
    ec2 = proven.client("ec2")
    table, own = default_route(proven, "use1-az4")
    _, foreign = default_route(proven, "use1-az1")
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=foreign)
    try:
        before = len(calls(proven))
        report = verified(proven, "--skip", "egress-routes", expect=1)
        fresh = calls(proven)[before:]
    finally:
        ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=own)
    seen = results(report, "egress-address")
    assert {zone: one["outcome"] for zone, one in seen.items()} == {
        "use1-az1": "pass",
        "use1-az4": "fail",
        "use1-az6": "pass",
    }
    known = addresses(proven)
    assert f"leave from {known['use1-az1']}" in seen["use1-az4"]["found"]
    # the wrongly wired zone was not let near the partner with a credential
    tokens = [call["peer"] for call in fresh if (call["endpoint"], call["status"]) == ("token", 200)]
    assert sorted(tokens) == sorted([known["use1-az1"], known["use1-az6"]] * 2)
    assert not [call for call in fresh if call["peer"] == known["use1-az4"]]


def test_a_zone_whose_route_is_gone_cannot_be_told_and_the_others_can(proven: Project) -> None:
    ec2 = proven.client("ec2")
    table, own = default_route(proven, "use1-az6")
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    try:
        report = verified(proven, "--skip", "egress-routes", expect=4)
    finally:
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=own)
    outcomes = {zone: one["outcome"] for zone, one in results(report, "egress-address").items()}
    assert outcomes == {"use1-az1": "pass", "use1-az4": "pass", "use1-az6": "error"}


def test_an_invocation_whose_answer_is_lost_is_not_repeated(proven: Project) -> None:
    before = len(calls(proven))
    proven.control(
        "POST", "/sandbox/faults", {"service": "lambda", "action": "Invoke", "kind": "dropped-after"}
    )
    try:
        verified(proven, expect=4)
    finally:
        proven.control("DELETE", "/sandbox/faults")
    # every look was lost, so nothing was measured; what was invoked ran once each
    invoked = [one for one in proven.control("GET", "/sandbox/calls?action=Invoke")["calls"] if one["fault"]]
    assert len(invoked) == 3
    assert not calls(proven)[before:]


def test_the_stack_comes_down_with_its_functions(proven: Project) -> None:
    proven.configure(lambda config: config.update(verifier={"enabled": False}))
    proven.up()
    outputs = proven.outputs()
    assert outputs["verifierFunctions"] == {}
    assert not outputs.get("controlFunction")
    assert not outputs.get("proofBucket")
    assert not proven.client("lambda").list_functions()["Functions"]
    assert not proven.client("s3").list_buckets()["Buckets"]
