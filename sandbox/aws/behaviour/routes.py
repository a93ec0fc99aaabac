"""Routes: where they may lead."""

from typing import Any, cast

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.route_tables import RouteTables

from sandbox.aws.behaviour.rules import Rules

RULES = Rules()


@RULES.replaces(RouteTables)
def create_route(original: Any, self: Any) -> ActionResult:
    """Refuse a route to a gateway that never was, or is gone: InvalidNatGatewayID.NotFound."""
    _check_target(self)
    return cast("ActionResult", original(self))


@RULES.replaces(RouteTables)
def replace_route(original: Any, self: Any) -> ActionResult:
    """Refuse such a route also in the place of another, which stays as it was."""
    _check_target(self)
    return cast("ActionResult", original(self))


def _check_target(response: Any) -> None:
    wanted = response._get_param("NatGatewayId")
    gateway = response.ec2_backend.nat_gateways.get(wanted)
    if wanted and (gateway is None or gateway.state == "deleted"):
        raise EC2ClientError("InvalidNatGatewayID.NotFound", f"The natGateway ID '{wanted}' does not exist")
