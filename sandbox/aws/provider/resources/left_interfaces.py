"""Network interfaces that Lambda leaves, for which security groups and subnets would wait.

The official provider deletes them itself once Lambda has let go of them, with the permissions of whoever
runs it (`deleteLingeringENIs` of hashicorp/terraform-provider-aws): the function's role may be gone by then.
"""

from __future__ import annotations

from collections.abc import Callable

from ..model import Call, Scope, own_id
from .ec2 import ec2

_OF_LAMBDA = "AWS Lambda VPC ENI"
"""What Lambda begins the description of its interfaces with."""
_DELETE = ec2(
    "delete_network_interface",
    {"NetworkInterfaceId": own_id},
    ignore=("InvalidNetworkInterfaceID.NotFound",),
)


def after_what_lambda_left(delete: Call, *, found_by: str) -> Callable[[Scope], None]:
    """Return a deletion that Lambda's interfaces go before; `found_by` is the filter that takes the id."""

    def run(scope: Scope) -> None:
        mine = [{"Name": found_by, "Values": [scope.id]}]
        for interface in scope.call("ec2", "describe_network_interfaces", Filters=mine)["NetworkInterfaces"]:
            if str(interface.get("Description")).startswith(_OF_LAMBDA):
                _DELETE(Scope(scope.aws, id=str(interface["NetworkInterfaceId"])))
        delete(scope)

    return run
