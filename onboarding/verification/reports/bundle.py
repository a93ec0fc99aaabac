"""The evidence bundle: every report, the inventory, and digests that one command verifies."""

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from onboarding.verification.model import Report
from onboarding.verification.reports import TEXTS

SUMS = "SHA256SUMS"
README = """Evidence of a run of `flexpay-onboard verify`. It holds no secret, body or header.

Check it, in the folder it was unpacked to, with

    sha256sum --check SHA256SUMS

The digests show damage and later edits; who made the run is shown by where the bundle comes from.
"""


def members(report: Report, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the bundle's files by name; ``texts`` are the rendered reports by format."""
    inventory = {
        "environment": report.environment,
        "runId": report.run_id,
        "addresses": list(report.inventory),
        "proven": [{"merchant": one.merchant, "address": one.address} for one in report.proven],
    }
    found = {name: texts[format_] for format_, name in TEXTS.items()}
    found |= {"inventory.json": json.dumps(inventory, indent=2) + "\n", "README.txt": README}
    sums = "".join(f"{sha256(found[name].encode()).hexdigest()}  {name}\n" for name in sorted(found))
    return {**found, SUMS: sums}


def pack(files: Mapping[str, str], at: datetime) -> bytes:
    """Return the zip archive; the same files at the same time give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return packed.getvalue()
