"""One AWS stand-in per test module, empty before each test; clients that do not retry."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.aws.server import Running, running

REGION = "us-east-1"


class Aws:
    """The stand-in and what a test does with it."""

    def __init__(self, standin: Running) -> None:
        self.url = standin.url

    def client(self, service: str, key: str = "sandbox", secret: str = "x", token: str | None = None) -> Any:
        make: Any = boto3.client
        return make(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
        )

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/sandbox/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def network(self) -> tuple[str, str]:
        """Return a VPC with an internet gateway and a subnet in it."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        return vpc, ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]

    def gateway(self) -> tuple[str, str]:
        """Return a NAT gateway and the allocation of its address."""
        ec2 = self.client("ec2")
        allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
        made = ec2.create_nat_gateway(SubnetId=self.network()[1], AllocationId=allocation)
        return made["NatGateway"]["NatGatewayId"], allocation


def code_of(call: Any, **arguments: Any) -> str:
    """Return the error code of a call that must be refused."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


@pytest.fixture(scope="module")
def standin() -> Iterator[Running]:
    with running() as standin:
        yield standin


@pytest.fixture
def aws(standin: Running) -> Aws:
    one = Aws(standin)
    one.control("POST", "reset")
    return one
