"""Rules of AWS that moto does not follow by itself, one small function each.

A rule replaces one method of moto's and is given the original; its docstring says what AWS does.
``install`` puts all of them in force for the whole process.
"""

from sandbox.aws.behaviour import (
    addresses,
    buckets,
    dependencies,
    endpoints,
    iam,
    invoke_configs,
    kms,
    later,
    nat_gateways,
    quotas,
    routes,
    secretsmanager,
    transfers,
    zones,
)
from sandbox.aws.behaviour.rules import Rule, install_rules

RULES: tuple[Rule, ...] = (
    *addresses.RULES,
    *buckets.RULES,
    *dependencies.RULES,
    *endpoints.RULES,
    *iam.RULES,
    *invoke_configs.RULES,
    *kms.RULES,
    *later.RULES,
    *nat_gateways.RULES,
    *quotas.RULES,
    *routes.RULES,
    *secretsmanager.RULES,
    *transfers.RULES,
    *zones.RULES,
)


def install(*, without: frozenset[str] = frozenset()) -> None:
    """Put the rules in force; ``without`` names rules (``Rule.id``) that are left as moto has them."""
    install_rules(RULES, without)
