"""Judges a plan: would an approved address be lost, or an unapproved one carry traffic?

Pure: a plan and a ledger in, findings out. The rules, in the order of ``judge``:

1. A preview with errors is not a plan; the engine's reason is told in our terms.
2. An address that is approved or waiting for any merchant stays exactly what it is: not removed,
   replaced, exchanged for another allocation, handed over, detached, untagged or unprotected.
3. What carries the traffic of such an address (gateway, routes, associations, subnets, VPC) is
   neither removed, replaced nor unprotected, unless the traffic moves to another approved address
   in the same plan, or ``egress.replace`` names the slot.
4. Once any address of the environment was approved, no route starts to lead to an address that is
   not, or past the gateways.

Over 300 lines, because the rules refer to each other and are read in one go by whoever must trust them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from onboarding.allowlist.guard_errors import engine_findings
from onboarding.allowlist.guard_finding import GuardFinding, Severity
from onboarding.allowlist.ledger import Ledger, Standing
from onboarding.allowlist.plan import Change, Plan, Resource
from onboarding.allowlist.plan_routes import (
    ASSOCIATION,
    EIP,
    INTERNET_GATEWAY,
    NAT,
    ROUTE,
    TABLES,
    TARGETS,
    Routes,
)
from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT

__all__ = ["GuardFinding", "Severity", "holds_addresses", "judge", "planned_replacements"]

DETACHING = ("instance", "networkInterface", "associateWithPrivateIp")
ATTACHING = (
    "aws:ec2/eipAssociation:EipAssociation",
    "aws:ec2/natGatewayEipAssociation:NatGatewayEipAssociation",
)
PLACES = {
    ASSOCIATION: ("routeTableId", "subnetId", "gatewayId"),
    INTERNET_GATEWAY: ("vpcId",),
    ROUTE: ("routeTableId",),
}
"""Inputs that say where a carrier stands; some of them change in place."""
SACRED = (Standing.APPROVED, Standing.WAITING)
SUBMIT = "submit the address first (`flexpay-onboard allowlist draft`); it is attached once approved"


@dataclass(frozen=True)
class _Sacred:
    """An address of the stack that the partner has approved or is reviewing."""

    resource: Resource
    address: IPv4Address
    reference: str

    @property
    def slot(self) -> str:
        return self.resource.tag(TAG_SLOT)

    def block(self, urn: str, problem: str, way_out: str) -> GuardFinding:
        name = urn.rpartition("::")[2]
        return GuardFinding(
            Severity.BLOCK, urn, str(self.address), self.reference, f"{name}: {problem}", way_out
        )


class _Case:
    """A plan beside a ledger."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan, self.ledger = plan, ledger
        self.before, self.after = Routes(plan.before()), Routes(plan.after())
        self.replaceable = planned_replacements(plan)
        settings = plan.setting("merchants")
        merchants = settings if isinstance(settings, list) else []
        named = [str(one.get("name", "")) for one in merchants if isinstance(one, dict)]
        self.approved = frozenset[IPv4Address]().union(
            *(ledger.approved_for(merchant) for merchant in named or ledger.merchants)
        )

    def standing(self, address: IPv4Address) -> tuple[Standing, str]:
        """Return the weightiest standing of an address over all merchants, and its ticket."""
        entries = [self.ledger.entry(merchant, address) for merchant in self.ledger.merchants]
        for wanted in SACRED:
            for entry in entries:
                if entry.standing is wanted:
                    return wanted, entry.reference
        return Standing.UNSUBMITTED, ""

    def sacred(self) -> Iterator[_Sacred]:
        for resource in self.before.of_type(EIP):
            address = _public_address(resource)
            if address is not None:
                standing, reference = self.standing(address)
                if standing in SACRED:
                    yield _Sacred(resource, address, reference)

    def may_carry(self, address_urn: str) -> bool:
        """Tell whether traffic may be led to an address: approved, or in review before any was approved."""
        resource = self.after.resources.get(address_urn)
        address = _public_address(resource) if resource else None
        if address is None:
            return False
        if self.ledger.ever_approved():
            return address in self.approved
        return self.standing(address)[0] in SACRED


def judge(plan: Plan, ledger: Ledger) -> list[GuardFinding]:
    """Return what is wrong with a plan, worst first; empty when it may be carried out."""
    case = _Case(plan, ledger)
    findings = engine_findings(plan)
    for sacred in case.sacred():
        findings += _address_stays(plan.changes[sacred.resource.urn], sacred)
        findings += _traffic_stays(case, sacred)
        findings += _attached_nowhere_else(case, sacred)
    if ledger.ever_approved():
        told = {finding.urn for finding in findings}
        findings += (finding for finding in _approved_only(case) if finding.urn not in told)
        findings += _no_other_way(case)
    return sorted(
        set(findings),
        key=lambda finding: (finding.severity is not Severity.BLOCK, finding.urn, finding.problem),
    )


def planned_replacements(plan: Plan) -> frozenset[str]:
    """Return the slots that ``egress.replace`` names in the config the plan was made with."""
    egress = plan.setting("egress")
    named = egress.get("replace") if isinstance(egress, dict) else None
    return frozenset(map(str, named)) if isinstance(named, list) else frozenset()


def holds_addresses(plan: Plan) -> bool:
    """Tell whether the stack holds addresses already, so that some of them may be approved."""
    for resource in plan.before().values():
        if resource.type == EIP or resource.outputs.get("egressAddresses"):
            return True
    return False


def _public_address(resource: Resource) -> IPv4Address | None:
    try:
        return IPv4Address(resource.text("publicIp"))
    except ValueError:
        return None


def _address_stays(change: Change, sacred: _Sacred) -> Iterator[GuardFinding]:
    old, new = sacred.resource, change.after
    if new is None:
        kept = "kept in AWS, but unmanaged" if old.retained else "released, and may go to a stranger"
        yield sacred.block(
            old.urn,
            f"{sacred.address} would leave the stack ({kept})",
            f"keep slot {sacred.slot} in egress.addresses (role: spare takes it out of traffic); "
            "to give it up, follow `flexpay-onboard rollover` to its end",
        )
        return
    if change.replaces:
        yield sacred.block(
            old.urn,
            f"{sacred.address} ({old.id}) would be exchanged for {new.id or 'a new allocation'}",
            f"a different allocation is a different slot: add one beside {sacred.slot}, submit it, move over",
        )
        return
    if new.external and not old.external:
        yield sacred.block(
            old.urn,
            f"{sacred.address} would only be read, no longer owned by the stack",
            "register it as a resource; adopting an address is `allocation:` in egress.addresses",
        )
        return
    if old.protect and not new.protect:
        yield sacred.block(
            old.urn, f"protection of {sacred.address} would be taken away", "set protect: true"
        )
    if old.retained and not new.retained:
        yield sacred.block(
            old.urn,
            f"{sacred.address} would no longer be kept on delete",
            "leave retain_on_delete on the address",
        )
    if any(new.inputs.get(key) != old.inputs.get(key) for key in DETACHING):
        yield sacred.block(
            old.urn,
            f"{sacred.address} would be attached to something else",
            "attach it to its NAT gateway only",
        )
    if any(new.tag(key) != old.tag(key) for key in (TAG_ENVIRONMENT, TAG_SLOT)):
        yield sacred.block(
            old.urn,
            f"the tags by which {sacred.address} is found again would change",
            f"leave {TAG_ENVIRONMENT} and {TAG_SLOT} as they are",
        )


def _traffic_stays(case: _Case, sacred: _Sacred) -> Iterator[GuardFinding]:
    moved, planned = _moved(case, sacred), sacred.slot in case.replaceable
    for urn in sorted(case.before.carriers(sacred.resource.urn)):
        change, old = case.plan.changes[urn], case.before.resources[urn]
        new = change.after
        if change.removes or change.replaces:
            if old.type == NAT and change.removes and moved and not old.protect:
                continue
            if old.type == NAT and change.replaces and planned and _same_address(case, urn):
                yield GuardFinding(
                    Severity.WARN,
                    urn,
                    str(sacred.address),
                    sacred.reference,
                    f"{old.name}: the gateway of {sacred.slot} would be replaced; what leaves through it "
                    "has no way out meanwhile",
                    "move the zone to an approved spare first to lose no call",
                )
                continue
            yield sacred.block(
                urn,
                f"would be {'removed' if change.removes else 'replaced'}, and it carries the traffic of "
                f"{sacred.address}",
                "move the traffic to an approved spare first; a gateway that may go for a moment is named in "
                f"egress.replace: [{sacred.slot}]",
            )
        elif new is not None:
            yield from _carrier_stays(case, sacred, old, new, planned=planned)


def _carrier_stays(
    case: _Case, sacred: _Sacred, old: Resource, new: Resource, *, planned: bool
) -> Iterator[GuardFinding]:
    if old.protect and not new.protect and not (old.type == NAT and planned):
        yield sacred.block(
            old.urn,
            f"protection would be taken away from what carries the traffic of {sacred.address}",
            f"set protect: true; a planned replacement is egress.replace: [{sacred.slot}]",
        )
    if new.external and not old.external:
        yield sacred.block(
            old.urn,
            f"would only be read, and it carries the traffic of {sacred.address}",
            "leave it a resource of the stack",
        )
    if any(case.before.place(old, key) != case.after.place(new, key) for key in PLACES.get(old.type, ())):
        yield sacred.block(
            old.urn,
            f"would serve another subnet, table or VPC, and it carries the traffic of {sacred.address}",
            "leave it where it is",
        )
    if old.type in TABLES and new.inputs.get("routes") != old.inputs.get("routes"):
        yield sacred.block(
            old.urn,
            f"its routes would be rewritten as one list, and one of them carries the traffic of "
            f"{sacred.address}",
            "leave `routes` out; every route is a resource of its own",
        )
    inner = old.type == ROUTE and not old.inputs.get("natGatewayId")
    if inner and any(
        case.before.place(old, key) != case.after.place(new, key) for key in (*TARGETS, "natGatewayId")
    ):
        yield sacred.block(
            old.urn,
            f"would lead elsewhere, and the gateway of {sacred.address} stands behind it",
            "leave it on the internet gateway",
        )
    if old.type == ROUTE and case.before.address(old) == sacred.resource.urn:
        target = case.after.address(new)
        if target != sacred.resource.urn and not case.may_carry(target):
            yield sacred.block(
                old.urn,
                f"would lead to {_told(case, target)}, instead of {sacred.address}",
                _way_out(case, target),
            )


def _attached_nowhere_else(case: _Case, sacred: _Sacred) -> Iterator[GuardFinding]:
    """Find what would take a kept address to itself, by its ID or by reference."""
    for one in case.after.resources.values():
        was = case.before.resources.get(one.urn)
        ours = case.after.source(one, "allocationId", EIP) == sacred.resource.urn
        if one.type in ATTACHING and ours and (was is None or was.inputs != one.inputs):
            yield sacred.block(
                one.urn,
                f"would attach {sacred.address} to something else",
                "attach it to its NAT gateway only",
            )


def _same_address(case: _Case, gateway: str) -> bool:
    return case.after.address_on(gateway) == case.before.address_on(gateway)


def _moved(case: _Case, sacred: _Sacred) -> bool:
    """Tell whether every route that led to an address leads to another one that may carry it."""
    later = {route.urn: route for route in case.after.to_gateways()}
    routes = [
        route for route in case.before.to_gateways() if case.before.address(route) == sacred.resource.urn
    ]
    targets = [case.after.address(later[route.urn]) if route.urn in later else "" for route in routes]
    return bool(routes) and all(
        target != sacred.resource.urn and case.may_carry(target) for target in targets
    )


def _told(case: _Case, address_urn: str) -> str:
    if not address_urn:
        return "a way out that this stack does not hold"
    resource = case.after.resources[address_urn]
    address = _public_address(resource)
    if address:
        return f"{address}, approved for no merchant"
    if resource.id:
        return f"{resource.id}, adopted in this plan, whose address a preview does not tell"
    return "an address not allocated yet"


def _way_out(case: _Case, address_urn: str) -> str:
    resource = case.after.resources.get(address_urn)
    if resource and resource.id and not _public_address(resource):
        return "adopt it with role: spare and run `pulumi up`; the next preview tells its address"
    return SUBMIT


def _approved_only(case: _Case) -> Iterator[GuardFinding]:
    earlier = {route.urn: case.before.address(route) for route in case.before.to_gateways()}
    for route in case.after.to_gateways():
        target = case.after.address(route)
        if case.may_carry(target):
            continue
        known = bool(target) and earlier.get(route.urn) == target and not case.plan.changes[target].replaces
        address = _public_address(case.after.resources[target]) if target else None
        yield GuardFinding(
            Severity.WARN if known else Severity.BLOCK,
            route.urn,
            str(address or ""),
            "",
            f"{route.name}: {'leads' if known else 'would lead'} to {_told(case, target)}",
            _way_out(case, target),
        )


def _no_other_way(case: _Case) -> Iterator[GuardFinding]:
    """Find what would let traffic out beside the one address of each gateway."""
    known = {(one.urn, target, str(one.inputs.get(target))) for one, target in case.before.past_gateways()}
    for one, target in case.after.past_gateways():
        if (one.urn, target, str(one.inputs.get(target))) not in known:
            yield _beside(one, f"would lead past the gateways ({target})")
    for one in case.after.resources.values():
        was = case.before.resources.get(one.urn)
        if one.type in ATTACHING and (was is None or was.inputs != one.inputs):
            yield _beside(one, "would attach an address beside the one of a gateway")
        more = one.inputs.get("secondaryAllocationIds") or one.inputs.get("secondaryPrivateIpAddressCount")
        if one.type == NAT and more and (was is None or was.inputs != one.inputs):
            yield _beside(one, "would get more than one address, which is not supported yet")


def _beside(resource: Resource, problem: str) -> GuardFinding:
    return GuardFinding(
        Severity.BLOCK,
        resource.urn,
        "",
        "",
        f"{resource.name}: {problem}; calls would come from an address that nobody approved",
        "lead the partner's traffic through the gateway of a slot",
    )
