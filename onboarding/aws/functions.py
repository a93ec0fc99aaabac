"""Adapter: verifier functions. An invocation is made once, whatever comes of it."""

import json
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from typing import Any

from botocore.exceptions import ClientError

from onboarding.aws.errors import asking_aws, code_of
from onboarding.errors import CannotTell
from stacks.contract import VERIFIER_TIMEOUT_SECONDS

READ_TIMEOUT_SECONDS = VERIFIER_TIMEOUT_SECONDS + 30
"""Longer than any function runs: a client that gives up first does not know what was done."""
READY_SECONDS = 300.0
"""AWS makes the network interface of a new or long idle function within a few minutes."""
POLL_SECONDS = 2.0
NOT_RUN = frozenset({"ResourceNotReadyException", "ResourceConflictException"})
"""Codes with which AWS says that the function's code was not begun."""


class NotReady(CannotTell):
    """The function was not run, because it is still being made ready."""


class Functions:
    """Invokes functions of one region.

    ``client`` is a boto3 ``lambda`` client that makes one attempt and waits READ_TIMEOUT_SECONDS.
    """

    def __init__(
        self,
        client: Any,
        *,
        clock: Callable[[], float] = monotonic,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._client = client
        self._clock = clock
        self._pause = pause

    def invoke_when_ready(self, arn: str, event: Mapping[str, Any]) -> Any:
        """Wait until the function is active, then invoke it; for events that create nothing.

        An idle function is woken up by an invocation that AWS turns away. Raises what ``invoke``
        does, and NotReady when it takes longer than READY_SECONDS.
        """
        deadline = self._clock() + READY_SECONDS
        while True:
            try:
                self._refuse_unready(arn)
                return self.invoke(arn, event)
            except NotReady:
                if self._clock() >= deadline:
                    raise
            self._pause(POLL_SECONDS)

    def _refuse_unready(self, arn: str) -> None:
        with asking_aws(_called(arn), permission="lambda:GetFunctionConfiguration"):
            found = self._client.get_function_configuration(FunctionName=arn)
        if found.get("State") == "Failed" or found.get("LastUpdateStatus") == "Failed":
            reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "no reason given"
            raise CannotTell(f"{_called(arn)} is broken: {reason}", hint="run `pulumi up` again")
        if found.get("State", "Active") == "Pending" or found.get("LastUpdateStatus") == "InProgress":
            raise NotReady(f"{_called(arn)} is not active yet", hint="wait a few minutes and run again")
        if found.get("Timeout", 0) >= READ_TIMEOUT_SECONDS:
            raise CannotTell(
                f"{_called(arn)} may run {found['Timeout']} s, longer than its answer is waited for",
                hint=f"undo that change with `pulumi up`: it is deployed with {VERIFIER_TIMEOUT_SECONDS} s",
            )

    def invoke(self, arn: str, event: Mapping[str, Any]) -> Any:
        """Invoke once and return the answer as JSON types.

        Raises NotReady, Denied, and CannotTell for everything else that is not an answer.
        """
        with asking_aws(_called(arn), permission="lambda:InvokeFunction"):
            try:
                said = self._client.invoke(
                    FunctionName=arn, InvocationType="RequestResponse", Payload=json.dumps(event).encode()
                )
            except ClientError as error:
                if code_of(error) in NOT_RUN:
                    raise NotReady(
                        f"{_called(arn)} is not ready ({code_of(error)})", hint="run again in a minute"
                    ) from error
                raise
            body = said["Payload"].read()
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if said.get("FunctionError"):
            raise CannotTell(f"{_called(arn)} failed: {_failure(answer)}", hint=f"look into {_log(arn)}")
        return answer


def _called(arn: str) -> str:
    return f"function {arn.rpartition(':')[2]}"


def _log(arn: str) -> str:
    return f"its log group /aws/lambda/{arn.rpartition(':')[2]}"


def _failure(answer: Any) -> str:
    # type and message only: a stack trace has no place in a report
    if not isinstance(answer, dict):
        return "no reason given"
    parts = (answer.get("errorType"), answer.get("errorMessage"))
    return ": ".join(str(part)[:300] for part in parts if part) or "no reason given"
