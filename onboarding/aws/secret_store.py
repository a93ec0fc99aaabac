"""Adapter: one region's Secrets Manager. Every read names its stage, every move says where from.

What is raised: SecretMissing, SecretDeleted, NothingStored and Malformed for what the service
says about the secret; LabelElsewhere where a label is not where the caller believed it; Denied and
CannotTell for the rest. No exception carries frames in which a value could be found.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from onboarding.aws.errors import asking_aws, code_of
from onboarding.credentials.errors import (
    LabelElsewhere,
    Malformed,
    NothingStored,
    SecretDeleted,
    SecretMissing,
)
from onboarding.credentials.versions import CURRENT, SecretState, Version
from onboarding.errors import CannotTell, ToolkitError
from onboarding.flexpay.credentials import ClientCredentials
from onboarding.redaction import KnownSecrets, guarded

Answer = TypeVar("Answer")


_NOT_THERE = frozenset({"InvalidParameterException", "InvalidRequestException"})


class SecretStore:
    """Asks and changes secrets; ``client`` is a boto3 ``secretsmanager`` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def current(self, secret_id: str) -> ClientCredentials:
        """Return the credentials that are in use now, always asked for afresh."""
        return self.version(secret_id, CURRENT)

    def version(self, secret_id: str, stage: str, *, version_id: str | None = None) -> ClientCredentials:
        """Return the credentials of the version that carries a stage.

        With ``version_id`` it must be that version, else LabelElsewhere or NothingStored is raised.
        """
        which = {"VersionStage": stage} | ({"VersionId": version_id} if version_id else {})
        return self._read(secret_id, f"stage {stage}", which)

    def state(self, secret_id: str) -> SecretState:
        """Return versions, labels and dates; needs no permission to read values."""
        described = self._describe(secret_id)
        if described.get("DeletedDate"):
            # nothing more may be asked of it until it is restored
            return SecretState((), described["DeletedDate"])
        versions: list[Version] = []
        more: dict[str, str] = {}
        while True:
            page = self._page(secret_id, more)
            versions += [
                Version(
                    item["VersionId"], item.get("CreatedDate"), frozenset(item.get("VersionStages") or ())
                )
                for item in page.get("Versions", ())
            ]
            if not page.get("NextToken"):
                break
            more = {"NextToken": page["NextToken"]}
        return SecretState(
            versions=tuple(versions),
            deleted_at=described.get("DeletedDate"),
            rotation_enabled=bool(described.get("RotationEnabled")),
            changed_at=described.get("LastChangedDate"),
        )

    def put(
        self, secret_id: str, credentials: ClientCredentials, *, version_id: str, labels: tuple[str, ...]
    ) -> frozenset[str]:
        """Store a new version under its ID, and return the labels that it carries afterwards.

        A version that is already there is left as it is, labels included; the first version of a
        secret becomes current whatever ``labels`` say (AWS).
        """
        stored = self._ask(
            secret_id,
            "PutSecretValue",
            lambda: self._client.put_secret_value(
                SecretId=secret_id,
                ClientRequestToken=version_id,
                SecretString=credentials.to_json(),
                VersionStages=list(labels),
            ),
            hiding=KnownSecrets([credentials.client_secret]),
        )
        return frozenset(stored.get("VersionStages") or ())

    def move(self, secret_id: str, label: str, *, to: str | None, source: str | None) -> None:
        """Move a label between versions, or take it away (``to`` None).

        ``source`` is the version that carries it now; when that is not so any more, nothing is
        changed and LabelElsewhere is raised. Moving AWSCURRENT moves AWSPREVIOUS along (AWS).
        """
        versions = {"MoveToVersionId": to, "RemoveFromVersionId": source}
        self._ask(
            secret_id,
            "UpdateSecretVersionStage",
            lambda: self._client.update_secret_version_stage(
                SecretId=secret_id,
                VersionStage=label,
                **{name: value for name, value in versions.items() if value is not None},
            ),
        )

    def restore(self, secret_id: str) -> None:
        """Cancel the scheduled deletion."""
        self._ask(secret_id, "RestoreSecret", lambda: self._client.restore_secret(SecretId=secret_id))

    def _describe(self, secret_id: str) -> Any:
        return self._ask(
            secret_id, "DescribeSecret", lambda: self._client.describe_secret(SecretId=secret_id)
        )

    def _page(self, secret_id: str, more: dict[str, str]) -> Any:
        return self._ask(
            secret_id,
            "ListSecretVersionIds",
            lambda: self._client.list_secret_version_ids(SecretId=secret_id, IncludeDeprecated=True, **more),
        )

    def _read(self, secret_id: str, what: str, which: dict[str, str]) -> ClientCredentials:
        def ask() -> ClientCredentials | str:
            answer = self._client.get_secret_value(SecretId=secret_id, **which)
            try:
                return ClientCredentials.from_json(answer.get("SecretString") or "")
            except ValueError as error:
                return str(error)

        try:
            read = self._ask(secret_id, "GetSecretValue", ask)
        except SecretMissing:
            # the service gives one code for a secret that is not there and for a stage that is not
            self._describe(secret_id)
            read = None
        if read is None:
            raise NothingStored(
                f"secret {secret_id}: {what}: nothing stored",
                hint="store the pair with `flexpay-onboard credentials put`",
            )
        if isinstance(read, str):
            raise Malformed(
                f"secret {secret_id}: {what}: {read}",
                hint="store the pair again with `flexpay-onboard credentials put`",
            )
        return read

    def _ask(
        self, secret_id: str, action: str, call: Callable[[], Answer], *, hiding: KnownSecrets | None = None
    ) -> Answer:
        with asking_aws(f"secret {secret_id}", permission=f"secretsmanager:{action}"):
            try:
                return guarded(call, hiding=hiding)
            except ClientError as error:
                if (known := _known(error, secret_id, action)) is None:
                    raise
            # outside of the except block: the service's own exception is not carried along
            raise known


def _known(error: ClientError, secret_id: str, action: str) -> ToolkitError | None:
    code, message = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
    if code == "ResourceNotFoundException":
        return SecretMissing(
            f"secret {secret_id}: not found in this account and region",
            hint="run `pulumi up` on the stack, and check which account you are logged in to",
        )
    if code == "InvalidRequestException" and "delet" in message:
        return SecretDeleted(
            f"secret {secret_id}: its deletion is scheduled", hint="restore it with --restore"
        )
    # every parameter we send is well-formed, so what is invalid is where the label was believed to be
    if code in _NOT_THERE and action in ("UpdateSecretVersionStage", "GetSecretValue"):
        return LabelElsewhere(
            f"secret {secret_id}: a label moved meanwhile",
            hint="another operator or a rotation was faster; see `flexpay-onboard credentials status`",
        )
    if code == "LimitExceededException":
        return CannotTell(
            f"secret {secret_id}: the service keeps no more versions for now",
            hint="it frees versions without labels once they are a day old; try again later",
        )
    return None
