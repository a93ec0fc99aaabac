"""The submission as CSV (RFC 4180), one row per address, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Mapping
from typing import Any

COLUMNS = (
    "environment",
    "revision",
    "change",
    "address",
    "region",
    "zone",
    "accountId",
    "allocationId",
    "natGatewayId",
    "slot",
    "role",
    "owner",
    "dedicated",
    "purpose",
    "changeFor",
    "destinationHosts",
    "destinationPorts",
    "effectiveFrom",
    "retireAfter",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters that make spreadsheets take a cell for a formula (OWASP, CSV Injection)."""


def render_csv(document: Mapping[str, Any]) -> str:
    """Return the rows with a header, lines ended by CR LF."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    shared = {
        "environment": document["environment"],
        "revision": document["revision"],
        "destinationHosts": " ".join(document["destination"]["hosts"]),
        "destinationPorts": " ".join(str(port) for port in document["destination"]["ports"]),
    }
    for entry in document["addresses"]:
        asked = " ".join(f"{name}:{change}" for name, change in entry["changeFor"].items())
        row = {**shared, **entry, "changeFor": asked}
        writer.writerow([_cell(row[column]) for column in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    # the apostrophe makes every spreadsheet take the cell for text
    return f"'{text}" if text.startswith(_FORMULA) else text
