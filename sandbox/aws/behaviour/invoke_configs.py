"""How Lambda treats asynchronous invocations of a function."""

from typing import Any

from moto.awslambda.models import LambdaBackend

from sandbox.aws.behaviour.rules import Rules

RULES = Rules()


@RULES.replaces(LambdaBackend)
def put_function_event_invoke_config(original: Any, self: Any, function_name: str, config: Any) -> Any:
    """Replace what was configured before.

    PutFunctionEventInvokeConfig: "If a configuration already exists, this operation overwrites it."
    """
    answer = original(self, function_name, config)
    function = self.get_function(function_name)
    function.event_invoke_config[:] = function.event_invoke_config[-1:]
    return answer
