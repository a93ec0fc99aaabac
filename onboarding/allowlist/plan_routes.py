"""Follows default routes through a plan's resources: route → gateway → address, and what they stand on."""

from collections.abc import Iterator

from onboarding.allowlist.plan import Resource

EIP = "aws:ec2/eip:Eip"
NAT = "aws:ec2/natGateway:NatGateway"
ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
EVERYWHERE = "0.0.0.0/0"


class Routes:
    """Which address each default route leads to, in one state of the stack."""

    def __init__(self, resources: dict[str, Resource]) -> None:
        self.resources = resources

    def source(self, resource: Resource, key: str, kind: str) -> str:
        """Return the URN that an input's value belongs to, "" when it is outside of the stack."""
        for urn in resource.sources.get(key, ()):
            if urn in self.resources and self.resources[urn].type == kind:
                return urn
        wanted = resource.text(key)
        for urn, candidate in self.resources.items():
            if wanted and candidate.type == kind and candidate.id == wanted:
                return urn
        return ""

    def defaults(self) -> Iterator[Resource]:
        """Yield the routes that send everything to a NAT gateway."""
        for resource in self.resources.values():
            everything = resource.inputs.get("destinationCidrBlock") == EVERYWHERE
            if resource.type == ROUTE and everything and resource.inputs.get("natGatewayId"):
                yield resource

    def gateway(self, route: Resource) -> str:
        """Return the URN of the gateway a route leads to."""
        return self.source(route, "natGatewayId", NAT)

    def address(self, route: Resource) -> str:
        """Return the URN of the address a route leads to."""
        gateway = self.gateway(route)
        return self.source(self.resources[gateway], "allocationId", EIP) if gateway else ""

    def carriers(self, address: str) -> set[str]:
        """Return every URN that the traffic of an address depends on."""
        routes = [route for route in self.defaults() if self.address(route) == address]
        if not routes:
            return set()
        found = self._below({route.urn for route in routes} | {self.gateway(route) for route in routes})
        while True:
            beside = {
                urn
                for urn, resource in self.resources.items()
                if urn not in found and self._joins(resource, found)
            }
            if not beside:
                return found - {address}
            found |= self._below(beside)

    def _joins(self, resource: Resource, found: set[str]) -> bool:
        """Tell whether a route or association makes subnets or tables among ``found`` work."""
        if resource.type == ASSOCIATION:
            return self._held(resource, "subnetId", found) or self._private(resource, found)
        if resource.type == ROUTE and resource.inputs.get("gatewayId"):
            return self._held(resource, "routeTableId", found)
        return False

    def _held(self, resource: Resource, key: str, found: set[str]) -> bool:
        return any(urn in found for urn in resource.sources.get(key, ()))

    def _private(self, association: Resource, found: set[str]) -> bool:
        tables = {
            urn
            for route in self.defaults()
            if route.urn in found
            for urn in route.sources.get("routeTableId", ())
        }
        return any(urn in tables for urn in association.sources.get("routeTableId", ()))

    def _below(self, urns: set[str]) -> set[str]:
        found: set[str] = set()
        open_ = list(urns)
        while open_:
            urn = open_.pop()
            resource = self.resources.get(urn)
            if (
                urn in found
                or resource is None
                or resource.type == EIP
                or not resource.type.startswith("aws:ec2/")
            ):
                continue
            found.add(urn)
            open_ += resource.depends_on
        return found
