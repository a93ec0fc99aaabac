"""What the EC2 types share: calls, tags, and waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..aws import AwsError, at, wait_for
from ..model import Call, Create, Param, Read, Scope, Tags, own_id, tag_list, tag_map


def ec2(operation: str, params: Mapping[str, Param] | None = None, *, ignore: tuple[str, ...] = ()) -> Call:
    """Return an EC2 call."""
    return Call("ec2", operation, params or {}, ignore)


def create(
    operation: str,
    params: Mapping[str, Param],
    *,
    tag: str,
    id: str | Callable[[Scope, dict[str, Any]], str],
) -> Create:
    """Return a creating EC2 call that tags in the same breath; `tag` is the tag specification's type."""

    def specification(scope: Scope) -> list[dict[str, Any]] | None:
        tags = tag_list(scope.new.get("tags"))
        return [{"ResourceType": tag, "Tags": tags}] if tags else None

    return Create(ec2(operation, {**params, "TagSpecifications": specification}), id)


def described(
    operation: str,
    ids: str,
    at: str,
    fields: Mapping[str, str | Callable[[Scope, Any], Any]],
    *gone: str,
    exists: Callable[[Any], bool] = lambda _found: True,
) -> Read:
    """Return a describing EC2 call for one id."""
    return Read(ec2(operation, {ids: lambda scope: [scope.id]}), f"{at}.0", fields, gone, exists)


def arn(resource: str) -> Callable[[Scope, Any], str]:
    """Return a field that holds the ARN of an EC2 resource."""
    return lambda scope, _found: scope.aws.arn("ec2", f"{resource}/{scope.id}")


def _read_tags(scope: Scope) -> dict[str, str]:
    answer = scope.call("ec2", "describe_tags", Filters=[{"Name": "resource-id", "Values": [scope.id]}])
    return tag_map(answer["Tags"])


TAGS = Tags(
    put=lambda scope, tags: scope.call("ec2", "create_tags", Resources=[scope.id], Tags=tag_list(tags)),
    remove=lambda scope, keys: scope.call(
        "ec2", "delete_tags", Resources=[scope.id], Tags=[{"Key": key} for key in keys]
    ),
    read=_read_tags,
    on_create=True,
)

TAGS_LATER = Tags(put=TAGS.put, remove=TAGS.remove, read=TAGS.read)
"""For what is adopted instead of created, such as a VPC's default security group."""


def state_of(scope: Scope, operation: str, ids: str, path: str, *gone: str) -> str | None:
    """Return the state of a resource, None when it is not there."""
    try:
        state = at(scope.call("ec2", operation, **{ids: [scope.id]}), path)
    except AwsError as error:
        if error.code in gone:
            return None
        raise
    return str(state) if state is not None else None


def owner(scope: Scope, found: Any) -> str:
    """Return the account that owns what was found."""
    return str(found.get("OwnerId") or scope.aws.account)


__all__ = [
    "TAGS",
    "TAGS_LATER",
    "arn",
    "create",
    "described",
    "ec2",
    "own_id",
    "owner",
    "state_of",
    "wait_for",
]
