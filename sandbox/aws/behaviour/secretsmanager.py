"""Secrets Manager: staging labels, and secrets that are scheduled for deletion."""

import json
from typing import Any

from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    ResourceExistsException,
    ResourceNotFoundException,
    SecretNotFoundException,
)
from moto.secretsmanager.models import FakeSecret, ReplicaSecret, SecretsManagerBackend
from moto.secretsmanager.responses import SecretsManagerResponse

from sandbox.aws.behaviour.rules import Rules

RULES = Rules()

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
MARKED = "You can't perform this operation on the secret because it was marked for deletion."


@RULES.property(FakeSecret)
def default_version_id(self: Any) -> str | None:
    """Take the version labelled AWSCURRENT when no version and no stage is named.

    GetSecretValue: "If you don't specify either a VersionStage or VersionId, Secrets Manager returns
    the AWSCURRENT version", also after the label was moved by UpdateSecretVersionStage.
    """
    return _holder(self, CURRENT)


@RULES.replaces(FakeSecret)
def reset_default_version(original: Any, self: Any, secret_version: dict[str, Any], version_id: str) -> None:
    """Move AWSCURRENT to a new version and AWSPREVIOUS to the one it leaves; other labels stay.

    PutSecretValue: labels named in VersionStages are taken from the version that had them.
    """
    before = _holder(self, CURRENT)
    if before and before != version_id:
        _give(self, PREVIOUS, before)
    labels = list(dict.fromkeys(secret_version["version_stages"]))
    secret_version["version_stages"] = []
    self.versions[version_id] = secret_version
    for label in labels:
        _give(self, label, version_id)


@RULES.replaces(SecretsManagerBackend)
def get_secret_value(
    original: Any, self: Any, secret_id: str, version_id: str | None, version_stage: str | None
) -> dict[str, Any]:
    """Say which label no version carries, instead of denying the secret.

    GetSecretValue: ResourceNotFoundException "Secrets Manager can't find the specified secret value
    for staging label: …"; a secret scheduled for deletion is refused first.
    """
    if not self._is_valid_identifier(secret_id):
        raise SecretNotFoundException
    secret = self.secrets[secret_id]
    if secret.is_deleted():
        raise InvalidRequestException(MARKED)
    if not version_id and _holder(secret, version_stage or CURRENT) is None:
        raise ResourceNotFoundException(
            "Secrets Manager can't find the specified secret value for staging label: "
            f"{version_stage or CURRENT}"
        )
    value: dict[str, Any] = original(self, secret_id, version_id or None, version_stage or None)
    return value


@RULES.replaces(SecretsManagerBackend)
def _check_with_existing_secrets_and_versions(  # noqa: PLR0917 - moto calls it by position
    original: Any,
    self: Any,
    secret_name: str,
    client_request_token: str | None,
    secret_string: str | None,
    secret_binary: str | None,
    on_create: bool = False,
) -> Any:
    """Refuse a name or value that AWS would not take.

    CreateSecret with the name of a secret scheduled for deletion: InvalidRequestException. A token
    that names a version with another value: ResourceExistsException, whatever the version's labels.
    """
    known = self.secrets.get(secret_name)
    if on_create and known is not None and known.is_deleted():
        raise InvalidRequestException(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    version = known.versions.get(client_request_token) if known is not None else None
    has_value = version is not None and ("secret_string" in version or "secret_binary" in version)
    if version is not None and has_value:
        if (version.get("secret_string"), version.get("secret_binary")) == (secret_string, secret_binary):
            return known
        raise ResourceExistsException(
            f"You can't use ClientRequestToken {client_request_token} because that value is already "
            f"in use for a version of secret {known.arn}."
        )
    return original(self, secret_name, client_request_token, secret_string, secret_binary, on_create)


@RULES.replaces(SecretsManagerBackend)
def put_secret_value(original: Any, self: Any, secret_id: str, *args: Any, **kwargs: Any) -> str:
    """Refuse to write to a secret that is scheduled for deletion: InvalidRequestException."""
    if self._is_valid_identifier(secret_id) and self.secrets[secret_id].is_deleted():
        raise InvalidRequestException(MARKED)
    answer: str = original(self, secret_id, *args, **kwargs)
    return answer


@RULES.replaces(SecretsManagerBackend)
def update_secret_version_stage(  # noqa: PLR0917 - moto calls it by position
    original: Any,
    self: Any,
    secret_id: str,
    version_stage: str,
    remove_from_version_id: str | None,
    move_to_version_id: str | None,
) -> tuple[str, str]:
    """Keep every label on at most one version, and AWSCURRENT on exactly one.

    UpdateSecretVersionStage: a label that is attached elsewhere needs that version in
    RemoveFromVersionId; AWSCURRENT cannot be removed without being moved; AWSPREVIOUS goes to the
    version that AWSCURRENT leaves. Refused for a secret scheduled for deletion.
    """
    if not self._is_valid_identifier(secret_id):
        raise SecretNotFoundException
    secret = self.secrets[secret_id]
    if secret.is_deleted():
        raise InvalidRequestException(MARKED)
    for named in (remove_from_version_id, move_to_version_id):
        if named and named not in secret.versions:
            raise ResourceNotFoundException(
                f"Secrets Manager can't find the specified secret value for VersionId: {named}"
            )
    holder = _holder(secret, version_stage)
    if remove_from_version_id and remove_from_version_id != holder:
        raise InvalidParameterException(
            f"Staging label {version_stage} is not attached to version {remove_from_version_id}."
        )
    if holder and not remove_from_version_id and move_to_version_id != holder:
        raise InvalidParameterException(
            f"The parameter RemoveFromVersionId can't be empty. Staging label {version_stage} is currently "
            f"attached to version {holder}, so you must explicitly reference that version in "
            "RemoveFromVersionId."
        )
    if version_stage == CURRENT and not move_to_version_id:
        raise InvalidParameterException(f"You can't remove the staging label {CURRENT} from a secret.")
    if version_stage == CURRENT and holder and move_to_version_id != holder:
        _give(secret, PREVIOUS, holder)
    _give(secret, version_stage, move_to_version_id)
    return secret.arn, secret.name


@RULES.replaces(FakeSecret)
def _form_version_ids_to_stages(original: Any, self: Any) -> dict[str, list[str]]:
    """Show only versions with a label; one without is deprecated and may be gone any day."""
    return {
        key: version["version_stages"] for key, version in self.versions.items() if version["version_stages"]
    }


@RULES.replaces(SecretsManagerResponse)
def list_secret_version_ids(original: Any, self: Any) -> str:
    """List versions with their dates; those without a label only with IncludeDeprecated."""
    secret_id = self._get_param("SecretId")
    if not self.backend._is_valid_identifier(secret_id):
        raise SecretNotFoundException
    secret = self.backend.secrets[secret_id]
    deprecated_too = self._get_bool_param("IncludeDeprecated", if_none=False)
    versions = [
        {
            "VersionId": key,
            "VersionStages": version["version_stages"],
            "CreatedDate": version["createdate"],
        }
        for key, version in secret.versions.items()
        if version["version_stages"] or deprecated_too
    ]
    return json.dumps({"ARN": secret.arn, "Name": secret.name, "Versions": versions})


def _holder(secret: FakeSecret | ReplicaSecret, label: str) -> str | None:
    versions = secret.versions.items()
    return next((key for key, version in versions if label in version["version_stages"]), None)


def _give(secret: FakeSecret, label: str, version_id: str | None) -> None:
    for version in secret.versions.values():
        version["version_stages"] = [stage for stage in version["version_stages"] if stage != label]
    if version_id is None:
        return
    stages = secret.versions[version_id]["version_stages"]
    if label == CURRENT and PREVIOUS in stages:
        stages.remove(PREVIOUS)
    stages.append(label)
