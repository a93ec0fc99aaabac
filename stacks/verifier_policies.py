"""What the verifier's roles may do. Pure: values to values.

Two statements have the resource ``*``, because AWS knows no other for these actions; each says
what keeps it narrow.
"""

from collections.abc import Sequence

from stacks.contract import PROOF_PREFIX, VERIFIER_METRICS
from stacks.policies import Document, document, partition_of, secret_pattern, via_secrets_manager

NETWORK_INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda needs to put a function into a VPC (AWS: AWSLambdaVPCAccessExecutionRole)."""


def trust(service: str, account_id: str) -> Document:
    """Return who may take a role: one service, for resources of this account where it can be told."""
    condition = {"Condition": {"StringEquals": {"aws:SourceAccount": account_id}}}
    return document(
        {
            "Sid": "TakenByTheService",
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            # Lambda takes its role without saying on whose behalf
            **({} if service.startswith("lambda.") else condition),
        }
    )


def function_arn(account_id: str, region: str, name: str) -> str:
    """Return the ARN of a function that may not exist yet."""
    return f"arn:{partition_of(region)}:lambda:{region}:{account_id}:function:{name}"


def log_writer(log_group_arns: Sequence[str]) -> Document:
    """Return all that the control function may do: write to its own log group."""
    return document(_logs(log_group_arns))


def _logs(log_group_arns: Sequence[str]) -> Document:
    groups = [arn.removesuffix(":*") for arn in log_group_arns]
    return {
        "Sid": "Log",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": [f"{group}:*" for group in groups],
    }


def zone_function(
    account_id: str,
    region: str,
    environment: str,
    *,
    key_arn: str,
    bucket_arn: str,
    log_group_arns: Sequence[str],
    functions: Sequence[str],
) -> Document:
    """Return what the zones' functions may do.

    They read what is in use (AWSCURRENT) of their environment's secrets and, to prove it before its
    promotion, what is staged (AWSPENDING), and nothing earlier; they write proofs without being able
    to read or delete them, and count in one namespace.
    """
    return document(
        {
            "Sid": "ReadWhatIsInUseOrStaged",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secret_pattern(account_id, region, environment),
            "Condition": {"StringEquals": {"secretsmanager:VersionStage": ["AWSCURRENT", "AWSPENDING"]}},
        },
        {
            "Sid": "Decrypt",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": key_arn,
            "Condition": {"StringEquals": via_secrets_manager(region)},
        },
        {
            "Sid": "KeepProofs",
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/{PROOF_PREFIX}*",
        },
        {
            # PutMetricData knows no resource; the namespace is what limits it
            "Sid": "Count",
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": VERIFIER_METRICS}},
        },
        _logs(log_group_arns),
        {
            # Lambda checks these against the role before a function exists, with the resource *
            "Sid": "JoinTheSubnet",
            "Effect": "Allow",
            "Action": list(NETWORK_INTERFACES),
            "Resource": "*",
        },
        {
            # ... and they are for the service: calls by the function's own code carry its ARN
            "Sid": "NotByTheCodeItself",
            "Effect": "Deny",
            "Action": list(NETWORK_INTERFACES),
            "Resource": "*",
            "Condition": {
                "ArnEquals": {
                    "lambda:SourceFunctionArn": [function_arn(account_id, region, name) for name in functions]
                }
            },
        },
    )


def scheduler(function_arns: Sequence[str]) -> Document:
    """Return what the schedule may do: invoke these functions."""
    return document(
        {
            "Sid": "Invoke",
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": sorted(function_arns),
        }
    )


def proof_bucket(bucket_arn: str) -> Document:
    """Return the bucket's policy: nothing without TLS."""
    return document(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )
