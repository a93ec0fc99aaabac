"""Secrets Manager as its API reference describes it, in memory, as a boto3 client would answer."""

# ruff: noqa: N803 - the API's own parameter names

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def refused(code: str, message: str = "as ordered", action: str = "Call") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, action)


@dataclass
class Stored:
    text: str
    created: datetime
    labels: set[str] = field(default_factory=set)


class MemoryClient:
    """One secret of one region. ``may_read`` off is a caller without GetSecretValue."""

    def __init__(self) -> None:
        self.versions: dict[str, Stored] = {}
        self.deleted_at: datetime | None = None
        self.rotation = False
        self.missing = False
        self.may_read = True
        self.now = START
        self.calls: list[str] = []
        self.page_size = 100

    # the API

    def describe_secret(self, SecretId: str) -> dict[str, Any]:
        self._begin("DescribeSecret")
        about: dict[str, Any] = {"ARN": SecretId, "LastChangedDate": self.now}
        if self.deleted_at:
            about["DeletedDate"] = self.deleted_at
        if self.rotation:
            about["RotationEnabled"] = True
        return about

    def list_secret_version_ids(
        self, SecretId: str, IncludeDeprecated: bool = False, NextToken: str = "0"
    ) -> dict[str, Any]:
        self._begin("ListSecretVersionIds", alive=True)
        shown = [
            {"VersionId": key, "CreatedDate": item.created, "VersionStages": sorted(item.labels)}
            for key, item in self.versions.items()
            if item.labels or IncludeDeprecated
        ]
        begin = int(NextToken)
        page: dict[str, Any] = {"Versions": shown[begin : begin + self.page_size]}
        if begin + self.page_size < len(shown):
            page["NextToken"] = str(begin + self.page_size)
        return page

    def get_secret_value(
        self, SecretId: str, VersionStage: str | None = None, VersionId: str | None = None
    ) -> dict[str, Any]:
        self._begin("GetSecretValue", alive=True)
        if not self.may_read:
            raise refused("AccessDeniedException")
        holder = self.holder(VersionStage or "AWSCURRENT")
        if holder is None:
            raise refused(
                "ResourceNotFoundException",
                f"Secrets Manager can't find the specified secret value for staging label: {VersionStage}",
            )
        if VersionId not in (None, holder):
            raise refused("InvalidRequestException", "VersionStage is not associated to the VersionId")
        return {"SecretString": self.versions[holder].text, "VersionId": holder}

    def put_secret_value(
        self, SecretId: str, ClientRequestToken: str, SecretString: str, VersionStages: list[str]
    ) -> dict[str, Any]:
        self._begin("PutSecretValue", alive=True)
        assert 32 <= len(ClientRequestToken) <= 64
        known = self.versions.get(ClientRequestToken)
        if known and known.text != SecretString:
            raise refused("ResourceExistsException")
        if known is None:
            labels = {*VersionStages, *(() if self.versions else ("AWSCURRENT",))}
            self.versions[ClientRequestToken] = Stored(SecretString, self.now)
            for label in labels:
                self._give(label, ClientRequestToken)
        return {
            "VersionId": ClientRequestToken,
            "VersionStages": sorted(self.versions[ClientRequestToken].labels),
        }

    def update_secret_version_stage(
        self,
        SecretId: str,
        VersionStage: str,
        MoveToVersionId: str | None = None,
        RemoveFromVersionId: str | None = None,
    ) -> dict[str, Any]:
        self._begin("UpdateSecretVersionStage", alive=True)
        holder = self.holder(VersionStage)
        if RemoveFromVersionId != holder and not (RemoveFromVersionId is None and holder == MoveToVersionId):
            raise refused("InvalidParameterException", f"{VersionStage} is attached to {holder}")
        if MoveToVersionId is None:
            if VersionStage == "AWSCURRENT":
                raise refused("InvalidParameterException", "AWSCURRENT can only be moved")
            self.versions[str(holder)].labels.discard(VersionStage)
            return {}
        if MoveToVersionId not in self.versions:
            raise refused("InvalidParameterException", "no such version")
        self._give(VersionStage, MoveToVersionId)
        return {}

    def restore_secret(self, SecretId: str) -> dict[str, Any]:
        self._begin("RestoreSecret")
        self.deleted_at = None
        return {}

    # for tests

    def holder(self, label: str) -> str | None:
        return next((key for key, item in self.versions.items() if label in item.labels), None)

    def value_at(self, label: str) -> str | None:
        holder = self.holder(label)
        return self.versions[holder].text if holder else None

    def _give(self, label: str, version: str) -> None:
        holder = self.holder(label)
        if holder and holder != version:
            self.versions[holder].labels.discard(label)
            if label == "AWSCURRENT":
                for item in self.versions.values():
                    item.labels.discard("AWSPREVIOUS")
                self.versions[holder].labels.add("AWSPREVIOUS")
        self.versions[version].labels.add(label)
        if label == "AWSCURRENT":
            self.versions[version].labels.discard("AWSPREVIOUS")

    def _begin(self, action: str, *, alive: bool = False) -> None:
        self.calls.append(action)
        self.now += timedelta(seconds=1)
        if self.missing:
            raise refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        if alive and self.deleted_at:
            raise refused("InvalidRequestException", "the secret was marked for deletion")


class Interruption:
    """Breaks the nth call that goes through any of the clients it wraps."""

    def __init__(self, nth: int, how: Callable[[Callable[[], Any]], Any]) -> None:
        self._counter = itertools.count()
        self._nth = nth
        self._how = how

    def call(self, real: Callable[[], Any]) -> Any:
        return self._how(real) if next(self._counter) == self._nth else real()


class Breakable:
    """A client whose calls pass through an Interruption."""

    def __init__(self, client: MemoryClient, interruption: Interruption) -> None:
        self._client = client
        self._interruption = interruption

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        return lambda **parameters: self._interruption.call(lambda: real(**parameters))


def killed_before(real: Callable[[], Any]) -> Any:
    raise KeyboardInterrupt


def killed_after(real: Callable[[], Any]) -> Any:
    real()
    raise KeyboardInterrupt


def failed(real: Callable[[], Any]) -> Any:
    raise refused("InternalServiceError")


def answer_lost(real: Callable[[], Any]) -> Any:
    real()
    raise refused("InternalServiceError")


def answer_lost_and_retried(real: Callable[[], Any]) -> Any:
    """What botocore makes of a lost answer: the call is carried out twice, and the second answer counts."""
    real()
    return real()


WAYS = (killed_before, killed_after, failed, answer_lost, answer_lost_and_retried)
