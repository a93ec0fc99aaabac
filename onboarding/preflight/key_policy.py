"""Can the account still change the key's policy? If nobody can, its secrets are lost."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

NEEDED = "kms:PutKeyPolicy"
"""Without it for the account, KMS calls a policy unsafe (CreateKey, policy lock-out safety check)."""


def lockout(policy: Mapping[str, Any], account_id: str) -> str:
    """Return why the account could not change the policy any more; empty when it can.

    Only an unconditional Allow for the account's root counts: a role that is named alone may be
    deleted. An unconditional Deny of the action counts against it; see also ``doubts``.
    """
    relevant = _relevant(policy, account_id)
    for one in relevant:
        if one.get("Effect") == "Deny" and not one.get("Condition"):
            return f"statement {one.get('Sid', '(without Sid)')} denies {NEEDED} to the account"
    if any(one.get("Effect") == "Allow" and not one.get("Condition") for one in relevant):
        return ""
    return f"no statement lets account {account_id} itself do {NEEDED}"


def doubts(policy: Mapping[str, Any], account_id: str) -> str:
    """Return what may keep the account from changing the policy, under a condition; empty when nothing does.

    Whether a condition ever holds for everybody cannot be told from the policy.
    """
    for one in _relevant(policy, account_id):
        if one.get("Effect") == "Deny" and one.get("Condition"):
            named = one.get("Sid", "(without Sid)")
            return f"statement {named} denies {NEEDED} to the account under a condition"
    return ""


def _relevant(policy: Mapping[str, Any], account_id: str) -> list[Mapping[str, Any]]:
    raw = policy.get("Statement") or []
    statements = raw if isinstance(raw, list) else [raw]
    return [one for one in statements if _matches(one) and _reaches(one, account_id)]


def _matches(statement: Mapping[str, Any]) -> bool:
    if "NotAction" in statement:
        return not any(fnmatchcase(NEEDED.lower(), one.lower()) for one in _list(statement["NotAction"]))
    return any(fnmatchcase(NEEDED.lower(), one.lower()) for one in _list(statement.get("Action")))


def _reaches(statement: Mapping[str, Any], account_id: str) -> bool:
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], account_id)
    return _names(statement.get("Principal"), account_id)


def _names(principal: Any, account_id: str) -> bool:
    if principal == "*":
        return True
    named = _list(principal.get("AWS")) if isinstance(principal, Mapping) else []
    return any(one in ("*", account_id) or one.endswith(f":iam::{account_id}:root") for one in named)


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
