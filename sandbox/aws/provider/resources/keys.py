"""KMS keys and their aliases."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from ..aws import AwsError, at, wait_for
from ..kinds import FLAG, JSON, TEXT, WHOLE, Field, Text
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

_GONE = ("NotFoundException",)


class KeyReference(Text):
    """A key by id or ARN; both mean the same key."""

    def normal(self, value: Any) -> Any:
        """See Kind."""
        return value.rpartition("key/")[2] if isinstance(value, str) else value


KEY_REFERENCE = KeyReference()

TAGS = Tags(
    put=lambda scope, tags: scope.call(
        "kms", "tag_resource", KeyId=scope.id, Tags=tag_list(tags, "TagKey", "TagValue")
    ),
    remove=lambda scope, keys: scope.call("kms", "untag_resource", KeyId=scope.id, TagKeys=keys),
    read=lambda scope: tag_map(
        scope.aws.pages("kms", "list_resource_tags", "Tags", KeyId=scope.id), "TagKey", "TagValue"
    ),
    on_create=True,
)


def _policy(scope: Scope, _found: Any) -> Any:
    return scope.call("kms", "get_key_policy", KeyId=scope.id, PolicyName="default").get("Policy")


def _rotation(name: str) -> Any:
    def look(scope: Scope, found: Any) -> Any:
        if found.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
            return None
        answer = scope.call("kms", "get_key_rotation_status", KeyId=scope.id)
        return answer.get(name) if answer.get("KeyRotationEnabled") or name == "KeyRotationEnabled" else None

    return look


def _read(scope: Scope) -> dict[str, Any] | None:
    try:
        found = at(scope.call("kms", "describe_key", KeyId=scope.id), "KeyMetadata")
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    if found["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
        return None
    return {
        "arn": found["Arn"],
        "keyId": found["KeyId"],
        "customerMasterKeySpec": found.get("KeySpec") or found.get("CustomerMasterKeySpec"),
        "description": found.get("Description"),
        "enableKeyRotation": bool(_rotation("KeyRotationEnabled")(scope, found)),
        "isEnabled": found["Enabled"],
        "keyUsage": found["KeyUsage"],
        "multiRegion": found.get("MultiRegion"),
        "policy": _policy(scope, found),
        "rotationPeriodInDays": _rotation("RotationPeriodInDays")(scope, found),
    }


def _rotate(scope: Scope) -> None:
    if scope.new.get("enableKeyRotation"):
        scope.call(
            "kms",
            "enable_key_rotation",
            KeyId=scope.id,
            RotationPeriodInDays=scope.new.get("rotationPeriodInDays"),
        )
    elif scope.old.get("enableKeyRotation"):
        scope.call("kms", "disable_key_rotation", KeyId=scope.id)


def _switch(*, on: bool) -> Callable[[Scope], None]:
    """Enable a key before anything else changes, disable it after everything: AWS changes no disabled key."""

    def run(scope: Scope) -> None:
        if scope.new.get("isEnabled", True) is on and scope.old.get("isEnabled", True) is not on:
            scope.call("kms", "enable_key" if on else "disable_key", KeyId=scope.id)

    return run


def _delete(scope: Scope) -> None:
    window = scope.old.get("deletionWindowInDays") or 30
    try:
        scope.call("kms", "schedule_key_deletion", KeyId=scope.id, PendingWindowInDays=window)
    except AwsError as error:
        pending = error.code == "KMSInvalidStateException" and "pending deletion" in str(error)
        if error.code not in _GONE and not pending:
            raise
        return
    wait_for(
        lambda: at(scope.call("kms", "describe_key", KeyId=scope.id), "KeyMetadata.KeyState"),
        what=f"waiting for key {scope.id} to be scheduled for deletion",
        until=frozenset({"PendingDeletion", "PendingReplicaDeletion"}),
        pending=frozenset({"Enabled", "Disabled"}),
        seconds=120,
    )


KEY = ResourceType(
    type="aws:kms/key:Key",
    inputs={
        "bypassPolicyLockoutSafetyCheck": Field(FLAG, local=True, default=False),
        "customerMasterKeySpec": Field(TEXT, replaces=True, default="SYMMETRIC_DEFAULT"),
        "deletionWindowInDays": Field(WHOLE, local=True),
        "description": Field(TEXT, computed=True),
        "enableKeyRotation": Field(FLAG, default=False),
        "isEnabled": Field(FLAG, default=True),
        "keyUsage": Field(TEXT, replaces=True, default="ENCRYPT_DECRYPT"),
        "multiRegion": Field(FLAG, computed=True, replaces=True),
        "policy": Field(JSON, computed=True),
        "rotationPeriodInDays": Field(WHOLE, computed=True),
    },
    outputs=("arn", "keyId"),
    create=Create(
        Call(
            "kms",
            "create_key",
            {
                **same("description", "keyUsage", "multiRegion", "policy"),
                "KeySpec": "customerMasterKeySpec",
                "BypassPolicyLockoutSafetyCheck": "bypassPolicyLockoutSafetyCheck",
                "Tags": lambda scope: tag_list(scope.new.get("tags"), "TagKey", "TagValue"),
            },
        ),
        "KeyMetadata.KeyId",
    ),
    read=_read,
    updates=(
        Update(("isEnabled",), _switch(on=True)),
        Update(("enableKeyRotation", "rotationPeriodInDays"), _rotate, on_create=True),
        Update(
            ("description",), Call("kms", "update_key_description", {"KeyId": own_id, **same("description")})
        ),
        Update(
            ("policy",),
            Call(
                "kms",
                "put_key_policy",
                {
                    "KeyId": own_id,
                    "PolicyName": lambda _scope: "default",
                    **same("policy", "bypassPolicyLockoutSafetyCheck"),
                },
            ),
        ),
        Update(("isEnabled",), _switch(on=False), on_create=True),
    ),
    delete=_delete,
    tags=TAGS,
)


def _read_alias(scope: Scope) -> dict[str, Any] | None:
    for alias in scope.aws.pages("kms", "list_aliases", "Aliases"):
        if alias["AliasName"] == scope.id:
            return {
                "arn": alias["AliasArn"],
                "name": alias["AliasName"],
                "targetKeyArn": scope.aws.arn("kms", f"key/{alias['TargetKeyId']}"),
                "targetKeyId": alias["TargetKeyId"],
            }
    return None


def _create_alias(scope: Scope) -> str:
    name = scope.new.get("name") or f"{scope.new['namePrefix']}{secrets.token_hex(13)}"
    scope.call("kms", "create_alias", AliasName=name, TargetKeyId=scope.new["targetKeyId"])
    return str(name)


ALIAS = ResourceType(
    type="aws:kms/alias:Alias",
    inputs={
        "name": Field(TEXT, computed=True, replaces=True),
        "namePrefix": NAME_PREFIX,
        "targetKeyId": Field(KEY_REFERENCE, required=True),
    },
    outputs=("arn", "targetKeyArn"),
    create=_create_alias,
    read=_read_alias,
    updates=(
        Update(
            ("targetKeyId",), Call("kms", "update_alias", {"AliasName": own_id, "TargetKeyId": "targetKeyId"})
        ),
    ),
    delete=Call("kms", "delete_alias", {"AliasName": own_id}, _GONE),
    name="name",
    name_prefix="alias/",
    name_length=238,
    problems=lambda inputs: (
        ()
        if str(inputs.get("name") or inputs.get("namePrefix")).startswith("alias/")
        else [("name", "must begin with 'alias/'")]
    ),
)

TYPES = (KEY, ALIAS)
