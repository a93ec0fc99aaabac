"""Adapter: who the caller is, according to AWS."""

from typing import Any

from onboarding.aws.errors import asking_aws


class CallerIdentity:
    """Asks STS; ``client`` is a boto3 ``sts`` client. Every principal may ask, no permission is needed."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def arn(self) -> str:
        """Return the caller's ARN, e.g. ``arn:aws:sts::123456789012:assumed-role/operate/kim``."""
        return self._identity("Arn")

    def account_id(self) -> str:
        """Return the account the caller is logged in to: twelve digits."""
        return self._identity("Account")

    def _identity(self, field: str) -> str:
        with asking_aws("the caller's identity", permission="sts:GetCallerIdentity"):
            return str(self._client.get_caller_identity()[field])
