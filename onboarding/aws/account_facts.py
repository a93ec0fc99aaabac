"""Adapter: what preflight asks of AWS besides the network; read-only, every question on its own."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from onboarding.allowlist.network_view import Allocation
from onboarding.aws.errors import DENIED, asking_aws, code_of
from onboarding.errors import CannotTell
from onboarding.preflight.values import Key, Permissions, Zone
from stacks.contract import TAG_ENVIRONMENT

DRY_RUNS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "ec2:AllocateAddress": ("allocate_address", "elastic-ip", {"Domain": "vpc"}),
    "ec2:CreateVpc": ("create_vpc", "vpc", {"CidrBlock": "10.0.0.0/16"}),
    "ec2:CreateInternetGateway": ("create_internet_gateway", "internet-gateway", {}),
}
"""Action → method, type of resource, arguments: what EC2 judges without an existing resource."""
_PERMITTED = "DryRunOperation"
_NOT_SIMULATED = frozenset({"NoSuchEntity", "NoSuchEntityException", "InvalidInput", "InvalidInputException"})


class ZoneReader:
    """Asks about zones; ``client`` is a boto3 ``ec2`` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def zones(self) -> tuple[Zone, ...]:
        """Return every zone of the region, also those not opted in to."""
        with asking_aws("the region's zones", permission="ec2:DescribeAvailabilityZones"):
            answer = self._client.describe_availability_zones(AllAvailabilityZones=True)
        return tuple(
            Zone(
                id=item["ZoneId"],
                name=item["ZoneName"],
                kind=item.get("ZoneType", "availability-zone"),
                border_group=item.get("NetworkBorderGroup") or item["RegionName"],
                opted_in=item.get("OptInStatus", "opt-in-not-required") != "not-opted-in",
            )
            for item in answer["AvailabilityZones"]
        )


class DeletedSecrets:
    """Finds secrets that wait to be deleted; ``client`` is a boto3 ``secretsmanager`` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def among(self, names: Iterable[str]) -> dict[str, datetime | None]:
        """Return those of ``names`` that wait to be deleted → when deletion was asked for."""
        waiting: dict[str, datetime | None] = {}
        for name in names:
            with asking_aws(f"secret {name}", permission="secretsmanager:DescribeSecret"):
                try:
                    described = self._client.describe_secret(SecretId=name)
                except ClientError as error:
                    if code_of(error) == "ResourceNotFoundException":
                        continue
                    raise
            if described.get("DeletedDate"):
                waiting[name] = described["DeletedDate"]
        return waiting


class KeyReader:
    """Reads a key's policy; ``client`` is a boto3 ``kms`` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def behind(self, alias: str) -> Key | None:
        """Return the key behind an alias; None where there is none."""
        with asking_aws("the account's key aliases", permission="kms:ListAliases"):
            pages = self._client.get_paginator("list_aliases").paginate()
            known = {item["AliasName"]: item.get("TargetKeyId") for page in pages for item in page["Aliases"]}
        if not known.get(alias):
            return None
        with asking_aws(f"key {alias}", permission="kms:DescribeKey"):
            described = self._client.describe_key(KeyId=known[alias])["KeyMetadata"]
        with asking_aws(f"policy of key {described['KeyId']}", permission="kms:GetKeyPolicy"):
            policy = self._client.get_key_policy(KeyId=described["KeyId"], PolicyName="default")["Policy"]
        return Key(id=described["KeyId"], state=described["KeyState"], policy=json.loads(policy))


class PermissionReader:
    """Asks what the caller may do, without doing it.

    ``ec2`` and ``iam`` are boto3 clients; ``ec2`` is made with ``attempts=1``.
    """

    def __init__(self, ec2: Any, iam: Any) -> None:
        self._ec2 = ec2
        self._iam = iam

    def dry_runs(self, environment: str) -> Permissions:
        """Ask EC2 itself, whose answer counts every policy there is, with the tags that `up` puts on."""
        allowed: set[str] = set()
        denied: set[str] = set()
        unknown: dict[str, str] = {}
        for action, (method, kind, arguments) in DRY_RUNS.items():
            tags = [{"Key": TAG_ENVIRONMENT, "Value": environment}]
            tagged = {**arguments, "TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}
            try:
                (allowed if self._dry(method, tagged, action) else denied).add(action)
            except CannotTell as error:
                unknown[action] = str(error)
        return Permissions(frozenset(allowed), frozenset(denied), unknown)

    def may_release(self, allocation: Allocation) -> bool:
        """Tell whether the caller may release an address, by a dry run that releases nothing."""
        arguments = {"AllocationId": allocation.allocation_id}
        return self._dry("release_address", arguments, "ec2:ReleaseAddress")

    def _dry(self, method: str, arguments: Mapping[str, Any], action: str) -> bool:
        with asking_aws(f"a dry run of {action}", permission=action):
            try:
                getattr(self._ec2, method)(**arguments, DryRun=True)
            except ClientError as error:
                if code_of(error) == _PERMITTED:
                    return True
                if code_of(error) in DENIED:
                    return False
                raise
        raise CannotTell(f"a dry run of {action}: AWS answered as if it were none")

    def simulated(
        self, caller_arn: str, wanted: Mapping[str, Sequence[str]], environment: str
    ) -> Permissions:
        """Ask IAM to evaluate the caller's policies: ``wanted`` is resource → actions.

        Service control policies and session policies are not part of the answer. Actions that
        cannot be simulated are unknown, with the reason.
        """
        actions = [action for some in wanted.values() for action in some]
        source = self._with_path(_policy_source(caller_arn))
        if source is None:
            why = f"AWS does not simulate {caller_arn.rpartition(':')[2].partition('/')[0]} callers"
            return Permissions(unknown=dict.fromkeys(actions, why))
        allowed: set[str] = set()
        denied: set[str] = set()
        unknown: dict[str, str] = {}
        for resource, some in wanted.items():
            try:
                for action, decision, missing in self._simulate(source, resource, some, environment):
                    if decision != "allowed" and missing:
                        unknown[action] = f"it depends on {', '.join(missing)}"
                    else:
                        (allowed if decision == "allowed" else denied).add(action)
            except CannotTell as error:
                unknown.update(dict.fromkeys(some, str(error)))
        return Permissions(frozenset(allowed), frozenset(denied), unknown)

    def _with_path(self, source: str | None) -> str | None:
        """Return a role's ARN with its path, which a session's ARN leaves out."""
        if source is None or ":role/" not in source:
            return source
        try:
            with asking_aws(f"role {source}", permission="iam:GetRole"):
                return str(self._iam.get_role(RoleName=source.rpartition("/")[2])["Role"]["Arn"])
        except CannotTell:
            return source  # right for roles without a path; for others IAM says that it knows none

    def _simulate(
        self, source: str, resource: str, actions: Sequence[str], environment: str
    ) -> list[tuple[str, str, list[str]]]:
        what = "a simulation of the caller's policies"
        with asking_aws(what, permission="iam:SimulatePrincipalPolicy"):
            try:
                answer = self._iam.simulate_principal_policy(
                    PolicySourceArn=source,
                    ActionNames=list(actions),
                    ResourceArns=[resource],
                    ContextEntries=[
                        {
                            "ContextKeyName": f"aws:{key}/{TAG_ENVIRONMENT}",
                            "ContextKeyValues": [environment],
                            "ContextKeyType": "string",
                        }
                        for key in ("RequestTag", "ResourceTag")
                    ],
                )
            except ClientError as error:
                if code_of(error) in _NOT_SIMULATED:
                    raise CannotTell(f"{what}: IAM does not know {source}") from error
                raise
        return [
            (one["EvalActionName"], one["EvalDecision"], list(one.get("MissingContextValues") or []))
            for one in answer["EvaluationResults"]
        ]


def _policy_source(caller_arn: str) -> str | None:
    """Return the user or role whose policies a caller has; None for the root user and federated ones."""
    prefix, _, resource = caller_arn.rpartition(":")
    kind, _, name = resource.partition("/")
    if kind == "user":
        return caller_arn.replace(":sts:", ":iam:")
    if kind == "assumed-role":
        return f"{prefix.replace(':sts:', ':iam:')}:role/{name.partition('/')[0]}"
    return None
