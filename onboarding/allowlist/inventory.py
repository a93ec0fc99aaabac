"""What ``addresses list`` shows: declared and retained addresses, with where they stand."""

from ipaddress import IPv4Address
from typing import Any

from onboarding.allowlist.discovery import retained
from onboarding.allowlist.ledger import Ledger
from onboarding.allowlist.own_egress import Views
from onboarding.deployment import Environment


def inventory(environment: Environment, views: Views, ledger: Ledger | None) -> list[dict[str, Any]]:
    """Return one row per address, ordered by region and slot, retained ones last; every place has answered.

    ``state`` is ok, missing (not in AWS any more), external (not in our accounts) or retained
    (tagged as ours, not in the outputs).
    """
    rows = []
    for declared in environment.addresses:
        view = views.get((declared.account_id, declared.region))
        there = view.allocated.get(declared.address) if view else None
        held = there is not None and there == declared.allocation_id
        rows.append(
            {
                "address": str(declared.address),
                "slot": declared.slot,
                "region": declared.region,
                "role": declared.role.value,
                "allocationId": declared.allocation_id,
                "natGatewayId": declared.nat_gateway_id,
                "state": "external" if declared.external else "ok" if held else "missing",
                "standing": _standing(environment, ledger, declared.address),
                "reason": declared.owner if declared.external else None,
            }
        )
    known = [one.allocation_id for one in environment.addresses if one.allocation_id]
    rows += [
        {
            "address": str(one.allocation.address),
            "slot": one.allocation.slot,
            "region": view.region,
            "role": None,
            "allocationId": one.allocation.allocation_id,
            "natGatewayId": None,
            "state": "retained",
            "standing": _standing(environment, ledger, one.allocation.address),
            "reason": one.reason,
        }
        for _, view in sorted(views.items())
        for one in retained(view, known, environment.name)
    ]
    return rows


def _standing(environment: Environment, ledger: Ledger | None, address: IPv4Address) -> dict[str, str]:
    if ledger is None:
        return {}
    return {name: ledger.entry(name, address).standing.value for name in environment.merchants}
