"""Buckets: which statements of a bucket's policy apply, and what deleting a version takes away."""

import json
from typing import Any

from moto.s3.models import FakeBucket, S3Backend

from sandbox.aws.behaviour.rules import Rules

RULES = Rules()


@RULES.replaces(FakeBucket)
def get_permission(original: Any, self: Any, action: str, resource: str) -> Any:
    """Leave statements out that speak of calls without TLS only.

    aws:SecureTransport is true for every call here: loopback stands for AWS's own endpoints. Moto
    looks at no condition, so that a policy which demands TLS would deny everything.
    """
    stored = self.policy
    if stored is None:
        return original(self, action, resource)
    document = json.loads(stored)
    statements = document.get("Statement", [])
    document["Statement"] = [one for one in statements if not _without_tls(one.get("Condition") or {})]
    self.policy = json.dumps(document).encode()
    try:
        return original(self, action, resource)
    finally:
        self.policy = stored


@RULES.replaces(S3Backend)
def delete_object(original: Any, self: Any, bucket_name: str, key_name: str, *more: Any, **named: Any) -> Any:
    """Delete the version that is named and no other, also while versioning is suspended.

    Moto takes a suspended bucket for one that never had versions, and fails on its delete markers.
    """
    bucket = self.get_bucket(bucket_name)
    version = more[0] if more else named.get("version_id")
    if version is None or bucket.versioning_status != "Suspended":
        return original(self, bucket_name, key_name, *more, **named)
    bucket.versioning_status = "Enabled"
    try:
        return original(self, bucket_name, key_name, *more, **named)
    finally:
        bucket.versioning_status = "Suspended"


def _without_tls(condition: dict[str, Any]) -> bool:
    wanted = (condition.get("Bool") or {}).get("aws:SecureTransport")
    return str(wanted).lower() == "false"
