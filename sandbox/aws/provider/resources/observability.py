"""CloudWatch: log groups and alarms."""

from __future__ import annotations

import secrets
from typing import Any

from ..kinds import FLAG, NUMBER, TEXT, TEXT_MAP, TEXTS, WHOLE, Field
from ..model import (
    NAME_PREFIX,
    Call,
    Create,
    Read,
    ResourceType,
    Scope,
    Tags,
    Update,
    own_id,
    tag_list,
    tag_map,
)

_GONE = ("ResourceNotFoundException", "ResourceNotFound")


def _group_arn(scope: Scope) -> str:
    return scope.aws.arn("logs", f"log-group:{scope.id}")


def _find_group(scope: Scope) -> dict[str, Any] | None:
    for group in scope.aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=scope.id):
        if group["logGroupName"] == scope.id:
            return {
                "arn": group["arn"].removesuffix(":*"),
                "kmsKeyId": group.get("kmsKeyId"),
                "logGroupClass": group.get("logGroupClass"),
                "name": group["logGroupName"],
                "retentionInDays": group.get("retentionInDays", 0),
            }
    return None


def _create_group(scope: Scope) -> str:
    name = scope.new.get("name") or f"{scope.new['namePrefix']}{secrets.token_hex(13)}"
    scope.call(
        "logs",
        "create_log_group",
        logGroupName=name,
        kmsKeyId=scope.new.get("kmsKeyId"),
        logGroupClass=scope.new.get("logGroupClass"),
        tags=scope.new.get("tags") or None,
    )
    return str(name)


def _retain(scope: Scope) -> None:
    days = scope.new.get("retentionInDays")
    if days:
        scope.call("logs", "put_retention_policy", logGroupName=scope.id, retentionInDays=days)
    elif scope.old.get("retentionInDays"):
        scope.call("logs", "delete_retention_policy", logGroupName=scope.id)


def _encrypt(scope: Scope) -> None:
    if scope.new.get("kmsKeyId"):
        scope.call("logs", "associate_kms_key", logGroupName=scope.id, kmsKeyId=scope.new["kmsKeyId"])
    else:
        scope.call("logs", "disassociate_kms_key", logGroupName=scope.id)


def _delete_group(scope: Scope) -> None:
    if not scope.old.get("skipDestroy"):
        Call("logs", "delete_log_group", {"logGroupName": own_id}, _GONE)(scope)


LOG_GROUP = ResourceType(
    type="aws:cloudwatch/logGroup:LogGroup",
    inputs={
        "kmsKeyId": Field(TEXT),
        "logGroupClass": Field(TEXT, computed=True, replaces=True),
        "name": Field(TEXT, computed=True, replaces=True),
        "namePrefix": NAME_PREFIX,
        "retentionInDays": Field(WHOLE, default=0),
        "skipDestroy": Field(FLAG, local=True, default=False),
    },
    outputs=("arn",),
    create=_create_group,
    read=_find_group,
    updates=(Update(("retentionInDays",), _retain, on_create=True), Update(("kmsKeyId",), _encrypt)),
    delete=_delete_group,
    name="name",
    tags=Tags(
        put=lambda scope, tags: scope.call("logs", "tag_resource", resourceArn=_group_arn(scope), tags=tags),
        remove=lambda scope, keys: scope.call(
            "logs", "untag_resource", resourceArn=_group_arn(scope), tagKeys=keys
        ),
        read=lambda scope: dict(
            scope.call("logs", "list_tags_for_resource", resourceArn=_group_arn(scope))["tags"]
        ),
        on_create=True,
    ),
)


def _alarm_arn(scope: Scope) -> str:
    return scope.aws.arn("cloudwatch", f"alarm:{scope.id}")


_PLAIN = (
    "actionsEnabled",
    "alarmActions",
    "alarmDescription",
    "comparisonOperator",
    "datapointsToAlarm",
    "evaluationPeriods",
    "extendedStatistic",
    "insufficientDataActions",
    "metricName",
    "namespace",
    "okActions",
    "period",
    "statistic",
    "threshold",
    "treatMissingData",
    "unit",
)
_AWS_NAMES = {"okActions": "OKActions"}


def _aws_name(name: str) -> str:
    return _AWS_NAMES.get(name, name[0].upper() + name[1:])


_PUT = Call(
    "cloudwatch",
    "put_metric_alarm",
    {
        **{_aws_name(name): name for name in _PLAIN},
        "AlarmName": "name",
        "Dimensions": lambda scope: tag_list(scope.new.get("dimensions"), "Name"),
        "Tags": lambda scope: None if scope.id else tag_list(scope.new.get("tags")),
    },
)
_DEFAULTS: dict[str, Field] = {
    "actionsEnabled": Field(FLAG, default=True),
    "alarmActions": Field(TEXTS),
    "comparisonOperator": Field(TEXT, required=True),
    "datapointsToAlarm": Field(WHOLE),
    "evaluationPeriods": Field(WHOLE, required=True),
    "insufficientDataActions": Field(TEXTS),
    "okActions": Field(TEXTS),
    "period": Field(WHOLE),
    "threshold": Field(NUMBER),
    "treatMissingData": Field(
        TEXT, default="missing", allowed=("breaching", "ignore", "missing", "notBreaching")
    ),
}

METRIC_ALARM = ResourceType(
    type="aws:cloudwatch/metricAlarm:MetricAlarm",
    inputs={
        "dimensions": Field(TEXT_MAP),
        "name": Field(TEXT, computed=True, replaces=True),
        **{name: _DEFAULTS.get(name, Field(TEXT)) for name in _PLAIN},
    },
    outputs=("arn",),
    create=Create(_PUT, lambda scope, _answer: str(scope.new["name"])),
    read=Read(
        Call("cloudwatch", "describe_alarms", {"AlarmNames": lambda scope: [scope.id]}),
        "MetricAlarms.0",
        {
            "arn": "AlarmArn",
            "dimensions": lambda _scope, found: tag_map(found.get("Dimensions"), "Name"),
            "name": "AlarmName",
            **{name: _aws_name(name) for name in _PLAIN},
        },
    ),
    updates=(Update((*_PLAIN, "dimensions"), _PUT),),
    delete=Call("cloudwatch", "delete_alarms", {"AlarmNames": lambda scope: [scope.id]}, _GONE),
    name="name",
    tags=Tags(
        put=lambda scope, tags: scope.call(
            "cloudwatch", "tag_resource", ResourceARN=_alarm_arn(scope), Tags=tag_list(tags)
        ),
        remove=lambda scope, keys: scope.call(
            "cloudwatch", "untag_resource", ResourceARN=_alarm_arn(scope), TagKeys=keys
        ),
        read=lambda scope: tag_map(
            scope.call("cloudwatch", "list_tags_for_resource", ResourceARN=_alarm_arn(scope))["Tags"]
        ),
        on_create=True,
    ),
)

TYPES = (LOG_GROUP, METRIC_ALARM)
