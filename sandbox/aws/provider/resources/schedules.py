"""EventBridge Scheduler: schedules and their groups."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..aws import AwsError, wait_for
from ..kinds import TEXT, WHOLE, Field, Record
from ..model import NAME_PREFIX, Call, Create, ResourceType, Scope, Tags, Update, tag_list, tag_map

_GONE = ("ResourceNotFoundException",)


def _nested(value: Any) -> Any:
    """Return nested objects under AWS's names."""
    if isinstance(value, Mapping):
        return {name[0].upper() + name[1:]: _nested(item) for name, item in value.items() if item is not None}
    return value


def _flat(value: Any) -> Any:
    """Return AWS's nested objects under the program's names."""
    if isinstance(value, Mapping):
        return {name[0].lower() + name[1:]: _flat(item) for name, item in value.items() if item is not None}
    return value


def _time(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value) if value else None


def _key(scope: Scope) -> dict[str, Any]:
    group, separator, name = scope.id.partition("/")
    if not (group and separator and name):
        raise ValueError(f"unexpected format of ID ({scope.id}), expected GROUP/NAME")
    return {"GroupName": group, "Name": name}


def _put(operation: str) -> Call:
    return Call(
        "scheduler",
        operation,
        {
            "ActionAfterCompletion": "actionAfterCompletion",
            "Description": "description",
            "EndDate": "endDate",
            "FlexibleTimeWindow": lambda scope: _nested(scope.new["flexibleTimeWindow"]),
            "GroupName": lambda scope: scope.new.get("groupName") or "default",
            "KmsKeyArn": "kmsKeyArn",
            "Name": lambda scope: (
                scope.new.get("name") or f"{scope.new['namePrefix']}{secrets.token_hex(13)}"
            ),
            "ScheduleExpression": "scheduleExpression",
            "ScheduleExpressionTimezone": "scheduleExpressionTimezone",
            "StartDate": "startDate",
            "State": "state",
            "Target": lambda scope: _nested(scope.new["target"]),
        },
    )


def _read_schedule(scope: Scope) -> dict[str, Any] | None:
    try:
        found = scope.call("scheduler", "get_schedule", **_key(scope))
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    return {
        "actionAfterCompletion": found.get("ActionAfterCompletion"),
        "arn": found["Arn"],
        "description": found.get("Description"),
        "endDate": _time(found.get("EndDate")),
        "flexibleTimeWindow": _flat(found["FlexibleTimeWindow"]),
        "groupName": found["GroupName"],
        "kmsKeyArn": found.get("KmsKeyArn"),
        "name": found["Name"],
        "scheduleExpression": found["ScheduleExpression"],
        "scheduleExpressionTimezone": found.get("ScheduleExpressionTimezone"),
        "startDate": _time(found.get("StartDate")),
        "state": found["State"],
        "target": _flat(found["Target"]),
    }


_CHANGEABLE: dict[str, Field] = {
    "actionAfterCompletion": Field(TEXT, computed=True, allowed=("DELETE", "NONE")),
    "description": Field(TEXT),
    "endDate": Field(TEXT),
    "flexibleTimeWindow": Field(
        Record(
            {
                "maximumWindowInMinutes": Field(WHOLE),
                "mode": Field(TEXT, required=True, allowed=("FLEXIBLE", "OFF")),
            }
        ),
        required=True,
    ),
    "kmsKeyArn": Field(TEXT),
    "scheduleExpression": Field(TEXT, required=True),
    "scheduleExpressionTimezone": Field(TEXT, default="UTC"),
    "startDate": Field(TEXT),
    "state": Field(TEXT, default="ENABLED", allowed=("DISABLED", "ENABLED")),
    "target": Field(
        Record(
            {
                "arn": Field(TEXT, required=True),
                "deadLetterConfig": Field(Record({"arn": Field(TEXT, required=True)})),
                "input": Field(TEXT),
                "retryPolicy": Field(
                    Record(
                        {
                            "maximumEventAgeInSeconds": Field(WHOLE, default=86400),
                            "maximumRetryAttempts": Field(WHOLE, default=185),
                        }
                    ),
                    computed=True,
                ),
                "roleArn": Field(TEXT, required=True),
            }
        ),
        required=True,
    ),
}

SCHEDULE = ResourceType(
    type="aws:scheduler/schedule:Schedule",
    inputs={
        "groupName": Field(TEXT, computed=True, replaces=True),
        "name": Field(TEXT, computed=True, replaces=True),
        "namePrefix": NAME_PREFIX,
        **_CHANGEABLE,
    },
    outputs=("arn",),
    create=Create(
        _put("create_schedule"),
        lambda scope, answer: (
            f"{scope.new.get('groupName') or 'default'}/{str(answer['ScheduleArn']).rpartition('/')[2]}"
        ),
    ),
    read=_read_schedule,
    updates=(Update(tuple(_CHANGEABLE), _put("update_schedule")),),
    delete=Call(
        "scheduler",
        "delete_schedule",
        {"GroupName": lambda scope: _key(scope)["GroupName"], "Name": lambda scope: _key(scope)["Name"]},
        _GONE,
    ),
    name="name",
)


def _group_state(scope: Scope) -> str | None:
    try:
        return str(scope.call("scheduler", "get_schedule_group", Name=scope.id)["State"])
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise


def _read_group(scope: Scope) -> dict[str, Any] | None:
    try:
        found = scope.call("scheduler", "get_schedule_group", Name=scope.id)
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise
    return {
        "arn": found["Arn"],
        "creationDate": _time(found.get("CreationDate")),
        "lastModificationDate": _time(found.get("LastModificationDate")),
        "name": found["Name"],
        "state": found["State"],
    }


def _delete_group(scope: Scope) -> None:
    """Delete a group with all its schedules, and wait until it is gone."""
    if _group_state(scope) is None:
        return
    scope.call("scheduler", "delete_schedule_group", Name=scope.id)
    wait_for(
        lambda: _group_state(scope),
        what=f"waiting for schedule group {scope.id} to be deleted",
        until=frozenset({"gone"}),
        pending=frozenset({"ACTIVE", "DELETING"}),
        seconds=300,
    )


def _group_arn(scope: Scope) -> str:
    return scope.aws.arn("scheduler", f"schedule-group/{scope.id}")


SCHEDULE_GROUP = ResourceType(
    type="aws:scheduler/scheduleGroup:ScheduleGroup",
    inputs={
        "name": Field(TEXT, computed=True, replaces=True),
        "namePrefix": NAME_PREFIX,
    },
    outputs=("arn", "creationDate", "lastModificationDate", "state"),
    create=Create(
        Call(
            "scheduler",
            "create_schedule_group",
            {
                "Name": lambda scope: (
                    scope.new.get("name") or f"{scope.new['namePrefix']}{secrets.token_hex(13)}"
                ),
                "Tags": lambda scope: tag_list(scope.new.get("tags")),
            },
        ),
        lambda _scope, answer: str(answer["ScheduleGroupArn"]).rpartition("/")[2],
    ),
    read=_read_group,
    delete=_delete_group,
    name="name",
    tags=Tags(
        put=lambda scope, tags: scope.call(
            "scheduler", "tag_resource", ResourceArn=_group_arn(scope), Tags=tag_list(tags)
        ),
        remove=lambda scope, keys: scope.call(
            "scheduler", "untag_resource", ResourceArn=_group_arn(scope), TagKeys=keys
        ),
        read=lambda scope: tag_map(
            scope.call("scheduler", "list_tags_for_resource", ResourceArn=_group_arn(scope))["Tags"]
        ),
        on_create=True,
    ),
)

TYPES = (SCHEDULE, SCHEDULE_GROUP)
