"""Adapter: the environment's proof bucket. Functions write, ``allowlist status`` reads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from onboarding.aws.errors import asking_aws
from onboarding.errors import InputError
from onboarding.proof import Pair, Proof, from_json_together, name_together, newest, to_json_together
from stacks.contract import PROOF_PREFIX

AT_ONCE = 10
"""Objects read side by side: as many connections as a client of botocore keeps."""


class ProofBucket:
    """One stack's proofs; ``client`` is a boto3 ``s3`` client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write(self, proofs: Sequence[Proof]) -> None:
        """Put the proofs of one run and address, one call for all.

        They take the place of the last ones of the same merchants, which the bucket keeps as an
        older version. Raises Denied and CannotTell for what AWS says.
        """
        name = name_together(proofs)
        with asking_aws(f"proofs {name} in {self._bucket}", permission="s3:PutObject"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=PROOF_PREFIX + name,
                Body=to_json_together(proofs).encode(),
                ContentType="application/json",
            )

    def read(self, environment: str) -> dict[Pair, Proof]:
        """Return the last proofs of an environment.

        One call for up to 1000 objects, and one per object; an object holds what a run proved from
        one address. Raises InputError for an object that is no proof, Denied and CannotTell for
        what AWS says.
        """
        keys = self._keys(environment)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            objects = list(pool.map(lambda key: self._object(key, environment), keys))
        return newest(proof for one in objects for proof in one)

    def _object(self, key: str, environment: str) -> tuple[Proof, ...]:
        source = f"s3://{self._bucket}/{key}"
        with asking_aws(source, permission="s3:GetObject"):
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        proofs = from_json_together(body.decode("utf-8", "replace"), source=source)
        if foreign := {one.environment for one in proofs} - {environment}:
            raise InputError(
                f"{source}: holds a proof of {', '.join(sorted(foreign))}", hint="remove it from the bucket"
            )
        return proofs

    def _keys(self, environment: str) -> list[str]:
        keys: list[str] = []
        more: dict[str, str] = {}
        while True:
            with asking_aws(f"bucket {self._bucket}", permission="s3:ListBucket"):
                page = self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=f"{PROOF_PREFIX}{environment}/", **more
                )
            keys += [item["Key"] for item in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return keys
            more = {"ContinuationToken": page["NextContinuationToken"]}
