"""Decides whether a call may be carried out, and says no as AWS does.

Same account: an allowance in an identity policy or in the resource's policy is enough. Another
account's resource: both must allow. A KMS key, and a role to be assumed: its own policy decides, or leaves
it to the account.
Boundaries and session policies only take away. Not looked at: service control policies, signatures.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.aws.answers import Answer, error_answer
from sandbox.aws.calls import Call
from sandbox.aws.iam.demands import Demand, arguments_of, demands, policy_change
from sandbox.aws.iam.policy import Principal, Request, Verdict, delegates_to_account, evaluate
from sandbox.aws.iam.principals import Caller, caller_of, root_of
from sandbox.aws.iam.resources import owner
from sandbox.aws.iam.tags import Values

ALWAYS_ALLOWED = {"sts:GetCallerIdentity"}
UNSIGNED = {"sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"}
"""What they bring in place of a signature is a token of another issuer; moto takes any."""
DENIED = {
    "ec2": ("UnauthorizedOperation", 403),
    "query": ("AccessDenied", 403),
    "json": ("AccessDeniedException", 400),
    "rest-json": ("AccessDeniedException", 403),
    "rest-xml": ("AccessDenied", 403),
}
UNKNOWN_KEY = {
    "ec2": ("AuthFailure", 401),
    "query": ("InvalidClientTokenId", 403),
    "json": ("UnrecognizedClientException", 400),
    "rest-json": ("UnrecognizedClientException", 403),
    "rest-xml": ("InvalidAccessKeyId", 403),
}


def refusal(call: Call, body: bytes, environ: Mapping[str, Any]) -> Answer | None:
    """Return the answer that refuses a call; None when it is allowed."""
    action = f"{call.service}:{call.action}"
    if action in ALWAYS_ALLOWED or (action in UNSIGNED and not call.access_key):
        return None
    if not call.access_key:
        return error_answer(
            call, "MissingAuthenticationToken", 403, "Request is missing Authentication Token"
        )
    caller = caller_of(call, str(environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")))
    if caller is None:
        code, status = UNKNOWN_KEY[call.protocol]
        return error_answer(call, code, status, "The security token included in the request is invalid.")
    for demand in demands(call, body):
        verdict = decide(caller, demand, call.region)
        if verdict is not Verdict.ALLOWED:
            return _denied(call, caller.principal, demand, verdict)
    return None


def owner_of(call: Call, body: bytes) -> str:
    """Return the account in which a call's secret or key lives."""
    if call.service not in ("secretsmanager", "kms"):
        return call.account
    arguments = arguments_of(call, body)
    named = owner(str(arguments.get("SecretId") or arguments.get("KeyId") or ""))
    return named[0] if named else call.account


def lock_out(call: Call, body: bytes, environ: Mapping[str, Any]) -> Answer | None:
    """Return the answer to a key policy that AWS would not accept; None for any other call.

    CreateKey and PutKeyPolicy: the caller must be able to change the policy again, unless
    BypassPolicyLockoutSafetyCheck; and a policy has to be JSON with statements.
    """
    if call.service != "kms" or call.action not in ("CreateKey", "PutKeyPolicy"):
        return None
    arguments = arguments_of(call, body)
    document = arguments.get("Policy")
    if not document:
        return None
    caller = caller_of(call, str(environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""))) or root_of(call.account)
    try:
        demand = policy_change(call, arguments, document)
        verdict = decide(caller, demand, call.region)
    except (ValueError, KeyError, AttributeError):
        return error_answer(call, "MalformedPolicyDocumentException", 400, "The key policy is not valid.")
    if verdict is Verdict.ALLOWED or arguments.get("BypassPolicyLockoutSafetyCheck"):
        return None
    return error_answer(
        call,
        "MalformedPolicyDocumentException",
        400,
        "The new key policy will not allow you to update the key policy in the future.",
    )


def decide(caller: Caller, demand: Demand, region: str, extra: Values | None = None) -> Verdict:
    """Return the verdict of all policies that have a say. Raises ValueError as ``evaluate`` does."""
    principal = caller.principal
    context = {**_common(principal, demand, region), **demand.context, **(extra or {})}
    request = Request(principal, demand.action, demand.resource, context)
    identity = Verdict.ALLOWED if principal.is_root else evaluate(caller.policies, request)
    own = _resource_says(demand, request)
    limits = [evaluate(documents, request) for documents in caller.limits]
    if Verdict.EXPLICIT_DENY in (identity, own, *limits):
        return Verdict.EXPLICIT_DENY
    if any(limit is not Verdict.ALLOWED for limit in limits):
        return Verdict.IMPLICIT_DENY
    foreign = demand.account not in ("", principal.account)
    delegated = demand.resource_policy is not None and delegates_to_account(
        demand.resource_policy, principal.account, request
    )
    if demand.own_decides or foreign:
        by_resource = own is Verdict.ALLOWED or (delegated and identity is Verdict.ALLOWED)
        needs_both = foreign and identity is not Verdict.ALLOWED
        return Verdict.ALLOWED if by_resource and not needs_both else Verdict.IMPLICIT_DENY
    return Verdict.ALLOWED if Verdict.ALLOWED in (identity, own) else Verdict.IMPLICIT_DENY


def _resource_says(demand: Demand, request: Request) -> Verdict:
    if demand.resource_policy is None:
        return Verdict.IMPLICIT_DENY
    return evaluate([demand.resource_policy], request, names_principals=True)


def _common(principal: Principal, demand: Demand, region: str) -> Values:
    tags = {f"aws:principaltag/{name.lower()}": (value,) for name, value in principal.tags.items()}
    owner = {"aws:resourceaccount": (demand.account,)} if demand.account else {}
    return {
        "aws:principalarn": (principal.arn,),
        "aws:principalaccount": (principal.account,),
        "aws:requestedregion": (region,),
        "aws:sourceip": ("127.0.0.1",),
        # plain http is this stand-in's own business; a caller of AWS comes with TLS
        "aws:securetransport": ("true",),
        **owner,
        **tags,
    }


def _denied(call: Call, principal: Principal, demand: Demand, verdict: Verdict) -> Answer:
    why = (
        "with an explicit deny in a policy"
        if verdict is Verdict.EXPLICIT_DENY
        else f"because no policy allows the {demand.action} action"
    )
    who = principal.session_arn or principal.arn
    what = f"User: {who} is not authorized to perform: {demand.action} on resource: {demand.resource} {why}"
    if call.protocol == "ec2":
        what = f"You are not authorized to perform this operation. {what}"
    code, status = DENIED[call.protocol]
    return error_answer(call, code, status, what)
