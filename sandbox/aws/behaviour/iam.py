"""IAM: what a principal would be allowed, without doing it, and what cannot be deleted while it is used."""

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import DeleteConflictException, InvalidInput, NoSuchEntity
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

from sandbox.aws.behaviour.rules import Rules
from sandbox.aws.iam.authorize import decide
from sandbox.aws.iam.demands import Demand
from sandbox.aws.iam.principals import role_by_arn, user_by_arn

RULES = Rules()


@RULES.replaces(IAMBackend)
def delete_policy(original: Any, self: Any, policy_arn: str) -> None:
    """Refuse to delete a managed policy that is attached to somebody (DeletePolicy, DeleteConflict)."""
    if self.get_policy(policy_arn).attachment_count:
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    original(self, policy_arn)


@RULES.replaces(IamResponse)
def simulate_principal_policy(original: Any, self: Any) -> ActionResult:
    """Evaluate the policies of a role or user for actions and resources (SimulatePrincipalPolicy).

    Identity policies, boundary and the given context decide, and ResourcePolicy where one is given;
    ResourceArns defaults to ``*``. Session and root ARNs are InvalidInput, unknown ones NoSuchEntity.
    """
    source = self._get_param("PolicySourceArn")
    find = {"role": role_by_arn, "user": user_by_arn}.get(source.rpartition(":")[2].partition("/")[0])
    caller = find(source) if find else None
    if caller is None:
        refused = NoSuchEntity if find else InvalidInput
        raise refused(f"{source} is not a user or role that exists here.")
    context = {
        entry["ContextKeyName"].lower(): tuple(entry["ContextKeyValues"])
        for entry in self._get_param("ContextEntries", [])
    }
    results = []
    for action in self._get_param("ActionNames"):
        for resource in self._get_param("ResourceArns", ["*"]):
            demand = Demand(action, resource, resource_policy=self._get_param("ResourcePolicy"))
            verdict = decide(caller, demand, self.region, context)
            results.append(
                {
                    "EvalActionName": action,
                    "EvalResourceName": resource,
                    "EvalDecision": verdict.value,
                    "MatchedStatements": [],
                    "MissingContextValues": [],
                }
            )
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})
