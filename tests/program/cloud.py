"""A cloud for program tests: answers by resource name, and refuses every call it does not know."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

ACCOUNT = "123456789012"
REGION = "us-east-1"
ENVIRONMENT = "production"
EIP = "aws:ec2/eip:Eip"
NAT = "aws:ec2/natGateway:NatGateway"
ROUTE = "aws:ec2/route:Route"


def number(name: str) -> str:
    """Return an ID part that depends on the name alone: registration order is not stable."""
    return f"{zlib.crc32(name.encode()):08x}"


def allocation_of(name: str) -> str:
    """Return the allocation that a new address of this name gets."""
    return f"eipalloc-{number(name)}"


def address_of(name: str) -> str:
    """Return the address that a new resource of this name gets."""
    return str(IPv4Address("198.18.0.0") + zlib.crc32(name.encode()) % 65536)


@dataclass(frozen=True)
class Held:
    """An address that AWS holds before the program runs."""

    address: str
    slot: str | None = None
    environment: str | None = ENVIRONMENT
    interface: str | None = None
    group: str = REGION
    stack: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """The tags it carries."""
        tags = {
            "flexpay:environment": self.environment,
            "flexpay:slot": self.slot,
            "flexpay:stack": self.stack,
        }
        return {key: value for key, value in tags.items() if value}


@dataclass
class Cloud(Mocks):
    """Records what is registered and makes up what AWS and the engine would answer."""

    held: dict[str, Held] = field(default_factory=dict)
    """Allocation ID → address."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """What the stack exported last time."""
    state: Mapping[str, Any] = field(default_factory=dict)
    """URN → {type, outputs}, as the last update left it."""
    lookups: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Invoke → ID → answer: the network of mode existing."""
    left_gateways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Slot → gateways with its tags that the state does not know."""
    zone_types: Mapping[str, str] = field(default_factory=dict)
    recorded: list[MockResourceArgs] = field(default_factory=list)
    options: dict[tuple[str, str], pulumi.ResourceOptions] = field(default_factory=dict)
    chains: dict[pulumi.Resource, str] = field(default_factory=dict)
    """Resource → its type behind those of its parents, the way a URN has it."""
    names: set[str] = field(default_factory=set)
    """What follows the project in every URN."""
    asked: list[str] = field(default_factory=list)
    waits: dict[str, frozenset[str]] = field(default_factory=dict)
    """URN of a resource of AWS → URNs of what had to be there before it was registered."""
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    """URN → what AWS answered, its id included."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.recorded.append(args)
        made: dict[str, Any] = {"arn": f"arn:aws:made:{REGION}:{ACCOUNT}:{args.typ}/{args.name}"}
        identity = args.resource_id or f"id-{number(args.typ + args.name)}"
        if args.typ == EIP:
            before = self.held.get(args.resource_id or "")
            identity = args.resource_id or allocation_of(args.name)
            made |= {
                "allocationId": identity,
                "publicIp": before.address if before else address_of(args.name),
            }
        elif args.typ == NAT:
            identity = args.resource_id or f"nat-{number(args.name)}"
        elif args.typ == "aws:ec2/vpc:Vpc":
            made |= {"defaultRouteTableId": "rtb-main"}
        return identity, {**args.inputs, **made}

    def watch(self, monitor: Any) -> None:
        """Keep what the engine would wait for, which mocks are not told."""
        register = monitor.RegisterResource

        def registered(request: Any) -> Any:
            answer = register(request)
            if request.custom:
                self.waits[answer.urn] = frozenset(request.dependencies)
                kept = monitor.resources[answer.urn]
                self.made[answer.urn] = {**kept.state, "id": kept.id}
            return answer

        monitor.RegisterResource = registered

    def inputs_of(self, urn: str) -> dict[str, Any]:
        """Return what a resource was registered with."""
        *_, types, name = urn.split("::")
        (found,) = (one for one in self.recorded if (one.typ, one.name) == (types.split("$")[-1], name))
        return dict(found.inputs)

    def note(self, args: pulumi.ResourceTransformationArgs) -> None:
        """Keep the options of a resource, which mocks are not told, and its place in the tree."""
        self.options[args.type_, args.name] = args.opts
        parent = self.chains.get(args.opts.parent) if args.opts.parent else None
        self.chains[args.resource] = f"{parent}${args.type_}" if parent else args.type_
        self.names.add(f"{self.chains[args.resource]}::{args.name}")

    def call(self, args: MockCallArgs) -> Any:
        self.asked.append(args.token)
        match args.token:
            case "pulumi:pulumi:readStackOutputs" | "pulumi:pulumi:readStackResourceOutputs":
                return {"outputs": self.outputs if args.token.endswith("StackOutputs") else self.state}
            case "aws:ec2/getEips:getEips":
                found = {key: one for key, one in self.held.items() if _matches(key, one, args.args)}
                return {"allocationIds": [*found], "publicIps": [one.address for one in found.values()]}
            case "aws:ec2/getElasticIp:getElasticIp":
                one = self.held[args.args["id"]]
                return {
                    **args.args,
                    "publicIp": one.address,
                    "tags": one.tags,
                    "networkInterfaceId": one.interface,
                }
            case "aws:ec2/getNatGateways:getNatGateways":
                return {"ids": [*self.left_gateways.get(args.args["tags"]["flexpay:slot"], ())]}
            case token if token.startswith("aws:index/getAvailabilityZone"):
                return self._zones(args.args)
        known = self.lookups.get(args.token, {})
        by = {one["name"]: one["values"][0] for one in args.args.get("filters") or ()}
        wanted = str(
            args.args.get("id")
            or args.args.get("routeTableId")
            or by.get("association.subnet-id")
            or args.args.get("vpcId")
        )
        if wanted not in known:
            raise AssertionError(f"unexpected invoke: {args.token} {args.args}")
        return {**args.args, **known[wanted]}

    def _zones(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        def kind(zone: str) -> str:
            return self.zone_types.get(zone, "availability-zone")

        if "zoneId" in asked:
            return {**asked, "networkBorderGroup": REGION, "zoneType": kind(asked["zoneId"])}
        by = {one["name"]: one["values"] for one in asked["filters"]}
        return {"zoneIds": [zone for zone in by["zone-id"] if kind(zone) in by["zone-type"]]}

    def of_type(self, kind: str) -> dict[str, MockResourceArgs]:
        """Return what was registered of one type, by name."""
        return {one.name: one for one in self.recorded if one.typ == kind}


def _matches(allocation_id: str, one: Held, asked: Mapping[str, Any]) -> bool:
    if any(one.tags.get(key) != value for key, value in (asked.get("tags") or {}).items()):
        return False
    shown = {"allocation-id": allocation_id, "network-border-group": one.group}
    return all(shown[by["name"]] in by["values"] for by in asked.get("filters") or [])
