"""Every policy document the program writes, as functions from values to values.

Policies that speak of readers name their **account** as principal and the roles in a condition:
AWS refuses a principal that does not exist yet, and turns one that was deleted into an opaque ID
that silently matches nobody, not even a role created again under the same name.
"""

from collections.abc import Callable, Iterable
from typing import Any

Document = dict[str, Any]
EnvironmentPolicy = Callable[[str, str, str, str], Document]
"""Account, region, environment and key ARN → identity policy for that environment's credentials."""

ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
"""Managing a key without using it. PutKeyPolicy for the account itself is what makes a lock-out
impossible; CreateGrant is left out, because a grant hands on what this policy withholds."""
READABLE_STAGES = ("AWSCURRENT", "AWSPREVIOUS")
"""A staged credential (AWSPENDING) is nobody's to use before it was proven."""


def partition_of(region: str) -> str:
    """Return the partition of a region: the second field of every ARN in it."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def log_group_arn(account_id: str, region: str, name: str) -> str:
    """Return the ARN of a log group that need not exist yet: who may write to it can be said before."""
    return f"arn:{partition_of(region)}:logs:{region}:{account_id}:log-group:{name}"


def account_of(role_arn: str) -> str:
    """Return the account a role belongs to."""
    return role_arn.split(":")[4]


def root_of(account_id: str, region: str) -> str:
    """Return the principal that stands for an account, which hands on to the account's own policies."""
    return f"arn:{partition_of(region)}:iam::{account_id}:root"


def _by_account(readers: Iterable[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for role in sorted(set(readers)):
        grouped.setdefault(account_of(role), []).append(role)
    return dict(sorted(grouped.items()))


def document(*statements: Document) -> Document:
    """Return a policy document that holds these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def via_secrets_manager(region: str) -> dict[str, str]:
    """Return the condition that a key is used by Secrets Manager, on somebody's behalf."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return {"kms:ViaService": f"secretsmanager.{region}.{suffix}"}


def key_policy(account_id: str, region: str, readers: Iterable[str]) -> Document:
    """Return the policy of the key that encrypts the secrets.

    The account may always administer it. It is used only through Secrets Manager: inside the
    account by whom identity policies allow it, from other accounts by ``readers`` alone. A key
    policy's resource is always ``*``: it means this key.
    """
    statements: list[Document] = [
        {
            "Sid": "AdministeredByTheAccount",
            "Effect": "Allow",
            "Principal": {"AWS": root_of(account_id, region)},
            "Action": list(ADMINISTRATION),
            "Resource": "*",
        },
        {
            "Sid": "UsedThroughSecretsManager",
            "Effect": "Allow",
            "Principal": {"AWS": root_of(account_id, region)},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {"StringEquals": via_secrets_manager(region)},
        },
    ]
    for reader_account, roles in _by_account(readers).items():
        if reader_account == account_id:
            continue
        statements.append(
            {
                "Sid": f"ReadFrom{reader_account}",
                "Effect": "Allow",
                "Principal": {"AWS": root_of(reader_account, region)},
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": {
                    "ArnEquals": {"aws:PrincipalArn": roles},
                    "StringEquals": via_secrets_manager(region),
                },
            }
        )
    return document(*statements)


def _reading(
    resource: str, *, principal: Document | None = None, condition: Document | None = None
) -> list[Document]:
    """Return the statements that let somebody read the two readable stages and nothing else.

    ``principal`` is for a policy on a resource; ``condition`` is what each statement demands besides.

    A call that names neither stage nor version gets AWSCURRENT. Whether AWS then fills in the
    condition key is not documented, so that call has a statement of its own; a call that names a
    version must name a readable stage too, or a staged credential could be read by its ID.
    """
    who = {"Principal": principal} if principal else {}
    besides = condition or {}
    return [
        {
            "Sid": "ReadByStage",
            "Effect": "Allow",
            **who,
            "Action": "secretsmanager:GetSecretValue",
            "Resource": resource,
            "Condition": {
                **besides,
                "StringEquals": {"secretsmanager:VersionStage": list(READABLE_STAGES)},
            },
        },
        {
            "Sid": "ReadCurrent",
            "Effect": "Allow",
            **who,
            "Action": "secretsmanager:GetSecretValue",
            "Resource": resource,
            "Condition": {
                **besides,
                "Null": {"secretsmanager:VersionStage": "true", "secretsmanager:VersionId": "true"},
            },
        },
        {
            "Sid": "Describe",
            "Effect": "Allow",
            **who,
            "Action": "secretsmanager:DescribeSecret",
            "Resource": resource,
            **({"Condition": besides} if besides else {}),
        },
    ]


def secret_policy(account_id: str, region: str, readers: Iterable[str]) -> Document:
    """Return the resource policy of one secret; ``*`` means this secret.

    Readers of other accounts are let in here, and need ``reader_policy`` in their own account as
    well. Every other account is denied, whatever else may be added to this policy later; the
    environment's own account is never among the denied.
    """
    statements: list[Document] = []
    for reader_account, roles in _by_account(readers).items():
        if reader_account == account_id:
            continue
        for statement in _reading(
            "*",
            principal={"AWS": root_of(reader_account, region)},
            condition={"ArnEquals": {"aws:PrincipalArn": roles}},
        ):
            statements.append({**statement, "Sid": f"{statement['Sid']}From{reader_account}"})
    statements.append(
        {
            "Sid": "StaysInTheNamedAccounts",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
            "Resource": "*",
            "Condition": {
                "StringNotEquals": {"aws:PrincipalAccount": sorted({account_id, *_by_account(readers)})},
            },
        }
    )
    return document(*statements)


def secret_pattern(account_id: str, region: str, environment: str) -> str:
    """Return the ARN pattern of an environment's secrets.

    A pattern and not a list: a managed policy holds 6,144 characters, about 60 full ARNs.
    """
    return f"arn:{partition_of(region)}:secretsmanager:{region}:{account_id}:secret:flexpay/{environment}/*"


def reader_policy(account_id: str, region: str, environment: str, key_arn: str) -> Document:
    """Return the identity policy for roles of any account that read an environment's credentials."""
    return document(
        *_reading(secret_pattern(account_id, region, environment)),
        {
            "Sid": "Decrypt",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": key_arn,
            "Condition": {"StringEquals": via_secrets_manager(region)},
        },
    )


def writer_policy(account_id: str, region: str, environment: str, key_arn: str) -> Document:
    """Return the identity policy for whoever hands credentials in: writes and labels, never reads.

    Secrets Manager decrypts on the writer's behalf when it writes (AWS: "Permissions for the KMS
    key"), so the key must allow it; the explicit denial keeps the value out of reach even when
    another policy of the role allows reading.
    """
    secrets = secret_pattern(account_id, region, environment)
    return document(
        {
            "Sid": "Write",
            "Effect": "Allow",
            "Action": [
                "secretsmanager:DescribeSecret",
                "secretsmanager:ListSecretVersionIds",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            "Resource": secrets,
        },
        {
            "Sid": "NeverRead",
            "Effect": "Deny",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secrets,
        },
        {
            "Sid": "Encrypt",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": key_arn,
            "Condition": {"StringEquals": via_secrets_manager(region)},
        },
    )


def flow_log_trust(region: str, account_id: str) -> Document:
    """Return who may take the flow log role: the service, on behalf of this account's flow logs."""
    return document(
        {
            "Sid": "FlowLogsOfThisAccount",
            "Effect": "Allow",
            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id},
                "ArnLike": {
                    "aws:SourceArn": (f"arn:{partition_of(region)}:ec2:{region}:{account_id}:vpc-flow-log/*")
                },
            },
        }
    )


def flow_log_delivery(log_group_arn: str) -> Document:
    """Return what the flow log role may do: write to its own log group."""
    group = log_group_arn.removesuffix(":*")
    return document(
        {
            "Sid": "Deliver",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": [group, f"{group}:*"],
        }
    )
