"""What a call asks permission for: actions, resources and what conditions may look at.

Source: AWS's service authorization reference. Services that are not listed here ask for ``*``.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from sandbox.aws.calls import Call
from sandbox.aws.iam import resources
from sandbox.aws.iam.principals import trust_policy
from sandbox.aws.iam.tags import PERMISSION_AT_CREATION, Values, request_tags, resource_tags


@dataclass(frozen=True)
class Demand:
    """One action on one resource that policies have to allow."""

    action: str
    resource: str = "*"
    context: Values = field(default_factory=dict)
    resource_policy: str | None = None
    """Policy of the resource itself, where it has one."""
    own_decides: bool = False
    """A KMS key, or a role to be assumed: its policy must allow, or leave it to the account's own."""

    @property
    def account(self) -> str:
        """The account that owns the resource; empty for ``*``."""
        return self.resource.split(":")[4] if self.resource.startswith("arn:") else ""


def demands(call: Call, body: bytes) -> list[Demand]:
    """Return everything that must be allowed for a call to be carried out."""
    arguments = arguments_of(call, body)
    own = list(OF_SERVICE.get(call.service, _anything)(call, arguments))
    return [*own, *_tagged_at_once(call, arguments, own), *_passed_roles(call, arguments)]


def arguments_of(call: Call, body: bytes) -> dict[str, Any]:
    """Return a call's arguments by AWS's names; nested ones only for JSON protocols."""
    if call.protocol in ("json", "rest-json"):
        try:
            parsed = json.loads(body or b"{}")
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _anything(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    prefix = PREFIXES.get(call.service, call.service)
    yield Demand(f"{prefix}:{call.action}", "*", request_tags(arguments))


def _cloudwatch(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    # PutMetricData has no resource; its namespace can be asked for
    context = {**request_tags(arguments), **_given(arguments, "cloudwatch", "Namespace")}
    named = arguments.get("AlarmNames") or [name for name in (arguments.get("AlarmName"),) if name]
    if call.action == "DescribeAlarms":
        named = ["*"]  # whichever are asked for: a pattern that names some of them is not enough
    alarms = [f"arn:aws:cloudwatch:{call.region}:{call.account}:alarm:{name}" for name in named]
    for resource in alarms or [str(arguments.get("ResourceARN") or "*")]:
        yield Demand(f"cloudwatch:{call.action}", resource, context)


def _logs(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    # describing is authorized on the group with an empty name, which only a pattern covers
    group = arguments.get("logGroupName", "")
    arn = f"arn:aws:logs:{call.region}:{call.account}:log-group:{group}"
    yield Demand(f"logs:{call.action}", str(arguments.get("resourceArn") or arn), request_tags(arguments))


def _secretsmanager(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    action = f"secretsmanager:{call.action}"
    named = arguments.get("SecretId") or arguments.get("Name")
    if not named:
        yield Demand(action, "*", request_tags(arguments))
        return
    found = resources.secret(call, str(named))
    context = {
        **request_tags(arguments),
        **resource_tags(found.tags),
        "secretsmanager:secretid": (found.arn,),
        **_given(arguments, "secretsmanager", "Name", "VersionStage", "VersionId", "KmsKeyId"),
    }
    yield Demand(action, found.arn, context, found.policy)
    key = arguments.get("KmsKeyId") if call.action == "CreateSecret" else found.key
    needed = resources.KEY_USE.get(call.action, ()) if _has_value(call, arguments) else ()
    if key and not str(key).startswith("alias/aws/"):
        via = {"kms:viaservice": (f"secretsmanager.{call.region}.amazonaws.com",)}
        for use in needed:
            yield _key_demand(call, f"kms:{use}", str(key), via)


def _has_value(call: Call, arguments: Mapping[str, Any]) -> bool:
    return call.action == "GetSecretValue" or bool({"SecretString", "SecretBinary"} & arguments.keys())


def _kms(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    key = arguments.get("KeyId") or arguments.get("TargetKeyId")
    key = key or resources.key_of_ciphertext(str(arguments.get("CiphertextBlob", "")))
    alias = arguments.get("AliasName")
    if alias:
        yield Demand(f"kms:{call.action}", f"arn:aws:kms:{call.region}:{call.account}:{alias}")
        key = key or str(alias)
    if not key:
        yield Demand(f"kms:{call.action}", "*", request_tags(arguments))
        return
    if resources.key(call, str(key)).policy is None:
        return  # no such key: AWS resolves the name first, and answers NotFoundException
    encryption = arguments.get("EncryptionContext") or {}
    context = {f"kms:encryptioncontext:{name.lower()}": (str(value),) for name, value in encryption.items()}
    given = _given(arguments, "kms", "EncryptionAlgorithm", "GranteePrincipal")
    yield _key_demand(call, f"kms:{call.action}", str(key), {**context, **given})


def policy_change(call: Call, arguments: Mapping[str, Any], document: str) -> Demand:
    """Return what has to be allowed, under a key policy that is to come, for changing it again.

    A key that is being created has the tags of the request, and the request is what is judged;
    AWS only documents that the caller must be able to make the PutKeyPolicy request.
    """
    key = arguments.get("KeyId")
    tags = request_tags(arguments)
    if key:
        known = resources.key(call, str(key))
        return Demand("kms:PutKeyPolicy", known.arn, resource_tags(known.tags), document, own_decides=True)
    new = f"arn:aws:kms:{call.region}:{call.account}:key/00000000-0000-0000-0000-000000000000"
    return Demand("kms:PutKeyPolicy", new, tags, document, own_decides=True)


def _key_demand(call: Call, action: str, key_id: str, context: Values) -> Demand:
    found = resources.key(call, key_id)
    full = {"kms:calleraccount": (call.account,), **resource_tags(found.tags), **context}
    return Demand(action, found.arn, full, found.policy, own_decides=True)


def _ec2(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    action = f"ec2:{call.action}"
    context = {**request_tags(arguments), "ec2:region": (call.region,)}
    if not call.action.startswith(("Describe", "Get")):
        touched = list(resources.ec2(call, arguments))
        for found in touched:
            yield Demand(action, found.arn, {**context, **resource_tags(found.tags, "aws", "ec2")})
        if call.action in resources.EC2_TAGGED and "aws:tagkeys" in context:
            arn = resources.ec2_arn(call, resources.EC2_TAGGED[call.action], "*")
            yield Demand("ec2:CreateTags", arn, {**context, "ec2:createaction": (call.action,)})
        if touched:
            return
    yield Demand(action, "*", context)


def _iam(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    context = {**request_tags(arguments), **_given(arguments, "iam", "PolicyArn", "PermissionsBoundary")}
    if boundary := resources.boundary_of(call, str(arguments.get("RoleName", ""))):
        context.setdefault("iam:permissionsboundary", (boundary,))
    yield Demand(f"iam:{call.action}", resources.iam(call, arguments), context)


def _sts(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    context = _given(arguments, "sts", "ExternalId", "RoleSessionName")
    role = str(arguments.get("RoleArn", "*"))
    if call.action == "AssumeRole":
        yield Demand("sts:AssumeRole", role, context, trust_policy(role), own_decides=True)
    else:
        yield Demand(f"sts:{call.action}", role, context)


def _lambda(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    # the operation InvokeFunction is the one whose permission has the API's older name
    action = {"Invoke": "InvokeFunction"}.get(call.action, call.action)
    name = arguments.get("FunctionName") or resources.function_in_path(call.path)
    yield Demand(f"lambda:{action}", resources.function(call, name) if name else "*", request_tags(arguments))


def _s3(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    bucket, _, key = call.path.lstrip("/").partition("/")
    if call.action == "DeleteObjects":
        # AWS judges each object of the request alone, and one with a version by the other permission
        for action in ("DeleteObject", "DeleteObjectVersion"):
            yield Demand(f"s3:{action}", f"arn:aws:s3:::{bucket}/*")
        return
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    action = resources.S3_ACTIONS.get(call.action, call.action)
    yield Demand(f"s3:{action}", resource if bucket else "*")


def _scheduler(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    name = call.path.rpartition("/schedules/")[2]
    group = arguments.get("GroupName", "default")
    arn = f"arn:aws:scheduler:{call.region}:{call.account}:schedule/{group}/{name}"
    yield Demand(f"scheduler:{call.action}", arn if "/schedules/" in call.path else "*")


def _tagged_at_once(call: Call, arguments: Mapping[str, Any], own: list[Demand]) -> Iterator[Demand]:
    """Yield what tags at creation ask for besides; EC2's own way with them is in ``_ec2``."""
    action = PERMISSION_AT_CREATION.get((call.service, call.action))
    if action and (tags := request_tags(arguments)):
        new_key = f"arn:aws:kms:{call.region}:{call.account}:key/*"
        yield Demand(action, new_key if call.service == "kms" else own[0].resource, tags)


def _passed_roles(call: Call, arguments: Mapping[str, Any]) -> Iterator[Demand]:
    target = arguments.get("Target")
    for role, service in (
        (arguments.get("Role") if call.service == "lambda" else None, "lambda"),
        (target.get("RoleArn") if isinstance(target, dict) else None, "scheduler"),
        (arguments.get("DeliverLogsPermissionArn"), "vpc-flow-logs"),
    ):
        if role:
            yield Demand("iam:PassRole", str(role), {"iam:passedtoservice": (f"{service}.amazonaws.com",)})


def _given(arguments: Mapping[str, Any], service: str, *names: str) -> Values:
    return {f"{service}:{name.lower()}": (str(arguments[name]),) for name in names if arguments.get(name)}


PREFIXES = {"service-quotas": "servicequotas"}
"""Services whose actions are called otherwise than boto3 calls the service."""
OF_SERVICE: Mapping[str, Callable[[Call, Mapping[str, Any]], Iterator[Demand]]] = {
    "cloudwatch": _cloudwatch,
    "ec2": _ec2,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "s3": _s3,
    "scheduler": _scheduler,
    "secretsmanager": _secretsmanager,
    "sts": _sts,
}
