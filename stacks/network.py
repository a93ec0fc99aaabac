"""The VPC from which nothing leaves but through the addresses."""

import json
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from typing import TypedDict

import pulumi
from pulumi_aws import cloudwatch, ec2, iam

from stacks import policies
from stacks.labels import Labels
from stacks.protection import Kind, options
from stacks.schema import Endpoint, IamSettings
from stacks.values import ANYWHERE, subnets_of

FLOW_LOG_RETENTION_DAYS = 90
INTERFACE = frozenset({Endpoint.SECRETSMANAGER, Endpoint.KMS})
"""Endpoints with a network interface per zone; the others are entries in route tables and cost nothing."""


class NetworkArgs(TypedDict):
    """What a network is made of."""

    cidr: IPv4Network
    zones: Sequence[str]
    """Zone IDs; their order means nothing."""
    endpoints: Sequence[Endpoint]
    flow_logs: bool
    region: str
    account_id: str
    labels: Labels
    iam: IamSettings
    protect: bool


class Network(pulumi.ComponentResource):
    """A VPC with a public and a private subnet per zone; default routes are made elsewhere.

    A private subnet has no way out until its zone's address is attached: no IPv6, no public
    addresses, an empty main route table, a default security group without rules.
    """

    vpc_id: pulumi.Output[str]
    internet_gateway: ec2.InternetGateway
    public_subnets: Mapping[str, pulumi.Output[str]]
    """Zone ID → subnet."""
    private_subnets: Mapping[str, pulumi.Output[str]]
    route_tables: Mapping[str, pulumi.Output[str]]
    """Zone ID → route table of the zone's private subnet."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flexpay:index:Network", name, {}, opts)
        self._name = name
        self._args = args
        self._labels = args["labels"]
        self._inside = pulumi.ResourceOptions(parent=self)
        vpc = ec2.Vpc(
            name,
            cidr_block=str(args["cidr"]),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._labels.tags("vpc"),
            opts=self._inside,
        )
        self.vpc_id = vpc.id
        self._close_defaults(vpc)
        self.internet_gateway = ec2.InternetGateway(
            name, vpc_id=vpc.id, tags=self._labels.tags("internet"), opts=self._inside
        )
        self._public_table = self._public_routes()
        zones = sorted(args["zones"])
        self.public_subnets = {zone: self._public_subnet(zone) for zone in zones}
        self.route_tables = {zone: self._private_table(zone) for zone in zones}
        self.private_subnets = {zone: self._private_subnet(zone) for zone in zones}
        self._endpoints()
        if args["flow_logs"]:
            self._flow_logs()
        self.register_outputs({"vpcId": self.vpc_id})

    def _close_defaults(self, vpc: ec2.Vpc) -> None:
        # what is associated with nothing else falls back to these two, so they lead nowhere
        ec2.DefaultSecurityGroup(
            self._name,
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags=self._labels.tags("default-closed"),
            opts=self._inside,
        )
        ec2.DefaultRouteTable(
            self._name,
            default_route_table_id=vpc.default_route_table_id,
            routes=[],
            tags=self._labels.tags("main-empty"),
            opts=self._inside,
        )

    def _public_routes(self) -> ec2.RouteTable:
        table = ec2.RouteTable(
            f"{self._name}-public",
            vpc_id=self.vpc_id,
            tags=self._labels.tags("public"),
            opts=self._inside,
        )
        ec2.Route(
            f"{self._name}-public",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=self.internet_gateway.id,
            opts=options(Kind.ROUTING, protect=self._args["protect"], parent=self),
        )
        return table

    def _public_subnet(self, zone: str) -> pulumi.Output[str]:
        return self._subnet("public", zone, subnets_of(self._args["cidr"], zone)[0], self._public_table.id)

    def _private_subnet(self, zone: str) -> pulumi.Output[str]:
        return self._subnet("private", zone, subnets_of(self._args["cidr"], zone)[1], self.route_tables[zone])

    def _subnet(
        self, side: str, zone: str, cidr: IPv4Network, table: pulumi.Output[str]
    ) -> pulumi.Output[str]:
        subnet = ec2.Subnet(
            f"{self._name}-{side}-{zone}",
            vpc_id=self.vpc_id,
            availability_zone_id=zone,
            cidr_block=str(cidr),
            map_public_ip_on_launch=False,
            tags=self._labels.tags(f"{side}-{zone}"),
            opts=self._inside,
        )
        ec2.RouteTableAssociation(
            f"{self._name}-{side}-{zone}",
            subnet_id=subnet.id,
            route_table_id=table,
            opts=options(Kind.ROUTING, protect=self._args["protect"], parent=self),
        )
        return subnet.id

    def _private_table(self, zone: str) -> pulumi.Output[str]:
        return ec2.RouteTable(
            f"{self._name}-private-{zone}",
            vpc_id=self.vpc_id,
            tags=self._labels.tags(f"private-{zone}"),
            opts=self._inside,
        ).id

    def _endpoints(self) -> None:
        wanted = sorted(self._args["endpoints"])
        group = self._endpoint_security_group() if INTERFACE.intersection(wanted) else None
        for endpoint in wanted:
            interface = endpoint in INTERFACE
            ec2.VpcEndpoint(
                f"{self._name}-{endpoint.value}",
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{self._args['region']}.{endpoint.value}",
                vpc_endpoint_type="Interface" if interface else "Gateway",
                route_table_ids=None if interface else list(self.route_tables.values()),
                subnet_ids=list(self.private_subnets.values()) if interface else None,
                security_group_ids=[group.id] if interface and group else None,
                private_dns_enabled=True if interface else None,
                tags=self._labels.tags(f"endpoint-{endpoint.value}"),
                opts=self._inside,
            )

    def _endpoint_security_group(self) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            f"{self._name}-endpoints",
            name=self._labels.name("endpoints"),
            description="https from inside the VPC to the interface endpoints, nothing else",
            vpc_id=self.vpc_id,
            ingress=[
                {
                    "protocol": "tcp",
                    "from_port": 443,
                    "to_port": 443,
                    "cidr_blocks": [str(self._args["cidr"])],
                    "description": "https from the VPC",
                }
            ],
            egress=[],
            tags=self._labels.tags("endpoints"),
            opts=self._inside,
        )

    def _flow_logs(self) -> None:
        house, region, account = self._args["iam"], self._args["region"], self._args["account_id"]
        named = f"/flexpay/{self._labels.environment}/flow-logs"
        group = cloudwatch.LogGroup(
            f"{self._name}-flow-logs",
            name=named,
            retention_in_days=FLOW_LOG_RETENTION_DAYS,
            tags=self._labels.tags("flow-logs"),
            opts=self._inside,
        )
        role = iam.Role(
            f"{self._name}-flow-logs",
            name=self._labels.name(f"{region}-flowlogs"),
            path=house.path,
            permissions_boundary=house.permissions_boundary,
            description=f"Lets VPC flow logs of {self._labels.environment} write to their own log group",
            assume_role_policy=json.dumps(policies.flow_log_trust(region, account)),
            tags=self._labels.tags("flow-logs"),
            opts=self._inside,
        )
        permission = iam.RolePolicy(
            f"{self._name}-flow-logs",
            name="delivery",
            role=role.name,
            policy=json.dumps(policies.flow_log_delivery(policies.log_group_arn(account, region, named))),
            opts=self._inside,
        )
        ec2.FlowLog(
            f"{self._name}-flow-logs",
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            tags=self._labels.tags("flow-logs"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )
