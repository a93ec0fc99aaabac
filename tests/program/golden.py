"""The configurations whose URNs are kept in ``urns/``; ``python -m tests.program.golden`` writes them.

A URN that changes is a resource that the engine deletes and makes again. Whoever renames one gives
the new name an alias, and only then writes these files anew.

``replacing.txt`` keeps what the same resources are given for inputs that replace them (ForceNew in the
official provider), such as the description of a managed policy: another value is another resource.
"""

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.aws.provider.resources import TABLE
from tests.program.cloud import REGION, Cloud, Held
from tests.program.run import deploy, stack_config

FOLDER = Path(__file__).with_name("urns")
REPLACING = Path(__file__).with_name("replacing.txt")
NETWORK = {"cidr": "10.64.0.0/16", "zones": ["use1-az1", "use1-az4", "use1-az6"]}
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:alarms"


def existing_network(**changed: Any) -> dict[str, Any]:
    """Return what AWS shows of an existing VPC with two zones, by lookup.

    Private subnets are subnet-0000000…, those of the gateways subnet-0000001….
    """
    zones = {"use1-az1": "1", "use1-az4": "4"}
    gateway = {"vpcId": "vpc-0000000a", "state": "available", "connectivityType": "public"}
    table = {"natGatewayId": "", "gatewayId": "", "cidrBlock": "0.0.0.0/0"}
    lookups: dict[str, Any] = {
        "aws:ec2/getNatGateway:getNatGateway": {
            f"nat-0000000{n}": {
                **gateway,
                "subnetId": f"subnet-0000001{n}",
                "allocationId": f"eipalloc-0000000{n}",
                "publicIp": f"198.18.9.{n}",
                "secondaryAllocationIds": [],
            }
            for n in zones.values()
        },
        "aws:ec2/getSubnet:getSubnet": {
            f"subnet-000000{part}{n}": {"vpcId": "vpc-0000000a", "availabilityZoneId": zone}
            for zone, n in zones.items()
            for part in ("0", "1")
        },
        "aws:ec2/getRouteTables:getRouteTables": {
            f"subnet-0000000{n}": {"ids": [f"rtb-0000000{n}"]} for n in zones.values()
        },
        "aws:ec2/getRouteTable:getRouteTable": {
            f"rtb-0000000{n}": {
                "routeTableId": f"rtb-0000000{n}",
                "routes": [{**table, "natGatewayId": f"nat-0000000{n}"}],
            }
            for n in zones.values()
        },
    }
    return lookups | changed


EXISTING = {
    "vpcId": "vpc-0000000a",
    "privateSubnets": {"use1-az1": "subnet-00000001", "use1-az4": "subnet-00000004"},
    "natGateways": {"use1-az1": "nat-00000001", "use1-az4": "nat-00000004"},
}

CONFIGURATIONS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "per-zone": ({"network": NETWORK}, {}),
    "single": ({"network": NETWORK, "egress": {"mode": "single", "gatewayZone": "use1-az4"}}, {}),
    "spares": (
        {
            "network": NETWORK,
            "egress": {
                "addresses": {
                    "use1-az1/1": {"role": "spare"},
                    "use1-az1/2": {"role": "active"},
                    "use1-az4/1": {"role": "active"},
                    "use1-az6/1": {"role": "active"},
                },
            },
        },
        {},
    ),
    "adoption": (
        {
            "egress": {
                "addresses": {
                    "use1-az1/1": {"role": "active", "allocation": "eipalloc-0000000a"},
                    "use1-az4/1": {"role": "active"},
                }
            }
        },
        {
            "held": {
                "eipalloc-0000000a": Held("198.18.7.1", environment=None),
                "eipalloc-0000000b": Held("198.18.7.2", "use1-az4/1"),
            }
        },
    ),
    "endpoints": (
        {
            "network": {
                **NETWORK,
                "endpoints": ["kms", "s3", "dynamodb", "secretsmanager"],
                "flowLogs": True,
            },
            "verifier": {"alarmTopicArn": TOPIC},
        },
        {},
    ),
    "verifier": (
        {
            "network": NETWORK,
            "partner": {
                "serverUrl": "https://partner.example",
                "orders": "test",
                "echo": ["https://echo.example"],
            },
            "verifier": {"enabled": True, "schedule": "rate(1 hour)", "alarmTopicArn": TOPIC},
            "iam": {"path": "/flexpay/", "permissionsBoundary": BOUNDARY},
        },
        {},
    ),
    "existing": (
        {"network": EXISTING, "egress": {"mode": "existing"}},
        {"lookups": existing_network()},
    ),
    "external": (
        {
            "network": None,
            "egress": {
                "mode": "external",
                "addresses": [{"address": "18.204.0.66", "owner": "network team", "purpose": "egress VPC"}],
            },
        },
        {},
    ),
}


@cache
def deploy_named(name: str) -> tuple[dict[str, Any], Cloud]:
    """Run the program with one of the configurations, once; what it returns is not to be changed."""
    settings, world = CONFIGURATIONS[name]
    return deploy(stack_config(**settings), Cloud(**world))


def urns_of(name: str) -> str:
    """Return the URNs of one configuration, one per line, without stack and project."""
    return "".join(f"{one}\n" for one in sorted(deploy_named(name)[1].names))


def replacing(cloud: Cloud) -> dict[tuple[str, str, str], Any]:
    """Return (type, name, input) → value of every input by which a registered resource would be replaced."""
    return {
        (one.typ, one.name, name): value
        for one in cloud.recorded
        if one.typ in TABLE
        for name, value in one.inputs.items()
        if (spec := TABLE[one.typ].fields.get(name)) is not None and spec.replaces
    }


def replacing_of_all() -> str:
    """Return the replacing inputs of all configurations, one per line."""
    lines = {
        f"{kind}::{name} {given} = {json.dumps(value)}"
        for configuration in CONFIGURATIONS
        for (kind, name, given), value in replacing(deploy_named(configuration)[1]).items()
    }
    return "".join(f"{one}\n" for one in sorted(lines))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    REPLACING.write_text(replacing_of_all(), encoding="utf-8")
    for configuration in CONFIGURATIONS:
        (FOLDER / f"{configuration}.txt").write_text(urns_of(configuration), encoding="utf-8")
        sys.stdout.write(f"{configuration}\n")
