"""Elastic IP addresses: limit, recovery, and what may be released."""

from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend

from sandbox.aws.behaviour.rules import Rules
from sandbox.aws.conditions import CONDITIONS

RULES = Rules()
FIRST_USABLE_OCTET = 2
"""127.0.x.y and 127.1.x.y are left to other software on this machine."""


@RULES.replaces(ElasticAddressBackend)
def allocate_address(
    original: Any,
    self: Any,
    domain: str,
    address: str | None = None,
    tags: dict[str, str] | None = None,
) -> Any:
    """Refuse above the quota; give back a named address only if this account released it and it is free.

    AllocateAddress, ``Address``: "The Elastic IP address to recover"; another holder's address, or one
    that was never ours, is InvalidAddress.NotFound. Above the quota: AddressLimitExceeded. A new
    address is never one that is in use or was released before.
    """
    if len(self.addresses) >= CONDITIONS.address_limit:
        raise EC2ClientError("AddressLimitExceeded", "The maximum number of addresses has been reached.")
    released = _released(self)
    if address:
        if address not in released:
            raise EC2ClientError("InvalidAddress.NotFound", f"Address '{address}' not found.")
        released.remove(address)
        return original(self, domain, address=address, tags=tags)
    taken = {item.public_ip for item in self.addresses} | set(released)
    allocated = original(self, domain, tags=tags)
    while allocated.public_ip in taken or not _usable(allocated.public_ip):
        self.addresses.remove(allocated)
        allocated = original(self, domain, tags=tags)
    return allocated


@RULES.replaces(ElasticAddressBackend)
def release_address(
    original: Any, self: Any, address: str | None = None, allocation_id: str | None = None
) -> None:
    """Refuse to release an address in use, and remember a released one for recovery.

    ReleaseAddress on an address that is associated: InvalidIPAddress.InUse.
    """
    (found,) = self.address_by_ip([address]) if address else self.address_by_allocation([allocation_id])
    if found.association_id:
        raise EC2ClientError(
            "InvalidIPAddress.InUse",
            f"Address {found.public_ip} is in use.",
        )
    original(self, address=address, allocation_id=allocation_id)
    _released(self).append(found.public_ip)


@RULES.replaces(ElasticAddressBackend)
def disassociate_address(
    original: Any, self: Any, address: str | None = None, association_id: str | None = None
) -> None:
    """Refuse to take a zonal NAT gateway's primary address away.

    DisassociateAddress on it answers AuthFailure ("You do not have permission to access the specified
    resource"), since the interface belongs to AWS; it goes only with the gateway.
    """
    (found,) = self.address_by_ip([address]) if address else self.address_by_association([association_id])
    gateways = [g for g in self.nat_gateways.values() if found.eni is not None and g._eni is found.eni]
    if gateways and gateways[0].state != "deleted":
        raise EC2ClientError("AuthFailure", "You do not have permission to access the specified resource.")
    original(self, address=address, association_id=association_id)


def _released(backend: Any) -> list[str]:
    kept: list[str] = backend.__dict__.setdefault("released_addresses", [])
    return kept


def _usable(address: str) -> bool:
    _, second, *_, last = (int(octet) for octet in address.split("."))
    return second >= FIRST_USABLE_OCTET and last not in (0, 255)
