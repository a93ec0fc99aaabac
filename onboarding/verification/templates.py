"""Test orders: a JSON template per merchant, shipped (``retail``, ``air``) or the merchant's own.

Placeholders stand in strings: ``{{integrationId}}``, ``{{runId}}``, and ``{{today}}``,
``{{today+30}}`` as YYYY-MM-DD in UTC.
"""

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from onboarding.deployment import Merchant
from onboarding.errors import InputError
from onboarding.files import read_text

SHIPPED = ("air", "retail")
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_DAY = re.compile(r"today(?:\s*\+\s*(\d{1,4}))?")


def load(merchant: Merchant, folder: Path) -> Any:
    """Return the merchant's template as JSON, placeholders in place.

    ``folder`` is the project folder. Raises InputError that names merchant and file.
    """
    name = merchant.test_order
    if name in SHIPPED:
        return json.loads((files("onboarding.verification") / "orders" / f"{name}.json").read_text("utf-8"))
    path = folder / name
    where = f"merchants: {merchant.name}: testOrder: {path}"
    hint = f"name {' or '.join(SHIPPED)}, or a JSON file relative to the project folder"
    try:
        template = json.loads(read_text(path, hint=hint))
    except InputError as error:
        raise InputError(f"merchants: {merchant.name}: testOrder: {error}", hint=hint) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}", hint="correct the template") from error
    if not isinstance(template, dict):
        raise InputError(f"{where}: not a JSON object", hint="see the shipped templates for the shape")
    return template


def render(template: Any, merchant: Merchant, *, run_id: str, today: date) -> Mapping[str, Any]:
    """Return the order with every placeholder filled in. Raises InputError for an unknown one."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name in ("integrationId", "runId"):
            return merchant.integration_id if name == "integrationId" else run_id
        day = _DAY.fullmatch(name)
        if day is None:
            raise InputError(
                f"merchants: {merchant.name}: testOrder: {merchant.test_order}: "
                f"unknown placeholder {found.group(0)}",
                hint="known are {{integrationId}}, {{runId}}, {{today}} and {{today+N}}",
            )
        return (today + timedelta(days=int(day.group(1) or 0))).isoformat()

    def fill(part: Any) -> Any:
        if isinstance(part, str):
            return _PLACEHOLDER.sub(value, part)
        if isinstance(part, list):
            return [fill(item) for item in part]
        if isinstance(part, dict):
            return {key: fill(item) for key, item in part.items()}
        return part

    filled = fill(template)
    assert isinstance(filled, dict)  # noqa: S101 - load returns nothing else
    return filled
