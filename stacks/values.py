"""The words of the settings: types whose messages say what is allowed, and zone arithmetic."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, StringConstraints

SUBNET_PREFIX = 24
"""Both subnets of a zone are /24: room for 251 addresses each, AWS keeps five."""
ZONE_SPACE_PREFIX = 21
"""Each zone owns one /21 of the VPC, chosen by its number, so that no zone moves another's subnets."""
LARGEST_VPC_PREFIX = 16
"""AWS limit: a VPC is at most a /16."""
VPC_RANGES = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""Where a VPC of ours may lie: private use (RFC 1918) and shared address space (RFC 6598). AWS takes others,
but whatever they belong to would then be out of reach."""
ANYWHERE = "0.0.0.0/0"
"""Destination of a default route."""
LONGEST_ENVIRONMENT = 30
"""AWS limit: a role's name has 64 characters, and it carries prefix, environment, region and purpose."""


def _matching(pattern: str, what: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"must be {what}")
        return value

    return AfterValidator(check)


def _https(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("must be https://host[:port][/path]") from None
    if parts.scheme != "https":
        raise ValueError("must be an https:// URL; credentials are never sent over plain http")
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("must be https://host[:port][/path], without user, query or fragment")
    return url.rstrip("/")


def _at_most(length: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if len(value) > length:
            raise ValueError(f"must be at most {length} characters, because names of AWS roles carry it")
        return value

    return check


HttpsUrl = Annotated[str, AfterValidator(_https)]
UrlPath = Annotated[
    str, _matching(r"(/[A-Za-z0-9._-]+)+", "a path such as /api/checkout, without a slash at its end")
]
ZoneId = Annotated[
    str,
    _matching(
        r"[a-z]{2,5}[0-9]-az[1-9]",
        "a zone ID such as use1-az1; `aws ec2 describe-availability-zones` shows it beside the zone's name",
    ),
]
"""An availability zone ID: the same place in every account, unlike a zone name."""
Slot = Annotated[
    str, _matching(r"[a-z]{2,5}[0-9]-az[1-9]/[1-8]", "a slot: zone ID, slash, 1 to 8, e.g. use1-az1/1")
]
Allocation = Annotated[str, _matching(r"eipalloc-[0-9a-f]{8,17}", "an ID such as eipalloc-0a1b2c3d")]
VpcId = Annotated[str, _matching(r"vpc-[0-9a-f]{8,17}", "a VPC ID such as vpc-0a1b2c3d")]
SubnetId = Annotated[str, _matching(r"subnet-[0-9a-f]{8,17}", "a subnet ID such as subnet-0a1b2c3d")]
NatGatewayId = Annotated[str, _matching(r"nat-[0-9a-f]{8,17}", "a NAT gateway ID such as nat-0a1b2c3d")]
Name = Annotated[
    str,
    _matching(
        r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?",
        "1 to 40 lower case letters, digits and inner hyphens; it is part of secret and IAM names",
    ),
]
EnvironmentName = Annotated[Name, AfterValidator(_at_most(LONGEST_ENVIRONMENT))]
IntegrationId = Annotated[
    str, _matching(r"UP-[0-9]{4,12}-[0-9]{1,4}", "the ID Flex Pay gave you, e.g. UP-12345678-1")
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
RoleArn = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+",
        "a role ARN such as arn:aws:iam::123456789012:role/checkout; no wildcards, no users",
    ),
]
PolicyArn = Annotated[
    str, _matching(r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+", "a policy ARN")
]
TopicArn = Annotated[
    str, _matching(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[\w.-]+", "the ARN of an SNS topic")
]
IamPath = Annotated[
    str, _matching(r"/([\w+=,.@-]+/)*", "an IAM path such as /payments/, with a slash at both ends")
]


SCHEDULE = r"rate\(([1-9]\d*) (minute|hour|day)s?\)|cron\(\S+( \S+){5}\)"
"""What EventBridge Scheduler takes for something that recurs; the first two groups are a rate's."""


def zone_number(zone: str) -> int:
    """Return the number at the end of a zone ID: 4 for use1-az4."""
    return int(zone.rpartition("-az")[2])


def slot_zone(slot: str) -> str:
    """Return the zone of a slot: use1-az4 for use1-az4/1."""
    return slot.partition("/")[0]


def subnets_of(cidr: IPv4Network, zone: str) -> tuple[IPv4Network, IPv4Network]:
    """Return the public and the private /24 of a zone.

    They depend on the zone's number alone, so that adding, removing or permuting zones moves
    nothing. The public one begins the zone's /21, the private one begins its upper half.
    """
    space = list(cidr.subnets(new_prefix=ZONE_SPACE_PREFIX))[zone_number(zone) - 1]
    lower, upper = space.subnets(prefixlen_diff=1)
    return next(lower.subnets(new_prefix=SUBNET_PREFIX)), next(upper.subnets(new_prefix=SUBNET_PREFIX))
