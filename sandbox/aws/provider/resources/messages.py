"""SNS topics with their policies and subscriptions, and SQS queues.

Long because each entry lists every input and output of its type.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from ..aws import AwsError, at
from ..kinds import FLAG, JSON, TEXT, WHOLE, Field
from ..model import NAME_PREFIX, Call, Create, ResourceType, Scope, Tags, Update, own_id, tag_list, tag_map

_NO_TOPIC = ("NotFound", "NotFoundException")


def _attributes(scope: Scope, topic: str) -> dict[str, Any] | None:
    try:
        return dict(scope.call("sns", "get_topic_attributes", TopicArn=topic)["Attributes"])
    except AwsError as error:
        if error.code in _NO_TOPIC:
            return None
        raise


def _name(scope: Scope) -> str:
    return str(scope.new.get("name") or f"{scope.new['namePrefix']}{secrets.token_hex(13)}")


def _set_topic(name: str, attribute: str) -> Update:
    def run(scope: Scope) -> None:
        scope.call(
            "sns",
            "set_topic_attributes",
            TopicArn=scope.id,
            AttributeName=attribute,
            AttributeValue=str(scope.new.get(name) or ""),
        )

    return Update((name,), run, on_create=True)


def _read_topic(scope: Scope) -> dict[str, Any] | None:
    found = _attributes(scope, scope.id)
    if found is None:
        return None
    return {
        "arn": found["TopicArn"],
        "displayName": found.get("DisplayName"),
        "kmsMasterKeyId": found.get("KmsMasterKeyId"),
        "name": found["TopicArn"].rpartition(":")[2],
        "owner": found.get("Owner"),
        "policy": found.get("Policy"),
    }


TOPIC = ResourceType(
    type="aws:sns/topic:Topic",
    inputs={
        "displayName": Field(TEXT),
        "kmsMasterKeyId": Field(TEXT),
        "name": Field(TEXT, computed=True, replaces=True),
        "namePrefix": NAME_PREFIX,
        "policy": Field(JSON, computed=True),
    },
    outputs=("arn", "owner"),
    create=Create(
        Call("sns", "create_topic", {"Name": _name, "Tags": lambda scope: tag_list(scope.new.get("tags"))}),
        "TopicArn",
    ),
    read=_read_topic,
    updates=(
        _set_topic("displayName", "DisplayName"),
        _set_topic("kmsMasterKeyId", "KmsMasterKeyId"),
        _set_topic("policy", "Policy"),
    ),
    delete=Call("sns", "delete_topic", {"TopicArn": own_id}, _NO_TOPIC),
    name="name",
    name_length=80,
    tags=Tags(
        put=lambda scope, tags: scope.call("sns", "tag_resource", ResourceArn=scope.id, Tags=tag_list(tags)),
        remove=lambda scope, keys: scope.call("sns", "untag_resource", ResourceArn=scope.id, TagKeys=keys),
        read=lambda scope: tag_map(scope.call("sns", "list_tags_for_resource", ResourceArn=scope.id)["Tags"]),
        on_create=True,
    ),
)


def _put_topic_policy(scope: Scope) -> str:
    topic = str(scope.new["arn"])
    scope.call(
        "sns",
        "set_topic_attributes",
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=scope.new["policy"],
    )
    return topic


def _owner_only(topic: str, account: str) -> str:
    """Return the policy a topic has when none was set: its owner may do everything."""
    actions = (
        "AddPermission DeleteTopic GetTopicAttributes ListSubscriptionsByTopic Publish Receive"
        " RemovePermission SetTopicAttributes Subscribe"
    )
    return json.dumps(
        {
            "Version": "2008-10-17",
            "Id": "__default_policy_ID",
            "Statement": [
                {
                    "Sid": "__default_statement_ID",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": [f"SNS:{action}" for action in actions.split()],
                    "Resource": topic,
                    "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
                }
            ],
        }
    )


def _reset_topic_policy(scope: Scope) -> None:
    try:
        scope.call(
            "sns",
            "set_topic_attributes",
            TopicArn=scope.id,
            AttributeName="Policy",
            AttributeValue=_owner_only(scope.id, scope.aws.account),
        )
    except AwsError as error:
        if error.code not in _NO_TOPIC:
            raise


def _read_topic_policy(scope: Scope) -> dict[str, Any] | None:
    found = _attributes(scope, scope.id)
    if found is None or not found.get("Policy"):
        return None
    return {"arn": scope.id, "owner": found.get("Owner"), "policy": found["Policy"]}


TOPIC_POLICY = ResourceType(
    type="aws:sns/topicPolicy:TopicPolicy",
    inputs={"arn": Field(TEXT, required=True, replaces=True), "policy": Field(JSON, required=True)},
    outputs=("owner",),
    create=_put_topic_policy,
    read=_read_topic_policy,
    updates=(Update(("policy",), _put_topic_policy),),
    delete=_reset_topic_policy,
)


def _subscribe(scope: Scope) -> str:
    given = {
        "FilterPolicy": scope.new.get("filterPolicy"),
        "RawMessageDelivery": "true" if scope.new.get("rawMessageDelivery") else None,
        "RedrivePolicy": scope.new.get("redrivePolicy"),
    }
    answer = scope.call(
        "sns",
        "subscribe",
        TopicArn=scope.new["topic"],
        Protocol=scope.new["protocol"],
        Endpoint=scope.new["endpoint"],
        Attributes={name: value for name, value in given.items() if value},
        ReturnSubscriptionArn=True,
    )
    return str(answer["SubscriptionArn"])


def _read_subscription(scope: Scope) -> dict[str, Any] | None:
    try:
        found = scope.call("sns", "get_subscription_attributes", SubscriptionArn=scope.id)["Attributes"]
    except AwsError as error:
        if error.code in _NO_TOPIC:
            return None
        raise
    return {
        "arn": found["SubscriptionArn"],
        "endpoint": found["Endpoint"],
        "filterPolicy": found.get("FilterPolicy"),
        "ownerId": found.get("Owner"),
        "pendingConfirmation": found.get("PendingConfirmation") == "true",
        "protocol": found["Protocol"],
        "rawMessageDelivery": found.get("RawMessageDelivery") == "true",
        "redrivePolicy": found.get("RedrivePolicy"),
        "topic": found["TopicArn"],
    }


def _set_subscription(name: str, attribute: str) -> Update:
    def run(scope: Scope) -> None:
        value = scope.new.get(name)
        text = str(value).lower() if isinstance(value, bool) else str(value or "")
        scope.call(
            "sns",
            "set_subscription_attributes",
            SubscriptionArn=scope.id,
            AttributeName=attribute,
            AttributeValue=text,
        )

    return Update((name,), run)


TOPIC_SUBSCRIPTION = ResourceType(
    type="aws:sns/topicSubscription:TopicSubscription",
    inputs={
        "confirmationTimeoutInMinutes": Field(WHOLE, local=True, default=1),
        "endpoint": Field(TEXT, required=True, replaces=True),
        "endpointAutoConfirms": Field(FLAG, local=True, default=False),
        "filterPolicy": Field(JSON),
        "protocol": Field(TEXT, required=True, replaces=True),
        "rawMessageDelivery": Field(FLAG, default=False),
        "redrivePolicy": Field(JSON),
        "topic": Field(TEXT, required=True, replaces=True),
    },
    outputs=("arn", "ownerId", "pendingConfirmation"),
    create=_subscribe,
    read=_read_subscription,
    updates=(
        _set_subscription("filterPolicy", "FilterPolicy"),
        _set_subscription("rawMessageDelivery", "RawMessageDelivery"),
        _set_subscription("redrivePolicy", "RedrivePolicy"),
    ),
    delete=Call("sns", "unsubscribe", {"SubscriptionArn": own_id}, _NO_TOPIC),
)

_NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NonExistentQueue")
_QUEUE_NUMBERS = {
    "delaySeconds": 0,
    "messageRetentionSeconds": 345600,
    "receiveWaitTimeSeconds": 0,
    "visibilityTimeoutSeconds": 30,
}
_QUEUE_NAMES = {
    "delaySeconds": "DelaySeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redrivePolicy": "RedrivePolicy",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


def _queue_attributes(scope: Scope, *, clear: bool = False) -> dict[str, str]:
    values = {attribute: scope.new.get(name) for name, attribute in _QUEUE_NAMES.items()}
    text = {name: "" if value is None else str(value) for name, value in values.items()}
    return text if clear else {name: value for name, value in text.items() if value}


def _change_queue(scope: Scope) -> None:
    """Set what changed; an attribute that is no longer asked for is cleared."""
    changed = {
        attribute: value
        for attribute, value in _queue_attributes(scope, clear=True).items()
        for name, other in _QUEUE_NAMES.items()
        if other == attribute and scope.new.get(name) != scope.old.get(name)
    }
    scope.call("sqs", "set_queue_attributes", QueueUrl=scope.id, Attributes=changed)


def _read_queue(scope: Scope) -> dict[str, Any] | None:
    try:
        found = scope.call("sqs", "get_queue_attributes", QueueUrl=scope.id, AttributeNames=["All"])
    except AwsError as error:
        if error.code in _NO_QUEUE:
            return None
        raise
    attributes = found["Attributes"]
    values = {name: at(attributes, attribute) for name, attribute in _QUEUE_NAMES.items()}
    numbers = {name: int(values[name]) for name in _QUEUE_NUMBERS if values.get(name) is not None}
    return {
        **values,
        **numbers,
        "arn": attributes["QueueArn"],
        "name": attributes["QueueArn"].rpartition(":")[2],
        "url": scope.id,
    }


QUEUE = ResourceType(
    type="aws:sqs/queue:Queue",
    inputs={
        **{name: Field(WHOLE, default=value) for name, value in _QUEUE_NUMBERS.items()},
        "kmsMasterKeyId": Field(TEXT),
        "name": Field(TEXT, computed=True, replaces=True),
        "namePrefix": NAME_PREFIX,
        "policy": Field(JSON, computed=True),
        "redrivePolicy": Field(JSON, computed=True),
    },
    outputs=("arn", "url"),
    create=Create(
        Call(
            "sqs",
            "create_queue",
            {
                "QueueName": _name,
                "Attributes": _queue_attributes,
                "tags": lambda scope: scope.new.get("tags"),
            },
        ),
        "QueueUrl",
    ),
    read=_read_queue,
    updates=(Update(tuple(_QUEUE_NAMES), _change_queue),),
    delete=Call("sqs", "delete_queue", {"QueueUrl": own_id}, _NO_QUEUE),
    name="name",
    name_length=80,
    tags=Tags(
        put=lambda scope, tags: scope.call("sqs", "tag_queue", QueueUrl=scope.id, Tags=tags),
        remove=lambda scope, keys: scope.call("sqs", "untag_queue", QueueUrl=scope.id, TagKeys=keys),
        read=lambda scope: dict(scope.call("sqs", "list_queue_tags", QueueUrl=scope.id).get("Tags") or {}),
        on_create=True,
    ),
)

TYPES = (TOPIC, TOPIC_POLICY, TOPIC_SUBSCRIPTION, QUEUE)
