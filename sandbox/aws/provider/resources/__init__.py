"""The table of resource types, one module per corner of AWS."""

from __future__ import annotations

from ..model import ResourceType
from . import addresses, keys, network, routes, secrets

TABLE: dict[str, ResourceType] = {
    kind.type: kind
    for module in (
        addresses,
        keys,
        network,
        routes,
        secrets,
    )
    for kind in module.TYPES
}
