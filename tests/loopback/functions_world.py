"""An operator's desk whose environment has verifier functions: the real bundle, behind real routes."""

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.functions import unpacking_folder
from sandbox.flexpay.server import Partner
from stacks import policies, verifier_bundle, verifier_policies
from stacks.contract import VERIFIER_TIMEOUT_SECONDS
from tests.loopback.aws_standin import Aws
from tests.loopback.credentials_world import MERCHANT, NAME, Desk
from tests.loopback.egress_world import ACCOUNT, REGION, EgressWorld
from tests.loopback.verify_world import World

ROOT = Path(__file__).parents[2]
ENVIRONMENT = "sandbox"
BUCKET = "verifier-proofs-sandbox"
ZONES = ("use1-az1", "use1-az4")
WATCHED = """
import json, logging, sys, traceback
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from onboarding.verification import handler

def handle(event, context):
    print(json.dumps(event))
    try:
        answer = handler.handle(event, context)
    except BaseException as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        print("".join(told.format()))
        raise
    print(json.dumps(answer))
    return answer
"""
"""Writes all that a function could let out into its log: DEBUG, event, answer, tracebacks with locals."""

_bundles: dict[str, bytes] = {}


def function_name(zone: str) -> str:
    return f"flexpay-{ENVIRONMENT}-verifier-{zone}"


def bundle_for(partner: Partner) -> bytes:
    """Return the bundle as `pulumi up` makes it, with a module beside it that writes everything down."""
    if partner.url not in _bundles:
        deployment = {
            "environment": ENVIRONMENT,
            "partner": {
                "serverUrl": partner.url,
                "checkoutPrefix": "/api/checkout",
                "orders": "test",
                "echo": list(partner.echo),
            },
            "caBundle": True,
            "secrets": {MERCHANT: NAME},
        }
        packed = io.BytesIO(verifier_bundle.build(ROOT, deployment, partner.ca))
        with zipfile.ZipFile(packed, "a") as more:
            more.writestr("watched.py", WATCHED)
        _bundles[partner.url] = packed.getvalue()
    return _bundles[partner.url]


class FunctionDesk(Desk):
    """A desk that may be anywhere: functions in two zones stand behind the egress."""

    egress: EgressWorld

    @property
    def addresses(self) -> list[str]:
        """The zones' addresses, in their order."""
        return [str(one["address"]) for one in self.egress.addresses]

    def tokens(self) -> list[tuple[str, int | None]]:
        """Return from where tokens were asked for since the last ``clear``, and the answers."""
        return [(call.peer, call.status) for call in self.partner.calls.of("token")]

    def function_logs(self) -> list[str]:
        """Return every line that a function wrote."""
        client, lines = self.client("logs"), []
        for zone in ZONES:
            group = f"/aws/lambda/{function_name(zone)}"
            for stream in client.describe_log_streams(logGroupName=group)["logStreams"]:
                shown = client.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])
                lines += [str(one["message"]) for one in shown["events"]]
        return lines

    def kept_proofs(self) -> list[str]:
        """Return the text of every proof in the bucket."""
        client = self.client("s3")
        found = client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return [client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read().decode() for one in found]

    def reroute(self, zone: str, to: str) -> None:
        """Wire a zone's private subnet to another zone's gateway."""
        gateway = next(one["natGatewayId"] for one in self.egress.addresses if one["zone"] == to)
        self.egress.ec2.replace_route(
            RouteTableId=self.egress.tables[zone], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway
        )


def desk_with_functions(
    folder: Path, partner: Partner, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> FunctionDesk:
    """Return a desk with empty secrets, no approval yet, and the functions of `pulumi up`."""
    unpacking_folder()  # before a test sends its temporary files elsewhere: what is compiled is kept there
    egress = EgressWorld(aws.url, environment=ENVIRONMENT, zones=ZONES)
    addresses = [str(one["address"]) for one in egress.addresses]
    world = World(
        folder,
        partner,
        merchants=(MERCHANT,),
        addresses=addresses,
        network={
            "vpcId": egress.vpc,
            "egressAddresses": egress.addresses,
            "egressByZone": {zone: f"{zone}/1" for zone in ZONES},
            "privateSubnets": egress.private,
            "routeTables": egress.tables,
            "proofBucket": BUCKET,
            "verifierFunctions": {
                zone: verifier_policies.function_arn(ACCOUNT, REGION, function_name(zone)) for zone in ZONES
            },
        },
    )
    key = aws.client("kms").create_key(
        Policy=json.dumps(policies.key_policy(ACCOUNT, REGION, [])),
        Tags=[{"TagKey": "flexpay:environment", "TagValue": ENVIRONMENT}],
        BypassPolicyLockoutSafetyCheck=True,
    )["KeyMetadata"]["Arn"]
    desk = FunctionDesk(world, aws, monkeypatch, key=key)
    desk.egress = egress
    desk.deploy()
    partner.allow(MERCHANT, *addresses)
    aws.client("s3").create_bucket(Bucket=BUCKET)
    _make_functions(aws, egress, bundle_for(partner), key)
    return desk


def _make_functions(aws: Aws, egress: EgressWorld, code: bytes, key: str) -> None:
    role = _role(aws, key)
    door = egress.ec2.create_security_group(GroupName="door", Description="out", VpcId=egress.vpc)["GroupId"]
    for zone, address in zip(ZONES, egress.addresses, strict=True):
        aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/{function_name(zone)}")
        aws.client("lambda").create_function(
            FunctionName=function_name(zone),
            Role=role,
            Runtime="python3.12",
            Handler="watched.handle",
            Code={"ZipFile": code},
            Timeout=VERIFIER_TIMEOUT_SECONDS,
            VpcConfig={"SubnetIds": [egress.private[zone]], "SecurityGroupIds": [door]},
            Environment={
                "Variables": {
                    "FLEXPAY_PLACE": zone,
                    "FLEXPAY_ADDRESS": address["address"],
                    "FLEXPAY_PROOF_BUCKET": BUCKET,
                }
            },
        )


def _role(aws: Aws, key: str) -> str:
    iam = aws.client("iam")
    trust = verifier_policies.trust("lambda.amazonaws.com", ACCOUNT)
    made = iam.create_role(RoleName="verifier", AssumeRolePolicyDocument=json.dumps(trust))
    groups: Sequence[str] = [
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function_name(zone)}" for zone in ZONES
    ]
    document: dict[str, Any] = verifier_policies.zone_function(
        ACCOUNT,
        REGION,
        ENVIRONMENT,
        key_arn=key,
        bucket_arn=f"arn:aws:s3:::{BUCKET}",
        log_group_arns=groups,
        functions=[function_name(zone) for zone in ZONES],
    )
    iam.put_role_policy(RoleName="verifier", PolicyName="verifier", PolicyDocument=json.dumps(document))
    return str(made["Role"]["Arn"])
