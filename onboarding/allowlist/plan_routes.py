"""Follows routes through a plan's resources: route → gateway → address, and what they stand on."""

from collections.abc import Iterator

from onboarding.allowlist.plan import Resource

EIP = "aws:ec2/eip:Eip"
NAT = "aws:ec2/natGateway:NatGateway"
ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
PROPAGATION = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
TABLES = ("aws:ec2/routeTable:RouteTable", "aws:ec2/defaultRouteTable:DefaultRouteTable")
TARGETS = (
    "carrierGatewayId",
    "coreNetworkArn",
    "egressOnlyGatewayId",
    "gatewayId",
    "localGatewayId",
    "networkInterfaceId",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)
"""Inputs of a route that lead past every NAT gateway."""
PUBLIC_TABLE = "flexpay:index:Network$aws:ec2/routeTable:RouteTable::network-public"
PUBLIC_SUBNET = "flexpay:index:Network$aws:ec2/subnet:Subnet::network-public-"
"""Ends of the URNs of what the program makes for gateways; both are in the state of every stack."""


class Routes:
    """Which address each route to a gateway leads to, in one state of the stack."""

    def __init__(self, resources: dict[str, Resource]) -> None:
        self.resources = resources

    def of_type(self, kind: str) -> Iterator[Resource]:
        """Yield the resources of one type."""
        return (resource for resource in self.resources.values() if resource.type == kind)

    def source(self, resource: Resource, key: str, kind: str) -> str:
        """Return the URN that an input's value belongs to, "" when it is outside of the stack."""
        for urn in resource.sources.get(key, ()):
            if urn in self.resources and self.resources[urn].type == kind:
                return urn
        wanted = resource.inputs.get(key)
        return next((one.urn for one in self.of_type(kind) if one.id and one.id == wanted), "")

    def to_gateways(self) -> Iterator[Resource]:
        """Yield the routes that lead to a NAT gateway."""
        return (route for route in self.of_type(ROUTE) if route.inputs.get("natGatewayId"))

    def gateway(self, route: Resource) -> str:
        """Return the URN of the gateway a route leads to."""
        return self.source(route, "natGatewayId", NAT)

    def address_on(self, gateway: str) -> str:
        """Return the URN of the address on a gateway."""
        return self.source(self.resources[gateway], "allocationId", EIP) if gateway else ""

    def address(self, route: Resource) -> str:
        """Return the URN of the address a route leads to."""
        return self.address_on(self.gateway(route))

    def past_gateways(self) -> Iterator[tuple[Resource, str]]:
        """Yield what leads out of a table from which no gateway is reached by design, and where to.

        The tables of subnets in which gateways stand, or are to stand, are left out: gateways need the
        internet gateway.
        """
        beside_gateways = self._tables_of_gateways() | self._tables_for_gateways()
        for route in self.of_type(ROUTE):
            target = next((key for key in TARGETS if route.inputs.get(key)), "")
            if target and not self._places(route, "routeTableId") & beside_gateways:
                yield route, target
        for kind in TABLES:
            for table in self.of_type(kind):
                for key in ("routes", "propagatingVgws"):
                    if table.inputs.get(key):
                        yield table, key
        for propagation in self.of_type(PROPAGATION):
            yield propagation, "vpnGatewayId"

    def _tables_of_gateways(self) -> set[str]:
        subnets: set[str] = set()
        for gateway in self.of_type(NAT):
            subnets |= self._places(gateway, "subnetId")
        tables: set[str] = set()
        for association in self.of_type(ASSOCIATION):
            if self._places(association, "subnetId") & subnets:
                tables |= self._places(association, "routeTableId")
        return tables

    def _tables_for_gateways(self) -> set[str]:
        """Return the program's own table for gateways, by its names, as long as only their subnets use it.

        A stack has no gateway yet where none of its addresses is approved, or none has arrived.
        """
        tables = {one.urn for kind in TABLES for one in self.of_type(kind) if one.urn.endswith(PUBLIC_TABLE)}
        for association in self.of_type(ASSOCIATION):
            if self._places(association, "routeTableId") & tables:
                subnets = self._places(association, "subnetId")
                if not all(PUBLIC_SUBNET in one for one in subnets):
                    return set()
        return tables

    def place(self, resource: Resource, key: str) -> frozenset[str]:
        """Return what an input means, comparable between two states: URNs, or the value itself."""
        return frozenset(self._places(resource, key))

    def _places(self, resource: Resource, key: str) -> set[str]:
        # a value is known in one state and only its origin in the other, so origins come first
        return set(resource.sources.get(key, ())) or {str(resource.inputs.get(key))}

    def carriers(self, address: str) -> set[str]:
        """Return every URN that the traffic of an address depends on."""
        routes = [route for route in self.to_gateways() if self.address(route) == address]
        if not routes:
            return set()
        tables = set().union(*(self._places(route, "routeTableId") for route in routes))
        found = self._below({route.urn for route in routes} | {self.gateway(route) for route in routes})
        while True:
            beside = {
                urn
                for urn, resource in self.resources.items()
                if urn not in found and self._joins(resource, found, tables)
            }
            if not beside:
                return found - {address}
            found |= self._below(beside)

    def _joins(self, resource: Resource, found: set[str], tables: set[str]) -> bool:
        """Tell whether a route or association makes subnets or tables among ``found`` work."""
        if resource.type == ASSOCIATION:
            holds_gateway = bool(self._places(resource, "subnetId") & found)
            return holds_gateway or bool(self._places(resource, "routeTableId") & tables)
        if resource.type == ROUTE and resource.inputs.get("gatewayId"):
            return bool(self._places(resource, "routeTableId") & found)
        return False

    def _below(self, urns: set[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(urns)
        while waiting:
            urn = waiting.pop()
            resource = self.resources.get(urn)
            ours = resource is not None and resource.type != EIP and resource.type.startswith("aws:ec2/")
            if resource is not None and ours and urn not in found:
                found.add(urn)
                waiting += resource.depends_on
        return found
