"""The checks of network, quotas and addresses: from settings and facts to results."""

from collections import Counter
from collections.abc import Iterator

from onboarding.allowlist.network_view import Allocation, RegionView
from onboarding.preflight.values import Facts, Outcome, Result, Unknown
from stacks.model import AddressRole, EgressMode, Settings, StackConfig, slot_zone


def ours(config: StackConfig) -> bool:
    """Tell whether the stack makes its own network, addresses and gateways."""
    return config.settings.egress.mode in (EgressMode.PER_ZONE, EgressMode.SINGLE)


def gateway_zones(settings: Settings) -> list[str]:
    """Return the zones that get a NAT gateway, one entry per gateway."""
    return [slot_zone(slot) for slot in _gateway_slots(settings)]


def _gateway_slots(settings: Settings) -> list[str]:
    active = [slot for slot, entry in settings.slots.items() if entry.role is AddressRole.ACTIVE]
    if settings.egress.mode is EgressMode.SINGLE:
        return [slot for slot in active if slot_zone(slot) == settings.egress.gateway_zone]
    return active if settings.egress.mode is EgressMode.PER_ZONE else []


def network_results(config: StackConfig, facts: Facts) -> Iterator[Result]:
    """Judge everything that depends on what the region has already."""
    if config.settings.egress.mode is EgressMode.EXTERNAL:
        yield Result("network", Outcome.SKIP, "external: no network is made")
        return
    view = facts.network
    if isinstance(view, Unknown):
        yield Result("network", Outcome.CANNOT_TELL, view.why)
        return
    if not ours(config):
        yield _existing(config.settings, view)
        return
    yield _quota_of_addresses(config, facts, view)
    yield _quota_of_gateways(config, facts, view)
    yield _quota_of_vpcs(config, facts, view)
    yield _adopted(config, view)
    yield _overlap(config.settings, view)


def _existing(settings: Settings, view: RegionView) -> Result:
    network = settings.network
    subnets = {one.id: one for one in view.subnets}
    missing = [] if any(one.id == network.vpc_id for one in view.vpcs) else [str(network.vpc_id)]
    for subnet in [*network.public_subnets.values(), *network.private_subnets.values()]:
        if subnet not in subnets or subnets[subnet].vpc_id != network.vpc_id:
            missing.append(subnet)
    missing += [gateway for gateway in network.nat_gateways.values() if view.gateway(gateway) is None]
    if missing:
        return Result(
            "network",
            Outcome.FAIL,
            f"not in this account and region, or not in {network.vpc_id}: {', '.join(missing)}",
            "correct network.vpcId, publicSubnets, privateSubnets and natGateways",
        )
    return Result("network", Outcome.PASS, f"{network.vpc_id} and all that is named of it exist")


def _held(config: StackConfig, view: RegionView) -> dict[str, Allocation]:
    """Return the slots that have an address already: tagged for them, or to be adopted."""
    held = {}
    for slot, entry in config.settings.slots.items():
        for one in view.allocations:
            tagged = (one.environment, one.slot) == (config.settings.environment, slot)
            if one.allocation_id == entry.allocation or (tagged and not entry.allocation):
                held[slot] = one
    return held


def _quota_of_addresses(config: StackConfig, facts: Facts, view: RegionView) -> Result:
    held = _held(config, view)
    new = [slot for slot, entry in config.settings.slots.items() if slot not in held and not entry.allocation]
    return _quota(
        "quota-addresses",
        facts.address_quota,
        len(view.allocations),
        len(new),
        what="addresses",
        code="L-0263D0A3",
    )


def _quota_of_gateways(config: StackConfig, facts: Facts, view: RegionView) -> Result:
    places = {one.id: one.zone_id for one in view.subnets}
    living = [one for one in view.gateways if one.state in ("pending", "available")]
    there = Counter(places.get(one.subnet_id or "", "") for one in living)
    attached = {part.allocation_id for one in living for part in one.addresses}
    held = _held(config, view)
    # by slot: while traffic moves to a spare, the old gateway and the new one stand side by side
    wanted = Counter(
        slot_zone(slot)
        for slot in _gateway_slots(config.settings)
        if slot not in held or held[slot].allocation_id not in attached
    )
    full = []
    most = (0, 0)
    for zone in sorted(set(gateway_zones(config.settings))):
        new = wanted[zone]
        most = max(most, (there[zone] + new, new))
        if not isinstance(facts.gateway_quota, Unknown) and new and there[zone] + new > facts.gateway_quota:
            full.append(f"{zone} has {there[zone]} and would get {new} more")
    if isinstance(facts.gateway_quota, Unknown):
        return Result("quota-gateways", Outcome.CANNOT_TELL, facts.gateway_quota.why)
    if full:
        return Result(
            "quota-gateways",
            Outcome.FAIL,
            f"NAT gateways per zone: quota {facts.gateway_quota}; {'; '.join(full)}",
            "request an increase of L-FE5A380F, or use another zone",
        )
    return Result(
        "quota-gateways",
        Outcome.PASS,
        f"NAT gateways per zone: at most {most[0]} of {facts.gateway_quota} after `up`",
    )


def _quota_of_vpcs(config: StackConfig, facts: Facts, view: RegionView) -> Result:
    exists = any(one.environment == config.settings.environment for one in view.vpcs)
    return _quota(
        "quota-vpcs", facts.vpc_quota, len(view.vpcs), 0 if exists else 1, what="VPCs", code="L-F678F1CE"
    )


def _quota(id_: str, quota: int | Unknown, used: int, new: int, *, what: str, code: str) -> Result:
    if isinstance(quota, Unknown):
        return Result(id_, Outcome.CANNOT_TELL, quota.why)
    found = f"{what}: {used} of {quota} used, {new} more needed"
    if new and used + new > quota:
        return Result(
            id_,
            Outcome.FAIL,
            found,
            f"request an increase of {code} to at least {used + new} before `up`: half a roll-out keeps what "
            "it got",
        )
    return Result(id_, Outcome.PASS, found)


def _adopted(config: StackConfig, view: RegionView) -> Result:
    wanted = {
        slot: entry.allocation
        for slot, entry in config.settings.slots.items()
        if entry.allocation is not None
    }
    if not wanted:
        return Result("adopted-addresses", Outcome.SKIP, "no slot names an allocation")
    known = {one.allocation_id: one for one in view.allocations}
    wrong = [
        f"{slot}: {problem}"
        for slot, allocation in wanted.items()
        if (problem := _adoption_problem(config, view, slot, known.get(allocation)))
    ]
    if wrong:
        return Result(
            "adopted-addresses",
            Outcome.FAIL,
            "; ".join(wrong),
            "correct egress.addresses; `flexpay-onboard addresses list` shows what there is",
        )
    return Result("adopted-addresses", Outcome.PASS, f"{len(wanted)} allocations exist and are free or ours")


def _adoption_problem(config: StackConfig, view: RegionView, slot: str, held: Allocation | None) -> str:
    if held is None:
        return f"its allocation is not in account {view.account_id}, region {view.region}"
    environment = config.settings.environment
    if held.environment not in (None, environment):
        return f"{held.allocation_id} is tagged for environment {held.environment}"
    if held.slot not in (None, slot):
        return f"{held.allocation_id} is tagged for slot {held.slot}"
    if held.border_group not in (None, config.region):
        return f"{held.allocation_id} is of network border group {held.border_group}, not {config.region}"
    if held.association_id and not _on_our_gateway(view, environment, held):
        return f"{held.allocation_id} is in use by {held.interface_id or held.association_id}"
    return ""


def _on_our_gateway(view: RegionView, environment: str, held: Allocation) -> bool:
    mine = {one.id for one in view.vpcs if one.environment == environment}
    return any(
        part.allocation_id == held.allocation_id and gateway.vpc_id in mine
        for gateway in view.gateways
        for part in gateway.addresses
    )


def _overlap(settings: Settings, view: RegionView) -> Result:
    cidr = settings.network.cidr
    others = [
        f"{one.id}{f' ({one.name})' if one.name else ''} {block}"
        for one in view.vpcs
        if one.environment != settings.environment
        for block in one.cidrs
        if cidr is not None and block.overlaps(cidr)
    ]
    if others:
        return Result(
            "network-overlap",
            Outcome.WARN,
            f"{cidr} overlaps {', '.join(others)}",
            "harmless while they are never connected; a VPC's range cannot be changed later",
        )
    return Result("network-overlap", Outcome.PASS, f"{cidr} overlaps no other VPC of the region")
