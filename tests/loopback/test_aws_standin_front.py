"""The stand-in records calls, breaks them on request, takes its time, and tells accounts apart."""

import time
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from sandbox.aws.server import running
from tests.loopback.aws_standin import Aws, code_of


def addresses(aws: Aws) -> int:
    return len(aws.client("ec2").describe_addresses()["Addresses"])


def order(aws: Aws, kind: str, action: str = "AllocateAddress", **more: Any) -> int:
    return int(aws.control("POST", "faults", {"action": action, "kind": kind, **more})["id"])


def calls(aws: Aws, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.control("GET", f"calls{query}")["calls"]
    return found


def test_calls_are_recorded_in_order_with_what_they_made(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    made = ec2.allocate_address(Domain="vpc")["AllocationId"]
    code_of(ec2.release_address, AllocationId="eipalloc-0")
    first, second = calls(aws)
    assert (first["service"], first["action"], first["account"]) == ("ec2", "AllocateAddress", "123456789012")
    assert (first["created"], first["status"], first["error"]) == (made, 200, None)
    assert second["error"] == "InvalidAllocationID.NotFound"
    assert second["parameters"] == {"AllocationId": "eipalloc-0"}
    assert second["at"] >= first["at"]
    assert calls(aws, f"?after={first['number']}") == [second]
    assert calls(aws, "?action=AllocateAddress") == [first]
    aws.control("DELETE", "calls")
    assert calls(aws) == []


def test_secret_values_are_not_recorded(aws: Aws) -> None:
    aws.client("secretsmanager").create_secret(Name="n", SecretString="canary-value")
    assert "canary-value" not in requests.get(f"{aws.url}/sandbox/calls", timeout=5).text


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("s3", "list_buckets", "ListBuckets"),
        ("lambda", "list_functions", "ListFunctions"),
        ("scheduler", "list_schedules", "ListSchedules"),
        ("cloudwatch", "describe_alarms", "DescribeAlarms"),
        ("iam", "list_roles", "ListRoles"),
        ("service-quotas", "list_aws_default_service_quotas", "ListAWSDefaultServiceQuotas"),
    ],
)
def test_every_protocols_calls_have_their_operations_name(
    aws: Aws, service: str, operation: str, action: str
) -> None:
    arguments = {"ServiceCode": "vpc"} if service == "service-quotas" else {}
    order(aws, "throttle", action, service=service)
    with pytest.raises(ClientError):
        getattr(aws.client(service), operation)(**arguments)
    aws.control("DELETE", "faults")
    getattr(aws.client(service), operation)(**arguments)
    assert [call["action"] for call in calls(aws)] == [action, action]


def test_an_error_on_order_changes_nothing(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    order(aws, "error", nth=2, code="InsufficientAddressCapacity")
    ec2.allocate_address(Domain="vpc")
    assert code_of(ec2.allocate_address, Domain="vpc") == "InsufficientAddressCapacity"
    ec2.allocate_address(Domain="vpc")
    assert addresses(aws) == 2


def test_a_lost_answer_leaves_what_it_made(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    number = order(aws, "lost", times=1)
    assert code_of(ec2.allocate_address, Domain="vpc") == "InternalError"
    assert addresses(aws) == 1
    ec2.allocate_address(Domain="vpc")
    assert addresses(aws) == 2
    (fault,) = aws.control("GET", "faults")["faults"]
    assert (fault["id"], fault["seen"], fault["hit"]) == (number, 2, 1)
    assert calls(aws)[0]["fault"] == number


def test_a_dropped_connection_may_come_before_or_after_the_deed(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    order(aws, "dropped", times=1)
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        ec2.allocate_address(Domain="vpc")
    assert addresses(aws) == 0
    aws.control("DELETE", "faults")
    order(aws, "dropped-after", times=1)
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        ec2.allocate_address(Domain="vpc")
    assert addresses(aws) == 1
    assert [call["status"] for call in calls(aws, "?action=AllocateAddress")] == [0, 0]


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_vpcs", "RequestLimitExceeded"),
        ("sts", "get_caller_identity", "Throttling"),
        ("secretsmanager", "list_secrets", "ThrottlingException"),
        ("lambda", "list_functions", "TooManyRequestsException"),
        ("s3", "list_buckets", "SlowDown"),
    ],
)
def test_throttling_speaks_each_services_language(aws: Aws, service: str, operation: str, code: str) -> None:
    order(aws, "throttle", "*")
    assert code_of(getattr(aws.client(service), operation)) == code


def test_a_slow_answer_is_slow(aws: Aws) -> None:
    order(aws, "delay", seconds=0.4)
    began = time.monotonic()
    aws.client("ec2").allocate_address(Domain="vpc")
    assert time.monotonic() - began >= 0.4
    assert calls(aws)[-1]["seconds"] >= 0.4


def test_faults_are_taken_back_one_by_one(aws: Aws) -> None:
    first, second = order(aws, "throttle"), order(aws, "throttle", "DescribeVpcs")
    aws.control("DELETE", f"faults/{first}")
    aws.client("ec2").allocate_address(Domain="vpc")
    assert [fault["id"] for fault in aws.control("GET", "faults")["faults"]] == [second]


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "faults", {"action": "A", "kind": "explode"}, "explode"),
        ("POST", "faults", {"action": "A", "kind": "error", "nht": 1}, "nht"),
        ("POST", "faults", {"kind": "error"}, "action"),
        ("POST", "faults", {"action": "A", "kind": "delay"}, "seconds"),
        ("POST", "faults", {"action": "A", "kind": "error", "nth": 0}, "nth"),
        ("POST", "faults", ["x"], "object"),
        ("PUT", "latency", {"factor": -1}, "factor"),
        ("PUT", "latency", {"speed": 1}, "speed"),
        ("PUT", "limits", {"addresses": "many"}, "many"),
        ("PUT", "iam", {"enforce": "yes"}, "yes"),
        ("GET", "calls?after=x", None, "after"),
    ],
)
def test_a_wrong_order_is_refused_with_its_reason(
    aws: Aws, method: str, path: str, body: Any, said: str
) -> None:
    answer = requests.request(method, f"{aws.url}/sandbox/{path}", json=body, timeout=5)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_what_there_is_can_be_asked(aws: Aws) -> None:
    listed = "\n".join(aws.control("GET", "")["controls"])
    for control in ("calls", "faults", "latency", "limits", "iam", "reset"):
        assert f"/sandbox/{control}" in listed
    assert requests.get(f"{aws.url}/sandbox/nothing", timeout=5).status_code == 404


def test_latency_scales_and_overrides_win(aws: Aws) -> None:
    aws.control("PUT", "latency", {"factor": 0.1, "overrides": {"DescribeVpcs": 0}})
    ec2 = aws.client("ec2")
    began = time.monotonic()
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert time.monotonic() - began >= 0.2
    ec2.describe_vpcs()
    assert calls(aws)[-1]["seconds"] < 0.1
    aws.control("PUT", "latency", {})
    ec2.create_vpc(CidrBlock="10.1.0.0/16")
    assert calls(aws)[-1]["seconds"] < 0.2


def test_a_key_of_twelve_digits_is_another_account(aws: Aws) -> None:
    theirs = "210987654321"
    aws.client("secretsmanager").create_secret(Name="ours")
    aws.client("ec2").allocate_address(Domain="vpc")
    assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert aws.client("sts", theirs).get_caller_identity()["Account"] == theirs
    assert aws.client("secretsmanager", theirs).list_secrets()["SecretList"] == []
    assert aws.client("ec2", theirs).describe_addresses()["Addresses"] == []
    assert calls(aws)[-1]["account"] == theirs


def test_what_moto_lacks_is_said_and_not_retried(aws: Aws, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ClientError, match="stand-in cannot do this") as refused:
        aws.client("ec2").describe_host_reservations()
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert "ec2:DescribeHostReservations" in capfd.readouterr().err


def test_only_one_world_at_a_time_and_it_begins_empty(aws: Aws) -> None:
    aws.client("ec2").allocate_address(Domain="vpc")
    with pytest.raises(RuntimeError, match="process-wide"), running():
        pass
    aws.control("POST", "reset")
    assert addresses(aws) == 0
