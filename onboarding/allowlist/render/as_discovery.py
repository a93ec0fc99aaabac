"""What AWS was found to have, as text and as JSON values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from onboarding.allowlist.discovery import Egress, Exit, Kind, Retained
from onboarding.allowlist.submission import Gap

DISCOVERY_VERSION = 1


def as_data(found: Iterable[Egress], kept: Iterable[Retained], gaps: Iterable[Gap]) -> dict[str, Any]:
    """Return everything as JSON values."""
    return {
        "discoveryVersion": DISCOVERY_VERSION,
        "vpcs": [
            {
                "vpcId": egress.vpc_id,
                "region": egress.region,
                "accountId": egress.account_id,
                "addresses": [str(address) for address in sorted(egress.addresses)],
                "exits": [_exit(one) for one in egress.exits],
                "subnetsWithoutExit": list(egress.without),
            }
            for egress in found
        ],
        "retained": [
            {
                "address": str(one.allocation.address),
                "allocationId": one.allocation.allocation_id,
                "environment": one.environment,
                "slot": one.allocation.slot,
                "reason": one.reason,
            }
            for one in kept
        ],
        "findings": [
            {"code": gap.code, "address": str(gap.address) if gap.address else None, "text": gap.text}
            for gap in gaps
        ],
    }


def _exit(one: Exit) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "address": str(one.address) if one.address else None,
        "certain": one.certain,
        "via": one.via,
        "allocationId": one.allocation_id,
        "zones": list(one.zones),
        "subnets": list(one.subnets),
        "reason": one.reason,
    }


def as_text(found: Sequence[Egress], kept: Sequence[Retained], gaps: Sequence[Gap]) -> str:
    """Return the ways out, one address per line with its reason below it."""
    lines = []
    for egress in found:
        count = len(egress.addresses)
        lines.append(
            f"{egress.vpc_id} ({egress.region}, account {egress.account_id}): "
            f"{count} public address{'' if count == 1 else 'es'}"
        )
        for one in egress.exits:
            where = ", ".join(one.zones) or "no subnet"
            lines.append(f"  {_shown(one):<15}  {one.kind.value:<13} {where}")
            lines.append(f"  {'':<15}  {one.reason}")
        if egress.without:
            lines.append(f"  no way out: {', '.join(egress.without)}")
        if not egress.exits:
            lines.append("  nothing reaches the internet from here")
    if kept:
        lines.append("retained: tagged as ours, in no outputs")
        lines += [
            f"  {one.allocation.address!s:<15}  {one.environment or 'environment unknown'}, "
            f"{one.allocation.allocation_id}: {one.reason}"
            for one in kept
        ]
    if gaps:
        lines.append(f"differences from what is declared: {len(gaps)}")
        lines += [f"  {gap.code}: {gap.text}" for gap in gaps]
    return "\n".join(lines)


def _shown(one: Exit) -> str:
    if one.kind is Kind.IPV6:
        return "IPv6"
    return str(one.address) if one.address else "cannot tell"


def inventory_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the inventory as an aligned table."""
    if not rows:
        return "no address is declared, and none is retained"
    head = ("ADDRESS", "SLOT", "ROLE", "STATE", "ALLOCATION", "GATEWAY", "PARTNER")
    cells = [head] + [
        (
            row["address"],
            row["slot"] or "-",
            row["role"] or "-",
            row["state"],
            row["allocationId"] or "-",
            row["natGatewayId"] or "-",
            ", ".join(f"{name} {standing}" for name, standing in row["standing"].items()) or "no ledger",
        )
        for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    lines += [f"{row['address']}: {row['reason']}" for row in rows if row["state"] == "retained"]
    return "\n".join(line.rstrip() for line in lines)
