"""Functions that prove the addresses from inside, and what they need. Off unless verifier.enabled."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import pulumi
from pulumi_aws import cloudwatch, ec2, iam, lambda_, s3

from stacks import policies, verifier_bundle, verifier_policies
from stacks.contract import VERIFIER_TIMEOUT_SECONDS, secret_name
from stacks.labels import Labels
from stacks.schema import IamSettings, VerifierSettings
from stacks.values import ANYWHERE
from stacks.verifier_schedule import ProofSchedule

RUNTIME = "python3.12"
MEMORY_MB = 512
"""Also the share of a processor: TLS and the AWS SDK start in about a second with this."""
LOG_RETENTION_DAYS = 30
CONTROL = "control"
BUNDLES = Path(".flexpay", "bundles")
"""Where the zip is kept for the engine; it can be made again at any time."""


class VerifierArgs(TypedDict):
    """What the functions are made of."""

    settings: VerifierSettings
    project: Path
    """The project folder: sources of the bundle, and what partner.caBundle is relative to."""
    partner: Mapping[str, Any]
    """As in the outputs."""
    merchants: Sequence[str]
    vpc_id: pulumi.Input[str]
    subnets: Mapping[str, pulumi.Input[str]]
    """Zone ID → private subnet, for every zone that has a way out."""
    addresses: Mapping[str, pulumi.Input[str]]
    """Zone ID → the address it leaves from."""
    key_arn: pulumi.Input[str]
    region: str
    account_id: str
    labels: Labels
    iam: IamSettings


class Verifier(pulumi.ComponentResource):
    """A function in each zone's private subnet, one outside the VPC, and a bucket for their proofs."""

    functions: Mapping[str, pulumi.Output[str]]
    """Zone ID → ARN."""
    control: pulumi.Output[str] | None
    """ARN of the function that leaves from an address on no list, and may read nothing."""
    proof_bucket: pulumi.Output[str]

    def __init__(self, name: str, args: VerifierArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flexpay:index:Verifier", name, {}, opts)
        self._name = name
        self._args = args
        self._labels = args["labels"]
        self._inside = pulumi.ResourceOptions(parent=self)
        self._code = pulumi.FileArchive(str(self._bundle()))
        bucket = self._bucket()
        self.proof_bucket = bucket.id
        zones = sorted(args["subnets"])
        groups = {zone: self._log_group(zone) for zone in zones}
        role, permission = self._role("verifier", self._zone_policy(bucket, zones))
        security_group = self._security_group()
        made = {
            zone: self._function(
                zone,
                role,
                [groups[zone], permission],
                {"FLEXPAY_ADDRESS": args["addresses"][zone], "FLEXPAY_PROOF_BUCKET": bucket.id},
                {"subnet_ids": [args["subnets"][zone]], "security_group_ids": [security_group.id]},
            )
            for zone in zones
        }
        self.functions = {zone: function.arn for zone, function in made.items()}
        self.control = self._control() if args["settings"].control else None
        schedule = args["settings"].schedule
        if schedule is not None:
            ProofSchedule(
                f"{name}-schedule",
                {
                    "schedule": schedule,
                    "alarm_topic_arn": args["settings"].alarm_topic_arn,
                    "functions": self.functions,
                    "function_names": {zone: self._named(zone) for zone in zones},
                    "region": args["region"],
                    "account_id": args["account_id"],
                    "labels": self._labels,
                    "iam": args["iam"],
                },
                self._inside,
            )
        self.register_outputs({"functions": self.functions})

    def _bundle(self) -> Path:
        args = self._args
        authorities = args["partner"]["caBundle"]
        deployment = {
            "environment": self._labels.environment,
            "partner": {
                key: args["partner"][key] for key in ("serverUrl", "checkoutPrefix", "orders", "echo")
            },
            "caBundle": authorities is not None,
            "secrets": {
                merchant: secret_name(self._labels.environment, merchant) for merchant in args["merchants"]
            },
        }
        project = args["project"]
        try:
            content = verifier_bundle.build(
                project, deployment, project / authorities if authorities else None
            )
            return verifier_bundle.write(project / BUNDLES, content).relative_to(project)
        except (ValueError, OSError) as error:
            raise pulumi.RunError(f"the verifier's bundle cannot be made: {error}") from None

    def _function(
        self,
        place: str,
        role: iam.Role,
        ready: list[pulumi.Resource],
        variables: Mapping[str, pulumi.Input[str]],
        network: Any = None,
    ) -> lambda_.Function:
        part = f"verifier-{place}"
        function = lambda_.Function(
            f"{self._name}-{place}",
            name=self._named(place),
            description=f"Calls Flex Pay from {place}, for flexpay-onboard verify",
            role=role.arn,
            runtime=RUNTIME,
            handler=verifier_bundle.HANDLER,
            code=self._code,
            timeout=VERIFIER_TIMEOUT_SECONDS,
            memory_size=MEMORY_MB,
            environment={"variables": {"FLEXPAY_PLACE": place, **variables}},
            vpc_config=network,
            tags=self._labels.tags(part),
            # a function that logs first would have Lambda make a log group that is kept for ever
            opts=pulumi.ResourceOptions(parent=self, depends_on=ready),
        )
        # asynchronous invocations are repeated twice by default; a repeated call may be a second order
        lambda_.FunctionEventInvokeConfig(
            f"{self._name}-{place}",
            function_name=function.name,
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=VERIFIER_TIMEOUT_SECONDS,
            opts=self._inside,
        )
        return function

    def _named(self, place: str) -> str:
        return self._labels.name(f"verifier-{place}")

    def _log_group(self, place: str) -> cloudwatch.LogGroup:
        return cloudwatch.LogGroup(
            f"{self._name}-{place}",
            name=f"/aws/lambda/{self._named(place)}",
            retention_in_days=LOG_RETENTION_DAYS,
            tags=self._labels.tags(f"verifier-{place}"),
            opts=self._inside,
        )

    def _log_group_arn(self, place: str) -> str:
        args = self._args
        return policies.log_group_arn(args["account_id"], args["region"], f"/aws/lambda/{self._named(place)}")

    def _control(self) -> pulumi.Output[str]:
        policy = json.dumps(verifier_policies.log_writer([self._log_group_arn(CONTROL)]))
        role, _ = self._role("control", policy)
        return self._function(CONTROL, role, [self._log_group(CONTROL)], {}).arn

    def _zone_policy(self, bucket: s3.Bucket, zones: Sequence[str]) -> pulumi.Output[str]:
        args = self._args
        return pulumi.Output.all(args["key_arn"], bucket.arn).apply(
            lambda arns: json.dumps(
                verifier_policies.zone_function(
                    args["account_id"],
                    args["region"],
                    self._labels.environment,
                    key_arn=arns[0],
                    bucket_arn=arns[1],
                    log_group_arns=[self._log_group_arn(zone) for zone in zones],
                    functions=[self._named(zone) for zone in zones],
                )
            )
        )

    def _role(self, who: str, policy: pulumi.Input[str]) -> tuple[iam.Role, iam.RolePolicy]:
        args = self._args
        house = args["iam"]
        role = iam.Role(
            f"{self._name}-{who}",
            name=self._labels.name(f"{args['region']}-{who}"),
            path=house.path,
            permissions_boundary=house.permissions_boundary,
            description=f"Verifier functions of {self._labels.environment} in {args['region']}",
            assume_role_policy=json.dumps(
                verifier_policies.trust("lambda.amazonaws.com", args["account_id"])
            ),
            tags=self._labels.tags(who),
            opts=self._inside,
        )
        return role, iam.RolePolicy(
            f"{self._name}-{who}", name="verifier", role=role.name, policy=policy, opts=self._inside
        )

    def _security_group(self) -> ec2.SecurityGroup:
        # no fixed name: a replacement is made while interfaces of the functions still hold the old one
        return ec2.SecurityGroup(
            f"{self._name}-functions",
            description="verifier functions: https out, nothing in",
            vpc_id=self._args["vpc_id"],
            ingress=[],
            egress=[
                {
                    "protocol": "tcp",
                    "from_port": 443,
                    "to_port": 443,
                    "cidr_blocks": [ANYWHERE],
                    "description": "https to the partner and to AWS",
                }
            ],
            revoke_rules_on_delete=True,
            tags=self._labels.tags("verifier-functions"),
            opts=pulumi.ResourceOptions(
                parent=self,
                # Lambda keeps a deleted function's interfaces for up to 40 minutes
                custom_timeouts=pulumi.CustomTimeouts(delete="45m"),
            ),
        )

    def _bucket(self) -> s3.Bucket:
        bucket = s3.Bucket(
            f"{self._name}-proofs",
            force_destroy=True,  # proofs can be had again; they must not keep a stack from being taken down
            tags=self._labels.tags("verifier-proofs"),
            opts=self._inside,
        )
        closed = s3.BucketPublicAccessBlock(
            f"{self._name}-proofs",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._inside,
        )
        s3.BucketVersioning(
            f"{self._name}-proofs",
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=self._inside,
        )
        s3.BucketServerSideEncryptionConfiguration(
            f"{self._name}-proofs",
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=self._inside,
        )
        s3.BucketPolicy(
            f"{self._name}-proofs",
            bucket=bucket.id,
            policy=bucket.arn.apply(lambda arn: json.dumps(verifier_policies.proof_bucket(arn))),
            # AWS refuses the two at the same time
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed]),
        )
        return bucket
