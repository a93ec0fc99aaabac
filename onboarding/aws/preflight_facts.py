"""Adapter: asks everything preflight wants to know, side by side."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from ipaddress import IPv4Address
from typing import TypeVar

from onboarding.allowlist.network_view import RegionView
from onboarding.aws.account_facts import (
    DeletedSecrets,
    KeyReader,
    PermissionReader,
    ZoneReader,
)
from onboarding.aws.allocations import ADDRESS_QUOTA, QuotaReader
from onboarding.aws.clients import Clients
from onboarding.aws.identity import CallerIdentity
from onboarding.aws.network import NetworkReader
from onboarding.errors import CannotTell
from onboarding.preflight.values import Facts, Permissions, Unknown
from stacks.contract import secret_name
from stacks.model import StackConfig

T = TypeVar("T")

GATEWAY_QUOTA = ("vpc", "L-FE5A380F")
VPC_QUOTA = ("vpc", "L-F678F1CE")
AT_ONCE = 8


def gather_facts(clients: Clients, config: StackConfig, approved: frozenset[IPv4Address]) -> Facts:
    """Ask AWS; a question without a usable answer becomes Unknown with its reason.

    ``approved`` are the addresses that some ledger has as approved. Raises InputError when nobody
    is logged in.
    """
    region, environment = config.region, config.settings.environment
    names = [secret_name(environment, merchant.name) for merchant in config.settings.merchants]
    sts = CallerIdentity(clients.client("sts", region))
    network = NetworkReader(clients.client("ec2", region))
    quotas = QuotaReader(clients.client("service-quotas", region))
    zones = ZoneReader(clients.client("ec2", region))
    secrets = DeletedSecrets(clients.client("secretsmanager", region))
    keys = KeyReader(clients.client("kms", region))
    may = PermissionReader(clients.client("ec2", region, attempts=1), clients.client("iam", region))
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        arn = pool.submit(_asked, sts.arn)
        view = pool.submit(_asked, lambda: network.view(region=region, account_id=config.account_id))
        dry = pool.submit(_asked, lambda: may.dry_runs(environment))
        simulated = pool.submit(_simulated, may, arn, config)
        release = pool.submit(_release, may, view, approved)
        known_zones = pool.submit(_asked, zones.zones)
        address_quota = pool.submit(_asked, lambda: quotas.value(*ADDRESS_QUOTA))
        gateway_quota = pool.submit(_asked, lambda: quotas.value(*GATEWAY_QUOTA))
        vpc_quota = pool.submit(_asked, lambda: quotas.value(*VPC_QUOTA))
        deleted = pool.submit(_asked, lambda: secrets.among(names))
        key = pool.submit(_asked, lambda: keys.behind(f"alias/flexpay-{environment}"))
    caller = arn.result()
    return Facts(
        account=caller if isinstance(caller, Unknown) else caller.split(":")[4],
        network=view.result(),
        zones=known_zones.result(),
        address_quota=address_quota.result(),
        gateway_quota=gateway_quota.result(),
        vpc_quota=vpc_quota.result(),
        deleted_secrets=deleted.result(),
        key=key.result(),
        permissions=_together(dry.result(), simulated.result()),
        releasable=release.result(),
    )


def _asked(question: Callable[[], T]) -> T | Unknown:
    try:
        return question()
    except CannotTell as error:
        return Unknown(error.in_one_line())


def _simulated(
    may: PermissionReader, arn: "Future[str | Unknown]", config: StackConfig
) -> Permissions | Unknown:
    caller = arn.result()
    if isinstance(caller, Unknown):
        return caller
    return _asked(lambda: may.simulated(caller, wanted_permissions(config), config.settings.environment))


def _release(
    may: PermissionReader, view: "Future[RegionView | Unknown]", approved: frozenset[IPv4Address]
) -> tuple[IPv4Address, bool] | Unknown | None:
    seen = view.result()
    if isinstance(seen, Unknown):
        return seen
    # any one of them shows whether releasing is denied
    held = next((one for one in seen.allocations if one.address in approved), None)
    if held is None:
        return None
    allowed = _asked(lambda: may.may_release(held))
    return allowed if isinstance(allowed, Unknown) else (held.address, allowed)


def _together(*parts: Permissions | Unknown) -> Permissions | Unknown:
    known = [part for part in parts if isinstance(part, Permissions)]
    if len(known) < len(parts):
        return next(part for part in parts if isinstance(part, Unknown))
    return Permissions(
        allowed=frozenset().union(*(part.allowed for part in known)),
        denied=frozenset().union(*(part.denied for part in known)),
        unknown={action: why for part in known for action, why in (part.unknown or {}).items()},
    )


def wanted_permissions(config: StackConfig) -> dict[str, list[str]]:
    """Return resource → actions that deploying needs outside of EC2's dry runs."""
    account, region, environment = config.account_id, config.region, config.settings.environment
    partition = (
        "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    )
    secrets = f"arn:{partition}:secretsmanager:{region}:{account}:secret:{secret_name(environment, '*')}"
    policies = f"arn:{partition}:iam::{account}:policy{config.settings.iam.path}flexpay-{environment}-*"
    wanted = {
        secrets: [
            "secretsmanager:CreateSecret",
            "secretsmanager:DescribeSecret",
            "secretsmanager:PutResourcePolicy",
            "secretsmanager:TagResource",
        ],
        f"arn:{partition}:kms:{region}:{account}:alias/flexpay-{environment}": ["kms:CreateAlias"],
        "*": ["kms:CreateKey"],
        policies: ["iam:CreatePolicy"],
    }
    if config.settings.zones and not config.settings.network.existing:
        # named, since a policy that is limited to the account's own does not allow the resource *
        own = f"arn:{partition}:ec2:{region}:{account}"
        wanted[f"{own}:subnet/*"] = ["ec2:CreateSubnet"]
        wanted[f"{own}:route-table/*"] = ["ec2:CreateRouteTable", "ec2:CreateRoute"]
        wanted[f"{own}:natgateway/*"] = ["ec2:CreateNatGateway"]
    return wanted
