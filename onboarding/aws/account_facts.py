"""Adapter: what preflight asks of AWS besides the network; read-only, every question on its own."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any

from botocore.exceptions import ClientError

from onboarding.allowlist.network_view import Allocation
from onboarding.aws.errors import DENIED, asking_aws, code_of
from onboarding.errors import CannotTell
from onboarding.preflight.values import Key, Permissions, Zone

DRY_RUNS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ec2:AllocateAddress": ("allocate_address", {"Domain": "vpc"}),
    "ec2:CreateVpc": ("create_vpc", {"CidrBlock": "10.0.0.0/16"}),
    "ec2:CreateInternetGateway": ("create_internet_gateway", {}),
}
"""Actions that EC2 judges without an existing resource; ``DryRun`` is always added."""
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

    def below(self, prefix: str) -> dict[str, datetime | None]:
        """Return names that start with ``prefix`` → day of deletion, where AWS says it."""
        with asking_aws(f"secrets {prefix}*", permission="secretsmanager:ListSecrets"):
            pages = self._client.get_paginator("list_secrets").paginate(
                IncludePlannedDeletion=True, Filters=[{"Key": "name", "Values": [prefix]}]
            )
            found = [item for page in pages for item in page["SecretList"]]
        return {
            item["Name"]: item["DeletedDate"]
            for item in found
            if item.get("DeletedDate") and item["Name"].startswith(prefix)
        }


class KeyReader:
    """Reads a key's policy; ``client`` is a boto3 ``kms`` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def behind(self, alias: str) -> Key | None:
        """Return the key behind an alias; None where there is none."""
        with asking_aws(f"key {alias}", permission="kms:DescribeKey"):
            try:
                described = self._client.describe_key(KeyId=alias)["KeyMetadata"]
            except ClientError as error:
                if code_of(error) == "NotFoundException":
                    return None
                raise
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

    def dry_runs(self) -> Permissions:
        """Ask EC2 itself, whose answer counts every policy there is."""
        allowed: set[str] = set()
        denied: set[str] = set()
        unknown: dict[str, str] = {}
        for action, (method, arguments) in DRY_RUNS.items():
            try:
                (allowed if self._dry(method, arguments, action) else denied).add(action)
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

    def simulated(self, caller_arn: str, wanted: Mapping[str, Sequence[str]]) -> Permissions:
        """Ask IAM to evaluate the caller's policies: ``wanted`` is resource → actions.

        Service control policies and session policies are not part of the answer. Actions that
        cannot be simulated are unknown, with the reason.
        """
        actions = [action for some in wanted.values() for action in some]
        source = _policy_source(caller_arn)
        if source is None:
            why = f"AWS does not simulate {caller_arn.rpartition(':')[2].partition('/')[0]} callers"
            return Permissions(unknown=dict.fromkeys(actions, why))
        allowed: set[str] = set()
        denied: set[str] = set()
        unknown: dict[str, str] = {}
        for resource, some in wanted.items():
            try:
                for action, decision, missing in self._simulate(source, resource, some):
                    if decision != "allowed" and missing:
                        unknown[action] = f"it depends on {', '.join(missing)}"
                    else:
                        (allowed if decision == "allowed" else denied).add(action)
            except CannotTell as error:
                unknown.update(dict.fromkeys(some, str(error)))
        return Permissions(frozenset(allowed), frozenset(denied), unknown)

    def _simulate(
        self, source: str, resource: str, actions: Sequence[str]
    ) -> list[tuple[str, str, list[str]]]:
        what = "a simulation of the caller's policies"
        with asking_aws(what, permission="iam:SimulatePrincipalPolicy"):
            try:
                answer = self._iam.simulate_principal_policy(
                    PolicySourceArn=source, ActionNames=list(actions), ResourceArns=[resource]
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
        # the session's ARN leaves out the role's path; IAM finds roles without a path only
        return f"{prefix.replace(':sts:', ':iam:')}:role/{name.partition('/')[0]}"
    return None


def first_approved(allocations: Sequence[Allocation], approved: frozenset[IPv4Address]) -> Allocation | None:
    """Return the address on which to try whether releasing is denied; None where none is approved."""
    return next((one for one in allocations if one.address in approved), None)
