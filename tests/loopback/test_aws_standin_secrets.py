"""The stand-in's Secrets Manager and KMS do what AWS does where credentials depend on it."""

import base64
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.loopback.aws_standin import Aws, code_of

NAME = "flexpay/sandbox/acme-air"


def versions(store: Any) -> dict[str, list[str]]:
    shown: dict[str, list[str]] = store.describe_secret(SecretId=NAME)["VersionIdsToStages"]
    return {version: sorted(stages) for version, stages in shown.items()}


def put(store: Any, value: str, *stages: str) -> str:
    named = {"VersionStages": list(stages)} if stages else {}
    return str(store.put_secret_value(SecretId=NAME, SecretString=value, **named)["VersionId"])


@pytest.fixture
def store(aws: Aws) -> Any:
    store = aws.client("secretsmanager")
    store.create_secret(Name=NAME)
    return store


def test_an_empty_secret_has_no_value_and_says_so(store: Any) -> None:
    with pytest.raises(ClientError, match="staging label: AWSCURRENT") as refused:
        store.get_secret_value(SecretId=NAME)
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
    put(store, "one")
    with pytest.raises(ClientError, match="staging label: AWSPENDING"):
        store.get_secret_value(SecretId=NAME, VersionStage="AWSPENDING")
    with pytest.raises(ClientError, match="find the specified secret\\."):
        store.get_secret_value(SecretId="unknown")


def test_a_promoted_version_is_what_readers_get(store: Any) -> None:
    first = put(store, "one")
    second = put(store, "two", "AWSPENDING")
    assert store.get_secret_value(SecretId=NAME)["SecretString"] == "one"
    move = {"VersionStage": "AWSCURRENT", "MoveToVersionId": second, "RemoveFromVersionId": first}
    store.update_secret_version_stage(SecretId=NAME, **move)
    assert store.get_secret_value(SecretId=NAME)["SecretString"] == "two"
    assert versions(store) == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT", "AWSPENDING"]}
    third = put(store, "three")
    assert versions(store) == {second: ["AWSPENDING", "AWSPREVIOUS"], third: ["AWSCURRENT"]}


def test_a_rollback_swaps_current_and_previous(store: Any) -> None:
    first, second = put(store, "one"), put(store, "two")
    back = {"VersionStage": "AWSCURRENT", "MoveToVersionId": first, "RemoveFromVersionId": second}
    store.update_secret_version_stage(SecretId=NAME, **back)
    assert versions(store) == {first: ["AWSCURRENT"], second: ["AWSPREVIOUS"]}
    assert store.get_secret_value(SecretId=NAME, VersionStage="AWSPREVIOUS")["SecretString"] == "two"


def test_a_label_is_on_one_version_only(store: Any) -> None:
    first, second = put(store, "one", "AWSCURRENT", "proven"), put(store, "two", "AWSPENDING")
    blind = {"SecretId": NAME, "VersionStage": "proven", "MoveToVersionId": second}
    assert code_of(store.update_secret_version_stage, **blind) == "InvalidParameterException"
    store.update_secret_version_stage(**blind, RemoveFromVersionId=first)
    assert versions(store) == {first: ["AWSCURRENT"], second: ["AWSPENDING", "proven"]}
    lost = {"SecretId": NAME, "VersionStage": "AWSCURRENT", "RemoveFromVersionId": first}
    assert code_of(store.update_secret_version_stage, **lost) == "InvalidParameterException"
    wrong = {**blind, "VersionStage": "AWSCURRENT", "RemoveFromVersionId": second}
    assert code_of(store.update_secret_version_stage, **wrong) == "InvalidParameterException"
    unknown = {**wrong, "RemoveFromVersionId": str(uuid.uuid4())}
    assert code_of(store.update_secret_version_stage, **unknown) == "ResourceNotFoundException"


def test_putting_again_with_a_token_is_the_same_put_or_refused(store: Any) -> None:
    put(store, "zero")
    same = {"SecretId": NAME, "ClientRequestToken": str(uuid.uuid4()), "VersionStages": ["AWSPENDING"]}
    store.put_secret_value(SecretString="one", **same)
    store.put_secret_value(SecretString="one", **same)
    assert code_of(store.put_secret_value, SecretString="other", **same) == "ResourceExistsException"
    assert store.get_secret_value(SecretId=NAME, VersionStage="AWSPENDING")["SecretString"] == "one"


def test_versions_without_a_label_are_deprecated(store: Any) -> None:
    first, second, third = (put(store, value) for value in ("one", "two", "three"))
    assert set(versions(store)) == {second, third}
    listed = store.list_secret_version_ids(SecretId=NAME)
    assert {item["VersionId"] for item in listed["Versions"]} == {second, third}
    assert listed["ARN"].startswith("arn:aws:secretsmanager:")
    every = store.list_secret_version_ids(SecretId=NAME, IncludeDeprecated=True)["Versions"]
    assert {item["VersionId"] for item in every} == {first, second, third}
    assert code_of(store.list_secret_version_ids, SecretId="unknown") == "ResourceNotFoundException"


def test_a_secret_marked_for_deletion_can_only_be_restored(store: Any) -> None:
    first, second = put(store, "one"), put(store, "two")
    store.delete_secret(SecretId=NAME, RecoveryWindowInDays=7)
    move = {"VersionStage": "AWSCURRENT", "MoveToVersionId": first, "RemoveFromVersionId": second}
    for call, arguments in (
        (store.get_secret_value, {"SecretId": NAME}),
        (store.put_secret_value, {"SecretId": NAME, "SecretString": "three"}),
        (store.update_secret_version_stage, {"SecretId": NAME, **move}),
        (store.create_secret, {"Name": NAME}),
    ):
        assert code_of(call, **arguments) == "InvalidRequestException"
    assert store.describe_secret(SecretId=NAME)["DeletedDate"]
    store.restore_secret(SecretId=NAME)
    assert store.get_secret_value(SecretId=NAME)["SecretString"] == "two"
    assert code_of(store.create_secret, Name=NAME) == "ResourceExistsException"


@pytest.mark.parametrize(
    ("algorithm", "digest"), [("RSAES_OAEP_SHA_256", SHA256), ("RSAES_OAEP_SHA_1", SHA1)]
)
def test_an_rsa_key_opens_what_was_sealed_elsewhere(aws: Aws, algorithm: str, digest: Any) -> None:
    kms = aws.client("kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    assert isinstance(public, rsa.RSAPublicKey)
    sealed = public.encrypt(b"secret", padding.OAEP(padding.MGF1(digest()), digest(), None))
    asked = {"KeyId": key, "EncryptionAlgorithm": algorithm}
    opened = kms.decrypt(CiphertextBlob=sealed, **asked)
    assert (opened["Plaintext"], opened["EncryptionAlgorithm"]) == (b"secret", algorithm)
    spoiled = bytes([sealed[0] ^ 1]) + sealed[1:]
    assert code_of(kms.decrypt, CiphertextBlob=spoiled, **asked) == "InvalidCiphertextException"
    inside = kms.encrypt(Plaintext=b"other", **asked)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=inside, **asked)["Plaintext"] == b"other"
    assert code_of(kms.encrypt, KeyId=key, Plaintext=b"x") == "InvalidKeyUsageException"


def test_a_key_that_is_off_or_for_signing_encrypts_nothing_and_opens_nothing(aws: Aws) -> None:
    kms = aws.client("kms")
    signing = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    asked = {"KeyId": signing, "Plaintext": b"x", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert code_of(kms.encrypt, **asked) == "InvalidKeyUsageException"
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key)
    assert code_of(kms.encrypt, KeyId=key, Plaintext=b"x") == "DisabledException"
    assert code_of(kms.generate_data_key, KeyId=key, KeySpec="AES_256") == "DisabledException"
    assert code_of(kms.decrypt, CiphertextBlob=sealed) == "DisabledException"
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert code_of(kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
    assert code_of(kms.decrypt, CiphertextBlob=sealed) == "KMSInvalidStateException"


def test_base64_of_a_plaintext_is_the_protocols_business(aws: Aws) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    text = base64.b64encode(b"\x00\xff")
    sealed = kms.encrypt(KeyId=key, Plaintext=text)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == text
