"""Which resources the engine must refuse to lose, as a pure decision.

Measured with the real engine: when only the addresses are protected, ``destroy --skip-preview``
has deleted gateways and routes before it complains. So everything that holds or carries an
address is protected, and the address itself survives in AWS even where protection was lifted.
"""

from dataclasses import dataclass
from enum import Enum, auto

import pulumi


class Kind(Enum):
    """What a resource is to the approved addresses."""

    ADDRESS = auto()
    """The address itself."""
    GATEWAY = auto()
    """A NAT gateway: holds exactly one address and lets go of it only when deleted."""
    ROUTING = auto()
    """A default route, or the association of a subnet with its route table."""
    STORE = auto()
    """Key, secrets and the policies on them: without any one of them no service reads a credential."""


@dataclass(frozen=True)
class Keeping:
    """The options that keep a resource."""

    protect: bool
    retain_on_delete: bool = False
    delete_before_replace: bool | None = None


def keeping(kind: Kind, *, protect: bool, planned: bool = False) -> Keeping:
    """Decide how a resource is kept.

    ``protect`` is the setting of that name; ``planned`` tells that the settings name the
    resource's slot in ``egress.replace``, which frees gateways and never an address.
    """
    if kind is Kind.ADDRESS:
        # unconditional: an approved address that is released may be a stranger's tomorrow
        return Keeping(protect=protect, retain_on_delete=True)
    if kind is Kind.GATEWAY:
        # an address is on one gateway at a time, so a new one cannot be made before the old is gone
        return Keeping(protect=protect and not planned, delete_before_replace=True)
    return Keeping(protect=protect)


def options(
    kind: Kind,
    *,
    protect: bool,
    parent: pulumi.Resource,
    planned: bool = False,
    depends_on: list[pulumi.Resource] | None = None,
    adopt: str | None = None,
) -> pulumi.ResourceOptions:
    """Return the engine's options for ``keeping``; ``adopt`` is the ID to import."""
    kept = keeping(kind, protect=protect, planned=planned)
    return pulumi.ResourceOptions(
        parent=parent,
        protect=kept.protect,
        retain_on_delete=kept.retain_on_delete,
        delete_before_replace=kept.delete_before_replace,
        depends_on=depends_on,
        import_=adopt,
    )
