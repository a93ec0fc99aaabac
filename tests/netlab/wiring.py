"""Rewires a deployed network behind the program's back, through the EC2 API, and puts it right again."""

from typing import Any

from tests.engine.project import Project

ANYWHERE = "0.0.0.0/0"


class Wiring:
    """One project's network; ``zones`` are those of its outputs, in order."""

    def __init__(self, project: Project) -> None:
        self.ec2: Any = project.client("ec2")
        self.outputs = project.outputs()
        self.zones = sorted(self.outputs["privateSubnets"])
        self.vpc: str = self.outputs["vpcId"]
        by_id = {item["NatGatewayId"]: item for item in self._gateways()}
        active = {item["zone"]: item for item in self.outputs["egressAddresses"]}
        self.allocations = {zone: active[zone]["allocationId"] for zone in self.zones}
        self.addresses = {zone: active[zone]["address"] for zone in self.zones}
        self._public = {zone: by_id[active[zone]["natGatewayId"]]["SubnetId"] for zone in self.zones}
        found = self.ec2.describe_internet_gateways(
            Filters=[{"Name": "attachment.vpc-id", "Values": [self.vpc]}]
        )
        self.internet: str = found["InternetGateways"][0]["InternetGatewayId"]

    def subnet(self, zone: str) -> str:
        return str(self.outputs["privateSubnets"][zone])

    def table(self, zone: str) -> str:
        return str(self.outputs["routeTables"][zone])

    def gateway(self, zone: str) -> str:
        """The gateway that holds a zone's address now."""
        wanted = self.allocations[zone]
        for item in self._gateways():
            if item["NatGatewayAddresses"][0]["AllocationId"] == wanted:
                return str(item["NatGatewayId"])
        raise LookupError(zone)

    def route(self, zone: str, **target: str) -> None:
        """Have a zone's default route lead elsewhere; to nowhere without a target."""
        self._lead(self.table(zone), **target)

    def cut_off_gateways(self) -> None:
        """Take the default routes of the subnets that the gateways are in."""
        for table in self._public_tables():
            self._lead(table)

    def _public_tables(self) -> list[str]:
        wanted = [{"Name": "association.subnet-id", "Values": list(self._public.values())}]
        return [one["RouteTableId"] for one in self.ec2.describe_route_tables(Filters=wanted)["RouteTables"]]

    def _lead(self, table: str, **target: str) -> None:
        routes = self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        if any(one.get("DestinationCidrBlock") == ANYWHERE for one in routes):
            self.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=ANYWHERE)
        if target:
            self.ec2.create_route(RouteTableId=table, DestinationCidrBlock=ANYWHERE, **target)

    def associate(self, zone: str, table: str | None) -> None:
        """Give a zone's private subnet another table; the VPC's main one without any."""
        wanted = [{"Name": "association.subnet-id", "Values": [self.subnet(zone)]}]
        for found in self.ec2.describe_route_tables(Filters=wanted)["RouteTables"]:
            for part in found["Associations"]:
                if part.get("SubnetId") == self.subnet(zone):
                    self.ec2.disassociate_route_table(AssociationId=part["RouteTableAssociationId"])
        if table:
            self.ec2.associate_route_table(RouteTableId=table, SubnetId=self.subnet(zone))

    def replace_gateways(self, made: dict[str, tuple[str, str]]) -> None:
        """Zone → (subnet, allocation): make its gateway anew, and lead its default route there."""
        taken = {allocation for _, allocation in made.values()}
        for item in self._gateways():
            if item["NatGatewayAddresses"][0]["AllocationId"] in taken:
                self.ec2.delete_nat_gateway(NatGatewayId=item["NatGatewayId"])
        for zone, (subnet, allocation) in made.items():
            new = self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation)
            self.route(zone, NatGatewayId=new["NatGateway"]["NatGatewayId"])

    def public(self, zone: str) -> str:
        """The public subnet that a zone's gateway was deployed to."""
        return str(self._public[zone])

    def restore(self) -> None:
        """Wire everything as the outputs say."""
        for table in self._public_tables():
            self._lead(table, GatewayId=self.internet)
        right = {
            item["NatGatewayAddresses"][0]["AllocationId"]: item["SubnetId"] for item in self._gateways()
        }
        wrong = [zone for zone in self.zones if right.get(self.allocations[zone]) != self._public[zone]]
        self.replace_gateways({zone: (self._public[zone], self.allocations[zone]) for zone in wrong})
        for zone in self.zones:
            self.associate(zone, self.table(zone))
            self.route(zone, NatGatewayId=self.gateway(zone))

    def _gateways(self) -> list[Any]:
        found = self.ec2.describe_nat_gateways(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])
        return [item for item in found["NatGateways"] if item["State"] == "available"]
