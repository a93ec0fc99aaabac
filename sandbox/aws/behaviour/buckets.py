"""Buckets: which statements of a bucket's policy apply."""

import json
from typing import Any

from moto.s3.models import FakeBucket

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


def _without_tls(condition: dict[str, Any]) -> bool:
    wanted = (condition.get("Bool") or {}).get("aws:SecureTransport")
    return str(wanted).lower() == "false"
