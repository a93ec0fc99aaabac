"""Turns what botocore raises into the toolkit's errors, once and by name."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, ProfileNotFound
from botocore.parsers import ResponseParserError

from onboarding.errors import CannotTell, Denied, InputError

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "AuthFailure"})
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
)
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)


def code_of(error: ClientError) -> str:
    """Return the service's own error code."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


@contextmanager
def asking_aws(what: str, *, permission: str) -> Iterator[None]:
    """Run one question to AWS.

    ``what`` names the subject for messages (``secret flexpay/production/acme-air``),
    ``permission`` the IAM action it needs. Raises Denied for denials, CannotTell for throttling and
    failures on the way, InputError where this machine has no credentials at all. Codes that mean
    something to the caller are to be caught inside the block.
    """
    try:
        yield
    except (NoCredentialsError, NoRegionError, ProfileNotFound) as error:
        raise InputError(f"{what}: {error}", hint="log in to AWS first, e.g. `aws sso login`") from error
    except ClientError as error:
        raise _translated(error, what, permission) from error
    except ResponseParserError as error:
        # its own text repeats what came back
        raise CannotTell(
            f"{what}: AWS gave no usable answer: it cannot be read to its end",
            hint="check for a proxy on the way, and run again",
        ) from error
    except BotoCoreError as error:
        raise CannotTell(
            f"{what}: AWS gave no usable answer: {error}", hint="check the network and run again"
        ) from error


def _translated(error: ClientError, what: str, permission: str) -> CannotTell:
    code = code_of(error)
    if code in DENIED:
        return Denied(
            f"{what}: access denied ({code})",
            hint=f"the caller needs {permission}; see docs/permissions.md",
        )
    if code in THROTTLED:
        return CannotTell(f"{what}: AWS is throttling ({code})", hint="wait a minute and run again")
    if code in EXPIRED:
        return CannotTell(
            f"{what}: the AWS session is not valid any more ({code})", hint="log in to AWS again"
        )
    message = str(error.response.get("Error", {}).get("Message", ""))
    return CannotTell(
        f"{what}: AWS answered {code}: {message}", hint="see the AWS documentation of this code"
    )
