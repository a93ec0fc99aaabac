"""Secrets Manager: secrets without their values, and who may read them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from ..aws import AwsError
from ..kinds import FLAG, JSON, TEXT, WHOLE, Field, Problem
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

_SERVICE = "secretsmanager"
_GONE = ("ResourceNotFoundException",)


def _describe(scope: Scope, identifier: str) -> dict[str, Any] | None:
    try:
        found = scope.call(_SERVICE, "describe_secret", SecretId=identifier)
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    return None if found.get("DeletedDate") else found


def _policy(scope: Scope, identifier: str) -> str | None:
    try:
        policy = scope.call(_SERVICE, "get_resource_policy", SecretId=identifier).get("ResourcePolicy")
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    return str(policy) if policy else None


def _read(scope: Scope) -> dict[str, Any] | None:
    found = _describe(scope, scope.id)
    if found is None:
        return None
    return {
        "arn": found["ARN"],
        "description": found.get("Description"),
        "kmsKeyId": found.get("KmsKeyId"),
        "name": found["Name"],
        "policy": _policy(scope, scope.id),
    }


def _create(scope: Scope) -> str:
    name = scope.new.get("name") or f"{scope.new['namePrefix']}{secrets.token_hex(13)}"
    answer = scope.call(
        _SERVICE,
        "create_secret",
        Name=name,
        Description=scope.new.get("description"),
        KmsKeyId=scope.new.get("kmsKeyId"),
        ForceOverwriteReplicaSecret=scope.new.get("forceOverwriteReplicaSecret"),
        ClientRequestToken=secrets.token_hex(16),
        Tags=tag_list(scope.new.get("tags")),
    )
    return str(answer["ARN"])


def _put_policy(scope: Scope, identifier: str, key: str) -> None:
    if scope.new.get("policy"):
        scope.call(
            _SERVICE,
            "put_resource_policy",
            SecretId=identifier,
            ResourcePolicy=scope.new["policy"],
            BlockPublicPolicy=scope.new.get("blockPublicPolicy"),
        )
    else:
        scope.call(_SERVICE, "delete_resource_policy", SecretId=scope.old.get(key) or identifier)


def _delete(scope: Scope) -> None:
    window = scope.old.get("recoveryWindowInDays", 30)
    params = {"ForceDeleteWithoutRecovery": True} if window == 0 else {"RecoveryWindowInDays": window}
    try:
        scope.call(_SERVICE, "delete_secret", SecretId=scope.id, **params)
    except AwsError as error:
        if error.code not in _GONE:
            raise


def _problems(inputs: Mapping[str, Any]) -> Iterable[Problem]:
    window = inputs.get("recoveryWindowInDays", 30)
    if window != 0 and not 7 <= window <= 30:
        yield "recoveryWindowInDays", f"expected 0 or 7 to 30, got {window}"


SECRET = ResourceType(
    type="aws:secretsmanager/secret:Secret",
    inputs={
        "description": Field(TEXT),
        "forceOverwriteReplicaSecret": Field(FLAG, local=True, default=False),
        "kmsKeyId": Field(TEXT),
        "name": Field(TEXT, computed=True, replaces=True),
        "namePrefix": NAME_PREFIX,
        "policy": Field(JSON, computed=True),
        "recoveryWindowInDays": Field(WHOLE, local=True, default=30),
    },
    outputs=("arn",),
    create=_create,
    read=_read,
    updates=(
        Update(
            ("description", "kmsKeyId"),
            lambda scope: scope.aws.call(
                _SERVICE,
                "update_secret",
                SecretId=scope.id,
                Description=scope.new.get("description") or "",
                KmsKeyId=scope.new.get("kmsKeyId"),
            ),
        ),
        Update(("policy",), lambda scope: _put_policy(scope, scope.id, "arn"), on_create=True),
    ),
    delete=_delete,
    name="name",
    problems=_problems,
    tags=Tags(
        put=lambda scope, tags: scope.call(_SERVICE, "tag_resource", SecretId=scope.id, Tags=tag_list(tags)),
        remove=lambda scope, keys: scope.call(_SERVICE, "untag_resource", SecretId=scope.id, TagKeys=keys),
        read=lambda scope: tag_map(scope.call(_SERVICE, "describe_secret", SecretId=scope.id).get("Tags")),
        on_create=True,
    ),
)


def _read_secret_policy(scope: Scope) -> dict[str, Any] | None:
    """A policy that somebody took away is drift: the resource is there as long as its secret."""
    if _describe(scope, scope.id) is None:
        return None
    return {"policy": _policy(scope, scope.id), "secretArn": scope.id}


SECRET_POLICY = ResourceType(
    type="aws:secretsmanager/secretPolicy:SecretPolicy",
    inputs={
        "blockPublicPolicy": Field(FLAG, local=True),
        "policy": Field(JSON, required=True),
        "secretArn": Field(TEXT, required=True, replaces=True),
    },
    create=Create(
        Call(
            _SERVICE,
            "put_resource_policy",
            {"SecretId": "secretArn", "ResourcePolicy": "policy", **same("blockPublicPolicy")},
        ),
        "ARN",
    ),
    read=_read_secret_policy,
    updates=(
        Update(("policy", "blockPublicPolicy"), lambda scope: _put_policy(scope, scope.id, "secretArn")),
    ),
    delete=Call(_SERVICE, "delete_resource_policy", {"SecretId": own_id}, _GONE),
)

TYPES = (SECRET, SECRET_POLICY)
