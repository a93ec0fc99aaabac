"""Changes of VPC endpoints: routes of the gateway kind, network interfaces of the other."""

from typing import Any

from moto.ec2.models.vpcs import VPCBackend

from sandbox.aws.behaviour.later import begin, is_interface
from sandbox.aws.behaviour.rules import Rules

RULES = Rules()


@RULES.replaces(VPCBackend)
def modify_vpc_endpoint(original: Any, self: Any, vpc_id: str, *args: Any, **kwargs: Any) -> None:
    """Keep routes in step with an endpoint's route tables.

    ModifyVpcEndpoint: a gateway endpoint adds a route to its service's prefix list to each route table
    associated with it, and takes it away from one that no longer is. An interface endpoint in a further
    subnet is pending until its interface there is made.
    """
    endpoint = self.vpc_end_points.get(vpc_id)
    subnets = set(endpoint.subnet_ids or ()) if endpoint else set()
    before = set(endpoint.route_table_ids or ()) if endpoint else set()
    original(self, vpc_id, *args, **kwargs)
    if endpoint and is_interface(endpoint) and set(endpoint.subnet_ids or ()) - subnets:
        begin(endpoint, "interface-endpoint-available")
    prefix_list = endpoint.destination_prefix_list_id if endpoint else None
    if endpoint is None or not prefix_list:
        return
    after = set(endpoint.route_table_ids or ())
    for table in sorted(after - before):
        self.create_route(table, None, gateway_id=vpc_id, destination_prefix_list_id=prefix_list)
    for table in sorted(before - after):
        self.delete_route(table, None, destination_prefix_list_id=prefix_list)
