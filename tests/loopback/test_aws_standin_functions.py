"""Functions in the stand-in: clean, on time, with their role, and out by the routes."""

import io
import json
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.aws import server
from sandbox.aws.function_network import OUTSIDE

CODE = """
import os, socket, sys, time

def handle(event, context):
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("fail"):
        raise RuntimeError("as told")
    if event.get("importing"):
        __import__(event["importing"])
    if event.get("ask"):
        with socket.create_connection(("127.0.0.1", event["ask"]), 0.5) as asked:
            return asked.recv(64).decode()
    left = context.get_remaining_time_in_millis()
    return {"own": os.environ.get("OWN"), "names": sorted(os.environ), "left": left}
"""


def zipped(code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("code.py", code)
    return buffer.getvalue()


class Account:
    """An account with a role that functions may have."""

    def __init__(self, url: str) -> None:
        self._url = url
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        role = self.client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(trust))
        self._role = role["Role"]["Arn"]

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            region_name="us-east-1",
            endpoint_url=self._url,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def function(self, name: str, **more: Any) -> None:
        self.client("lambda").create_function(
            FunctionName=name,
            Role=self._role,
            Runtime="python3.12",
            Handler="code.handle",
            **{"Code": {"ZipFile": zipped(CODE)}, "Timeout": 20, **more},
        )

    def invoke(self, name: str, event: Any, **more: Any) -> dict[str, Any]:
        said: dict[str, Any] = self.client("lambda").invoke(
            FunctionName=name, Payload=json.dumps(event).encode(), **more
        )
        said["Payload"] = json.loads(said["Payload"].read() or b"null")
        return said


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with server.running() as running:
        made = Account(running.url)
        made.function("plain", Environment={"Variables": {"OWN": "value"}})
        made.function("short", Timeout=1)
        yield made


@pytest.fixture
def peers() -> Iterator[tuple[int, list[str]]]:
    """A port that tells whoever connects where it came from, and the list of those who did."""
    met: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def serve() -> None:
            while True:
                try:
                    connection, peer = listening.accept()
                except OSError:
                    return
                met.append(peer[0])
                with connection:
                    connection.sendall(peer[0].encode())

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], met
        listening.shutdown(socket.SHUT_RDWR)


def test_the_stored_code_runs_with_its_own_variables_and_time(account: Account) -> None:
    said = account.invoke("plain", {})
    assert "FunctionError" not in said
    assert said["Payload"]["own"] == "value"
    assert 0 < said["Payload"]["left"] <= 20_000
    assert not {
        name for name in said["Payload"]["names"] if name.startswith(("PYTHON", "VIRTUAL", "SANDBOX"))
    }


@pytest.mark.parametrize("module", ["moto", "onboarding", "pydantic", "sandbox"])
def test_it_has_nothing_but_its_code_and_the_runtime(account: Account, module: str) -> None:
    said = account.invoke("plain", {"importing": module})
    assert said["FunctionError"] == "Unhandled"
    assert said["Payload"]["errorType"] == "ModuleNotFoundError"


def test_what_it_raises_is_its_answer(account: Account) -> None:
    said = account.invoke("plain", {"fail": True})
    assert (said["StatusCode"], said["FunctionError"]) == (200, "Unhandled")
    assert (said["Payload"]["errorType"], said["Payload"]["errorMessage"]) == ("RuntimeError", "as told")


def test_what_it_writes_is_in_its_log(account: Account) -> None:
    account.function("talks")
    logs = account.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/talks")
    account.invoke("talks", {"fail": True})
    (stream,) = logs.describe_log_streams(logGroupName="/aws/lambda/talks")["logStreams"]
    lines = logs.get_log_events(logGroupName="/aws/lambda/talks", logStreamName=stream["logStreamName"])
    assert "RuntimeError: as told" in [one["message"] for one in lines["events"]]


def test_its_time_is_up_when_it_is_up(account: Account) -> None:
    began = time.monotonic()
    said = account.invoke("short", {"sleep": 30})
    assert time.monotonic() - began < 15
    assert said["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in said["Payload"]["errorMessage"]


def test_code_that_could_be_unpacked_by_half_only_is_not_run(account: Account) -> None:
    good = zipped(CODE)
    spoiled = good.replace(b"as told", b"as sold", 1)
    assert spoiled != good
    for _ in range(2):
        account.function("spoiled", Code={"ZipFile": spoiled})
        with pytest.raises(ClientError, match="Bad CRC-32"):
            account.invoke("spoiled", {})
        account.client("lambda").delete_function(FunctionName="spoiled")


def test_outside_a_vpc_it_leaves_from_an_address_of_aws(
    account: Account, peers: tuple[int, list[str]]
) -> None:
    assert account.invoke("plain", {"ask": peers[0]})["Payload"] == OUTSIDE


def test_in_a_subnet_without_a_way_out_nothing_gets_out(
    account: Account, peers: tuple[int, list[str]]
) -> None:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    account.function("enclosed", VpcConfig={"SubnetIds": [subnet], "SecurityGroupIds": [group]})
    said = account.invoke("enclosed", {"ask": peers[0]})
    assert said["Payload"]["errorType"] == "TimeoutError"
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    route = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.create_route(**route, GatewayId=gateway)
    # a function's interface has no public address, so an internet gateway is no way out for it
    assert account.invoke("enclosed", {"ask": peers[0]})["Payload"]["errorType"] == "TimeoutError"
    assert not peers[1]


@pytest.mark.parametrize(("configured", "attempts"), [(0, 1), (None, 3)])
def test_an_asynchronous_failure_is_repeated_as_often_as_configured(
    account: Account, peers: tuple[int, list[str]], configured: int | None, attempts: int
) -> None:
    name = f"later-{attempts}"
    account.function(name)
    logs = account.client("logs")
    logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    client = account.client("lambda")
    client.update_function_code(
        FunctionName=name,
        ZipFile=zipped(
            CODE.replace("return asked", "raise RuntimeError(asked").replace(".decode()", ".decode())")
        ),
    )
    if configured is not None:
        client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=configured)
    assert account.invoke(name, {"ask": peers[0]}, InvocationType="Event")["StatusCode"] == 202
    until = time.monotonic() + 20
    while len(peers[1]) < attempts and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.0)
    assert len(peers[1]) == attempts
    assert len(logs.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]) == attempts


def test_what_is_not_there_cannot_be_invoked(account: Account) -> None:
    client = account.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nothing", Payload=b"{}")
