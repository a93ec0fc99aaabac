"""moto made to behave, and pulumi-resource-aws over boto3."""
