"""The verifier's functions: where they are, what they may do, and what nobody may do to them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from stacks import verifier_policies
from stacks.contract import VERIFIER_METRICS, VERIFIER_TIMEOUT_SECONDS
from stacks.verifier_schedule import window_hours
from tests.program.cloud import ACCOUNT, REGION, Cloud
from tests.program.golden import BOUNDARY, CONFIGURATIONS, NETWORK, TOPIC, deploy_named
from tests.program.run import deploy, stack_config

FUNCTION = "aws:lambda/function:Function"
ZONES = {"use1-az1", "use1-az4", "use1-az6"}


@pytest.fixture(scope="module")
def deployed() -> tuple[dict[str, Any], Cloud]:
    return deploy_named("verifier")


def policy_of(cloud: Cloud, name: str) -> list[dict[str, Any]]:
    """The statements of the inline policy of a role."""
    document = json.loads(cloud.of_type("aws:iam/rolePolicy:RolePolicy")[name].inputs["policy"])
    statements: list[dict[str, Any]] = document["Statement"]
    return statements


def allowed(statements: list[dict[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Action, resource and condition of everything that is allowed."""
    for one in statements:
        if one["Effect"] == "Allow":
            actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
            for action in actions:
                yield action, one["Resource"], one.get("Condition")


def test_a_function_in_the_private_subnet_of_every_zone_and_one_outside(
    deployed: tuple[dict[str, Any], Cloud],
) -> None:
    outputs, cloud = deployed
    functions = cloud.of_type(FUNCTION)
    assert set(functions) == {f"verifier-{zone}" for zone in ZONES} | {"verifier-control"}
    for zone in ZONES:
        made = functions[f"verifier-{zone}"].inputs
        assert made["vpcConfig"]["subnetIds"] == [outputs["privateSubnets"][zone]]
        slot = outputs["egressByZone"][zone]
        (address,) = (one["address"] for one in outputs["egressAddresses"] if one["slot"] == slot)
        assert made["environment"]["variables"]["FLEXPAY_ADDRESS"] == address
        assert made["timeout"] == VERIFIER_TIMEOUT_SECONDS
    control = functions["verifier-control"].inputs
    assert "vpcConfig" not in control
    assert control["environment"]["variables"] == {"FLEXPAY_PLACE": "control"}
    assert set(outputs["verifierFunctions"]) == ZONES
    assert outputs["controlFunction"]
    assert outputs["proofBucket"]


def test_the_control_function_may_write_its_log_and_nothing_else(
    deployed: tuple[dict[str, Any], Cloud],
) -> None:
    may = {action for action, _, _ in allowed(policy_of(deployed[1], "verifier-control"))}
    assert may == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_zone_functions_read_what_is_in_use_or_staged_in_their_environment_and_nothing_earlier(
    deployed: tuple[dict[str, Any], Cloud],
) -> None:
    statements = policy_of(deployed[1], "verifier-verifier")
    (read,) = ((r, c) for action, r, c in allowed(statements) if action.startswith("secretsmanager:"))
    assert read[0] == f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:flexpay/production/*"
    assert read[1] == {"StringEquals": {"secretsmanager:VersionStage": ["AWSCURRENT", "AWSPENDING"]}}
    (decrypt,) = ((r, c) for action, r, c in allowed(statements) if action.startswith("kms:"))
    assert decrypt[0] == deployed[0]["kmsKeyArn"]
    assert decrypt[1]["StringEquals"]["kms:ViaService"] == f"secretsmanager.{REGION}.amazonaws.com"


def test_they_write_proofs_and_can_neither_read_nor_delete_them(
    deployed: tuple[dict[str, Any], Cloud],
) -> None:
    found = [
        (a, r) for a, r, _ in allowed(policy_of(deployed[1], "verifier-verifier")) if a.startswith("s3:")
    ]
    bucket = deployed[1].of_type("aws:s3/bucket:Bucket")["verifier-proofs"]
    assert found == [("s3:PutObject", f"arn:aws:made:{REGION}:{ACCOUNT}:{bucket.typ}/{bucket.name}/proofs/*")]


def test_everything_on_every_resource_is_listed_here_with_its_reason(
    deployed: tuple[dict[str, Any], Cloud],
) -> None:
    unlimited: dict[str, Any] = {}
    for role in ("verifier-verifier", "verifier-control", "verifier-schedule"):
        unlimited |= {a: c for a, resource, c in allowed(policy_of(deployed[1], role)) if resource == "*"}
    assert unlimited.pop("cloudwatch:PutMetricData") == {
        "StringEquals": {"cloudwatch:namespace": VERIFIER_METRICS}
    }
    assert set(unlimited) == set(verifier_policies.NETWORK_INTERFACES)
    (denied,) = (one for one in policy_of(deployed[1], "verifier-verifier") if one["Effect"] == "Deny")
    assert set(denied["Action"]) == set(verifier_policies.NETWORK_INTERFACES)
    assert denied["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"] == [
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:flexpay-production-verifier-{zone}"
        for zone in sorted(ZONES)
    ]


def test_every_role_obeys_the_house_rules(deployed: tuple[dict[str, Any], Cloud]) -> None:
    roles = deployed[1].of_type("aws:iam/role:Role")
    assert set(roles) == {"verifier-verifier", "verifier-control", "verifier-schedule"}
    for role in roles.values():
        assert (role.inputs["path"], role.inputs["permissionsBoundary"]) == ("/flexpay/", BOUNDARY)
        assert len(role.inputs["name"]) <= 64


def test_nothing_is_ever_repeated(deployed: tuple[dict[str, Any], Cloud]) -> None:
    configured = deployed[1].of_type("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
    assert len(configured) == 4
    assert {one.inputs["maximumRetryAttempts"] for one in configured.values()} == {0}
    for schedule in deployed[1].of_type("aws:scheduler/schedule:Schedule").values():
        assert schedule.inputs["target"]["retryPolicy"]["maximumRetryAttempts"] == 0


def test_nobody_gets_in(deployed: tuple[dict[str, Any], Cloud]) -> None:
    kinds = {one.typ for one in deployed[1].recorded}
    assert not {kind for kind in kinds if "functionUrl" in kind or "lambda/permission" in kind}
    door = deployed[1].of_type("aws:ec2/securityGroup:SecurityGroup")["verifier-functions"].inputs
    assert door["ingress"] == []
    assert {(rule["fromPort"], rule["toPort"], rule["protocol"]) for rule in door["egress"]} == {
        (443, 443, "tcp")
    }
    assert "name" not in door
    assert door["revokeRulesOnDelete"] is True


def test_log_groups_are_there_before_functions_and_forget(deployed: tuple[dict[str, Any], Cloud]) -> None:
    _, cloud = deployed
    groups = cloud.of_type("aws:cloudwatch/logGroup:LogGroup")
    for name, function in cloud.of_type(FUNCTION).items():
        group = groups[name].inputs
        assert group["name"] == f"/aws/lambda/{function.inputs['name']}"
        assert group["retentionInDays"] > 0
        depends_on = cloud.options[FUNCTION, name].depends_on
        assert isinstance(depends_on, list)
        # whoever is outside the VPC asks its role for nothing while it is made
        inside = {"RolePolicy"} if "vpcConfig" in function.inputs else set()
        assert {type(one).__name__ for one in depends_on} == {"LogGroup"} | inside


def test_the_proof_bucket_is_closed_versioned_and_encrypted(deployed: tuple[dict[str, Any], Cloud]) -> None:
    _, cloud = deployed
    block = cloud.of_type("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")["verifier-proofs"]
    assert [value for value in block.inputs.values() if value is True] == [True] * 4
    versioning = cloud.of_type("aws:s3/bucketVersioning:BucketVersioning")["verifier-proofs"]
    assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert (
        len(
            cloud.of_type(
                "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
            )
        )
        == 1
    )
    (statement,) = json.loads(
        cloud.of_type("aws:s3/bucketPolicy:BucketPolicy")["verifier-proofs"].inputs["policy"]
    )["Statement"]
    assert (statement["Effect"], statement["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )


def test_a_schedule_invokes_each_zone_and_asks_for_nothing_bad(
    deployed: tuple[dict[str, Any], Cloud],
) -> None:
    schedules = deployed[1].of_type("aws:scheduler/schedule:Schedule")
    assert {name.removeprefix("verifier-schedule-") for name in schedules} == ZONES
    for zone in ZONES:
        target = schedules[f"verifier-schedule-{zone}"].inputs["target"]
        assert json.loads(target["input"]) == {"protocol": 1, "action": "scheduled"}
    may = list(allowed(policy_of(deployed[1], "verifier-schedule")))
    assert [action for action, _, _ in may] == ["lambda:InvokeFunction"]
    assert len(may[0][1]) == 3


def test_alarms_on_failed_missing_and_outdated_proof_go_to_the_topic(
    deployed: tuple[dict[str, Any], Cloud],
) -> None:
    alarms = {
        name: one.inputs
        for name, one in deployed[1].of_type("aws:cloudwatch/metricAlarm:MetricAlarm").items()
        if name.startswith("verifier-")
    }
    assert len(alarms) == 3 * len(ZONES)
    assert all(one["alarmActions"] == [TOPIC] for one in alarms.values())
    silence = {name.rpartition("-")[2]: one["treatMissingData"] for name, one in alarms.items()}
    # the hours between two runs are no all-clear for a run that failed
    assert silence == {"failed": "ignore", "missing": "breaching", "outdated": "breaching"}


@pytest.mark.parametrize(
    ("schedule", "runs", "hours"),
    [
        ("rate(1 hour)", 2, 2),
        ("rate(10 minutes)", 2, 1),
        ("rate(1 day)", 2, 48),
        ("cron(0 6 * * ? *)", 2, 48),
        ("cron(0 6 ? * MON-FRI *)", 2, 168),  # a weekend is no missing proof
        ("rate(30 days)", 4, 168),
    ],
)
def test_alarms_wait_for_as_many_runs_as_the_schedule_has(schedule: str, runs: int, hours: int) -> None:
    assert window_hours(schedule, runs) == hours


def test_without_the_setting_there_is_nothing_of_it() -> None:
    outputs, cloud = deploy(stack_config(network=NETWORK))
    assert not {name for name in cloud.names if "verifier" in name}
    assert (outputs["verifierFunctions"], outputs["controlFunction"], outputs["proofBucket"]) == (
        {},
        None,
        None,
    )


def test_without_control_and_schedule_only_the_zones_are_there() -> None:
    outputs, cloud = deploy(stack_config(network=NETWORK, verifier={"enabled": True, "control": False}))
    assert set(cloud.of_type(FUNCTION)) == {f"verifier-{zone}" for zone in ZONES}
    assert outputs["controlFunction"] is None
    assert not cloud.of_type("aws:scheduler/schedule:Schedule")


def test_in_an_existing_network_functions_stand_in_the_named_subnets() -> None:
    settings, world = CONFIGURATIONS["existing"]
    outputs, cloud = deploy(stack_config(**settings, verifier={"enabled": True}), Cloud(**world))
    made = cloud.of_type(FUNCTION)["verifier-use1-az1"].inputs
    assert made["vpcConfig"]["subnetIds"] == ["subnet-00000001"]
    assert made["environment"]["variables"]["FLEXPAY_ADDRESS"] == "198.18.9.1"
    assert set(outputs["verifierFunctions"]) == {"use1-az1", "use1-az4"}


def test_a_zone_without_a_way_out_has_no_function() -> None:
    egress = {"addresses": {"use1-az1/1": {"role": "active"}, "use1-az4/1": {"role": "spare"}}}
    network = {"cidr": "10.64.0.0/16", "zones": ["use1-az1", "use1-az4"]}
    outputs, _ = deploy(stack_config(network=network, egress=egress, verifier={"enabled": True}))
    assert set(outputs["verifierFunctions"]) == {"use1-az1"}
