"""Makes boto3 clients; the only place that does."""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 20
ATTEMPTS = 4
WIRE_LOGGERS = ("boto3", "botocore", "urllib3")
"""At DEBUG they write request and response bodies, secret values included."""


class Clients:
    """Hands out one client per service and region, made when first asked for.

    Credentials, endpoints and profile come from boto3's own chain. Calls are retried by
    botocore in its standard mode; ``client(..., attempts=1)`` is for calls that must not repeat.
    """

    def __init__(self, session: "boto3.Session | None" = None) -> None:
        self._session = session
        self._made: dict[tuple[str, str, int, int], Any] = {}

    def client(
        self,
        service: str,
        region: str,
        *,
        attempts: int = ATTEMPTS,
        read_timeout_seconds: int = READ_TIMEOUT_SECONDS,
    ) -> Any:
        """Return the client of a service in a region."""
        key = (service, region, attempts, read_timeout_seconds)
        if key not in self._made:
            import boto3  # noqa: PLC0415 - a third of a second that commands without AWS need not pay
            from botocore.config import Config  # noqa: PLC0415

            for name in WIRE_LOGGERS:
                logger = logging.getLogger(name)
                logger.setLevel(max(logger.level, logging.INFO))
            if self._session is None:
                self._session = boto3.Session()
            config = Config(
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=read_timeout_seconds,
                retries={"total_max_attempts": attempts, "mode": "standard"},
                user_agent_extra="flexpay-onboarding",
            )
            # boto3's typed overloads want a literal service name
            make: Any = self._session.client
            self._made[key] = make(service, region_name=region, config=config)
        return self._made[key]
