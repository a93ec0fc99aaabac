"""Adapter: who is at the keyboard, for the ledger's ``actor``."""

import subprocess
from pathlib import Path

from onboarding.aws.clients import Clients
from onboarding.aws.identity import CallerIdentity
from onboarding.errors import CannotTell, InputError

ANY_REGION = "us-east-1"
"""STS says the same everywhere; only used where nothing names a region."""
STS_READ_TIMEOUT_SECONDS = 5
GIT_TIMEOUT_SECONDS = 5


def find_actor(clients: Clients, *, region: str | None, directory: Path) -> tuple[str, str]:
    """Return the actor and, where AWS would not say who calls, why.

    Asks STS once and briefly, then git. Raises InputError when neither knows anybody.
    """
    try:
        client = clients.client(
            "sts", region or ANY_REGION, attempts=1, read_timeout_seconds=STS_READ_TIMEOUT_SECONDS
        )
        return CallerIdentity(client).arn(), ""
    except InputError:
        why = ""  # nobody is logged in to AWS here, which needs no words
    except CannotTell as error:
        why = str(error)
    for key in ("user.email", "user.name"):
        if found := _git_config(directory, key):
            return found, why
    raise InputError(
        "nobody to record as actor: AWS names no caller and git no user",
        hint="pass --actor NAME, or log in to AWS",
    )


def _git_config(directory: Path, key: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), "config", key],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""  # no git is no answer, and the caller says what to do then
    return done.stdout.strip()
