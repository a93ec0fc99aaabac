"""A deployed environment inside the AWS stand-in, made with plain AWS calls, and its stack outputs."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT

REGION = "us-east-1"
ACCOUNT = "123456789012"
ZONES = ("use1-az1", "use1-az4", "use1-az6")


def client(url: str, service: str = "ec2", region: str = REGION) -> Any:
    return boto3.client(
        service, region_name=region, endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
    )


def tags(kind: str, **values: str) -> list[dict[str, Any]]:
    pairs = [{"Key": key, "Value": value} for key, value in values.items() if value]
    return [{"ResourceType": kind, "Tags": pairs}]


@dataclass
class EgressWorld:
    """A VPC with a public and a private subnet, an address and a NAT gateway in each zone."""

    url: str
    environment: str = "staging"
    zones: tuple[str, ...] = ZONES
    network: str = "10.64"
    region: str = REGION
    merchants: tuple[str, ...] = ("acme-air", "acme-shop")
    ec2: Any = None
    outputs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ec2 = self.ec2 or client(self.url, region=self.region)
        self.vpc = self.ec2.create_vpc(
            CidrBlock=f"{self.network}.0.0/16", TagSpecifications=self.tagged("vpc")
        )["Vpc"]["VpcId"]
        self.gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.public_table = self.table(("0.0.0.0/0", {"GatewayId": self.gateway}))
        self.private: dict[str, str] = {}
        self.public: dict[str, str] = {}
        self.tables: dict[str, str] = {}
        self.addresses: list[dict[str, Any]] = []
        for number, zone in enumerate(self.zones):
            self.add_zone(zone, number)
        self.outputs = self.as_outputs()

    def tagged(self, kind: str, slot: str = "") -> list[dict[str, Any]]:
        return tags(kind, **{TAG_ENVIRONMENT: self.environment, TAG_SLOT: slot})

    def table(self, *routes: tuple[str, dict[str, str]]) -> str:
        table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        for destination, target in routes:
            self.ec2.create_route(RouteTableId=table, DestinationCidrBlock=destination, **target)
        return str(table)

    def subnet(self, number: int, zone: str, table: str | None) -> str:
        made = self.ec2.create_subnet(
            VpcId=self.vpc, CidrBlock=f"{self.network}.{number}.0/24", AvailabilityZoneId=zone
        )["Subnet"]["SubnetId"]
        self.ec2.modify_subnet_attribute(SubnetId=made, MapPublicIpOnLaunch={"Value": False})
        if table:
            self.ec2.associate_route_table(RouteTableId=table, SubnetId=made)
        return str(made)

    def allocate(self, slot: str) -> dict[str, str]:
        made: dict[str, str] = self.ec2.allocate_address(
            Domain="vpc", TagSpecifications=self.tagged("elastic-ip", slot)
        )
        return made

    def nat(self, subnet: str, allocation: str) -> str:
        made = self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation)["NatGateway"]
        self.ec2.get_waiter("nat_gateway_available").wait(
            NatGatewayIds=[made["NatGatewayId"]], WaiterConfig={"Delay": 0.05, "MaxAttempts": 100}
        )
        return str(made["NatGatewayId"])

    def add_zone(self, zone: str, number: int) -> None:
        self.public[zone] = self.subnet(number * 2, zone, self.public_table)
        slot = f"{zone}/1"
        address = self.allocate(slot)
        nat = self.nat(self.public[zone], address["AllocationId"])
        self.tables[zone] = self.table(("0.0.0.0/0", {"NatGatewayId": nat}))
        self.private[zone] = self.subnet(number * 2 + 1, zone, self.tables[zone])
        self.declare(slot, address, nat)

    def declare(self, slot: str, address: dict[str, str], nat: str | None, role: str = "active") -> None:
        self.addresses.append(
            {
                "slot": slot,
                "zone": slot.partition("/")[0],
                "address": address["PublicIp"],
                "allocationId": address["AllocationId"],
                "natGatewayId": nat,
                "role": role,
            }
        )

    def as_outputs(self) -> dict[str, Any]:
        return {
            "contractVersion": 1,
            "environment": self.environment,
            "region": self.region,
            "accountId": ACCOUNT,
            "partner": {
                "serverUrl": "https://api.flexpay.example",
                "checkoutPrefix": "/api/checkout",
                "orders": "test",
                "caBundle": None,
                "echo": [],
            },
            "contacts": {
                "legalEntity": "Acme Travel Holdings, Inc.",
                "owner": "platform@acme.example",
                "security": "security@acme.example",
            },
            "vpcId": self.vpc,
            "egressAddresses": self.addresses,
            "egressByZone": {zone: f"{zone}/1" for zone in self.zones},
            "privateSubnets": self.private,
            "routeTables": self.tables,
            "merchants": {
                name: {
                    "secretName": f"flexpay/{self.environment}/{name}",
                    "secretArn": f"arn:aws:secretsmanager:{self.region}:{ACCOUNT}:secret:{name}-abc123",
                    "integrationId": f"UP-12345678-{number}",
                    "legalEntity": f"Acme {name[5:].capitalize()}, Inc.",
                    "testOrder": "retail",
                }
                for number, name in enumerate(self.merchants, 1)
            },
            "kmsKeyArn": None,
            "readerPolicyArn": None,
            "verifierFunctions": {},
            "controlFunction": None,
            "proofBucket": None,
        }

    def write(self, path: Path) -> str:
        path.write_text(json.dumps(self.outputs))
        return str(path)

    @property
    def ips(self) -> list[str]:
        return [entry["address"] for entry in self.addresses]
