"""IAM roles, policies and what joins them.

Long because each entry lists every input and output of its type.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ..aws import AwsError, at
from ..kinds import FLAG, JSON, TEXT, WHOLE, Field
from ..model import (
    NAME_PREFIX,
    Call,
    Create,
    ResourceType,
    Scope,
    Tags,
    Update,
    own_id,
    same,
    tag_list,
    tag_map,
)

_GONE = ("NoSuchEntity",)
_MOST_VERSIONS = 5


def _document(value: Any) -> Any:
    """Return a policy document as text; IAM percent-encodes it, and the SDK may have parsed it."""
    return json.dumps(value) if isinstance(value, dict) else unquote(value) if value else value


def _name(scope: Scope) -> str:
    return str(scope.new.get("name") or f"{scope.new['namePrefix']}{secrets.token_hex(13)}")


def _role_updates() -> tuple[Update, ...]:
    def boundary(scope: Scope) -> None:
        wanted = scope.new.get("permissionsBoundary")
        if wanted:
            scope.call("iam", "put_role_permissions_boundary", RoleName=scope.id, PermissionsBoundary=wanted)
        else:
            scope.call("iam", "delete_role_permissions_boundary", RoleName=scope.id)

    return (
        Update(
            ("assumeRolePolicy",),
            Call(
                "iam", "update_assume_role_policy", {"RoleName": own_id, "PolicyDocument": "assumeRolePolicy"}
            ),
        ),
        Update(
            ("description", "maxSessionDuration"),
            lambda scope: scope.aws.call(
                "iam",
                "update_role",
                RoleName=scope.id,
                Description=scope.new.get("description") or "",
                MaxSessionDuration=scope.new["maxSessionDuration"],
            ),
        ),
        Update(("permissionsBoundary",), boundary),
    )


def _read_role(scope: Scope) -> dict[str, Any] | None:
    try:
        role = scope.call("iam", "get_role", RoleName=scope.id)["Role"]
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    return {
        "arn": role["Arn"],
        "assumeRolePolicy": _document(role["AssumeRolePolicyDocument"]),
        "createDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "description": role.get("Description"),
        "maxSessionDuration": role.get("MaxSessionDuration", 3600),
        "name": role["RoleName"],
        "path": role["Path"],
        "permissionsBoundary": at(role, "PermissionsBoundary.PermissionsBoundaryArn"),
        "uniqueId": role["RoleId"],
    }


def _delete_role(scope: Scope) -> None:
    """Delete a role; with forceDetachPolicies its policies are taken off first."""
    try:
        for profile in scope.aws.pages(
            "iam", "list_instance_profiles_for_role", "InstanceProfiles", RoleName=scope.id
        ):
            scope.call(
                "iam",
                "remove_role_from_instance_profile",
                RoleName=scope.id,
                InstanceProfileName=profile["InstanceProfileName"],
            )
        if scope.old.get("forceDetachPolicies"):
            for policy in scope.aws.pages(
                "iam", "list_attached_role_policies", "AttachedPolicies", RoleName=scope.id
            ):
                scope.call("iam", "detach_role_policy", RoleName=scope.id, PolicyArn=policy["PolicyArn"])
            for name in scope.aws.pages("iam", "list_role_policies", "PolicyNames", RoleName=scope.id):
                scope.call("iam", "delete_role_policy", RoleName=scope.id, PolicyName=name)
        scope.call("iam", "delete_role", RoleName=scope.id)
    except AwsError as error:
        if error.code not in _GONE:
            raise


_COMMON = {
    "name": Field(TEXT, computed=True, replaces=True),
    "namePrefix": NAME_PREFIX,
}

ROLE = ResourceType(
    type="aws:iam/role:Role",
    inputs={
        **_COMMON,
        "assumeRolePolicy": Field(JSON, required=True),
        "description": Field(TEXT),
        "forceDetachPolicies": Field(FLAG, local=True, default=False),
        "maxSessionDuration": Field(WHOLE, default=3600),
        "path": Field(TEXT, replaces=True, default="/"),
        "permissionsBoundary": Field(TEXT),
    },
    outputs=("arn", "createDate", "uniqueId"),
    create=Create(
        Call(
            "iam",
            "create_role",
            {
                **same("description", "maxSessionDuration", "path", "permissionsBoundary"),
                "AssumeRolePolicyDocument": "assumeRolePolicy",
                "RoleName": _name,
                "Tags": lambda scope: tag_list(scope.new.get("tags")),
            },
        ),
        "Role.RoleName",
    ),
    read=_read_role,
    updates=_role_updates(),
    delete=_delete_role,
    name="name",
    name_length=64,
    regional=False,
    tags=Tags(
        put=lambda scope, tags: scope.call("iam", "tag_role", RoleName=scope.id, Tags=tag_list(tags)),
        remove=lambda scope, keys: scope.call("iam", "untag_role", RoleName=scope.id, TagKeys=keys),
        read=lambda scope: tag_map(scope.aws.pages("iam", "list_role_tags", "Tags", RoleName=scope.id)),
        on_create=True,
    ),
)


def _read_policy(scope: Scope) -> dict[str, Any] | None:
    try:
        policy = scope.call("iam", "get_policy", PolicyArn=scope.id)["Policy"]
        version = scope.call(
            "iam", "get_policy_version", PolicyArn=scope.id, VersionId=policy["DefaultVersionId"]
        )
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    return {
        "arn": policy["Arn"],
        "attachmentCount": policy.get("AttachmentCount"),
        "description": policy.get("Description"),
        "name": policy["PolicyName"],
        "path": policy["Path"],
        "policy": _document(version["PolicyVersion"]["Document"]),
        "policyId": policy["PolicyId"],
    }


def _other_versions(scope: Scope) -> list[str]:
    found = scope.aws.pages("iam", "list_policy_versions", "Versions", PolicyArn=scope.id)
    return [
        item["VersionId"]
        for item in sorted(found, key=lambda item: item["CreateDate"])
        if not item["IsDefaultVersion"]
    ]


def _new_version(scope: Scope) -> None:
    """Make a new default version; IAM keeps five, so the oldest makes room."""
    others = _other_versions(scope)
    for version in others[: max(0, len(others) + 2 - _MOST_VERSIONS)]:
        scope.call("iam", "delete_policy_version", PolicyArn=scope.id, VersionId=version)
    scope.call(
        "iam",
        "create_policy_version",
        PolicyArn=scope.id,
        PolicyDocument=scope.new["policy"],
        SetAsDefault=True,
    )


def _delete_policy(scope: Scope) -> None:
    try:
        for version in _other_versions(scope):
            scope.call("iam", "delete_policy_version", PolicyArn=scope.id, VersionId=version)
        scope.call("iam", "delete_policy", PolicyArn=scope.id)
    except AwsError as error:
        if error.code not in _GONE:
            raise


POLICY = ResourceType(
    type="aws:iam/policy:Policy",
    inputs={
        **_COMMON,
        "description": Field(TEXT, replaces=True),
        "path": Field(TEXT, replaces=True, default="/"),
        "policy": Field(JSON, required=True),
    },
    outputs=("arn", "attachmentCount", "policyId"),
    create=Create(
        Call(
            "iam",
            "create_policy",
            {
                **same("description", "path"),
                "PolicyDocument": "policy",
                "PolicyName": _name,
                "Tags": lambda scope: tag_list(scope.new.get("tags")),
            },
        ),
        "Policy.Arn",
    ),
    read=_read_policy,
    updates=(Update(("policy",), _new_version),),
    delete=_delete_policy,
    name="name",
    regional=False,
    tags=Tags(
        put=lambda scope, tags: scope.call("iam", "tag_policy", PolicyArn=scope.id, Tags=tag_list(tags)),
        remove=lambda scope, keys: scope.call("iam", "untag_policy", PolicyArn=scope.id, TagKeys=keys),
        read=lambda scope: tag_map(scope.aws.pages("iam", "list_policy_tags", "Tags", PolicyArn=scope.id)),
        on_create=True,
    ),
)


def _two(identifier: str, separator: str, first: str, second: str, form: str) -> Mapping[str, Any]:
    left, found, right = identifier.partition(separator)
    if not (left and found and right):
        raise ValueError(f"unexpected format of ID ({identifier}), expected {form}")
    return {first: left, second: right}


def _read_role_policy(scope: Scope) -> dict[str, Any] | None:
    role, _, name = scope.id.partition(":")
    try:
        found = scope.call("iam", "get_role_policy", RoleName=role, PolicyName=name)
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    return {"name": name, "policy": _document(found["PolicyDocument"]), "role": role}


def _put_role_policy(scope: Scope) -> str:
    name = scope.id.partition(":")[2] or _name(scope)
    scope.call(
        "iam",
        "put_role_policy",
        RoleName=scope.new["role"],
        PolicyName=name,
        PolicyDocument=scope.new["policy"],
    )
    return f"{scope.new['role']}:{name}"


ROLE_POLICY = ResourceType(
    type="aws:iam/rolePolicy:RolePolicy",
    inputs={
        **_COMMON,
        "policy": Field(JSON, required=True),
        "role": Field(TEXT, required=True, replaces=True),
    },
    create=_put_role_policy,
    read=_read_role_policy,
    updates=(Update(("policy",), _put_role_policy),),
    delete=Call(
        "iam",
        "delete_role_policy",
        {
            "RoleName": lambda scope: scope.id.partition(":")[0],
            "PolicyName": lambda scope: scope.id.partition(":")[2],
        },
        _GONE,
    ),
    name="name",
    regional=False,
    import_id=lambda identifier: _two(identifier, ":", "role", "name", "role-name:role-policy-name"),
)


def _read_attachment(scope: Scope) -> dict[str, Any] | None:
    role, arn = scope.old["role"], scope.old["policyArn"]
    try:
        found = scope.aws.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=role)
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    attached = any(item["PolicyArn"] == arn for item in found)
    return {"policyArn": arn, "role": role} if attached else None


ROLE_POLICY_ATTACHMENT = ResourceType(
    type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    inputs={
        "policyArn": Field(TEXT, required=True, replaces=True),
        "role": Field(TEXT, required=True, replaces=True),
    },
    # the old one would go last otherwise, and take with it a new one of the same role and policy
    delete_first=True,
    create=Create(
        Call("iam", "attach_role_policy", {"RoleName": "role", "PolicyArn": "policyArn"}),
        lambda scope, _answer: f"{scope.new['role']}/{scope.new['policyArn']}",
    ),
    read=_read_attachment,
    delete=Call(
        "iam",
        "detach_role_policy",
        {"RoleName": lambda scope: scope.old["role"], "PolicyArn": lambda scope: scope.old["policyArn"]},
        _GONE,
    ),
    regional=False,
    import_id=lambda identifier: _two(identifier, "/", "role", "policyArn", "role-name/policy-arn"),
)

TYPES = (ROLE, POLICY, ROLE_POLICY, ROLE_POLICY_ATTACHMENT)
