"""Adapter: an RSA key pair in KMS whose private half never leaves it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from onboarding.aws.errors import asking_aws, code_of
from onboarding.errors import Finding, InputError, ToolkitError
from onboarding.redaction import Hidden, guarded

KEY_SPEC = "RSA_4096"
ALGORITHM = "RSAES_OAEP_SHA_256"
DELETION_DAYS = 7
"""The shortest KMS allows; in that time the deletion can be cancelled."""

Answer = TypeVar("Answer")


class NoKey(Finding):
    """There is no usable key under this alias."""


@dataclass(frozen=True)
class PublicHalf:
    """The key as others may see it."""

    key_arn: str
    der: bytes
    """SubjectPublicKeyInfo."""


class KeyStore:
    """Makes, uses and ends one key per alias; ``client`` is a boto3 ``kms`` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def open(self, alias: str, *, description: str, tags: dict[str, str]) -> PublicHalf:
        """Return the public half of the alias's key, making key and alias where there are none.

        A key that is being deleted is left to it, and the alias gets a new one.
        """
        found = self._metadata(alias)
        if found is not None and found["KeyState"] == "Enabled":
            return self._public(found["Arn"])
        made = self._ask(
            alias,
            "CreateKey",
            lambda: self._client.create_key(
                KeySpec=KEY_SPEC,
                KeyUsage="ENCRYPT_DECRYPT",
                Description=description,
                Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
            ),
        )["KeyMetadata"]
        call = self._client.create_alias if found is None else self._client.update_alias
        action = "CreateAlias" if found is None else "UpdateAlias"
        self._ask(alias, action, lambda: call(AliasName=alias, TargetKeyId=made["KeyId"]))
        return self._public(made["Arn"])

    def decrypt(self, alias: str, ciphertext: bytes) -> Hidden:
        """Decrypt inside KMS; the plain text comes back over TLS and stays in memory.

        Raises InputError for what was not encrypted for this key, NoKey when it is not there any
        more. The text must be UTF-8, else InputError.
        """
        key = self._usable(alias)

        def ask() -> Hidden | None:
            answer = self._client.decrypt(KeyId=key, CiphertextBlob=ciphertext, EncryptionAlgorithm=ALGORITHM)
            try:
                return Hidden(answer["Plaintext"].decode("utf-8"))
            except UnicodeDecodeError:
                return None

        plain = self._ask(alias, "Decrypt", ask)
        if plain is None:
            raise InputError(
                "what was encrypted is not UTF-8 text", hint="ask the partner to encrypt the JSON line"
            )
        return plain

    def close(self, alias: str) -> datetime | None:
        """Schedule the key's deletion; return when it will be gone. Does nothing twice."""
        found = self._metadata(alias)
        if found is None:
            return None
        if found["KeyState"] == "PendingDeletion":
            leaving: datetime | None = found.get("DeletionDate")
            return leaving
        answer = self._ask(
            alias,
            "ScheduleKeyDeletion",
            lambda: self._client.schedule_key_deletion(
                KeyId=found["KeyId"], PendingWindowInDays=DELETION_DAYS
            ),
        )
        gone: datetime | None = answer.get("DeletionDate")
        return gone

    def _usable(self, alias: str) -> str:
        found = self._metadata(alias)
        if found is None or found["KeyState"] != "Enabled":
            state = "there is none" if found is None else f"it is in state {found['KeyState']}"
            raise NoKey(
                f"key {alias}: {state}",
                hint="its answer may have been received already (`credentials status`); "
                "else make a new request with `credentials request`",
            )
        return str(found["KeyId"])

    def _metadata(self, alias: str) -> Any:
        try:
            return self._ask(alias, "DescribeKey", lambda: self._client.describe_key(KeyId=alias))[
                "KeyMetadata"
            ]
        except NoKey:
            return None

    def _public(self, key_arn: str) -> PublicHalf:
        answer = self._ask(key_arn, "GetPublicKey", lambda: self._client.get_public_key(KeyId=key_arn))
        return PublicHalf(key_arn, bytes(answer["PublicKey"]))

    def _ask(self, key: str, action: str, call: Callable[[], Answer]) -> Answer:
        with asking_aws(f"key {key}", permission=f"kms:{action}"):
            try:
                return guarded(call)
            except ClientError as error:
                if (known := _known(error, key)) is None:
                    raise
            # outside of the except block: the service's own exception is not carried along
            raise known


def _known(error: ClientError, key: str) -> ToolkitError | None:
    code = code_of(error)
    if code == "NotFoundException":
        return NoKey(f"key {key}: there is none", hint="make one with `flexpay-onboard credentials request`")
    if code in ("KMSInvalidStateException", "DisabledException"):
        return NoKey(f"key {key}: not usable ({code})", hint="make a new request with `credentials request`")
    if code == "InvalidCiphertextException":
        return InputError(
            "the answer cannot be decrypted: it was encrypted for another key, or cut on the way",
            hint="compare the key's fingerprint with the partner, and have them run the openssl line again",
        )
    return None
