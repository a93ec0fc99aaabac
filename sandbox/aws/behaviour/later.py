"""Other things that can be used only some time after they were made."""

import time
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.ec2.models.vpcs import VPCBackend, VPCEndPoint

from sandbox.aws.behaviour.rules import Rules
from sandbox.aws.conditions import CONDITIONS

RULES = Rules()


@RULES.replaces(VPCBackend)
def create_vpc_endpoint(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """Note when an interface endpoint will be ready; one of the gateway kind is at once."""
    made = original(self, *args, **kwargs)
    if str(made.vpc_endpoint_type).lower() == "interface":
        made.ready_at = time.time() + CONDITIONS.latency.until("interface-endpoint-available")
    return made


@RULES.replaces(VPCBackend)
def delete_vpc_endpoints(original: Any, self: Any, vpce_ids: list[str] | None = None) -> Any:
    """Note when an interface endpoint will be gone."""
    chosen = [self.vpc_end_points[one] for one in vpce_ids or [] if one in self.vpc_end_points]
    answer = original(self, vpce_ids)
    for endpoint in chosen:
        if str(endpoint.vpc_endpoint_type).lower() == "interface":
            endpoint.gone_at = time.time() + CONDITIONS.latency.until("interface-endpoint-deleted")
    return answer


@RULES.property(VPCEndPoint)
def state(self: Any) -> str:
    """Report pending before available, and deleting before deleted (DescribeVpcEndpoints, ``State``)."""
    now, stored = time.time(), str(self.__dict__["state"])
    if stored == "deleted":
        return "deleting" if now < self.__dict__.get("gone_at", 0.0) else "deleted"
    return "pending" if now < self.__dict__.get("ready_at", 0.0) else stored


@RULES.replaces(LambdaFunction)
def get_configuration(original: Any, self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Report Pending while a function in a VPC gets its interfaces (GetFunction, ``State``).

    InvokeFunction in that state is ResourceConflictException; waiters wait for Active.
    """
    shown: dict[str, Any] = original(self, *args, **kwargs)
    vpc = self.vpc_config or {}
    if vpc.get("SubnetIds"):
        made = self.__dict__.setdefault("made_at", time.time())
        if time.time() < made + CONDITIONS.latency.until("vpc-function-active"):
            shown |= {
                "State": "Pending",
                "StateReason": "The function is being created.",
                "StateReasonCode": "Creating",
            }
    return shown
