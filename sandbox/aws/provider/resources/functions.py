"""Lambda: functions, how they are invoked asynchronously, and who may invoke them.

Long because each entry lists every input and output of its type.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..aws import AwsError, at, wait_for
from ..bundle import zipped
from ..kinds import FILES, FLAG, TEXT, TEXT_MAP, TEXTS, WHOLE, Field, Problem, Record
from ..model import Call, Create, ResourceType, Scope, Tags, Update, own_id, same

_GONE = ("ResourceNotFoundException",)
READY_SECONDS = 600.0
_UNRESERVED = -1


def _record(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a nested object with AWS's names, nothing for nothing."""
    if not value:
        return None
    return {name[0].upper() + name[1:]: item for name, item in value.items() if item is not None}


def _settings(scope: Scope) -> dict[str, Any]:
    """Return what both CreateFunction and UpdateFunctionConfiguration take."""
    new = scope.new
    network = new.get("vpcConfig") or {"subnetIds": [], "securityGroupIds": []}
    environment = (new.get("environment") or {}).get("variables") or {}
    return {
        "FunctionName": new.get("name") or scope.id,
        "Role": new["role"],
        "Description": new.get("description", ""),
        "Environment": {"Variables": environment},
        "EphemeralStorage": _record(new.get("ephemeralStorage")),
        "Handler": new.get("handler"),
        "KMSKeyArn": new.get("kmsKeyArn", ""),
        "LoggingConfig": _record(new.get("loggingConfig")),
        "MemorySize": new.get("memorySize"),
        "Runtime": new.get("runtime"),
        "Timeout": new.get("timeout"),
        "TracingConfig": _record(new.get("tracingConfig")),
        "VpcConfig": {"SubnetIds": network["subnetIds"], "SecurityGroupIds": network["securityGroupIds"]},
    }


def _create(scope: Scope) -> str:
    answer = scope.call(
        "lambda",
        "create_function",
        **_settings(scope),
        Architectures=scope.new.get("architectures"),
        Code={"ZipFile": zipped(scope.new["code"])},
        PackageType=scope.new.get("packageType"),
        Publish=scope.new.get("publish"),
        Tags=scope.new.get("tags") or None,
    )
    return str(answer["FunctionName"])


def _configure(scope: Scope) -> None:
    scope.call("lambda", "update_function_configuration", **_settings(scope))
    _settle(scope)


def _upload(scope: Scope) -> None:
    scope.call(
        "lambda",
        "update_function_code",
        FunctionName=scope.id,
        Architectures=scope.new.get("architectures"),
        Publish=scope.new.get("publish"),
        ZipFile=zipped(scope.new["code"]),
    )
    _settle(scope)


def _reserve(scope: Scope) -> None:
    wanted = scope.new.get("reservedConcurrentExecutions", _UNRESERVED)
    if wanted == _UNRESERVED:
        scope.call("lambda", "delete_function_concurrency", FunctionName=scope.id)
    else:
        scope.call(
            "lambda", "put_function_concurrency", FunctionName=scope.id, ReservedConcurrentExecutions=wanted
        )


def _reserve_at_first(scope: Scope) -> None:
    if scope.new.get("reservedConcurrentExecutions", _UNRESERVED) != _UNRESERVED or scope.old:
        _reserve(scope)


def _settle(scope: Scope) -> None:
    """Wait until the function can be invoked and its last update is in force."""

    def look() -> str | None:
        found = scope.call("lambda", "get_function_configuration", FunctionName=scope.id)
        states = (found.get("State", "Active"), found.get("LastUpdateStatus", "Successful"))
        if "Failed" in states:
            reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "no reason given"
            raise AwsError(f"waiting for function {scope.id}", "Failed", str(reason))
        return "ready" if states[0] in ("Active", "Inactive") and states[1] == "Successful" else "pending"

    wait_for(
        look,
        what=f"waiting for function {scope.id}",
        until=frozenset({"ready"}),
        pending=frozenset({"pending"}),
        seconds=READY_SECONDS,
    )


def _nested(found: Mapping[str, Any] | None, *names: str) -> dict[str, Any] | None:
    """Return AWS's nested object under the program's names, nothing where it is empty."""
    values = {name: (found or {}).get(name[0].upper() + name[1:]) for name in names}
    return {name: value for name, value in values.items() if value} or None


def _read(scope: Scope) -> dict[str, Any] | None:
    try:
        answer = scope.call("lambda", "get_function", FunctionName=scope.id)
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    found = answer["Configuration"]
    arn = found["FunctionArn"]
    invoke = "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{}/invocations"
    variables = at(found, "Environment.Variables")
    return {
        "architectures": found.get("Architectures"),
        "arn": arn,
        "codeSha256": found.get("CodeSha256"),
        "description": found.get("Description"),
        "environment": {"variables": variables} if variables else None,
        "ephemeralStorage": _nested(found.get("EphemeralStorage"), "size"),
        "handler": found.get("Handler"),
        "invokeArn": invoke.format(scope.aws.partition, scope.aws.region, arn),
        "kmsKeyArn": found.get("KMSKeyArn"),
        "lastModified": found.get("LastModified"),
        "loggingConfig": _nested(
            found.get("LoggingConfig"), "applicationLogLevel", "logFormat", "logGroup", "systemLogLevel"
        ),
        "memorySize": found.get("MemorySize"),
        "name": found["FunctionName"],
        "packageType": found.get("PackageType"),
        "qualifiedArn": f"{arn}:{found.get('Version', '$LATEST')}",
        "reservedConcurrentExecutions": at(answer, "Concurrency.ReservedConcurrentExecutions")
        if answer.get("Concurrency")
        else _UNRESERVED,
        "role": found["Role"],
        "runtime": found.get("Runtime"),
        "sourceCodeSize": found.get("CodeSize"),
        "timeout": found.get("Timeout"),
        "tracingConfig": _nested(found.get("TracingConfig"), "mode"),
        "version": found.get("Version"),
        "vpcConfig": _nested(found.get("VpcConfig"), "securityGroupIds", "subnetIds", "vpcId")
        if at(found, "VpcConfig.SubnetIds")
        else None,
    }


def _state(scope: Scope) -> str | None:
    try:
        return str(at(scope.call("lambda", "get_function", FunctionName=scope.id), "Configuration.State"))
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise


def _delete(scope: Scope) -> None:
    """Delete a function and wait until it is gone; AWS keeps its network interfaces for a while longer."""
    if scope.old.get("skipDestroy"):
        return
    Call("lambda", "delete_function", {"FunctionName": own_id}, _GONE)(scope)
    wait_for(
        lambda: _state(scope),
        what=f"waiting for function {scope.id} to be deleted",
        until=frozenset({"gone"}),
        pending=frozenset({"Active", "Deleting", "Failed", "Inactive", "None", "Pending"}),
        seconds=READY_SECONDS,
    )


_CONFIGURED = (
    "description",
    "environment",
    "ephemeralStorage",
    "handler",
    "kmsKeyArn",
    "loggingConfig",
    "memorySize",
    "role",
    "runtime",
    "timeout",
    "tracingConfig",
    "vpcConfig",
)


def _arn(scope: Scope) -> str:
    return scope.aws.arn("lambda", f"function:{scope.id}")


FUNCTION = ResourceType(
    type="aws:lambda/function:Function",
    inputs={
        "architectures": Field(TEXTS, computed=True),
        "code": Field(FILES, required=True, local=True),
        "description": Field(TEXT),
        "environment": Field(Record({"variables": Field(TEXT_MAP)})),
        "ephemeralStorage": Field(Record({"size": Field(WHOLE)}), computed=True),
        "handler": Field(TEXT, required=True),
        "kmsKeyArn": Field(TEXT),
        "loggingConfig": Field(
            Record(
                {
                    "applicationLogLevel": Field(TEXT),
                    "logFormat": Field(TEXT, required=True, allowed=("JSON", "Text")),
                    "logGroup": Field(TEXT, computed=True),
                    "systemLogLevel": Field(TEXT),
                }
            ),
            computed=True,
        ),
        "memorySize": Field(WHOLE, default=128),
        "name": Field(TEXT, computed=True, replaces=True),
        "packageType": Field(TEXT, replaces=True, default="Zip", allowed=("Zip",)),
        "publish": Field(FLAG, local=True, default=False),
        "reservedConcurrentExecutions": Field(WHOLE, default=_UNRESERVED),
        "role": Field(TEXT, required=True),
        "runtime": Field(TEXT, required=True),
        "skipDestroy": Field(FLAG, local=True, default=False),
        "sourceCodeHash": Field(TEXT, computed=True, local=True),
        "timeout": Field(WHOLE, default=3),
        "tracingConfig": Field(
            Record({"mode": Field(TEXT, required=True, allowed=("Active", "PassThrough"))}), computed=True
        ),
        "vpcConfig": Field(
            Record(
                {
                    "securityGroupIds": Field(TEXTS, required=True),
                    "subnetIds": Field(TEXTS, required=True),
                    "vpcId": Field(TEXT, computed=True),
                }
            )
        ),
    },
    outputs=("arn", "codeSha256", "invokeArn", "lastModified", "qualifiedArn", "sourceCodeSize", "version"),
    create=_create,
    read=_read,
    updates=(
        Update(_CONFIGURED, _configure),
        Update(("code", "sourceCodeHash", "architectures"), _upload),
        Update(("reservedConcurrentExecutions",), _reserve_at_first, on_create=True),
    ),
    ready=_settle,
    delete=_delete,
    name="name",
    name_length=64,
    volatile=("codeSha256", "lastModified", "qualifiedArn", "sourceCodeSize", "version"),
    tags=Tags(
        put=lambda scope, tags: scope.call("lambda", "tag_resource", Resource=_arn(scope), Tags=tags),
        remove=lambda scope, keys: scope.call("lambda", "untag_resource", Resource=_arn(scope), TagKeys=keys),
        read=lambda scope: dict(scope.call("lambda", "list_tags", Resource=_arn(scope)).get("Tags") or {}),
        on_create=True,
    ),
)


def _function_and_qualifier(identifier: str) -> Mapping[str, Any]:
    """Split `function:qualifier`, where the function may be an ARN (`arn:aws:lambda:…:function:name`)."""
    head = identifier.split(":")
    named = 7 if identifier.startswith("arn:") else 1
    return {"functionName": ":".join(head[:named]), "qualifier": ":".join(head[named:]) or None}


def _invoke_target(scope: Scope) -> dict[str, Any]:
    known = _function_and_qualifier(scope.id)
    return {"FunctionName": known["functionName"], "Qualifier": known["qualifier"]}


def _destinations(value: Any) -> dict[str, Any] | None:
    found = {
        name: {"Destination": value[key]["destination"]}
        for key, name in (("onFailure", "OnFailure"), ("onSuccess", "OnSuccess"))
        if (value or {}).get(key)
    }
    return found or None


def _read_destinations(found: Any) -> dict[str, Any] | None:
    read = {
        key: {"destination": found[name]["Destination"]}
        for key, name in (("onFailure", "OnFailure"), ("onSuccess", "OnSuccess"))
        if at(found, f"{name}.Destination")
    }
    return read or None


def _read_invoke_config(scope: Scope) -> dict[str, Any] | None:
    try:
        found = scope.call("lambda", "get_function_event_invoke_config", **_invoke_target(scope))
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    return {
        **_function_and_qualifier(scope.id),
        "destinationConfig": _read_destinations(found.get("DestinationConfig") or {}),
        "maximumEventAgeInSeconds": found.get("MaximumEventAgeInSeconds"),
        "maximumRetryAttempts": found.get("MaximumRetryAttempts"),
    }


_PUT_INVOKE_CONFIG = Call(
    "lambda",
    "put_function_event_invoke_config",
    {
        "FunctionName": "functionName",
        "Qualifier": "qualifier",
        "DestinationConfig": lambda scope: _destinations(scope.new.get("destinationConfig")),
        **same("maximumEventAgeInSeconds", "maximumRetryAttempts"),
    },
)
_TARGET = Field(Record({"destination": Field(TEXT, required=True)}))

FUNCTION_EVENT_INVOKE_CONFIG = ResourceType(
    type="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    inputs={
        "destinationConfig": Field(Record({"onFailure": _TARGET, "onSuccess": _TARGET})),
        "functionName": Field(TEXT, required=True, replaces=True),
        "maximumEventAgeInSeconds": Field(WHOLE),
        "maximumRetryAttempts": Field(WHOLE, default=2),
        "qualifier": Field(TEXT, replaces=True),
    },
    create=Create(
        _PUT_INVOKE_CONFIG,
        lambda scope, _answer: ":".join(
            filter(None, (scope.new["functionName"], scope.new.get("qualifier")))
        ),
    ),
    read=_read_invoke_config,
    updates=(
        Update(("destinationConfig", "maximumEventAgeInSeconds", "maximumRetryAttempts"), _PUT_INVOKE_CONFIG),
    ),
    delete=Call(
        "lambda",
        "delete_function_event_invoke_config",
        {
            "FunctionName": lambda scope: _invoke_target(scope)["FunctionName"],
            "Qualifier": lambda scope: _invoke_target(scope)["Qualifier"],
        },
        _GONE,
    ),
)


def _read_permission(scope: Scope) -> dict[str, Any] | None:
    function, qualifier = scope.old["function"], scope.old.get("qualifier")
    try:
        policy = scope.call("lambda", "get_policy", FunctionName=function, Qualifier=qualifier)["Policy"]
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    for statement in json.loads(policy)["Statement"]:
        if statement["Sid"] == scope.old["statementId"]:
            return _permission_of(statement) | {"function": function, "qualifier": qualifier}
    return None


def _permission_of(statement: Mapping[str, Any]) -> dict[str, Any]:
    conditions: dict[str, Any] = {}
    for condition in (statement.get("Condition") or {}).values():
        conditions |= {key.lower(): value for key, value in condition.items()}
    principal = statement["Principal"]
    if isinstance(principal, dict):
        principal = principal.get("Service") or principal.get("AWS")
    return {
        "action": statement["Action"],
        "principal": principal,
        "sourceAccount": conditions.get("aws:sourceaccount"),
        "sourceArn": conditions.get("aws:sourcearn"),
        "statementId": statement["Sid"],
    }


def _import_permission(identifier: str) -> Mapping[str, Any]:
    function, separator, statement = identifier.rpartition("/")
    if not (function and separator and statement):
        raise ValueError(f"unexpected format of ID ({identifier}), expected FUNCTION_NAME/STATEMENT_ID")
    known = _function_and_qualifier(function)
    return {"function": known["functionName"], "qualifier": known["qualifier"], "statementId": statement}


def _permission_problems(inputs: Mapping[str, Any]) -> Iterable[Problem]:
    if not str(inputs.get("action")).startswith("lambda:"):
        yield "action", "expected an action of Lambda, such as lambda:InvokeFunction"


_FUNCTION = {
    "FunctionName": lambda scope: scope.old["function"],
    "Qualifier": lambda scope: scope.old.get("qualifier"),
}

PERMISSION = ResourceType(
    type="aws:lambda/permission:Permission",
    inputs={
        "action": Field(TEXT, required=True, replaces=True),
        "function": Field(TEXT, required=True, replaces=True),
        "principal": Field(TEXT, required=True, replaces=True),
        "qualifier": Field(TEXT, replaces=True),
        "sourceAccount": Field(TEXT, replaces=True),
        "sourceArn": Field(TEXT, replaces=True),
        "statementId": Field(TEXT, computed=True, replaces=True),
    },
    create=Create(
        Call(
            "lambda",
            "add_permission",
            {
                "FunctionName": "function",
                **same("action", "principal", "qualifier", "sourceAccount", "sourceArn", "statementId"),
            },
        ),
        lambda scope, _answer: str(scope.new["statementId"]),
    ),
    read=_read_permission,
    delete=Call(
        "lambda",
        "remove_permission",
        {**_FUNCTION, "StatementId": lambda scope: scope.old["statementId"]},
        _GONE,
    ),
    name="statementId",
    name_length=100,
    problems=_permission_problems,
    import_id=_import_permission,
    final_id=lambda _identifier, found: str(found["statementId"]),
)

TYPES = (FUNCTION, FUNCTION_EVENT_INVOKE_CONFIG, PERMISSION)
