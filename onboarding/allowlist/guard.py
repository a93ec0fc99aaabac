"""Judges a plan: would an approved address be lost, or an unapproved one carry traffic?

Pure: a plan and a ledger in, findings out. The rules, in the order of ``judge``:

1. An address that is approved or waiting for any merchant stays exactly what it is: not removed,
   not replaced, not swapped for another allocation, not handed over, not detached, not unprotected.
2. What carries the traffic of such an address (gateway, routes, associations, subnets, VPC) is
   neither removed nor replaced nor unprotected, unless its traffic moves to another approved
   address in the same plan, or ``egress.replace`` names the slot.
3. Once any address of the environment was approved, no default route starts to lead to an
   address that is not.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from onboarding.allowlist.ledger import Ledger, Standing
from onboarding.allowlist.plan import Change, Plan, Resource
from onboarding.allowlist.plan_routes import EIP, NAT, Routes
from stacks.contract import TAG_SLOT

DETACHING = ("instance", "networkInterface", "associateWithPrivateIp")
SACRED = (Standing.APPROVED, Standing.WAITING)


class Severity(StrEnum):
    """How much a finding weighs."""

    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True)
class GuardFinding:
    """One thing the plan would do."""

    severity: Severity
    urn: str
    address: str
    """The address concerned, "" when it is not known yet."""
    reference: str
    """The ticket under which the address was submitted or approved."""
    problem: str
    way_out: str


@dataclass(frozen=True)
class _Sacred:
    """An address of the stack that the partner has approved or is reviewing."""

    resource: Resource
    address: IPv4Address
    reference: str

    @property
    def slot(self) -> str:
        return self.resource.tag(TAG_SLOT)


def judge(plan: Plan, ledger: Ledger) -> list[GuardFinding]:
    """Return what is wrong with a plan, worst first; empty when it may be carried out."""
    before, after = Routes(plan.before()), Routes(plan.after())
    replaceable = planned_replacements(plan)
    findings = [_engine_error(message, plan) for message in plan.errors]
    for sacred in _sacred(plan, ledger):
        findings += _address_stays(plan.changes[sacred.resource.urn], sacred)
        findings += _traffic_stays(
            plan,
            sacred,
            before,
            after,
            moved=_moved(sacred, before, after, ledger),
            planned=sacred.slot in replaceable,
        )
    if ledger.ever_approved():
        findings += _approved_only(before, after, ledger)
    return sorted(
        set(findings),
        key=lambda finding: (finding.severity is not Severity.BLOCK, finding.urn, finding.problem),
    )


def planned_replacements(plan: Plan) -> frozenset[str]:
    """Return the slots that ``egress.replace`` names in the config the plan was made with."""
    for key, value in plan.config.items():
        if key.endswith(":egress"):
            try:
                named = json.loads(value).get("replace") or []
            except (ValueError, AttributeError):
                return frozenset()
            return frozenset(str(slot) for slot in named)
    return frozenset()


def _standing(ledger: Ledger, address: IPv4Address) -> tuple[Standing, str]:
    """Return the weightiest standing of an address over all merchants, and its ticket."""
    merchants = sorted({name for event in ledger.events for name in event.merchants})
    entries = [ledger.entry(merchant, address) for merchant in merchants]
    for wanted in SACRED:
        for entry in entries:
            if entry.standing is wanted:
                return wanted, entry.reference or ""
    return Standing.UNSUBMITTED, ""


def _public_address(resource: Resource) -> IPv4Address | None:
    try:
        return IPv4Address(resource.text("publicIp"))
    except ValueError:
        return None


def _sacred(plan: Plan, ledger: Ledger) -> Iterator[_Sacred]:
    for resource in plan.before().values():
        address = _public_address(resource) if resource.type == EIP else None
        if address is not None:
            standing, reference = _standing(ledger, address)
            if standing in SACRED:
                yield _Sacred(resource, address, reference)


def _address_stays(change: Change, sacred: _Sacred) -> Iterator[GuardFinding]:
    old, new = sacred.resource, change.after

    def block(problem: str, way_out: str) -> GuardFinding:
        return GuardFinding(
            Severity.BLOCK, old.urn, str(sacred.address), sacred.reference, f"{old.name}: {problem}", way_out
        )

    if new is None:
        kept = (
            "kept in AWS, but nobody would manage it"
            if old.retained
            else "released, and may go to a stranger"
        )
        yield block(
            f"{sacred.address} would leave the stack ({kept})",
            f"keep slot {sacred.slot} in egress.addresses (role: spare takes it out of traffic); "
            "to give it up, follow `flexpay-onboard rollover` to its end",
        )
        return
    if change.replaces:
        yield block(
            f"{sacred.address} ({old.id}) would be exchanged for {new.id or 'a new allocation'}",
            f"a different allocation is a different slot: add one beside {sacred.slot}, submit it, move over",
        )
    elif new.external and not old.external:
        yield block(
            f"{sacred.address} would only be read, no longer owned by the stack",
            "register it as a resource; adopting an address is `allocation:` in egress.addresses",
        )
    if old.protect and not new.protect:
        yield block(f"protection of {sacred.address} would be taken away", "set protect: true")
    if old.retained and not new.retained:
        yield block(
            f"{sacred.address} would no longer be kept on delete", "leave retain_on_delete on the address"
        )
    if any(new.inputs.get(key) != old.inputs.get(key) for key in DETACHING):
        yield block(
            f"{sacred.address} would be attached to something else", "attach it to its NAT gateway only"
        )


def _traffic_stays(
    plan: Plan, sacred: _Sacred, before: Routes, after: Routes, *, moved: bool, planned: bool
) -> Iterator[GuardFinding]:
    """Judge what carries an address's traffic.

    ``moved``: its traffic leads to another approved address afterwards; ``planned``: its slot is
    named in egress.replace.
    """
    for urn in sorted(before.carriers(sacred.resource.urn)):
        change = plan.changes[urn]
        old, new = before.resources[urn], after.resources.get(urn)

        def finding(severity: Severity, problem: str, way_out: str, carrier: Resource = old) -> GuardFinding:
            return GuardFinding(
                severity,
                carrier.urn,
                str(sacred.address),
                sacred.reference,
                f"{carrier.name}: {problem}",
                way_out,
            )

        if change.removes or change.replaces:
            if old.type == NAT and change.removes and moved and not old.protect:
                continue
            if old.type == NAT and change.replaces and planned:
                yield finding(
                    Severity.WARN,
                    f"the gateway of {sacred.slot} would be replaced; its zone has no way out meanwhile",
                    "move the zone to an approved spare first to lose no call",
                )
                continue
            yield finding(
                Severity.BLOCK,
                f"would be {'removed' if change.removes else 'replaced'}, and it carries the traffic "
                f"of {sacred.address}",
                f"move the traffic to an approved spare first, or name it: egress.replace: [{sacred.slot}]",
            )
        elif old.protect and new is not None and not new.protect and not (old.type == NAT and planned):
            yield finding(
                Severity.BLOCK,
                f"protection would be taken away from what carries the traffic of {sacred.address}",
                f"set protect: true; a planned replacement is egress.replace: [{sacred.slot}]",
            )


def _moved(sacred: _Sacred, before: Routes, after: Routes, ledger: Ledger) -> bool:
    """Tell whether every route that led to an address leads to another approved one afterwards."""
    later = {route.urn: route for route in after.defaults()}
    routes = [route for route in before.defaults() if before.address(route) == sacred.resource.urn]
    for route in routes:
        target = after.address(later[route.urn]) if route.urn in later else ""
        if not target or target == sacred.resource.urn or not _approved(after.resources[target], ledger):
            return False
    return bool(routes)


def _approved(resource: Resource, ledger: Ledger) -> bool:
    address = _public_address(resource)
    return address is not None and _standing(ledger, address)[0] is Standing.APPROVED


def _approved_only(before: Routes, after: Routes, ledger: Ledger) -> Iterator[GuardFinding]:
    earlier = {route.urn: before.address(route) for route in before.defaults()}
    for route in after.defaults():
        target = after.address(route)
        if target and _approved(after.resources[target], ledger):
            continue
        address = str(_public_address(after.resources[target]) or "") if target else ""
        known = bool(target) and earlier.get(route.urn) == target
        unknown = "an address that is not allocated yet" if target else "a gateway outside of this stack"
        yield GuardFinding(
            Severity.WARN if known else Severity.BLOCK,
            route.urn,
            address,
            "",
            f"{route.name}: {'leads' if known else 'would lead'} to {address or unknown}, "
            "which no merchant's review has approved",
            "submit the address first (`flexpay-onboard allowlist draft`); it is attached once approved",
        )


def _engine_error(message: str, plan: Plan) -> GuardFinding:
    urn = next((urn for urn in plan.changes if urn in message), "")
    name = urn.rpartition("::")[2] or "the stack"
    if "protect" in message:
        problem = f"{name}: the engine refuses, because the plan would remove or replace a protected resource"
        way_out = (
            "undo the config change that drops it; a planned gateway replacement is egress.replace: [<slot>]"
        )
    else:
        problem = f"{name}: the preview failed: {message}"
        way_out = (
            "repair what the message names and preview again; a plan with errors cannot be judged as safe"
        )
    return GuardFinding(Severity.BLOCK, urn, "", "", problem, way_out)
