"""What can be used only some time after it was made, and is gone only some time after it was deleted.

What is kept is when the wait began. How long it takes is asked of the latency in force at each look, so that
a latency set to zero ends every wait that is under way.
"""

import time
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.ec2.models.vpcs import VPCBackend, VPCEndPoint

from sandbox.aws.behaviour.rules import Rules
from sandbox.aws.conditions import CONDITIONS

RULES = Rules()


def begin(what: Any, state: str) -> None:
    """Note that the wait for a state of the latency profile begins now."""
    what.__dict__.setdefault("waits", {})[state] = time.time()


def under_way(what: Any, state: str) -> bool:
    """Tell whether a wait has begun and its time has not come."""
    began = what.__dict__.get("waits", {}).get(state)
    named = str(getattr(what, "id", ""))
    return began is not None and time.time() < began + CONDITIONS.latency.until(state, named)


def is_interface(endpoint: Any) -> bool:
    """Tell an endpoint with network interfaces from one of the gateway kind, which is there at once."""
    return str(endpoint.vpc_endpoint_type).lower() == "interface"


@RULES.replaces(VPCBackend)
def create_vpc_endpoint(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """Note when an interface endpoint will be ready; one of the gateway kind is at once."""
    made = original(self, *args, **kwargs)
    if is_interface(made):
        begin(made, "interface-endpoint-available")
    return made


@RULES.replaces(VPCBackend)
def delete_vpc_endpoints(original: Any, self: Any, vpce_ids: list[str] | None = None) -> Any:
    """Note when an interface endpoint will be gone."""
    chosen = [self.vpc_end_points[one] for one in vpce_ids or [] if one in self.vpc_end_points]
    answer = original(self, vpce_ids)
    for endpoint in chosen:
        if is_interface(endpoint):
            begin(endpoint, "interface-endpoint-deleted")
    return answer


@RULES.property(VPCEndPoint)
def state(self: Any) -> str:
    """Report pending before available, and deleting before deleted (DescribeVpcEndpoints, ``State``)."""
    stored = str(self.__dict__["state"])
    if stored == "deleted":
        return "deleting" if under_way(self, "interface-endpoint-deleted") else "deleted"
    return "pending" if under_way(self, "interface-endpoint-available") else stored


@RULES.replaces(LambdaFunction)
def get_configuration(original: Any, self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Report Pending while a function in a VPC gets its interfaces (GetFunction, ``State``).

    InvokeFunction in that state is ResourceConflictException; waiters wait for Active.
    """
    shown: dict[str, Any] = original(self, *args, **kwargs)
    vpc = self.vpc_config or {}
    if vpc.get("SubnetIds"):
        if "waits" not in self.__dict__:
            begin(self, "vpc-function-active")
        if under_way(self, "vpc-function-active"):
            shown |= {
                "State": "Pending",
                "StateReason": "The function is being created.",
                "StateReasonCode": "Creating",
            }
    return shown
