"""Loads the engine's AWS SDK before pytest turns warnings into errors."""

import warnings

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
