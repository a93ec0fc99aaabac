"""NAT gateways: states that take time, and what happens to the address."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.ec2.responses.nat_gateways import NatGateways

from sandbox.aws.behaviour.later import begin, under_way
from sandbox.aws.behaviour.rules import Rules

RULES = Rules()


@RULES.property(EC2BaseResponse)
def ec2_backend(self: Any) -> Any:
    """Let every EC2 call see what has come to its end meanwhile."""
    backend = ec2_backends[self.current_account][self.region]
    for gateway in backend.nat_gateways.values():
        _ = gateway.state
    return backend


@RULES.property(NatGateway)
def state(self: Any) -> str:
    """Report pending until the gateway works, and deleting until it is gone.

    CreateNatGateway answers with ``pending``; DescribeNatGateways shows ``available`` minutes later
    (``failed`` when it could not be), after DeleteNatGateway ``deleting`` and then ``deleted``. Only
    then is the address free and the interface gone ("it may take a few minutes for the address to be
    disassociated").
    """
    if "nat-gateway-deleted" in self.__dict__.get("waits", {}):
        if under_way(self, "nat-gateway-deleted"):
            return "deleting"
        _let_go(self)
        return "deleted"
    if under_way(self, "nat-gateway-available"):
        return "pending"
    if self.__dict__.get("failure_code"):
        _let_go(self)
        return "failed"
    return "available"


@RULES.replaces(NatGateways, "create_nat_gateway")
def create_once(original: Any, self: Any) -> ActionResult:
    """Answer a request that comes again with the gateway that it made the first time.

    CreateNatGateway, ``ClientToken``: "to ensure the idempotency of the request". The SDKs send one with
    every call, and the same one when they repeat it because its answer did not arrive.
    """
    backend, token = self.ec2_backend, self._get_param("ClientToken")
    made: dict[str, str] = backend.__dict__.setdefault("nat_gateways_by_token", {})
    if token in made:
        return ActionResult({"NatGateway": backend.nat_gateways[made[token]]})
    answer: ActionResult = original(self)
    if token:
        result: Any = answer.result
        made[token] = result["NatGateway"].id
    return answer


@RULES.replaces(NatGatewayBackend)
def create_nat_gateway(  # noqa: PLR0917 - moto calls it by position
    original: Any,
    self: Any,
    subnet_id: str,
    allocation_id: str,
    tags: dict[str, str] | None = None,
    connectivity_type: str = "public",
) -> Any:
    """Refuse a public gateway without an address, or with one that is in use elsewhere.

    MissingParameter without AllocationId; Resource.AlreadyAssociated for an address in use. In a VPC
    without an attached internet gateway the gateway is made and then fails with Gateway.NotAttached.
    """
    public = connectivity_type != "private"
    if public and not allocation_id:
        raise EC2ClientError("MissingParameter", "The request must include the AllocationId parameter.")
    if public:
        (address,) = self.address_by_allocation([allocation_id])
        if address.association_id:
            raise EC2ClientError(
                "Resource.AlreadyAssociated", f"Elastic IP address [{allocation_id}] is already associated"
            )
    made = original(self, subnet_id, allocation_id, tags, connectivity_type or "public")
    begin(made, "nat-gateway-available")
    made.address_set[0] |= {"isPrimary": True, "status": "succeeded"}
    # who looks at interfaces must be able to tell that this one belongs to a gateway
    made._eni.interface_type = "nat_gateway"
    made._eni.requester_managed = True
    made._eni.description = f"Interface for NAT Gateway {made.id}"
    attached = self.describe_internet_gateways(filters={"attachment.vpc-id": [made.vpc_id]})
    if public and not attached:
        made.failure_code = "Gateway.NotAttached"
        made.failure_message = f"Network {made.vpc_id} has no Internet gateway attached"
    return made


@RULES.replaces(NatGatewayBackend)
def delete_nat_gateway(original: Any, self: Any, nat_gateway_id: str) -> Any:
    """Start the deletion of a gateway that exists; unknown or gone is NatGatewayNotFound."""
    gateway = self.nat_gateways.get(nat_gateway_id)
    if gateway is None or gateway.state == "deleted":
        raise EC2ClientError("NatGatewayNotFound", f"The Nat Gateway {nat_gateway_id} was not found")
    if "nat-gateway-deleted" not in gateway.waits:
        begin(gateway, "nat-gateway-deleted")
    return gateway


@RULES.replaces(NatGatewayBackend)
def describe_nat_gateways(
    original: Any, self: Any, filters: Any, nat_gateway_ids: list[str] | None
) -> list[Any]:
    """Answer NatGatewayNotFound for an id that never existed; filter by tags and addresses too.

    Deleted gateways stay visible: on AWS for about an hour, here as long as the stand-in's world is kept.
    """
    for wanted in nat_gateway_ids or []:
        if wanted not in self.nat_gateways:
            raise EC2ClientError("NatGatewayNotFound", f"The Nat Gateway {wanted} was not found")
    found: list[Any] = original(self, filters, nat_gateway_ids)
    for name, values in (filters or {}).items():
        if name == "tag-key":
            found = [item for item in found if {tag["key"] for tag in item.get_tags()} & set(values)]
        elif name.startswith("tag:"):
            key = name.removeprefix("tag:")
            found = [
                item
                for item in found
                if any(tag["key"] == key and tag["value"] in values for tag in item.get_tags())
            ]
        elif name not in ("nat-gateway-id", "vpc-id", "subnet-id", "state"):
            raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return found


def _let_go(gateway: Any) -> None:
    interface, backend = gateway._eni, gateway.ec2_backend
    if interface is None:
        return
    gateway._eni = None
    for address in backend.addresses:
        if address.eni is interface:
            address.eni.public_ip = None
            address.eni = address.instance = address.association_id = None
    backend.enis.pop(interface.id, None)
