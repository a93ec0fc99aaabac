"""Makes boto3 clients; the only place that does.

Through botocore, which is where boto3's clients come from: what boto3 adds to it are resources and
file transfers, which nothing here uses, and their import takes as long as a whole call to AWS.
"""

import logging
import threading
from typing import Any

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 20
ATTEMPTS = 4
WIRE_LOGGERS = ("boto3", "botocore", "urllib3")
"""At DEBUG they write request and response bodies, secret values included."""


class Clients:
    """Hands out one client per service and region, made when first asked for; from any thread.

    Credentials, endpoints and profile come from boto3's own chain, which is botocore's. Calls are retried by
    botocore in its standard mode; ``client(..., attempts=1)`` is for calls that must not repeat.
    """

    def __init__(self) -> None:
        self._session: Any = None
        # clients may be used by several threads at a time, but not made by them
        self._making = threading.Lock()
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
        with self._making:
            if key not in self._made:
                import botocore.session  # noqa: PLC0415 - time that commands without AWS need not pay
                from botocore.config import Config  # noqa: PLC0415

                from onboarding.aws.foreign import refuse  # noqa: PLC0415

                for name in WIRE_LOGGERS:
                    logger = logging.getLogger(name)
                    logger.setLevel(max(logger.level, logging.INFO))
                if self._session is None:
                    self._session = botocore.session.get_session()
                config = Config(
                    connect_timeout=CONNECT_TIMEOUT_SECONDS,
                    read_timeout=read_timeout_seconds,
                    retries={"total_max_attempts": attempts, "mode": "standard"},
                    # botocore would put its own together anew for each call, from 70 parts
                    user_agent="flexpay-onboarding",
                )
                made = self._session.create_client(service, region_name=region, config=config)
                made.meta.events.register("before-parse", refuse)
                self._made[key] = made
            return self._made[key]
