"""Adapter: the environment's proof bucket. Functions write, ``allowlist status`` reads."""

from typing import Any

from onboarding.aws.errors import asking_aws
from onboarding.proof import Pair, Proof, from_json, to_json
from stacks.contract import PROOF_PREFIX


class ProofBucket:
    """One stack's proofs; ``client`` is a boto3 ``s3`` client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write(self, proof: Proof) -> None:
        """Put the proof in the place of the last one, which the bucket keeps as an older version."""
        with asking_aws(f"proof {proof.name} in {self._bucket}", permission="s3:PutObject"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=PROOF_PREFIX + proof.name,
                Body=to_json(proof).encode(),
                ContentType="application/json",
            )

    def read(self, environment: str) -> dict[Pair, Proof]:
        """Return the last proofs of an environment.

        Raises InputError for an object that is no proof, Denied and CannotTell for what AWS says.
        """
        found: dict[Pair, Proof] = {}
        for key in self._keys(environment):
            with asking_aws(f"s3://{self._bucket}/{key}", permission="s3:GetObject"):
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            proof = from_json(body.decode("utf-8", "replace"), source=f"s3://{self._bucket}/{key}")
            found[proof.merchant, proof.address] = proof
        return found

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
