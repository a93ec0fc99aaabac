"""The stand-in's evaluation of policies, rule by rule, as AWS's user guide has them."""

import json
from typing import Any

import pytest

from sandbox.aws.iam.policy import Principal, Request, Verdict, evaluate

OURS, THEIRS = "123456789012", "210987654321"
ROLE = f"arn:aws:iam::{OURS}:role/checkout"


def verdict(
    *, names_principals: bool = False, context: dict[str, tuple[str, ...]] | None = None, **statement: Any
) -> Verdict:
    document = {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **statement}}
    principal = Principal(ROLE, OURS, f"arn:aws:sts::{OURS}:assumed-role/checkout/test")
    request = Request(principal, "s3:GetObject", "arn:aws:s3:::bucket/key", context or {})
    return evaluate([json.dumps(document)], request, names_principals=names_principals)


@pytest.mark.parametrize("operator", ["ArnLike", "ArnEquals"])
@pytest.mark.parametrize(
    ("pattern", "holds"),
    [
        (ROLE, True),
        (f"arn:aws:iam::{OURS}:role/*", True),
        ("arn:aws:iam::*:role/checkout", True),
        ("arn:*:role/checkout", False),
        ("*", False),
    ],
)
def test_no_wildcard_of_an_arn_condition_reaches_over_a_colon(
    operator: str, pattern: str, holds: bool
) -> None:
    found = verdict(
        Condition={operator: {"aws:PrincipalArn": pattern}}, context={"aws:principalarn": (ROLE,)}
    )
    assert (found is Verdict.ALLOWED) == holds


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAllValues:StringNotEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_a_key_that_is_absent_satisfies_what_aws_says_it_does(operator: str, holds: bool) -> None:
    assert (verdict(Condition={operator: {"aws:TagKeys": ["a"]}}) is Verdict.ALLOWED) == holds


@pytest.mark.parametrize("account", [OURS, f"arn:aws:iam::{OURS}:root"])
def test_a_denial_for_an_account_hits_everybody_in_it_and_an_allowance_nobody_by_itself(account: str) -> None:
    def about(named: str, effect: str) -> Verdict:
        return verdict(names_principals=True, Effect=effect, Principal={"AWS": named})

    assert about(account, "Deny") is Verdict.EXPLICIT_DENY
    assert about(account, "Allow") is Verdict.IMPLICIT_DENY
    assert about(THEIRS, "Deny") is Verdict.IMPLICIT_DENY
