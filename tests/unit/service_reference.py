"""AWS's service authorization reference, and what a policy says that it does not know.

The reference is the copy that the package policy_sentry carries (``shared/data/iam-definition.json``,
made from AWS's pages "Actions, resources, and condition keys for AWS services"): no action, resource
type or condition key here was written from memory.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from policy_sentry.shared.iam_data import get_service_prefix_data

GLOBAL_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        # set on every call that a function's own code makes (Lambda guide, "Using source function ARN")
        "lambda:sourcefunctionarn",
        "aws:securetransport",
        "aws:sourceaccount",
        "aws:sourcearn",
    }
)
"""In the context of every request, or of every one that a service makes, and therefore in no service's
table (IAM user guide, "AWS global condition context keys")."""
FEDERATED = re.compile(r"[a-z0-9.-]+\.[a-z]+(/[^:]*)?:(aud|sub)")
"""Claims of an identity provider's token, under the provider's name (IAM user guide, "Available keys for
AWS OIDC federation")."""
KEYS_BY_ACTION = frozenset({"ec2"})
"""Services whose table of actions is complete. In the others, what holds for every action on a type
stands in the table of resource types alone."""

Document = Mapping[str, Any]


def unknown(document: Document, *, attached_to: Collection[str] = ()) -> list[str]:
    """Return every sentence of a policy that AWS would not read as it is meant; empty is right.

    ``attached_to`` are the resource types that a resource policy is about, e.g. ``kms:key``: ``*``
    and wildcards in actions mean those there. Looked for: actions that do not exist, or of which the
    statement's resources and condition keys fit no resource type, so that it says nothing; denials
    that miss one of their resources; resource types that an allowed action needs and nothing allows.
    """
    statements = list(document["Statement"])
    found = [problem for one in statements for problem in _in(one, attached_to)]
    if not attached_to:
        found += _needed(statements)
    return found


def is_action(name: str) -> bool:
    """Tell whether AWS has an action, or for a pattern with ``*``, any."""
    return any(_actions(name))


def is_condition_key(name: str) -> bool:
    """Tell whether some request carries a condition key; ``aws:ResourceTag`` stands for all tags."""
    service, _, _ = name.partition(":")
    known = {_plain(key) for key in _service("ec2" if service == "aws" else service).get("conditions", {})}
    return _plain(name) in known | GLOBAL_KEYS


def _in(statement: Document, attached_to: Collection[str]) -> Iterator[str]:
    name, resources = statement.get("Sid", "?"), _list(statement.get("Resource", "*"))
    hit: set[str] = set()
    for wanted in _list(statement["Action"]):
        actions = list(_actions(wanted))
        if not actions:
            yield f"{name}: AWS has no action {wanted}"
        matched = {one: _matched(one, resources) for one in actions}
        hit |= {resource for pairs in matched.values() for resource, _ in pairs}
        if "*" in wanted:
            # a wildcard is meant for those of its actions that know the resource
            matched = {one: pairs for one, pairs in matched.items() if pairs} or matched
        for action, pairs in matched.items():
            types = {kind for _, kind in pairs}
            if attached_to:
                types = {one for one in types if f"{action.partition(':')[0]}:{one}" in attached_to}
            lost = {kind: strange for kind in types if (strange := _strange(action, kind, statement))}
            if not types:
                yield f"{name}: {action} knows no resource like {', '.join(resources)}"
            elif lost and (statement["Effect"] == "Deny" or len(lost) == len(types)):
                for kind, strange in sorted(lost.items()):
                    yield f"{name}: {action} on {kind or '*'} knows no {', '.join(strange)}"
    for resource in resources:
        if resource != "*" and resource not in hit:
            yield f"{name}: no action is about {resource}"


def _needed(statements: Iterable[Document]) -> Iterator[str]:
    allowing = [one for one in statements if one["Effect"] == "Allow" and "Principal" not in one]
    allowed: dict[str, set[str]] = {}
    for one in allowing:
        for action in (action for wanted in _list(one["Action"]) for action in _actions(wanted)):
            allowed.setdefault(action, set()).update(
                kind
                for _, kind in _matched(action, _list(one["Resource"]))
                if not _strange(action, kind, one)
            )
    for action, kinds in sorted(allowed.items()):
        needed = {kind for kind, row in _rows(action).items() if kind and row.get("required")}
        for kind in sorted(needed - kinds):
            yield f"{action} needs a resource of type {kind}, which no statement allows it"


def _actions(wanted: str) -> Iterator[str]:
    service, _, pattern = wanted.partition(":")
    for name in _service(service).get("privileges", {}):
        if fnmatchcase(name, pattern):
            yield f"{service}:{name}"


def _matched(action: str, resources: Iterable[str]) -> set[tuple[str, str]]:
    """Return which resources are of which type of an action; type "" for an action without any."""
    kinds = {kind for kind in _rows(action) if kind}
    found = set()
    for resource in resources:
        if resource == "*":
            found |= {(resource, kind) for kind in kinds or {""}}
        else:
            found |= {(resource, kind) for kind in kinds if _is_a(resource, action, kind)}
    return found


def _strange(action: str, kind: str, statement: Document) -> list[str]:
    """Return the condition keys that an action on a resource type does not know."""
    rows = _rows(action)
    known = set(GLOBAL_KEYS)
    for row in (rows.get(""), rows.get(kind)):
        known |= {_plain(key) for key in (row or {}).get("condition_keys", ())}
    service = action.partition(":")[0]
    if kind and service not in KEYS_BY_ACTION:
        known |= {_plain(key) for key in _service(service)["resources"][kind]["condition_keys"]}
    used = {key for values in statement.get("Condition", {}).values() for key in values}
    return sorted(key for key in used if _plain(key) not in known and not FEDERATED.fullmatch(key))


def _plain(key: str) -> str:
    """Return a condition key without the name of a tag; AWS compares keys without their case."""
    return key.partition("/")[0].lower()


def _is_a(resource: str, action: str, kind: str) -> bool:
    service = action.partition(":")[0]
    shape = re.sub(r"\$\{[^}]+\}", "*", _service(service)["resources"][kind]["arn"])
    wanted, given = shape.split(":", 5), resource.split(":", 5)
    return len(given) == len(wanted) and all(
        _meet(one, other) for one, other in zip(wanted, given, strict=True)
    )


@cache
def _meet(one: str, other: str) -> bool:
    """Tell whether some text fits both of two patterns with ``*``."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "*":
        return _meet(other, one)
    return one[0] == other[0] and _meet(one[1:], other[1:])


def _rows(action: str) -> Mapping[str, Any]:
    service, _, name = action.partition(":")
    rows: Mapping[str, Any] = _service(service)["privileges"][name]["resource_types"]
    return rows


@cache
def _service(prefix: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = get_service_prefix_data(prefix)
    return found


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
