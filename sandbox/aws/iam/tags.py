"""Tags as permissions see them: those that a request brings, and those that a resource has."""

import re
from collections.abc import Mapping
from typing import Any

Values = Mapping[str, tuple[str, ...]]
"""What conditions may look at, by key in lower case."""
FLAT_TAG = r"(TagSpecification\.\d+\.Tag|Tags?(\.member)?)\.\d+\.Key"
"""Parameter of a query that holds a tag's key: EC2's with and without specification, and everybody else's."""
PERMISSION_AT_CREATION = {
    ("cloudwatch", "PutMetricAlarm"): "cloudwatch:TagResource",
    ("iam", "CreatePolicy"): "iam:TagPolicy",
    ("iam", "CreateRole"): "iam:TagRole",
    ("kms", "CreateKey"): "kms:TagResource",
    ("lambda", "CreateFunction"): "lambda:TagResource",
    ("logs", "CreateLogGroup"): "logs:TagResource",
    ("scheduler", "CreateScheduleGroup"): "scheduler:TagResource",
    ("secretsmanager", "CreateSecret"): "secretsmanager:TagResource",
    ("sns", "CreateTopic"): "sns:TagResource",
    ("sqs", "CreateQueue"): "sqs:TagQueue",
}
"""Operations that need a second permission when they bring tags (API reference of each, ``Tags``)."""


def request_tags(arguments: Mapping[str, Any]) -> Values:
    """Return the tags of a request as conditions look at them, however its service writes them."""
    told = arguments.get("Tags") or arguments.get("tags")
    if isinstance(told, dict):
        return _conditions({str(name): str(value) for name, value in told.items()})
    if isinstance(told, list):
        key = "TagKey" if told and "TagKey" in told[0] else "Key"
        return _conditions({tag[key]: tag.get(key.replace("Key", "Value"), "") for tag in told})
    flat = {name: name.removesuffix("Key") + "Value" for name in arguments if re.fullmatch(FLAT_TAG, name)}
    return _conditions({str(arguments[name]): str(arguments.get(value, "")) for name, value in flat.items()})


def resource_tags(tags: Mapping[str, str], *prefixes: str) -> Values:
    """Return the tags that a resource has as conditions look at them."""
    return {
        f"{prefix}:resourcetag/{name.lower()}": (value,)
        for prefix in prefixes or ("aws",)
        for name, value in tags.items()
    }


def _conditions(pairs: Mapping[str, str]) -> Values:
    context = {f"aws:requesttag/{name.lower()}": (value,) for name, value in pairs.items()}
    return {**context, "aws:tagkeys": tuple(pairs)} if pairs else context
