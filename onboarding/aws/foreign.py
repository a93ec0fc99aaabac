"""Refuses an answer that is not AWS's: a portal or proxy that says 200 to everybody.

botocore makes an empty result of most of them, and an empty result is a statement: no versions, no
addresses, no proofs.
"""

import json
import re
from typing import Any

from botocore.exceptions import BotoCoreError

_ROOT = re.compile(rb"<\s*([A-Za-z0-9]+)[\s>]")
_HEAD_BYTES = 2000


class NotAwsError(BotoCoreError):
    """What came back with a status of success is no answer of the service."""

    fmt = "{operation}: what answered is not {service}, but perhaps a proxy or a login page"


def refuse(operation_model: Any, response_dict: Any, **_: Any) -> None:
    """Look at one answer before botocore reads it (its event ``before-parse``). Raises NotAwsError."""
    if response_dict["status_code"] >= 300 or not _has_body(operation_model):
        return
    if not _is_its_own(operation_model, response_dict["body"]):
        raise NotAwsError(service=operation_model.service_model.service_id, operation=operation_model.name)


def _has_body(operation: Any) -> bool:
    shape = operation.output_shape
    if shape is None or operation.has_streaming_output:
        return False
    return any("location" not in member.serialization for member in shape.members.values())


def _is_its_own(operation: Any, body: bytes) -> bool:
    protocol = operation.service_model.resolved_protocol
    if protocol in ("json", "rest-json"):
        try:
            return isinstance(json.loads(body), dict)
        except (ValueError, RecursionError):
            return False
    if protocol in ("ec2", "query", "rest-xml"):
        found = _ROOT.search(body[:_HEAD_BYTES])
        root = found[1].decode() if found else ""
        # S3 names the root after the result, each operation in its own way
        return (
            root.lower() not in ("", "html")
            if protocol == "rest-xml"
            else root == f"{operation.name}Response"
        )
    return True
