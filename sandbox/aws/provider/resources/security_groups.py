"""Security groups, their rules, and the VPC's default group.

Long because each entry lists every input and output of its type.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..aws import AwsError, at
from ..kinds import CIDR, FLAG, TEXT, TEXTS, WHOLE, Field, Problem, Record, SetOf
from ..model import NAME_PREFIX, ResourceType, Scope, Tags, Update, own_id, tag_list
from .ec2 import TAGS, TAGS_LATER, arn, create, described, ec2, owner
from .left_interfaces import after_what_lambda_left

_NO_GROUP = ("InvalidGroup.NotFound", "InvalidGroupId.NotFound", "InvalidGroupId.Malformed")
_EVERYTHING = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}

_RULE = Record(
    {
        "cidrBlocks": Field(SetOf(CIDR)),
        "description": Field(TEXT),
        "fromPort": Field(WHOLE, required=True),
        "ipv6CidrBlocks": Field(SetOf(CIDR)),
        "prefixListIds": Field(TEXTS),
        "protocol": Field(TEXT, required=True),
        "securityGroups": Field(TEXTS),
        "self": Field(FLAG),
        "toPort": Field(WHOLE, required=True),
    }
)
_RULES = Field(SetOf(_RULE), computed=True)
_DIRECTIONS = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}


def _permission(scope: Scope, rule: Mapping[str, Any]) -> dict[str, Any]:
    about = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [*(rule.get("securityGroups") or ()), *([scope.id] if rule.get("self") else ())]
    permission: dict[str, Any] = {"IpProtocol": rule["protocol"]}
    if rule["protocol"] != "-1":
        permission |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    sources = {
        "IpRanges": [{"CidrIp": cidr, **about} for cidr in rule.get("cidrBlocks") or ()],
        "Ipv6Ranges": [{"CidrIpv6": cidr, **about} for cidr in rule.get("ipv6CidrBlocks") or ()],
        "PrefixListIds": [{"PrefixListId": item, **about} for item in rule.get("prefixListIds") or ()],
        "UserIdGroupPairs": [{"GroupId": group, **about} for group in groups],
    }
    return permission | {key: value for key, value in sources.items() if value}


def _rules(direction: str) -> Callable[[Scope, Any], list[dict[str, Any]]]:
    """Return a field that holds a direction's rules, one per protocol, ports and description."""

    def look(scope: Scope, found: Any) -> list[dict[str, Any]]:
        rules: dict[tuple[Any, ...], dict[str, Any]] = {}
        for item in found.get(_DIRECTIONS[direction]) or ():
            for key, name, source in (
                ("IpRanges", "cidrBlocks", "CidrIp"),
                ("Ipv6Ranges", "ipv6CidrBlocks", "CidrIpv6"),
                ("PrefixListIds", "prefixListIds", "PrefixListId"),
                ("UserIdGroupPairs", "securityGroups", "GroupId"),
            ):
                for origin in item.get(key) or ():
                    about = origin.get("Description") or ""
                    ports = (item.get("FromPort") or 0, item.get("ToPort") or 0)
                    rule = rules.setdefault(
                        (item["IpProtocol"], *ports, about),
                        {"protocol": item["IpProtocol"], "fromPort": ports[0], "toPort": ports[1]}
                        | ({"description": about} if about else {}),
                    )
                    if origin[source] == scope.id:
                        rule["self"] = True
                    else:
                        rule.setdefault(name, []).append(origin[source])
        return list(rules.values())

    return look


def _set_rules(direction: str) -> Update:
    kind = SetOf(_RULE)

    def run(scope: Scope) -> None:
        was, wanted = scope.old.get(direction) or [], scope.new.get(direction) or []
        gone = [rule for rule in was if not any(kind.same([rule], [other]) for other in wanted)]
        new = [rule for rule in wanted if not any(kind.same([rule], [other]) for other in was)]
        for verb, rules in (("revoke", gone), ("authorize", new)):
            if rules:
                permissions = [_permission(scope, rule) for rule in rules]
                scope.call(
                    "ec2", f"{verb}_security_group_{direction}", GroupId=scope.id, IpPermissions=permissions
                )

    return Update((direction,), run, on_create=True)


def _forbid_everything(scope: Scope) -> None:
    """AWS lets a new group send anywhere; the official provider takes that rule away."""
    group = at(scope.call("ec2", "describe_security_groups", GroupIds=[scope.id]), "SecurityGroups.0")
    if group.get("IpPermissionsEgress"):
        scope.call("ec2", "revoke_security_group_egress", GroupId=scope.id, IpPermissions=[_EVERYTHING])


_FIELDS: dict[str, Any] = {
    "arn": arn("security-group"),
    "description": "Description",
    "egress": _rules("egress"),
    "ingress": _rules("ingress"),
    "name": "GroupName",
    "ownerId": owner,
    "vpcId": "VpcId",
}


def _name(scope: Scope) -> str:
    return str(scope.new.get("name") or f"{scope.new['namePrefix']}{secrets.token_hex(13)}")


SECURITY_GROUP = ResourceType(
    type="aws:ec2/securityGroup:SecurityGroup",
    inputs={
        "description": Field(TEXT, replaces=True, default="Managed by Pulumi"),
        "egress": _RULES,
        "ingress": _RULES,
        "name": Field(TEXT, computed=True, replaces=True),
        "namePrefix": NAME_PREFIX,
        "revokeRulesOnDelete": Field(FLAG, local=True, default=False),
        "vpcId": Field(TEXT, computed=True, replaces=True),
    },
    outputs=("arn", "ownerId"),
    create=create(
        "create_security_group",
        {"Description": "description", "GroupName": _name, "VpcId": "vpcId"},
        tag="security-group",
        id="GroupId",
    ),
    read=described("describe_security_groups", "GroupIds", "SecurityGroups", _FIELDS, *_NO_GROUP),
    ready=lambda scope: _forbid_everything(scope) if "arn" not in scope.old else None,
    updates=(_set_rules("ingress"), _set_rules("egress")),
    delete=after_what_lambda_left(
        ec2("delete_security_group", {"GroupId": own_id}, ignore=_NO_GROUP), found_by="group-id"
    ),
    name="name",
    tags=TAGS,
)


def _default_group(scope: Scope, vpc: str | None) -> dict[str, Any]:
    wanted = [{"Name": "group-name", "Values": ["default"]}]
    wanted += [{"Name": "vpc-id", "Values": [vpc]}] if vpc else []
    found = scope.call("ec2", "describe_security_groups", Filters=wanted)["SecurityGroups"]
    if not found:
        raise AwsError("ec2:DescribeSecurityGroups", "InvalidGroup.NotFound", f"no default group in {vpc}")
    return dict(found[0])


def _adopt_group(scope: Scope) -> str:
    """Take the VPC's default group over, without any rule it had."""
    group = _default_group(scope, scope.new.get("vpcId"))
    for verb, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        if group.get(key):
            scope.call(
                "ec2",
                f"revoke_security_group_{verb}",
                GroupId=group["GroupId"],
                IpPermissions=[_bare(item) for item in group[key]],
            )
    return str(group["GroupId"])


def _bare(permission: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule as it was described, without the empty lists that a request may not have."""
    return {key: value for key, value in permission.items() if value not in ([], None)}


DEFAULT_SECURITY_GROUP = ResourceType(
    type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    inputs={
        "egress": _RULES,
        "ingress": _RULES,
        "revokeRulesOnDelete": Field(FLAG, local=True, default=False),
        "vpcId": Field(TEXT, computed=True, replaces=True),
    },
    outputs=("arn", "description", "name", "ownerId"),
    create=_adopt_group,
    read=described("describe_security_groups", "GroupIds", "SecurityGroups", _FIELDS, *_NO_GROUP),
    updates=(_set_rules("ingress"), _set_rules("egress")),
    delete=lambda _scope: None,
    tags=TAGS_LATER,
)

_SOURCES = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}


def _source(values: Mapping[str, Any]) -> str:
    return next((name for name in _SOURCES if values.get(name)), "")


def _other_source(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    """A rule's kind of source cannot be modified, only what it is."""
    return frozenset() if _source(old) == _source(new) else frozenset(_SOURCES)


def _rule_problems(inputs: Mapping[str, Any]) -> Iterable[Problem]:
    given = [name for name in _SOURCES if inputs.get(name)]
    if len(given) != 1:
        yield "cidrIpv4", f"give exactly one of {', '.join(_SOURCES)}; given: {', '.join(given) or 'none'}"


def _rule(direction: str, label: str) -> ResourceType:
    def authorize(scope: Scope) -> str:
        new = scope.new
        key, name = _SOURCES[_source(new)]
        about = {"Description": new["description"]} if new.get("description") else {}
        permission: dict[str, Any] = {
            "IpProtocol": new["ipProtocol"],
            key: [{name: new[_source(new)], **about}],
        }
        for port, parameter in (("fromPort", "FromPort"), ("toPort", "ToPort")):
            if new.get(port) is not None:
                permission[parameter] = new[port]
        tags = tag_list(new.get("tags"))
        answer = scope.call(
            "ec2",
            f"authorize_security_group_{direction}",
            GroupId=new["securityGroupId"],
            IpPermissions=[permission],
            TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}] if tags else None,
        )
        return str(at(answer, "SecurityGroupRules.0.SecurityGroupRuleId"))

    def modify(scope: Scope) -> None:
        new = scope.new
        name = "ReferencedGroupId" if _source(new) == "referencedSecurityGroupId" else _source(new)
        rule = {
            "IpProtocol": new["ipProtocol"],
            "FromPort": new.get("fromPort", -1),
            "ToPort": new.get("toPort", -1),
            name[0].upper() + name[1:]: new[_source(new)],
            "Description": new.get("description") or "",
        }
        scope.call(
            "ec2",
            "modify_security_group_rules",
            GroupId=new["securityGroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": scope.id, "SecurityGroupRule": rule}],
        )

    def port(name: str) -> Callable[[Scope, Any], Any]:
        return lambda _scope, found: None if found.get(name) == -1 else found.get(name)

    return ResourceType(
        type=f"aws:vpc/securityGroup{label}Rule:SecurityGroup{label}Rule",
        inputs={
            "cidrIpv4": Field(CIDR),
            "cidrIpv6": Field(CIDR),
            "description": Field(TEXT),
            "fromPort": Field(WHOLE),
            "ipProtocol": Field(TEXT, required=True),
            "prefixListId": Field(TEXT),
            "referencedSecurityGroupId": Field(TEXT),
            "securityGroupId": Field(TEXT, required=True, replaces=True),
            "toPort": Field(WHOLE),
        },
        outputs=("arn", "securityGroupRuleId"),
        create=authorize,
        read=described(
            "describe_security_group_rules",
            "SecurityGroupRuleIds",
            "SecurityGroupRules",
            {
                "arn": arn("security-group-rule"),
                "cidrIpv4": "CidrIpv4",
                "cidrIpv6": "CidrIpv6",
                "description": "Description",
                "fromPort": port("FromPort"),
                "ipProtocol": "IpProtocol",
                "prefixListId": "PrefixListId",
                "referencedSecurityGroupId": "ReferencedGroupInfo.GroupId",
                "securityGroupId": "GroupId",
                "securityGroupRuleId": "SecurityGroupRuleId",
                "toPort": port("ToPort"),
            },
            "InvalidSecurityGroupRuleId.NotFound",
            exists=lambda found: found.get("IsEgress", False) is (direction == "egress"),
        ),
        updates=(Update((*_SOURCES, "description", "fromPort", "ipProtocol", "toPort"), modify),),
        delete=ec2(
            f"revoke_security_group_{direction}",
            {
                "GroupId": lambda scope: scope.old["securityGroupId"],
                "SecurityGroupRuleIds": lambda scope: [scope.id],
            },
            ignore=(*_NO_GROUP, "InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound"),
        ),
        problems=_rule_problems,
        also_replaces=_other_source,
        tags=Tags(put=TAGS.put, remove=TAGS.remove, read=TAGS.read, on_create=True),
    )


TYPES = (SECURITY_GROUP, DEFAULT_SECURITY_GROUP, _rule("ingress", "Ingress"), _rule("egress", "Egress"))
