"""Who a caller is, and which policies go with them, from moto's IAM and STS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from sandbox.aws.calls import Call, is_root
from sandbox.aws.iam.policy import Principal


@dataclass(frozen=True)
class Caller:
    """A principal with the documents that decide about it."""

    principal: Principal
    policies: tuple[str, ...] = ()
    """Attached and inline policies."""
    limits: tuple[tuple[str, ...], ...] = field(default=())
    """Permissions boundary and session policy: each of these sets must allow as well."""


def caller_of(call: Call, session_token: str) -> Caller | None:
    """Return who signed a call; None when the key is not one that this AWS issued."""
    if is_root(call.access_key):
        return root_of(call.account)
    backend = iam_backends[call.account]["aws"]
    for role in sts_backends[call.account]["aws"].assumed_roles:
        if role.access_key_id == call.access_key:
            known = role.session_token == session_token
            return _session(role) if known else None
    for user in backend.users.values():
        if any(key.access_key_id == call.access_key and key.status == "Active" for key in user.access_keys):
            return _user(user, call.account)
    return None


def root_of(account: str) -> Caller:
    """Return an account's root, which no identity policy limits."""
    return Caller(Principal(f"arn:aws:iam::{account}:root", account, is_root=True))


def role_by_arn(arn: str) -> Caller | None:
    """Return a role as the principal that its sessions are; None when there is no such role."""
    account = arn.split(":")[4]
    for role in iam_backends[account]["aws"].roles.values():
        if role.arn == arn:
            return _role(role, account)
    return None


def user_by_arn(arn: str) -> Caller | None:
    """Return a user; None when there is no such user."""
    account = arn.split(":")[4]
    for user in iam_backends[account]["aws"].users.values():
        if user.arn == arn:
            return _user(user, account)
    return None


def trust_policy(arn: str) -> str | None:
    """Return a role's trust policy; None when there is no such role."""
    for role in iam_backends[arn.split(":")[4]]["aws"].roles.values():
        if role.arn == arn:
            return str(role.assume_role_policy_document)
    return None


def _session(assumed: Any) -> Caller | None:
    role = role_by_arn(assumed.role_arn)
    if role is None:
        return None
    principal = Principal(role.principal.arn, assumed.account_id, assumed.arn, tags=role.principal.tags)
    limits = role.limits + (((assumed.policy,),) if assumed.policy else ())
    return Caller(principal, role.policies, limits)


def _role(role: Any, account: str) -> Caller:
    attached = tuple(_document(policy) for policy in role.managed_policies.values())
    boundary = role.permissions_boundary_arn
    limits = ((_document(iam_backends[account]["aws"].managed_policies[boundary]),),) if boundary else ()
    principal = Principal(role.arn, account, tags=_tags(role.tags))
    return Caller(principal, attached + tuple(role.policies.values()), limits)


def _user(user: Any, account: str) -> Caller:
    holders = [
        user,
        *(group for group in iam_backends[account]["aws"].groups.values() if user in group.users),
    ]
    documents = [_document(p) for holder in holders for p in holder.managed_policies.values()]
    inline = [document for holder in holders for document in holder.policies.values()]
    return Caller(Principal(user.arn, account, tags=_tags(user.tags)), tuple(documents + inline))


def _document(policy: Any) -> str:
    return next(str(version.document) for version in policy.versions if version.is_default)


def _tags(tags: Any) -> Mapping[str, str]:
    if isinstance(tags, dict):
        return {key: value["Value"] if isinstance(value, dict) else value for key, value in tags.items()}
    return {tag["Key"]: tag["Value"] for tag in tags or []}
