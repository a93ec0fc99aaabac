"""Gathers the facts: asks the engine for the stack's own state, AWS for addresses, the folder for the ledger.

Runs before anything is registered and changes nothing. An ordinary update, in which the stack
manages every slot, asks AWS one question.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pulumi
from pulumi_aws import (
    GetAvailabilityZonesFilterArgs,
    ec2,
    get_availability_zone,
    get_availability_zones,
)

from onboarding.allowlist.ledger import Ledger, Standing
from onboarding.errors import InputError
from onboarding.ledger_file import read_ledger
from stacks.adoption import Refused
from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT, TAG_STACK
from stacks.facts import Allocation, Approvals, Facts, Found, Managed
from stacks.labels import EGRESS, NETWORK, SECRETS, slot_of
from stacks.schema import AddressRole, Settings
from stacks.values import slot_zone

ADDRESS = "flexpay:index:StaticEgress$aws:ec2/eip:Eip"
GATEWAY = "flexpay:index:StaticEgress$aws:ec2/natGateway:NatGateway"
VPC = "flexpay:index:Network$aws:ec2/vpc:Vpc"
SUBNET = "flexpay:index:Network$aws:ec2/subnet:Subnet"
POLICY = "flexpay:index:SecretsStore$aws:iam/policy:Policy"
WRITING_SECONDS = (0.1, 0.2, 0.4, 0.8, 0.0)
"""Pauses between attempts to read a state that is just being written; zero: no further attempt."""
PROMISED = (Standing.WAITING, Standing.APPROVED)


def gather(settings: Settings, managed: Managed, project: Path) -> Facts:
    """Return the facts of the current stack; ``project`` is the folder that holds the ledgers.

    Raises Refused where AWS or a file gives no usable answer.
    """
    return Facts(managed, look(settings, managed), read_approvals(settings, project))


def read_managed() -> Managed:
    """Read what the stack manages from its own state, as the last update left it.

    Whoever renames one of these resources with an alias has to look for both names here.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    with _asking("the stack's own state"):
        outputs = _invoke("pulumi:pulumi:readStackOutputs", name=stack)
        resources = _invoke("pulumi:pulumi:readStackResourceOutputs", stackName=stack)
    addresses = {
        slot_of(name): Allocation(held["allocationId"], IPv4Address(held["publicIp"]))
        for name, held in _of_type(resources, ADDRESS, f"{EGRESS}-")
    }
    return Managed(
        stack=pulumi.get_stack(),
        remembers=bool(outputs),
        addresses=addresses,
        gateways=frozenset(slot_of(name) for name, _ in _of_type(resources, GATEWAY, f"{EGRESS}-")),
        zones=frozenset(name for name, _ in _of_type(resources, SUBNET, f"{NETWORK}-private-")),
        environment=outputs.get("environment"),
        region=outputs.get("region"),
        account_id=outputs.get("accountId"),
        cidr=next((IPv4Network(held["cidrBlock"]) for _, held in _of_type(resources, VPC, NETWORK)), None),
        iam_path=next((held["path"] for _, held in _of_type(resources, POLICY, SECRETS)), None),
        declared={one["slot"]: IPv4Address(one["address"]) for one in outputs.get("egressAddresses", [])},
        exits={zone: slot for zone, slot in outputs.get("egressByZone", {}).items() if slot},
    )


def _invoke(token: str, **arguments: str) -> Mapping[str, Any]:
    for pause in WRITING_SECONDS:
        try:
            found: Mapping[str, Any] = pulumi.runtime.invoke(token, arguments).value["outputs"]
        except Exception as error:
            # the engine is writing its own first steps, and a backend of files does not do that atomically
            if "checkpoint" not in str(error) or not pause:
                raise
            time.sleep(pause)
        else:
            return found
    raise AssertionError("the last pause is zero")


def _of_type(
    resources: Mapping[str, Any], chain: str, prefix: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (rest of the name, outputs) of the resources under one chain of parents."""
    for urn, resource in resources.items():
        *_, types, name = urn.split("::")
        if types.endswith(chain) and name.startswith(prefix):
            yield name.removeprefix(prefix), resource["outputs"]


def look(settings: Settings, managed: Managed) -> Found:
    """Ask AWS for every address that the settings could mean; refuses zones that cannot hold a gateway."""
    with _asking("addresses", "ec2:DescribeAddresses"):
        ours = _addresses(tags={TAG_ENVIRONMENT: settings.environment})
    new = set(settings.zones) - managed.zones - _somebody_elses(settings)
    groups = _border_groups(new - _availability_zones(new))  # asks one by one only for what is to be refused
    known = {one.allocation_id for one in managed.addresses.values()}
    tagged: dict[str, list[Allocation]] = {}
    for allocation_id in sorted(set(ours) - known):
        one = _allocation(allocation_id)
        if one.slot in settings.slots:
            tagged.setdefault(one.slot, []).append(_in_its_zone(one, one.slot, groups))
    wanted = {
        entry.allocation: slot
        for slot, entry in settings.slots.items()
        if entry.allocation and slot not in managed.addresses
    }
    named = {}
    if wanted:
        with _asking("named allocations", "ec2:DescribeAddresses"):
            here = _addresses(filters=[_filter("allocation-id", wanted)])
        for allocation_id in here:
            named[allocation_id] = _in_its_zone(_allocation(allocation_id), wanted[allocation_id], groups)
    return Found(
        environment=frozenset(ours.values()),
        tagged={slot: tuple(found) for slot, found in tagged.items()},
        named=named,
        gateways=_unfinished_gateways(settings, managed),
        gone=_gone(known - set(ours)),
    )


def _unfinished_gateways(settings: Settings, managed: Managed) -> dict[str, tuple[str, ...]]:
    """Look for gateways that AWS made for an update that broke off before its state knew of them."""
    waiting = [
        slot
        for slot, entry in settings.slots.items()
        if entry.role is AddressRole.ACTIVE and slot in managed.addresses and slot not in managed.gateways
    ]
    found = {}
    for slot in waiting:
        with _asking(f"NAT gateways of slot {slot}", "ec2:DescribeNatGateways"):
            gateways = ec2.get_nat_gateways(
                tags={TAG_ENVIRONMENT: settings.environment, TAG_SLOT: slot},
                filters=[ec2.GetNatGatewaysFilterArgs(name="state", values=["available", "pending"])],
            )
        found[slot] = tuple(gateways.ids)
    return found


def _somebody_elses(settings: Settings) -> set[str]:
    return set(settings.zones) if settings.network.existing else set()


def _gone(unseen: set[str]) -> frozenset[str]:
    if not unseen:
        return frozenset()
    with _asking("managed addresses", "ec2:DescribeAddresses"):
        return frozenset(unseen - set(_addresses(filters=[_filter("allocation-id", unseen)])))


def _addresses(**asked: Any) -> dict[str, IPv4Address]:
    found = ec2.get_eips(**asked)
    return dict(zip(found.allocation_ids, map(IPv4Address, found.public_ips), strict=True))


def _filter(name: str, values: Iterable[str]) -> ec2.GetEipsFilterArgs:
    return ec2.GetEipsFilterArgs(name=name, values=sorted(values))


def _allocation(allocation_id: str) -> Allocation:
    with _asking(allocation_id, "ec2:DescribeAddresses"):
        address = ec2.get_elastic_ip(id=allocation_id)
    tags = address.tags or {}
    return Allocation(
        allocation_id=allocation_id,
        address=IPv4Address(address.public_ip),
        environment=tags.get(TAG_ENVIRONMENT),
        slot=tags.get(TAG_SLOT),
        stack=tags.get(TAG_STACK),
        held_by=address.instance_id or address.network_interface_id or address.association_id or None,
    )


def _in_its_zone(one: Allocation, slot: str, groups: dict[str, str]) -> Allocation:
    """Compare an address with its zone; ``groups`` keeps what was asked already."""
    zone = slot_zone(slot)
    if zone not in groups:
        groups |= _border_groups([zone])
    group = _filter("network-border-group", [groups[zone]])
    itself = _filter("allocation-id", [one.allocation_id])
    with _asking(one.allocation_id, "ec2:DescribeAddresses"):
        return replace(one, fits_zone=one.allocation_id in _addresses(filters=[itself, group]))


def _availability_zones(zones: set[str]) -> set[str]:
    """Return which of them are availability zones of this region: one question for all of them."""
    if not zones:
        return set()
    filters = [
        GetAvailabilityZonesFilterArgs(name="zone-id", values=sorted(zones)),
        GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"]),
    ]
    with _asking("zones", "ec2:DescribeAvailabilityZones"):
        return set(get_availability_zones(filters=filters).zone_ids)


def _border_groups(zones: Iterable[str]) -> dict[str, str]:
    """Return the network border group of every zone, and refuse zones that hold no NAT gateway."""
    groups = {}
    problems = []
    for zone in sorted(zones):
        try:
            found = get_availability_zone(zone_id=zone)
        except Exception as error:  # noqa: BLE001 - the SDK raises nothing narrower for a failed lookup
            problems.append(f"network.zones: {zone}: this account has no such zone in this region: {error}")
            continue
        if found.zone_type != "availability-zone":
            problems.append(
                f"network.zones: {zone}: a {found.zone_type} holds no NAT gateway; use an availability zone"
            )
        groups[zone] = found.network_border_group
    if problems:
        raise Refused("\n".join(problems))
    return groups


def read_approvals(settings: Settings, project: Path) -> Approvals:
    """Fold the environment's ledger for the merchants of the stack; no ledger: the first roll-out."""
    path = project / "allowlist" / f"{settings.environment}.yaml"
    if not path.exists():
        return Approvals()
    try:
        ledger = read_ledger(path, environment=settings.environment)
    except InputError as error:
        raise Refused(error.diagnostics()) from error
    return approvals_of(ledger, [merchant.name for merchant in settings.merchants])


def approvals_of(ledger: Ledger, merchants: Iterable[str]) -> Approvals:
    """Return what a ledger says for some merchants."""
    return Approvals(
        ever=ledger.ever_approved(),
        current=frozenset().union(*(ledger.approved_for(merchant) for merchant in merchants)),
        promised=frozenset(
            address for (_, address), entry in ledger.standings.items() if entry.standing in PROMISED
        ),
    )


@contextmanager
def _asking(what: str, permission: str = "") -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the SDK raises nothing narrower for a failed lookup
        needs = f" (needs {permission})" if permission else ""
        raise Refused(f"{what}: no usable answer{needs}: {error}") from error
