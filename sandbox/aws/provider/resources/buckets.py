"""S3: buckets, and each of their settings as a resource of its own.

Long because each entry lists every input and output of its type.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..aws import AwsError, at
from ..kinds import FLAG, JSON, TEXT, WHOLE, Field, ListOf, Problem, Record, SetOf
from ..model import NAME_PREFIX, Call, ResourceType, Scope, Tags, Update, own_id, tag_list, tag_map

_NO_BUCKET = ("404", "NoSuchBucket")
_ZONE_IDS = {"us-east-1": "Z3AQBSTGFYJSTF", "eu-west-1": "Z1BKCTXD74EZPE", "eu-central-1": "Z21DNDUVLTQW6Q"}
_MANY = 1000


def _create(scope: Scope) -> str:
    name = scope.new.get("bucket") or f"{scope.new['bucketPrefix']}{secrets.token_hex(13)}"
    where = None if scope.aws.region == "us-east-1" else {"LocationConstraint": scope.aws.region}
    scope.call(
        "s3",
        "create_bucket",
        Bucket=name,
        CreateBucketConfiguration=where,
        ObjectLockEnabledForBucket=scope.new.get("objectLockEnabled"),
    )
    return str(name)


def _optional(scope: Scope, operation: str, path: str, *none: str) -> Any:
    """Return a part of a bucket's configuration, None where it has none or is not there."""
    try:
        return at(scope.call("s3", operation, Bucket=scope.id), path)
    except AwsError as error:
        if error.code in (*none, *_NO_BUCKET):
            return None
        raise


def _read(scope: Scope) -> dict[str, Any] | None:
    try:
        scope.call("s3", "head_bucket", Bucket=scope.id)
    except AwsError as error:
        if error.code in _NO_BUCKET:
            return None
        raise
    lock = _optional(
        scope,
        "get_object_lock_configuration",
        "ObjectLockConfiguration.ObjectLockEnabled",
        "ObjectLockConfigurationNotFoundError",
    )
    return {
        "arn": scope.aws.arn("s3", scope.id, region=False, account=False),
        "bucket": scope.id,
        "bucketDomainName": f"{scope.id}.s3.amazonaws.com",
        "bucketRegion": scope.aws.region,
        "bucketRegionalDomainName": f"{scope.id}.s3.{scope.aws.region}.amazonaws.com",
        "hostedZoneId": _ZONE_IDS.get(scope.aws.region),
        "objectLockEnabled": lock == "Enabled",
    }


def _empty(scope: Scope) -> None:
    """Delete every version of every object; raises AwsError for one that cannot be deleted."""
    client = scope.aws
    for key in ("Versions", "DeleteMarkers"):
        found = client.pages("s3", "list_object_versions", key, Bucket=scope.id)
        for start in range(0, len(found), _MANY):
            objects = [
                {"Key": item["Key"], "VersionId": item["VersionId"]} for item in found[start : start + _MANY]
            ]
            answer = scope.call(
                "s3", "delete_objects", Bucket=scope.id, Delete={"Objects": objects, "Quiet": True}
            )
            for error in answer.get("Errors") or ():
                raise AwsError("s3:DeleteObjects", error["Code"], f"{error['Key']}: {error.get('Message')}")


def _delete(scope: Scope) -> None:
    """Delete a bucket; with forceDestroy in its state, whatever is in it goes first, as often as it takes."""
    while True:
        try:
            scope.call("s3", "delete_bucket", Bucket=scope.id)
        except AwsError as error:
            if error.code in _NO_BUCKET:
                return
            if error.code != "BucketNotEmpty" or not scope.old.get("forceDestroy"):
                raise
            _empty(scope)
        else:
            return


def _tags(scope: Scope) -> dict[str, str]:
    return tag_map(_optional(scope, "get_bucket_tagging", "TagSet", "NoSuchTagSet"))


def _put_tags(scope: Scope, tags: Mapping[str, str]) -> None:
    """S3 only knows all tags at once."""
    if tags:
        scope.call("s3", "put_bucket_tagging", Bucket=scope.id, Tagging={"TagSet": tag_list(tags)})
    else:
        scope.call("s3", "delete_bucket_tagging", Bucket=scope.id)


BUCKET = ResourceType(
    type="aws:s3/bucket:Bucket",
    inputs={
        "bucket": Field(TEXT, computed=True, replaces=True),
        "bucketPrefix": NAME_PREFIX,
        "forceDestroy": Field(FLAG, local=True, default=False),
        "objectLockEnabled": Field(FLAG, computed=True, replaces=True),
    },
    outputs=("arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName", "hostedZoneId"),
    create=_create,
    read=_read,
    delete=_delete,
    name="bucket",
    name_length=63,
    name_small=True,
    tags=Tags(
        put=lambda scope, tags: _put_tags(scope, _tags(scope) | tags),
        remove=lambda scope, keys: _put_tags(
            scope, {key: value for key, value in _tags(scope).items() if key not in keys}
        ),
        read=_tags,
    ),
)


def _setting(
    type: str,
    inputs: Mapping[str, Field],
    *,
    put: Callable[[Scope], Any],
    read: Callable[[Scope], dict[str, Any] | None],
    delete: Callable[[Scope], Any],
    problems: Callable[[Mapping[str, Any]], Iterable[Problem]] = lambda _inputs: (),
) -> ResourceType:
    """Return a setting of a bucket: its id is the bucket, one call sets it, on create and on update."""

    def create(scope: Scope) -> str:
        put(scope)
        return str(scope.new["bucket"])

    def found(scope: Scope) -> dict[str, Any] | None:
        values = read(scope)
        return None if values is None else {**values, "bucket": scope.id}

    def remove(scope: Scope) -> None:
        try:
            delete(scope)
        except AwsError as error:
            if error.code not in _NO_BUCKET:
                raise

    return ResourceType(
        type=type,
        inputs={"bucket": Field(TEXT, required=True, replaces=True), **inputs},
        create=create,
        read=found,
        updates=(Update(tuple(inputs), put),),
        delete=remove,
        problems=problems,
    )


def _versioning(scope: Scope) -> dict[str, Any] | None:
    status = _optional(scope, "get_bucket_versioning", "Status")
    return {"versioningConfiguration": {"status": status}} if status else None


def _put_versioning(scope: Scope) -> None:
    status = scope.new["versioningConfiguration"]["status"]
    if status != "Disabled":
        scope.call(
            "s3",
            "put_bucket_versioning",
            Bucket=scope.new["bucket"],
            VersioningConfiguration={"Status": status},
        )


def _suspend(scope: Scope) -> None:
    if at(scope.old, "versioningConfiguration.status") == "Enabled":
        scope.call(
            "s3", "put_bucket_versioning", Bucket=scope.id, VersioningConfiguration={"Status": "Suspended"}
        )


BUCKET_VERSIONING = _setting(
    "aws:s3/bucketVersioning:BucketVersioning",
    {
        "versioningConfiguration": Field(
            Record({"status": Field(TEXT, required=True, allowed=("Enabled", "Suspended"))}), required=True
        )
    },
    put=_put_versioning,
    read=_versioning,
    delete=_suspend,
)

_BY_DEFAULT = "ApplyServerSideEncryptionByDefault"


def _put_encryption(scope: Scope) -> None:
    rules = []
    for rule in scope.new["rules"]:
        default = rule.get("applyServerSideEncryptionByDefault") or {}
        entry: dict[str, Any] = {}
        if default:
            key = {"KMSMasterKeyID": default["kmsMasterKeyId"]} if default.get("kmsMasterKeyId") else {}
            entry[_BY_DEFAULT] = {"SSEAlgorithm": default["sseAlgorithm"], **key}
        if rule.get("bucketKeyEnabled") is not None:
            entry["BucketKeyEnabled"] = rule["bucketKeyEnabled"]
        rules.append(entry)
    scope.call(
        "s3",
        "put_bucket_encryption",
        Bucket=scope.new["bucket"],
        ServerSideEncryptionConfiguration={"Rules": rules},
    )


def _encryption(scope: Scope) -> dict[str, Any] | None:
    found = _optional(
        scope,
        "get_bucket_encryption",
        "ServerSideEncryptionConfiguration.Rules",
        "ServerSideEncryptionConfigurationNotFoundError",
    )
    if not found:
        return None
    rules = []
    for rule in found:
        default = rule.get(_BY_DEFAULT) or {}
        values = {
            "sseAlgorithm": default.get("SSEAlgorithm"),
            "kmsMasterKeyId": default.get("KMSMasterKeyID"),
        }
        rules.append(
            {
                "applyServerSideEncryptionByDefault": {
                    name: value for name, value in values.items() if value
                },
                "bucketKeyEnabled": bool(rule.get("BucketKeyEnabled")),
            }
        )
    return {"rules": rules}


BUCKET_ENCRYPTION = _setting(
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    {
        "rules": Field(
            SetOf(
                Record(
                    {
                        "applyServerSideEncryptionByDefault": Field(
                            Record(
                                {
                                    "kmsMasterKeyId": Field(TEXT),
                                    "sseAlgorithm": Field(
                                        TEXT, required=True, allowed=("AES256", "aws:kms", "aws:kms:dsse")
                                    ),
                                }
                            )
                        ),
                        "bucketKeyEnabled": Field(FLAG),
                    }
                )
            ),
            required=True,
        )
    },
    put=_put_encryption,
    read=_encryption,
    delete=lambda scope: scope.call("s3", "delete_bucket_encryption", Bucket=scope.id),
)

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _put_block(scope: Scope) -> None:
    scope.call(
        "s3",
        "put_public_access_block",
        Bucket=scope.new["bucket"],
        PublicAccessBlockConfiguration={
            name[0].upper() + name[1:]: bool(scope.new.get(name)) for name in _BLOCKS
        },
    )


def _block(scope: Scope) -> dict[str, Any] | None:
    found = _optional(
        scope,
        "get_public_access_block",
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
    )
    return {name: bool(found.get(name[0].upper() + name[1:])) for name in _BLOCKS} if found else None


BUCKET_PUBLIC_ACCESS_BLOCK = _setting(
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    {name: Field(FLAG, default=False) for name in _BLOCKS},
    put=_put_block,
    read=_block,
    delete=lambda scope: scope.call("s3", "delete_public_access_block", Bucket=scope.id),
)


def _policy(scope: Scope) -> dict[str, Any] | None:
    found = _optional(scope, "get_bucket_policy", "Policy", "NoSuchBucketPolicy")
    return {"policy": found} if found else None


BUCKET_POLICY = _setting(
    "aws:s3/bucketPolicy:BucketPolicy",
    {"policy": Field(JSON, required=True)},
    put=Call("s3", "put_bucket_policy", {"Bucket": "bucket", "Policy": "policy"}),
    read=_policy,
    delete=Call("s3", "delete_bucket_policy", {"Bucket": own_id}),
)

_RULE = Record(
    {
        "abortIncompleteMultipartUpload": Field(Record({"daysAfterInitiation": Field(WHOLE)})),
        "expiration": Field(Record({"days": Field(WHOLE), "expiredObjectDeleteMarker": Field(FLAG)})),
        "filter": Field(Record({"prefix": Field(TEXT)})),
        "id": Field(TEXT, required=True),
        "noncurrentVersionExpiration": Field(
            Record({"newerNoncurrentVersions": Field(WHOLE), "noncurrentDays": Field(WHOLE, required=True)})
        ),
        "status": Field(TEXT, required=True, allowed=("Disabled", "Enabled")),
    }
)
_RULE_NAMES = {"id": "ID"}


def _to_aws(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            _RULE_NAMES.get(name, name[0].upper() + name[1:]): _to_aws(item)
            for name, item in value.items()
            if item is not None
        }
    return value


def _from_aws(value: Any) -> Any:
    if isinstance(value, Mapping):
        names = {aws: own for own, aws in _RULE_NAMES.items()}
        return {names.get(name, name[0].lower() + name[1:]): _from_aws(item) for name, item in value.items()}
    return value


def _put_lifecycle(scope: Scope) -> None:
    rules = [{"filter": {"prefix": ""}, **rule} for rule in scope.new["rules"]]
    scope.call(
        "s3",
        "put_bucket_lifecycle_configuration",
        Bucket=scope.new["bucket"],
        LifecycleConfiguration={"Rules": [_to_aws(rule) for rule in rules]},
    )


def _lifecycle(scope: Scope) -> dict[str, Any] | None:
    found = _optional(scope, "get_bucket_lifecycle_configuration", "Rules", "NoSuchLifecycleConfiguration")
    return {"rules": [_from_aws(rule) for rule in found]} if found else None


BUCKET_LIFECYCLE = _setting(
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    {"rules": Field(ListOf(_RULE), required=True)},
    put=_put_lifecycle,
    read=_lifecycle,
    delete=lambda scope: scope.call("s3", "delete_bucket_lifecycle", Bucket=scope.id),
)


def _ownership(scope: Scope) -> dict[str, Any] | None:
    found = _optional(
        scope,
        "get_bucket_ownership_controls",
        "OwnershipControls.Rules.0.ObjectOwnership",
        "OwnershipControlsNotFoundError",
    )
    return {"rule": {"objectOwnership": found}} if found else None


BUCKET_OWNERSHIP = _setting(
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    {
        "rule": Field(
            Record(
                {
                    "objectOwnership": Field(
                        TEXT,
                        required=True,
                        allowed=("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"),
                    )
                }
            ),
            required=True,
        )
    },
    put=lambda scope: scope.call(
        "s3",
        "put_bucket_ownership_controls",
        Bucket=scope.new["bucket"],
        OwnershipControls={"Rules": [{"ObjectOwnership": scope.new["rule"]["objectOwnership"]}]},
    ),
    read=_ownership,
    delete=lambda scope: scope.call("s3", "delete_bucket_ownership_controls", Bucket=scope.id),
)

TYPES = (
    BUCKET,
    BUCKET_VERSIONING,
    BUCKET_ENCRYPTION,
    BUCKET_PUBLIC_ACCESS_BLOCK,
    BUCKET_POLICY,
    BUCKET_LIFECYCLE,
    BUCKET_OWNERSHIP,
)
