"""Finds what a call is about among moto's resources: its ARN, tags and own policy."""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.secretsmanager.models import secretsmanager_backends

from sandbox.aws.calls import Call

KEY_USE = {
    "GetSecretValue": ("Decrypt",),
    "CreateSecret": ("GenerateDataKey", "Decrypt"),
    "PutSecretValue": ("GenerateDataKey", "Decrypt"),
    "UpdateSecret": ("GenerateDataKey", "Decrypt"),
}
"""What Secrets Manager does in the caller's name with a key of the customer's."""

EC2_CREATES = {
    "AcceptAddressTransfer": "elastic-ip",
    "AllocateAddress": "elastic-ip",
    "CreateFlowLogs": "vpc-flow-log",
    "CreateInternetGateway": "internet-gateway",
    "CreateNatGateway": "natgateway",
    "CreateRouteTable": "route-table",
    "CreateSecurityGroup": "security-group",
    "CreateSubnet": "subnet",
    "CreateVpc": "vpc",
    "CreateVpcEndpoint": "vpc-endpoint",
}
EC2_TAGGED = EC2_CREATES | dict.fromkeys(
    ("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"), "security-group-rule"
)
"""What an operation tags in the same breath, which needs CreateTags besides."""
EC2_PREFIXES = {
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "i": "instance",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
EC2_ONLY = dict.fromkeys(("CreateRoute", "ReplaceRoute", "DeleteRoute"), "route-table")
"""Operations that name other things too, but ask only for this type."""

S3_ACTIONS = {
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "ListObjectVersions": "ListBucketVersions",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
}
"""Operations whose permission has another name."""


@dataclass(frozen=True)
class Found:
    """A resource, whether it exists already or only by its name."""

    arn: str
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: str | None = None
    key: str | None = None
    """KMS key that protects it."""


def secret(call: Call, named: str) -> Found:
    """Return a secret by name or ARN; one that does not exist has the ARN that it would get."""
    account, region = owner(named) or (call.account, call.region)
    known = secretsmanager_backends[account][region].secrets.get(named)
    if known is None:
        # AWS appends six random characters, and policies are written with that in mind
        new = f"arn:aws:secretsmanager:{region}:{account}:secret:{named}-xxxxxx"
        return Found(named if named.startswith("arn:") else new)
    tags = {tag["Key"]: tag.get("Value", "") for tag in known.tags or []}
    return Found(known.arn, tags, getattr(known, "policy", None), getattr(known, "kms_key_id", None))


def key(call: Call, key_id: str) -> Found:
    """Return a KMS key by id, ARN, alias or alias ARN."""
    account, region = owner(key_id) or (call.account, call.region)
    backend: Any = kms_backends[account][region]
    plain = key_id.rpartition("/")[2] if ":key/" in key_id else key_id.rpartition(":")[2]
    if plain.startswith("alias/"):
        plain = backend.get_key_id_from_alias(plain) or plain
    known = backend.keys.get(plain)
    if known is None:
        return Found(f"arn:aws:kms:{region}:{account}:key/{plain}")
    tags = {tag["TagKey"]: tag["TagValue"] for tag in backend.list_resource_tags(plain).get("Tags", [])}
    return Found(known.arn, tags, known.policy)


def key_of_ciphertext(blob: str) -> str | None:
    """Return the key that a symmetric ciphertext names in its head, as moto writes it."""
    try:
        head = base64.b64decode(blob)[:36].decode()
    except ValueError:
        return None
    return head if re.fullmatch(r"[0-9a-f-]{36}", head) else None


def owner(named: str) -> tuple[str, str] | None:
    """Return account and region of an ARN; None for a plain name."""
    parts = named.split(":", 5)
    return (parts[4], parts[3]) if parts[0] == "arn" and len(parts) == 6 else None


def ec2_arn(call: Call, kind: str, identifier: str) -> str:
    """Return the ARN of something of EC2's."""
    return f"arn:aws:ec2:{call.region}:{call.account}:{kind}/{identifier}"


def ec2(call: Call, arguments: Mapping[str, Any]) -> Iterator[Found]:
    """Return what an EC2 call creates and names."""
    backend: Any = ec2_backends[call.account][call.region]
    if kind := EC2_CREATES.get(call.action):
        yield Found(ec2_arn(call, kind, "*"))
    seen: set[str] = set()
    for name, value in arguments.items():
        if name.startswith(("Filter", "Tag")) or not isinstance(value, str):
            continue
        identifier = _behind(backend, value)
        kind = EC2_PREFIXES.get(identifier.partition("-")[0]) if "-" in identifier else None
        if kind is None or identifier in seen or EC2_ONLY.get(call.action, kind) != kind:
            continue
        seen.add(identifier)
        tags = {tag["key"]: tag["value"] for tag in backend.describe_tags({"resource-id": [identifier]})}
        yield Found(ec2_arn(call, kind, identifier), tags)


def _behind(backend: Any, value: str) -> str:
    """Return what an association, or a public address, belongs to; anything else as it is."""
    for address in backend.addresses:
        if value in (address.association_id, address.public_ip):
            return str(address.allocation_id)
    for table in backend.route_tables.values() if value.startswith("rtbassoc-") else ():
        if value in table._associations:
            return str(table.id)
    return value


def iam(call: Call, arguments: Mapping[str, Any]) -> str:
    """Return the ARN of what an IAM call is about."""
    backend: Any = iam_backends[call.account]["aws"]
    for name, kind, known in (("RoleName", "role", backend.roles), ("UserName", "user", backend.users)):
        if wanted := arguments.get(name):
            matches = [item.arn for item in known.values() if item.name == wanted]
            path = str(arguments.get("Path", "/"))
            return matches[0] if matches else f"arn:aws:iam::{call.account}:{kind}{path}{wanted}"
    if arguments.get("PolicyArn"):
        return str(arguments["PolicyArn"])
    if arguments.get("PolicyName"):
        return f"arn:aws:iam::{call.account}:policy{arguments.get('Path', '/')}{arguments['PolicyName']}"
    return str(arguments.get("PolicySourceArn", "*"))


def boundary_of(call: Call, role: str) -> str | None:
    """Return the ARN of the permissions boundary that a role has."""
    backend: Any = iam_backends[call.account]["aws"]
    return next((one.permissions_boundary_arn for one in backend.roles.values() if one.name == role), None)


def function(call: Call, name: str) -> str:
    """Return the ARN of a function that is named, or named by ARN."""
    return name if name.startswith("arn:") else f"arn:aws:lambda:{call.region}:{call.account}:function:{name}"


def function_in_path(path: str) -> str:
    """Return the function that a REST path names; empty when it names none."""
    found = re.match(r"/\d{4}-\d{2}-\d{2}/(?:functions|tags)/([^/]+)", path)
    return found[1] if found else ""
