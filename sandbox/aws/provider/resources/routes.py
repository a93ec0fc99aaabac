"""Route tables, routes, and which subnet uses which table.

Long because each entry lists every input and output of its type.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from ..aws import AwsError, at
from ..kinds import CIDR, TEXT, Field, Problem, Record, SetOf
from ..model import Create, ResourceType, Scope, Update, own_id, same
from .ec2 import TAGS, TAGS_LATER, arn, create, described, ec2, owner

_NO_TABLE = "InvalidRouteTableID.NotFound"

_TARGETS = {
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "transitGatewayId": "TransitGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
}
_DESTINATIONS = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
_INLINE_DESTINATIONS = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}


def _exactly_one(inputs: Mapping[str, Any], names: Iterable[str], what: str) -> Iterable[Problem]:
    given = [name for name in names if inputs.get(name)]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        yield given[-1] if given else next(iter(names)), f"a route has exactly one {what}; given: {found}"


def _route_problems(inputs: Mapping[str, Any]) -> Iterable[Problem]:
    yield from _exactly_one(inputs, _DESTINATIONS, "destination")
    yield from _exactly_one(inputs, _TARGETS, "target")


def _properties(route: Mapping[str, Any]) -> dict[str, Any]:
    """Return a route's properties; AWS gives a VPC endpoint in the place of a gateway."""
    found = {name: route.get(key) for name, key in {**_DESTINATIONS, **_TARGETS}.items()}
    if str(found["gatewayId"]).startswith("vpce-"):
        found["vpcEndpointId"], found["gatewayId"] = found["gatewayId"], None
    return {**found, "origin": route.get("Origin"), "state": route.get("State")}


def _table(scope: Scope, table: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] | None = at(
            scope.call("ec2", "describe_route_tables", RouteTableIds=[table]), "RouteTables.0"
        )
    except AwsError as error:
        if error.code == _NO_TABLE:
            return None
        raise
    return found


def _destination(values: Mapping[str, Any]) -> str:
    return next(str(values[name]) for name in _DESTINATIONS if values.get(name))


def _read_route(scope: Scope) -> dict[str, Any] | None:
    table = _table(scope, scope.old["routeTableId"])
    wanted = _destination(scope.old)
    for route in table["Routes"] if table else ():
        found = _properties(route)
        if wanted in (found[name] for name in _DESTINATIONS):
            return {**found, "routeTableId": scope.old["routeTableId"]}
    return None


def route_id(table: str, destination: str) -> str:
    """Return the id the official provider gives to a route: table, then CRC-32 of the destination."""
    return f"r-{table}{zlib.crc32(destination.encode())}"


def _import_route(identifier: str) -> Mapping[str, Any]:
    table, separator, destination = identifier.partition("_")
    if not (table and separator and destination) or "_" in destination:
        raise ValueError(f"unexpected format of ID ({identifier}), expected ROUTETABLEID_DESTINATION")
    if ":" in destination:
        return {"routeTableId": table, "destinationIpv6CidrBlock": destination}
    name = "destinationCidrBlock" if "." in destination else "destinationPrefixListId"
    return {"routeTableId": table, name: destination}


def _own_destination(name: str) -> Any:
    return lambda scope: scope.old.get(name)


ROUTE = ResourceType(
    type="aws:ec2/route:Route",
    inputs={
        "routeTableId": Field(TEXT, required=True, replaces=True),
        "destinationCidrBlock": Field(CIDR, replaces=True),
        "destinationIpv6CidrBlock": Field(CIDR, replaces=True),
        "destinationPrefixListId": Field(TEXT, replaces=True),
        "networkInterfaceId": Field(TEXT, computed=True),
        **{name: Field(TEXT) for name in _TARGETS if name != "networkInterfaceId"},
    },
    outputs=("origin", "state"),
    create=Create(
        ec2(
            "create_route",
            {**same("routeTableId"), **{key: name for name, key in (_DESTINATIONS | _TARGETS).items()}},
        ),
        lambda scope, _answer: route_id(scope.new["routeTableId"], _destination(scope.new)),
    ),
    read=_read_route,
    updates=(
        Update(
            tuple(_TARGETS),
            ec2(
                "replace_route",
                {**same("routeTableId"), **{key: name for name, key in (_DESTINATIONS | _TARGETS).items()}},
            ),
        ),
    ),
    delete=ec2(
        "delete_route",
        {
            "RouteTableId": _own_destination("routeTableId"),
            **{key: _own_destination(name) for name, key in _DESTINATIONS.items()},
        },
        ignore=("InvalidRoute.NotFound", _NO_TABLE),
    ),
    problems=_route_problems,
    import_id=_import_route,
    final_id=lambda _identifier, found: route_id(found["routeTableId"], _destination(found)),
)

_INLINE = Record(
    {
        "cidrBlock": Field(CIDR),
        "ipv6CidrBlock": Field(CIDR),
        "destinationPrefixListId": Field(TEXT),
        **{name: Field(TEXT) for name in _TARGETS},
    }
)


def _inline(scope: Scope, found: Any) -> list[dict[str, Any]]:
    """Return the routes somebody made: not the local one, not those an endpoint put there."""
    routes = []
    for route in found["Routes"]:
        if route.get("GatewayId") == "local" or route.get("Origin") == "CreateRouteTable":
            continue
        if str(route.get("GatewayId")).startswith("vpce-") and route.get("DestinationPrefixListId"):
            continue
        properties = _properties(route)
        own = {name: route.get(key) for name, key in _INLINE_DESTINATIONS.items()}
        own |= {name: properties[name] for name in _TARGETS}
        routes.append({name: value for name, value in own.items() if value})
    return routes


def _with_destination(route: Mapping[str, Any]) -> dict[str, Any]:
    return {key: route[name] for name, key in _INLINE_DESTINATIONS.items() if route.get(name)}


def _with_target(route: Mapping[str, Any]) -> dict[str, Any]:
    return {key: route[name] for name, key in _TARGETS.items() if route.get(name)}


def _change_routes(scope: Scope) -> None:
    """Take away, move and add inline routes, a moved one in a single replacing call."""
    was = {repr(_with_destination(route)): route for route in scope.old.get("routes") or ()}
    wanted = {repr(_with_destination(route)): route for route in scope.new.get("routes") or ()}
    for key in was.keys() - wanted.keys():
        scope.call("ec2", "delete_route", RouteTableId=scope.id, **_with_destination(was[key]))
    for key, route in wanted.items():
        if key in was and _with_target(was[key]) == _with_target(route):
            continue
        operation = "replace_route" if key in was else "create_route"
        scope.call("ec2", operation, RouteTableId=scope.id, **_with_destination(route), **_with_target(route))


def _inline_problems(inputs: Mapping[str, Any]) -> Iterable[Problem]:
    for route in inputs.get("routes") or ():
        for name, reason in (
            *_exactly_one(route, _INLINE_DESTINATIONS, "destination"),
            *_exactly_one(route, _TARGETS, "target"),
        ):
            yield f"routes.{name}", reason


_TABLE_FIELDS: dict[str, Any] = {
    "arn": arn("route-table"),
    "ownerId": owner,
    "routes": _inline,
    "vpcId": "VpcId",
}
_ROUTES = Update(("routes",), _change_routes, on_create=True)

ROUTE_TABLE = ResourceType(
    type="aws:ec2/routeTable:RouteTable",
    inputs={
        "routes": Field(SetOf(_INLINE), computed=True),
        "vpcId": Field(TEXT, required=True, replaces=True),
    },
    outputs=("arn", "ownerId"),
    create=create("create_route_table", same("vpcId"), tag="route-table", id="RouteTable.RouteTableId"),
    read=described("describe_route_tables", "RouteTableIds", "RouteTables", _TABLE_FIELDS, _NO_TABLE),
    updates=(_ROUTES,),
    delete=ec2("delete_route_table", {"RouteTableId": own_id}, ignore=(_NO_TABLE,)),
    problems=_inline_problems,
    tags=TAGS,
)


def _adopt_table(scope: Scope) -> str:
    """Take a VPC's main route table over, empty of everything but what is asked for."""
    identifier = str(scope.new["defaultRouteTableId"])
    table = _table(scope, identifier)
    if table is None:
        raise AwsError(
            "ec2:DescribeRouteTables", _NO_TABLE, f"The routeTable ID '{identifier}' does not exist"
        )
    for route in _inline(scope, table):
        scope.call("ec2", "delete_route", RouteTableId=identifier, **_with_destination(route))
    return identifier


def _main_table_of(identifier: str) -> Mapping[str, Any]:
    return {"vpcId": identifier}


def _read_default_table(scope: Scope) -> dict[str, Any] | None:
    """Read by table id; an import names the VPC instead, as with the official provider."""
    identifier = scope.old.get("defaultRouteTableId") or _main_of(scope, str(scope.old.get("vpcId")))
    found = (
        ROUTE_TABLE.read(Scope(scope.aws, id=identifier, new=scope.new, old=scope.old))
        if identifier
        else None
    )
    return None if found is None else {**found, "defaultRouteTableId": identifier}


def _main_of(scope: Scope, vpc: str) -> str | None:
    wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    found: str | None = at(
        scope.call("ec2", "describe_route_tables", Filters=wanted), "RouteTables.0.RouteTableId"
    )
    return found


DEFAULT_ROUTE_TABLE = ResourceType(
    type="aws:ec2/defaultRouteTable:DefaultRouteTable",
    inputs={
        "defaultRouteTableId": Field(TEXT, required=True, replaces=True),
        "routes": Field(SetOf(_INLINE), computed=True),
    },
    outputs=("arn", "ownerId", "vpcId"),
    create=_adopt_table,
    read=_read_default_table,
    updates=(_ROUTES,),
    delete=lambda _scope: None,
    problems=_inline_problems,
    import_id=_main_table_of,
    final_id=lambda _identifier, found: str(found["defaultRouteTableId"]),
    tags=TAGS_LATER,
)


def _matching_association(scope: Scope, name: str, value: str) -> dict[str, Any] | None:
    answer = scope.call("ec2", "describe_route_tables", Filters=[{"Name": name, "Values": [value]}])
    for table in answer["RouteTables"]:
        for association in table["Associations"]:
            if value in (
                association["RouteTableAssociationId"],
                association.get("SubnetId"),
                association.get("GatewayId"),
            ):
                return dict(association)
    return None


def _association(scope: Scope) -> dict[str, Any] | None:
    """Find an association by id; AWS gives it a new one when its table is replaced, so then by subnet."""
    found = None
    if scope.id.startswith("rtbassoc-"):
        found = _matching_association(scope, "association.route-table-association-id", scope.id)
    if found is None and scope.old.get("subnetId"):
        found = _matching_association(scope, "association.subnet-id", scope.old["subnetId"])
    if found is None and scope.old.get("gatewayId"):
        found = _matching_association(scope, "association.gateway-id", scope.old["gatewayId"])
    return found


def _read_association(scope: Scope) -> dict[str, Any] | None:
    found = _association(scope)
    wanted = scope.old.get("_importedTable")
    if found is None or (wanted and wanted != found["RouteTableId"]):
        return None
    return {
        "gatewayId": found.get("GatewayId"),
        "routeTableId": found["RouteTableId"],
        "subnetId": found.get("SubnetId"),
        "_associationId": found["RouteTableAssociationId"],
    }


def _import_association(identifier: str) -> Mapping[str, Any]:
    target, separator, table = identifier.partition("/")
    if not (target and separator and table) or "/" in table:
        raise ValueError(
            f"unexpected format for import: {identifier}."
            " Use 'subnet ID/route table ID' or 'gateway ID/route table ID'"
        )
    return {"subnetId" if target.startswith("subnet-") else "gatewayId": target, "_importedTable": table}


def _replace_association(scope: Scope) -> None:
    found = _association(scope)
    if found is None:
        raise AwsError(
            "ec2:ReplaceRouteTableAssociation", "InvalidAssociationID.NotFound", f"{scope.id} is gone"
        )
    scope.call(
        "ec2",
        "replace_route_table_association",
        AssociationId=found["RouteTableAssociationId"],
        RouteTableId=scope.new["routeTableId"],
    )


def _disassociate(scope: Scope) -> None:
    found = _association(scope)
    if found is not None and found["RouteTableId"] == scope.old["routeTableId"]:
        scope.call("ec2", "disassociate_route_table", AssociationId=found["RouteTableAssociationId"])


def _association_problems(inputs: Mapping[str, Any]) -> Iterable[Problem]:
    if bool(inputs.get("subnetId")) == bool(inputs.get("gatewayId")):
        yield "subnetId", "give exactly one of subnetId, gatewayId"


ROUTE_TABLE_ASSOCIATION = ResourceType(
    type="aws:ec2/routeTableAssociation:RouteTableAssociation",
    inputs={
        "gatewayId": Field(TEXT, replaces=True),
        "routeTableId": Field(TEXT, required=True),
        "subnetId": Field(TEXT, replaces=True),
    },
    create=Create(
        ec2("associate_route_table", same("gatewayId", "routeTableId", "subnetId")), "AssociationId"
    ),
    read=_read_association,
    updates=(Update(("routeTableId",), _replace_association),),
    delete=_disassociate,
    problems=_association_problems,
    import_id=_import_association,
    final_id=lambda _identifier, found: str(found["_associationId"]),
)


def _main_association(scope: Scope, vpc: str) -> dict[str, Any]:
    wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    for table in scope.call("ec2", "describe_route_tables", Filters=wanted)["RouteTables"]:
        for association in table["Associations"]:
            if association.get("Main"):
                return dict(association)
    raise AwsError("ec2:DescribeRouteTables", _NO_TABLE, f"no main route table association in {vpc}")


def _make_main(scope: Scope) -> tuple[str, dict[str, Any]]:
    """Only here is it known which table was the main one; it becomes that again on delete."""
    before = _main_association(scope, scope.new["vpcId"])
    answer = scope.call(
        "ec2",
        "replace_route_table_association",
        AssociationId=before["RouteTableAssociationId"],
        RouteTableId=scope.new["routeTableId"],
    )
    return str(answer["NewAssociationId"]), {"originalRouteTableId": before["RouteTableId"]}


def _read_main(scope: Scope) -> dict[str, Any] | None:
    try:
        found = _main_association(scope, scope.old["vpcId"])
    except AwsError as error:
        if error.code == _NO_TABLE:
            return None
        raise
    return {
        "originalRouteTableId": scope.old.get("originalRouteTableId"),
        "routeTableId": found["RouteTableId"],
        "vpcId": scope.old["vpcId"],
    }


def _set_main(scope: Scope, table: str) -> None:
    before = _main_association(scope, scope.old["vpcId"])
    scope.call(
        "ec2",
        "replace_route_table_association",
        AssociationId=before["RouteTableAssociationId"],
        RouteTableId=table,
    )


def _no_import(identifier: str) -> Mapping[str, Any]:
    raise ValueError(
        f"a main route table association cannot be imported ({identifier}), as with the official provider"
    )


MAIN_ROUTE_TABLE_ASSOCIATION = ResourceType(
    type="aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation",
    # another VPC replaces nothing with the official provider: it moves the association that it has
    inputs={"routeTableId": Field(TEXT, required=True), "vpcId": Field(TEXT, required=True)},
    outputs=("originalRouteTableId",),
    create=_make_main,
    read=_read_main,
    updates=(Update(("routeTableId", "vpcId"), lambda scope: _set_main(scope, scope.new["routeTableId"])),),
    delete=lambda scope: _set_main(scope, scope.old["originalRouteTableId"]),
    import_id=_no_import,
)

TYPES = (ROUTE, ROUTE_TABLE, DEFAULT_ROUTE_TABLE, ROUTE_TABLE_ASSOCIATION, MAIN_ROUTE_TABLE_ASSOCIATION)
