"""What cannot go while something else needs it."""

from typing import Any

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models.internet_gateways import InternetGatewayBackend
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.models.vpcs import VPCBackend

from sandbox.aws.behaviour.rules import Rules

RULES = Rules()


@RULES.replaces(SubnetBackend)
def delete_subnet(original: Any, self: Any, subnet_id: str) -> Any:
    """Refuse to delete a subnet with interfaces in it, those of NAT gateways and endpoints included."""
    if any(interface.subnet.id == subnet_id for interface in self.enis.values()):
        raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    return original(self, subnet_id)


@RULES.replaces(InternetGatewayBackend)
def detach_internet_gateway(original: Any, self: Any, internet_gateway_id: str, vpc_id: str) -> Any:
    """Refuse to detach an internet gateway while a public address is mapped in its VPC."""
    mapped = [
        address
        for address in self.addresses
        if address.eni is not None and address.eni.subnet.vpc_id == vpc_id
    ]
    if mapped:
        raise DependencyViolationError(
            f"Network {vpc_id} has some mapped public address(es). "
            "Please unmap those public address(es) before detaching the gateway."
        )
    return original(self, internet_gateway_id, vpc_id)


@RULES.replaces(VPCBackend)
def delete_vpc(original: Any, self: Any, vpc_id: str) -> Any:
    """Refuse to delete a VPC with an internet gateway, an endpoint or a security group of its own."""
    gateways = self.describe_internet_gateways(filters={"attachment.vpc-id": [vpc_id]})
    endpoints = [e for e in self.vpc_end_points.values() if e.vpc_id == vpc_id and e.state != "deleted"]
    groups = [group for group in self.groups.get(vpc_id, {}).values() if group.name != "default"]
    if gateways or endpoints or groups:
        raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
    return original(self, vpc_id)
