"""Elastic IP addresses handed to another account; moto knows none of it.

Source: EC2 user guide, "Transfer an Elastic IP address between AWS accounts", and the API reference of
the two operations. Whether the allocation ID stays the same is not documented; here it changes, since
nobody may rely on it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.utils import add_tag_specification

from sandbox.aws.behaviour.rules import Rules
from sandbox.aws.conditions import CONDITIONS

RULES = Rules()
OPEN_FOR = timedelta(days=7)
"""How long the other account may take to accept."""


@RULES.replaces(ElasticIPAddresses)
def enable_address_transfer(original: Any, self: Any) -> ActionResult:
    """Offer an address to one account; it stays where it is, and works on, until that one accepts.

    "The source account can enable transfer" also for an address that is associated.
    """
    (offered,) = self.ec2_backend.address_by_allocation([self._get_param("AllocationId")])
    account = self._get_param("TransferAccountId")
    offered.transfer = (account, datetime.now(UTC) + OPEN_FOR)
    return _answer(offered, account, "pending")


@RULES.replaces(ElasticIPAddresses)
def accept_address_transfer(original: Any, self: Any) -> ActionResult:
    """Take an address that was offered to this account in this region, without any of its tags.

    Refused with InvalidTransfer.AddressAssociated while something uses it, and with
    AddressLimitExceeded above the quota. The account that offered it cannot recover it. Which error an
    address that nobody offered answers with is not documented.
    """
    address, backend = self._get_param("Address"), self.ec2_backend
    offered = _offered(address, self.current_account, self.region)
    if offered is None:
        raise EC2ClientError("InvalidAddress.NotFound", f"Address '{address}' not found.")
    if offered.association_id:
        raise EC2ClientError(
            "InvalidTransfer.AddressAssociated", f"Address {address} is associated and cannot be transferred."
        )
    if len(backend.addresses) >= CONDITIONS.address_limit:
        raise EC2ClientError("AddressLimitExceeded", "The maximum number of addresses has been reached.")
    offered.ec2_backend.addresses.remove(offered)
    tags = add_tag_specification(self._get_param("TagSpecifications", []))
    make: Any = ElasticAddress  # moto's templates make it look abstract
    taken = make(backend, domain="vpc", address=address, tags=tags)
    taken.network_border_group, taken.public_ipv4_pool = offered.network_border_group, "amazon"
    backend.addresses.append(taken)
    return _answer(taken, self.current_account, "accepted")


def _offered(address: str, account: str, region: str) -> Any:
    for regions in dict.values(ec2_backends):
        backend: Any = dict.get(regions, region)
        for one in backend.addresses if backend else ():
            to, ends = one.__dict__.get("transfer", ("", None))
            if one.public_ip == address and to == account and ends > datetime.now(UTC):
                for gateway in backend.nat_gateways.values():
                    _ = gateway.state  # lets go of its address when its deletion has come to its end
                return one
    return None


def _answer(address: Any, account: str, status: str) -> ActionResult:
    return ActionResult(
        {
            "AddressTransfer": {
                "PublicIp": address.public_ip,
                "AllocationId": address.allocation_id,
                "TransferAccountId": account,
                "AddressTransferStatus": status,
            }
        }
    )
