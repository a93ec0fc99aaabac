"""The topology as inline SVG: which zone leaves through which gateway and address to the partner."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from onboarding.allowlist.render.templating import render_template

ROW = 46
TOP = 54
GAP = 30
LARGEST = 48
"""Rows up to which every address is drawn; a larger list is drawn as one row per zone."""


def render_topology(document: Mapping[str, Any]) -> str:
    """Return an ``<svg>`` element; it uses the page's colours and has a text alternative."""
    entries = [entry for entry in document["addresses"] if entry["change"] != "remove"]
    if not entries:
        return ""
    rows = _rows(entries)
    regions, place = [], TOP
    for region, members in groupby(rows, key=lambda row: row["region"]):
        drawn = []
        for row in members:
            drawn.append({**row, "y": place})
            place += ROW
        top = drawn[0]["y"]
        regions.append({"name": region, "y": top - 24, "height": place - top + 28, "rows": drawn})
        place += GAP
    return render_template(
        "topology.html.j2",
        {
            "regions": regions,
            "height": place + 4,
            "middle": (place + TOP - GAP) // 2,
            "hosts": document["destination"]["hosts"],
            "ports": ", ".join(str(port) for port in document["destination"]["ports"]),
            "alternative": _alternative(entries, document),
        },
    )


def _rows(entries: list[Any]) -> list[dict[str, Any]]:
    ordered = sorted(
        entries, key=lambda entry: (entry["region"] or "~", entry["zone"] or "", entry["slot"] or "")
    )
    if len(ordered) <= LARGEST:
        return [
            {
                "region": _region(entry),
                "zone": entry["zone"] or "",
                "gateway": entry["natGatewayId"] or ("spare, no gateway" if not entry["owner"] else "NAT"),
                "address": entry["address"],
                "active": entry["role"] == "active",
            }
            for entry in ordered
        ]
    rows = []
    for (region, zone), members in groupby(ordered, key=lambda entry: (_region(entry), entry["zone"] or "")):
        held = list(members)
        rows.append(
            {
                "region": region,
                "zone": zone,
                "gateway": f"{sum(1 for one in held if one['natGatewayId'])} gateways",
                "address": f"{len(held)} addresses",
                "active": any(one["role"] == "active" for one in held),
            }
        )
    return rows


def _region(entry: Mapping[str, Any]) -> str:
    if entry["owner"]:
        return f"run by {entry['owner']}"
    return f"{entry['region'] or ''} · account {entry['accountId'] or 'unknown'}"


def _alternative(entries: list[Any], document: Mapping[str, Any]) -> str:
    active = [entry["address"] for entry in entries if entry["role"] == "active"]
    hosts = ", ".join(document["destination"]["hosts"])
    shown = ", ".join(active) if len(active) <= LARGEST else f"{len(active)} addresses, listed in the tables"
    return f"Calls to {hosts} leave from {shown or 'no address yet'}; every other address is a spare."
