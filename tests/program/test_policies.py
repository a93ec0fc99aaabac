"""Who may do what with the credentials."""

from typing import Any

import pytest

from stacks import policies

OWN, OTHER = "123456789012", "210987654321"
KEY = f"arn:aws:kms:us-east-1:{OWN}:key/1"
READERS = [f"arn:aws:iam::{OWN}:role/checkout", f"arn:aws:iam::{OTHER}:role/checkout"]
EVERY = [
    policies.key_policy(OWN, "us-east-1", READERS),
    policies.secret_policy(OWN, "us-east-1", READERS),
    policies.reader_policy(OWN, "us-east-1", "production", KEY),
    policies.writer_policy(OWN, "us-east-1", "production", KEY),
    policies.flow_log_delivery("arn:aws:logs:us-east-1:1:log-group:x:*"),
]


def actions(statement: Any) -> set[str]:
    named = statement["Action"]
    return {named} if isinstance(named, str) else set(named)


def allowing(document: Any, action: str) -> list[Any]:
    return [one for one in document["Statement"] if one["Effect"] == "Allow" and action in actions(one)]


@pytest.mark.parametrize("document", EVERY)
def test_no_action_is_a_wildcard(document: Any) -> None:
    assert not [one for one in document["Statement"] if any("*" in action for action in actions(one))]


@pytest.mark.parametrize("document", EVERY[2:])
def test_identity_policies_name_their_resources(document: Any) -> None:
    for statement in document["Statement"]:
        named = statement["Resource"]
        assert "*" not in ([named] if isinstance(named, str) else named)


@pytest.mark.parametrize("document", EVERY[:2])
def test_principals_are_accounts_so_that_a_missing_role_breaks_nothing(document: Any) -> None:
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            assert statement["Principal"]["AWS"].endswith(":root")


def test_the_account_can_always_change_the_key_policy() -> None:
    (statement,) = allowing(policies.key_policy(OWN, "us-east-1", []), "kms:PutKeyPolicy")
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{OWN}:root"}
    assert "Condition" not in statement


def test_administering_the_key_is_not_using_it() -> None:
    using = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:CreateGrant", "kms:ReEncryptFrom"}
    assert not using & set(policies.ADMINISTRATION)


def test_the_key_is_used_through_secrets_manager_only() -> None:
    for statement in allowing(policies.key_policy(OWN, "us-east-1", READERS), "kms:Decrypt"):
        via = statement["Condition"]["StringEquals"]["kms:ViaService"]
        assert via == "secretsmanager.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("document", "action"),
    [(EVERY[0], "kms:Decrypt"), (EVERY[1], "secretsmanager:GetSecretValue")],
)
def test_other_accounts_are_let_in_for_the_named_roles_only(document: Any, action: str) -> None:
    theirs = [one for one in allowing(document, action) if OTHER in one["Principal"]["AWS"]]
    assert theirs
    for statement in theirs:
        assert statement["Condition"]["ArnEquals"] == {"aws:PrincipalArn": [READERS[1]]}


def test_nobody_but_the_named_accounts_gets_at_a_secret() -> None:
    (denied,) = (one for one in EVERY[1]["Statement"] if one["Effect"] == "Deny")
    assert denied["Condition"] == {"StringNotEquals": {"aws:PrincipalAccount": [OWN, OTHER]}}


@pytest.mark.parametrize("document", EVERY[1:3])
def test_a_staged_credential_cannot_be_read(document: Any) -> None:
    statements = allowing(document, "secretsmanager:GetSecretValue")
    assert statements
    for statement in statements:
        condition = statement["Condition"]
        stages = condition.get("StringEquals", {}).get("secretsmanager:VersionStage")
        neither = condition.get("Null")
        assert stages == ["AWSCURRENT", "AWSPREVIOUS"] or neither == {
            "secretsmanager:VersionStage": "true",
            "secretsmanager:VersionId": "true",
        }


def test_a_writer_cannot_read() -> None:
    document = policies.writer_policy(OWN, "us-east-1", "production", KEY)
    assert not allowing(document, "secretsmanager:GetSecretValue")
    (denied,) = (one for one in document["Statement"] if one["Effect"] == "Deny")
    assert actions(denied) == {"secretsmanager:GetSecretValue"}
    (written,) = allowing(document, "secretsmanager:PutSecretValue")
    assert written["Resource"] == denied["Resource"]


def test_one_environment_does_not_reach_another() -> None:
    pattern = policies.secret_pattern(OWN, "us-east-1", "prod")
    assert pattern.endswith(":secret:flexpay/prod/*")


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [("us-gov-west-1", "aws-us-gov", "amazonaws.com"), ("cn-north-1", "aws-cn", "amazonaws.com.cn")],
)
def test_other_partitions_have_their_own_names(region: str, partition: str, suffix: str) -> None:
    document = policies.key_policy(OWN, region, [])
    assert document["Statement"][0]["Principal"]["AWS"].startswith(f"arn:{partition}:iam")
    via = document["Statement"][1]["Condition"]["StringEquals"]["kms:ViaService"]
    assert via == f"secretsmanager.{region}.{suffix}"


def test_flow_logs_take_their_role_for_this_account_only() -> None:
    (statement,) = policies.flow_log_trust("us-east-1", OWN)["Statement"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": OWN}
