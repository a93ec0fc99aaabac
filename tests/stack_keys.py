"""A stack file's keys, as the engine and ``read_config`` take them."""

from collections.abc import Mapping
from typing import Any

PROJECT = "flexpay-egress"
"""As in Pulumi.yaml; written here once more, since what deployed stacks hold does not follow the code."""


def stack_keys(settings: Mapping[str, Any], *, region: str, account: str) -> dict[str, Any]:
    """Return settings under their full keys, with the region and the one account that they are for."""
    own = {f"{PROJECT}:{key}": value for key, value in settings.items()}
    return {"aws:region": region, "aws:allowedAccountIds": [account], **own}
