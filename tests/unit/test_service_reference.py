"""Every policy of the project means to AWS what it means to us, by AWS's service authorization reference."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stacks import policies, verifier_policies
from tests.unit.service_reference import is_action, is_condition_key, unknown

DOCS = Path(__file__).parents[2] / "docs"
GUARDRAIL: dict[str, Any] = json.loads((DOCS / "guardrails" / "keep-approved-addresses.json").read_text())
PAGE = (DOCS / "permissions.md").read_text(encoding="utf-8")
ON_THE_PAGE = {
    f"{kind}-{name}": json.loads(text)
    for kind, name, text in re.findall(r"<!-- (\w+): (\w+) -->\n```json\n(.*?)```", PAGE, re.DOTALL)
}
OWN, OTHER, REGION, ENVIRONMENT = "123456789012", "210987654321", "us-east-1", "production"
KEY = f"arn:aws:kms:{REGION}:{OWN}:key/1"
READERS = [f"arn:aws:iam::{account}:role/checkout" for account in (OWN, OTHER)]
LOGS = f"arn:aws:logs:{REGION}:{OWN}:log-group:/flexpay/production/flow-logs:*"
BUCKET = "arn:aws:s3:::verifier-proofs-1a2b3c4"
FUNCTION = verifier_policies.function_arn(OWN, REGION, "flexpay-production-verifier-use1-az1")
WRITTEN = {
    "reader": policies.reader_policy(OWN, REGION, ENVIRONMENT, KEY),
    "writer": policies.writer_policy(OWN, REGION, ENVIRONMENT, KEY),
    "flow-log-delivery": policies.flow_log_delivery(LOGS),
    "log-writer": verifier_policies.log_writer([LOGS]),
    "zone-function": verifier_policies.zone_function(
        OWN, REGION, ENVIRONMENT, key_arn=KEY, bucket_arn=BUCKET, log_group_arns=[LOGS], functions=["f"]
    ),
    "scheduler": verifier_policies.scheduler([FUNCTION]),
}
ATTACHED = {
    "key": (policies.key_policy(OWN, REGION, READERS), {"kms:key"}),
    "secret": (policies.secret_policy(OWN, REGION, READERS), {"secretsmanager:Secret"}),
    "bucket": (verifier_policies.proof_bucket(BUCKET), {"s3:bucket", "s3:object"}),
    "flow-logs": (policies.flow_log_trust(REGION, OWN), {"sts:role"}),
    "lambda": (verifier_policies.trust("lambda.amazonaws.com", OWN), {"sts:role"}),
    "schedule": (verifier_policies.trust("scheduler.amazonaws.com", OWN), {"sts:role"}),
}
WHILE_A_KEY_IS_MADE = {"CreateTagged: kms:PutKeyPolicy on key knows no aws:RequestTag/flexpay:environment"}
"""AWS judges whether the maker of a key could change its policy, and does not say by which keys."""


def one_of(action: str | list[str], resource: str = "*", effect: str = "Allow", **condition: Any) -> Any:
    statement = {"Sid": "One", "Effect": effect, "Action": action, "Resource": resource}
    return {"Statement": [statement | ({"Condition": condition} if condition else {})]}


def test_the_guardrail_denies_what_it_says() -> None:
    assert unknown(GUARDRAIL) == []


@pytest.mark.parametrize("name", ON_THE_PAGE)
def test_policies_of_the_permissions_page(name: str) -> None:
    assert set(unknown(ON_THE_PAGE[name])) <= WHILE_A_KEY_IS_MADE


@pytest.mark.parametrize("name", WRITTEN)
def test_identity_policies_that_the_program_writes(name: str) -> None:
    assert unknown(WRITTEN[name]) == []


@pytest.mark.parametrize("name", ATTACHED)
def test_policies_on_resources_that_the_program_writes(name: str) -> None:
    document, kinds = ATTACHED[name]
    assert unknown(document, attached_to=kinds) == []


def test_every_action_and_condition_key_that_the_page_names_exists() -> None:
    named = set(re.findall(r"\b[a-z][a-z0-9-]{1,20}:[A-Z]\w+\*?", PAGE))
    assert len(named) > 100
    assert [one for one in sorted(named) if not (is_action(one) or is_condition_key(one))] == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (one_of("ec2:ReleaseAddresses"), "no action ec2:ReleaseAddresses"),
        (one_of("ec3:ReleaseAddress"), "no action ec3:ReleaseAddress"),
        (one_of("ec2:ReleaseAddress", "arn:aws:ec2:*:*:eip/*"), "knows no resource like"),
        (
            one_of(
                "ec2:DeleteRoute",
                "arn:aws:ec2:*:*:route-table/*",
                "Deny",
                Null={"aws:RequestTag/flexpay:slot": "false"},
            ),
            "ec2:DeleteRoute on route-table knows no aws:RequestTag/flexpay:slot",
        ),
        (one_of("logs:DescribeLogGroups", "arn:aws:logs:*:*:log-group:*"), "knows no resource like"),
        (one_of("ec2:DeleteNatGateway", "arn:aws:ec2:*:*:elastic-ip/*"), "no action is about"),
        (
            one_of("ec2:CreateSubnet", "arn:aws:ec2:*:*:subnet/*"),
            "ec2:CreateSubnet needs a resource of type vpc",
        ),
        (one_of("iam:PassRole", StringEquals={"iam:PassedTo": "x"}), "on role knows no iam:PassedTo"),
    ],
)
def test_what_aws_does_not_know_is_told(document: Any, problem: str) -> None:
    assert any(problem in told for told in unknown(document))
