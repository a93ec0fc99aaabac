"""A cloud for program tests: answers by resource name, and refuses every call it does not know."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

ACCOUNT = "123456789012"
REGION = "us-east-1"
EIP = "aws:ec2/eip:Eip"
NAT = "aws:ec2/natGateway:NatGateway"
Invoke = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def number(name: str) -> str:
    """Return an ID part that depends on the name alone: registration order is not stable."""
    return f"{zlib.crc32(name.encode()):08x}"


def address_of(name: str) -> str:
    """Return the address that the resource of this name gets."""
    return str(IPv4Address("198.18.0.0") + zlib.crc32(name.encode()) % 65536)


def _zone(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**asked, "networkBorderGroup": REGION, "zoneType": "availability-zone", "name": "us-east-1x"}


def _first_up() -> dict[str, Invoke]:
    """Return what an empty state and an empty account answer."""
    return {
        "pulumi:pulumi:readStackOutputs": lambda _: {"outputs": {}},
        "aws:ec2/getEips:getEips": lambda _: {"allocationIds": [], "publicIps": []},
        "aws:index/getAvailabilityZone:getAvailabilityZone": _zone,
    }


@dataclass
class Cloud(Mocks):
    """Records what is registered and makes up what AWS would answer."""

    invokes: dict[str, Invoke] = field(default_factory=_first_up)
    recorded: list[MockResourceArgs] = field(default_factory=list)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.recorded.append(args)
        made: dict[str, Any] = {"arn": f"arn:aws:made:{REGION}:{ACCOUNT}:{args.typ}/{args.name}"}
        identity = args.resource_id or f"id-{number(args.typ + args.name)}"
        if args.typ == EIP:
            identity = args.resource_id or f"eipalloc-{number(args.name)}"
            made |= {"allocationId": identity, "publicIp": address_of(args.name)}
        elif args.typ == NAT:
            identity = f"nat-{number(args.name)}"
        elif args.typ == "aws:ec2/vpc:Vpc":
            made |= {"defaultRouteTableId": "rtb-main"}
        return identity, {**args.inputs, **made}

    def call(self, args: MockCallArgs) -> Any:
        if args.token not in self.invokes:
            raise AssertionError(f"unexpected invoke: {args.token} {args.args}")
        return self.invokes[args.token](args.args)
