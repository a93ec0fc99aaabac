"""Zones and network border groups."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.availability_zones_and_regions import Zone
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.responses.availability_zones_and_regions import AvailabilityZonesAndRegions
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses

from sandbox.aws.behaviour.rules import Rules

RULES = Rules()

LOCAL_ZONES = {"us-east-1": (("us-east-1-bos-1a", "use1-bos1-az1"), ("us-east-1-chi-2a", "use1-chi2-az1"))}
"""Name and id of local zones, by region: not opted in to, so only ``AllAvailabilityZones`` shows them."""


@RULES.replaces(AvailabilityZonesAndRegions)
def describe_availability_zones(original: Any, self: Any) -> ActionResult:
    """Show what decides whether a zone can hold a NAT gateway of ours.

    DescribeAvailabilityZones: NetworkBorderGroup is the region for its availability zones and the
    group for local zones; OptInStatus is opt-in-not-required, opted-in or not-opted-in; zones not
    opted in to appear with AllAvailabilityZones only. An unknown zone is InvalidParameterValue.
    """
    region = self.region
    shown = list(self.ec2_backend.describe_availability_zones({}))
    names, ids = self._get_param("ZoneNames", []), self._get_param("ZoneIds", [])
    if self._get_param("AllAvailabilityZones", False):
        shown += [Zone(name, region, zone, "local-zone") for name, zone in LOCAL_ZONES.get(region, ())]
    for zone in shown:
        group = region if zone.zone_type == "availability-zone" else zone.name[:-1]
        zone.network_border_group = group
        zone.group_name = f"{region}-zg-1" if group == region else group
        zone.opt_in_status = "opt-in-not-required" if group == region else "not-opted-in"
    for kind, wanted, known in (
        ("names", names, {zone.name for zone in shown}),
        ("ids", ids, {zone.zone_id for zone in shown}),
    ):
        if unknown := sorted(set(wanted) - known):
            raise EC2ClientError("InvalidParameterValue", f"Invalid availability zone {kind}: [{unknown[0]}]")
    chosen = [z for z in shown if (not names or z.name in names) and (not ids or z.zone_id in ids)]
    for name, values in self._filters_from_querystring().items():
        attribute = {"zone-name": "name", "region-name": "region_name"}.get(name, name.replace("-", "_"))
        if chosen and attribute not in vars(chosen[0]):
            raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
        chosen = [zone for zone in chosen if getattr(zone, attribute) in values]
    return ActionResult({"AvailabilityZones": chosen})


@RULES.replaces(ElasticIPAddresses)
def allocate_address(original: Any, self: Any) -> ActionResult:
    """Keep the network border group of an address and show it.

    AllocateAddress, ``NetworkBorderGroup``: a unique set of zones from which AWS advertises the
    address; it is the region when none is named, and cannot be changed afterwards.
    """
    region = self.region
    group = self._get_param("NetworkBorderGroup") or region
    if group != region and group not in {name[:-1] for name, _ in LOCAL_ZONES.get(region, ())}:
        raise EC2ClientError("InvalidParameterValue", f"Invalid network border group: {group}")
    answer: ActionResult = original(self)
    shown: Any = answer.result
    (address,) = self.ec2_backend.address_by_allocation([shown["AllocationId"]])
    address.network_border_group = group
    address.public_ipv4_pool = "amazon"
    return ActionResult({**shown, "NetworkBorderGroup": group, "PublicIpv4Pool": "amazon"})


@RULES.replaces(ElasticAddress)
def get_filter_value(original: Any, self: Any, filter_name: str, method_name: str | None = None) -> Any:
    """Find addresses by network border group: a filter of DescribeAddresses that moto lacks."""
    if filter_name == "network-border-group":
        return getattr(self, "network_border_group", None)
    return original(self, filter_name, method_name)
