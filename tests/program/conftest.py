"""Loads the engine's AWS SDK before pytest turns warnings into errors, and gives it its event loop."""

import asyncio
import warnings
from collections.abc import Iterator

import pytest

with warnings.catch_warnings():
    # pulumi_aws announces its own deprecations while a module is first used, also those nobody asked for
    warnings.simplefilter("ignore", DeprecationWarning)
    from pulumi_aws import cloudwatch, ec2, iam, kms, lambda_, s3, scheduler, secretsmanager

    LOADED = (
        cloudwatch.MetricAlarm,
        ec2.Eip,
        iam.Role,
        kms.Key,
        lambda_.Function,
        s3.Bucket,
        scheduler.Schedule,
        secretsmanager.Secret,
    )


@pytest.fixture(autouse=True, scope="session")
def event_loop() -> Iterator[None]:
    """Give programs the loop that a language host gives them: Python 3.12 and later make none by themselves.

    One for all of them, and left open: the SDK keeps what it has not finished.
    """
    asyncio.set_event_loop(asyncio.new_event_loop())
    yield
    asyncio.set_event_loop(None)
