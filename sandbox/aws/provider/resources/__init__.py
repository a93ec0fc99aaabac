"""The table of resource types, one module per corner of AWS."""

from __future__ import annotations

from ..model import ResourceType
from . import (
    addresses,
    buckets,
    endpoints,
    functions,
    iam,
    keys,
    messages,
    network,
    observability,
    routes,
    schedules,
    secrets,
    security_groups,
)

_MODULES = (
    addresses,
    buckets,
    endpoints,
    functions,
    iam,
    keys,
    messages,
    network,
    observability,
    routes,
    schedules,
    secrets,
    security_groups,
)

TABLE: dict[str, ResourceType] = {kind.type: kind for module in _MODULES for kind in module.TYPES}
