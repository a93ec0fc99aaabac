"""KMS: asymmetric encryption, and keys that are in no state to be used."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from moto.core.exceptions import JsonRESTError
from moto.kms.exceptions import InvalidCiphertextException
from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse

from sandbox.aws.behaviour.rules import Rules

RULES = Rules()

SYMMETRIC = "SYMMETRIC_DEFAULT"
HASHES: dict[str, type[HashAlgorithm]] = {"RSAES_OAEP_SHA_1": SHA1, "RSAES_OAEP_SHA_256": SHA256}


@RULES.replaces(KmsBackend)
def create_key(original: Any, self: Any, policy: str | None, key_usage: str | None, *args: Any) -> Any:
    """Make a key for encryption when no usage is named (CreateKey, ``KeyUsage``)."""
    return original(self, policy, key_usage or "ENCRYPT_DECRYPT", *args)


@RULES.replaces(KmsBackend, "encrypt")
def encrypt_with(original: Any, self: Any, key_id: str, *args: Any, **kwargs: Any) -> Any:
    """Refuse a key that is in no state for it; GenerateDataKey and ReEncrypt encrypt with it as well."""
    _check_state(self.keys[self.any_id_to_key_id(key_id)])
    return original(self, key_id, *args, **kwargs)


@RULES.replaces(KmsBackend, "decrypt")
def decrypt_with(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """Refuse a ciphertext whose key is in no state for it, also where only the ciphertext names the key."""
    plaintext, arn = original(self, *args, **kwargs)
    _check_state(self.keys[arn.rpartition("/")[2]])
    return plaintext, arn


@RULES.replaces(KmsResponse)
def encrypt(original: Any, self: Any) -> str:
    """Encrypt with the algorithm that the key is for, and name it in the answer.

    Encrypt: an RSA key needs EncryptionAlgorithm; a key for signing is InvalidKeyUsageException; a
    disabled one DisabledException, one that waits for its deletion KMSInvalidStateException.
    """
    key = _usable(self)
    algorithm = self._get_param("EncryptionAlgorithm") or SYMMETRIC
    _check_algorithm(key, algorithm)
    if algorithm == SYMMETRIC:
        return json.dumps({**json.loads(original(self)), "EncryptionAlgorithm": algorithm})
    public = key.private_key.private_key.public_key()
    sealed = public.encrypt(self._get_param("Plaintext"), _oaep(algorithm))
    return json.dumps(
        {
            "CiphertextBlob": base64.b64encode(sealed).decode(),
            "KeyId": key.arn,
            "EncryptionAlgorithm": algorithm,
        }
    )


@RULES.replaces(KmsResponse)
def decrypt(original: Any, self: Any) -> str:
    """Decrypt what was encrypted outside of AWS with an RSA key's public half.

    Decrypt: KeyId and EncryptionAlgorithm are required then; anything that does not open is
    InvalidCiphertextException. The padding is RSAES-OAEP with MGF1 and the same hash, without label.
    """
    algorithm = self._get_param("EncryptionAlgorithm") or SYMMETRIC
    if self._get_param("KeyId"):
        key = _usable(self)
        _check_algorithm(key, algorithm)
    if algorithm == SYMMETRIC:
        return json.dumps({**json.loads(original(self)), "EncryptionAlgorithm": algorithm})
    if not self._get_param("KeyId"):
        raise JsonRESTError("ValidationException", "KeyId is required to decrypt with an asymmetric key")
    try:
        opened = key.private_key.private_key.decrypt(self._get_param("CiphertextBlob"), _oaep(algorithm))
    except ValueError as error:
        raise InvalidCiphertextException from error
    return json.dumps(
        {
            "Plaintext": base64.b64encode(opened).decode(),
            "KeyId": key.arn,
            "EncryptionAlgorithm": algorithm,
        }
    )


def _usable(response: Any) -> Any:
    key_id = response._get_param("KeyId")
    response._validate_key_id(key_id)
    key = response.kms_backend.keys[response.kms_backend.any_id_to_key_id(key_id)]
    _check_state(key)
    return key


def _check_state(key: Any) -> None:
    if key.key_state == "PendingDeletion":
        raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if key.key_state == "Disabled":
        raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")


def _check_algorithm(key: Any, algorithm: str) -> None:
    if key.key_usage != "ENCRYPT_DECRYPT":
        raise JsonRESTError(
            "InvalidKeyUsageException", f"{key.arn} key usage is {key.key_usage}, not ENCRYPT_DECRYPT."
        )
    if algorithm not in key.encryption_algorithms:
        raise JsonRESTError(
            "InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}."
        )


def _oaep(algorithm: str) -> padding.OAEP:
    hash_type = HASHES[algorithm]
    return padding.OAEP(mgf=padding.MGF1(hash_type()), algorithm=hash_type(), label=None)
