"""Evaluates policy documents. Pure: values in, a verdict out.

Source of the rules: IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any


class Verdict(StrEnum):
    """What policies say about a request; the words of SimulatePrincipalPolicy."""

    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicitDeny"
    EXPLICIT_DENY = "explicitDeny"


@dataclass(frozen=True)
class Principal:
    """Who asks."""

    arn: str
    """Of the user, of the role behind a session, or ``arn:aws:iam::ACCOUNT:root``."""
    account: str
    session_arn: str = ""
    """Of the role's session; empty for others."""
    is_root: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One action on one resource, with what conditions may look at."""

    principal: Principal
    action: str
    """service:Operation."""
    resource: str
    """ARN, or ``*`` for actions that know no resource."""
    context: Mapping[str, tuple[str, ...]]
    """Values by condition key, in lower case; a key that is absent is absent from the request."""


def evaluate(documents: Iterable[str], request: Request, *, names_principals: bool = False) -> Verdict:
    """Return what all documents together say; a denial anywhere wins.

    ``names_principals`` is for policies of resources, where a statement counts only for the principals
    that it names. Raises ValueError for a condition operator that is not known here: better no answer
    than a wrong one.
    """
    verdict = Verdict.IMPLICIT_DENY
    for document in documents:
        for statement in statements(document):
            if names_principals and not _names(statement, request.principal):
                continue
            if not _concerns(statement, request):
                continue
            if statement["Effect"] == "Deny":
                return Verdict.EXPLICIT_DENY
            verdict = Verdict.ALLOWED
    return verdict


@lru_cache(maxsize=512)
def _parsed(document: str) -> Any:
    return json.loads(document)


def statements(document: str) -> list[dict[str, Any]]:
    """Return the statements of a policy document. Raises ValueError when it is not JSON."""
    found = _parsed(document).get("Statement", [])
    return found if isinstance(found, list) else [found]


def delegates_to_account(document: str, account: str, request: Request) -> bool:
    """Tell whether a resource's policy lets an account's own policies decide about a request.

    A statement that allows the account's root (KMS key policies: "Enable IAM policies") does; so does
    one that names the account, for principals of another account than the resource's.
    """
    return any(
        statement["Effect"] == "Allow"
        and _names_account(statement, account)
        and _concerns(statement, request)
        for statement in statements(document)
    )


def _concerns(statement: Mapping[str, Any], request: Request) -> bool:
    variables = request.context
    if "NotAction" in statement:
        if _any_like(statement["NotAction"], request.action, variables, ignore_case=True):
            return False
    elif not _any_like(statement.get("Action", []), request.action, variables, ignore_case=True):
        return False
    if "NotResource" in statement:
        if _any_like(statement["NotResource"], request.resource, variables):
            return False
    elif "Resource" in statement and not _any_like(statement["Resource"], request.resource, variables):
        return False
    return all(
        _holds(operator, key, _list(wanted), variables)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _names(statement: Mapping[str, Any], principal: Principal) -> bool:
    if "NotPrincipal" in statement:
        return not _listed(statement["NotPrincipal"], principal)
    if _listed(statement.get("Principal", []), principal):
        return True
    # an allowance for an account is handed on by the account's own policies; a denial hits everybody in it
    return statement["Effect"] == "Deny" and _names_account(statement, principal.account)


def _listed(named: Any, principal: Principal) -> bool:
    if named == "*":
        return True
    accounts = _list(named.get("AWS", [])) if isinstance(named, dict) else []
    mine = {principal.arn, principal.session_arn, "*"} - {""}
    return bool(mine & set(accounts))


def _names_account(statement: Mapping[str, Any], account: str) -> bool:
    named = statement.get("Principal", [])
    listed = _list(named.get("AWS", [])) if isinstance(named, dict) else _list(named)
    return bool({f"arn:aws:iam::{account}:root", account, "*"} & set(listed))


def _any_like(
    patterns: Any, value: str, variables: Mapping[str, tuple[str, ...]], *, ignore_case: bool = False
) -> bool:
    return any(_like(_filled(item, variables), value, ignore_case=ignore_case) for item in _list(patterns))


def _like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return (
        re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL if ignore_case else re.DOTALL) is not None
    )


def _arn_like(pattern: str, value: str) -> bool:
    """Compare part by part: in conditions on ARNs no wildcard reaches over a colon of the first five."""
    wanted, actual = pattern.split(":", 5), value.split(":", 5)
    return len(wanted) == len(actual) and all(map(_like, wanted, actual))


def _filled(pattern: str, variables: Mapping[str, tuple[str, ...]]) -> str:
    def value(match: re.Match[str]) -> str:
        return variables.get(match[1].lower(), ("\0",))[0]  # nothing equals an absent variable

    return re.sub(r"\$\{([^}]+)\}", value, pattern)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, actual: compare(float(actual), float(wanted))


def _in_network(wanted: str, actual: str) -> bool:
    return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)


POSITIVE: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, actual: wanted == actual,
    "StringEqualsIgnoreCase": lambda wanted, actual: wanted.lower() == actual.lower(),
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, actual: wanted.lower() == actual.lower(),
    "NumericEquals": _number(lambda actual, wanted: actual == wanted),
    "NumericLessThan": _number(lambda actual, wanted: actual < wanted),
    "NumericLessThanEquals": _number(lambda actual, wanted: actual <= wanted),
    "NumericGreaterThan": _number(lambda actual, wanted: actual > wanted),
    "NumericGreaterThanEquals": _number(lambda actual, wanted: actual >= wanted),
    "IpAddress": _in_network,
}
NEGATIVE = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "NotIpAddress": "IpAddress",
}


def _holds(operator: str, key: str, wanted: list[Any], context: Mapping[str, tuple[str, ...]]) -> bool:
    """Judge one line of a Condition.

    Where the key is absent a negated operator holds, and so do ``…IfExists`` and ``ForAllValues``;
    ``ForAnyValue`` does not, negated or not.
    """
    quantifier, _, rest = operator.rpartition(":")
    name = rest.removesuffix("IfExists")
    actual = context.get(key.lower())
    values = [str(item).lower() if isinstance(item, bool) else str(item) for item in wanted]
    if name == "Null":
        return (actual is None) == (values[0].lower() == "true")
    negated = name in NEGATIVE
    matches = POSITIVE.get(NEGATIVE.get(name, name))
    if matches is None or quantifier not in ("", "ForAnyValue", "ForAllValues"):
        raise ValueError(f"the condition operator {operator} is not known to the stand-in")
    if actual is None:
        optional = rest != name
        return optional or (negated if not quantifier else quantifier == "ForAllValues")
    filled = [_filled(value, context) for value in values]

    def one(value: str) -> bool:
        return any(matches(item, value) for item in filled) != negated

    if quantifier == "ForAnyValue":
        return any(one(value) for value in actual)
    return all(one(value) for value in actual)
