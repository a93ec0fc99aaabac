"""The checks: from settings and facts to results. Nothing here asks anybody."""

from collections.abc import Iterator

from onboarding.preflight import prices
from onboarding.preflight.key_policy import doubts, lockout
from onboarding.preflight.network_checks import gateway_zones, network_results, ours
from onboarding.preflight.values import Facts, Outcome, Result, Unknown, Zone
from stacks.contract import secret_name
from stacks.model import EgressMode, Settings, StackConfig

_INTERFACE_ENDPOINTS = ("secretsmanager", "kms")


def judge(config: StackConfig, facts: Facts) -> list[Result]:
    """Run every check; the order is the order of the report."""
    if isinstance(facts.account, Unknown):
        return [Result("account", Outcome.CANNOT_TELL, facts.account.why)]
    if facts.account != config.account_id:
        return [
            Result(
                "account",
                Outcome.FAIL,
                f"the caller is logged in to {facts.account}; the stack belongs to {config.account_id} "
                "(aws:allowedAccountIds)",
                "log in to the right account; nothing else was judged, since it would be another account's",
            )
        ]
    results = [Result("account", Outcome.PASS, f"{config.account_id}, region {config.region}")]
    results += _zones(config, facts)
    results += network_results(config, facts)
    results += _secrets(config.settings, facts)
    results += [_key(config, facts), _permissions(facts), _release(facts)]
    results += [_capacity(config.settings), _cost(config)]
    return results


def _zones(config: StackConfig, facts: Facts) -> Iterator[Result]:
    if not config.settings.zones:
        yield Result("zones", Outcome.SKIP, "no zone: the addresses are run by others")
        return
    if isinstance(facts.zones, Unknown):
        yield Result("zones", Outcome.CANNOT_TELL, facts.zones.why)
        return
    known = {zone.id: zone for zone in facts.zones}
    wrong = [
        problem
        for zone_id in config.settings.zones
        if (problem := _zone_problem(zone_id, known.get(zone_id), config.region))
    ]
    usable = sorted(
        zone.id
        for zone in facts.zones
        if zone.kind == "availability-zone" and zone.border_group == config.region
    )
    if wrong:
        yield Result("zones", Outcome.FAIL, "; ".join(wrong), f"usable here: {', '.join(usable)}")
    else:
        yield Result("zones", Outcome.PASS, f"{', '.join(config.settings.zones)} can hold NAT gateways")


def _zone_problem(zone_id: str, zone: Zone | None, region: str) -> str:
    if zone is None:
        return f"{zone_id} is not a zone of {region}"
    if zone.kind != "availability-zone":
        return f"{zone_id} is a {zone.kind} and cannot hold a NAT gateway with our addresses"
    if not zone.opted_in:
        return f"{zone_id} is not opted in to"
    if zone.border_group != region:
        return f"{zone_id} is in network border group {zone.border_group}, addresses come from {region}"
    return ""


def _secrets(settings: Settings, facts: Facts) -> Iterator[Result]:
    if isinstance(facts.deleted_secrets, Unknown):
        yield Result("secret-names", Outcome.CANNOT_TELL, facts.deleted_secrets.why)
        return
    names = [secret_name(settings.environment, merchant.name) for merchant in settings.merchants]
    blocked = [name for name in names if name in facts.deleted_secrets]
    if not blocked:
        yield Result("secret-names", Outcome.PASS, f"{', '.join(names)}: free, or there")
        return
    waiting = facts.deleted_secrets
    said = [
        f"{name} waits to be deleted" + (f" since {day:%Y-%m-%d}" if (day := waiting[name]) else "")
        for name in blocked
    ]
    commands = "; ".join(f"aws secretsmanager restore-secret --secret-id {name}" for name in blocked)
    yield Result(
        "secret-names",
        Outcome.FAIL,
        f"{'; '.join(said)}: until it is gone the name is blocked",
        f"restore it, credentials included: {commands}; then adopt it with `pulumi import`",
    )


def _key(config: StackConfig, facts: Facts) -> Result:
    key = facts.key
    if isinstance(key, Unknown):
        return Result("key-policy", Outcome.CANNOT_TELL, key.why)
    if key is None:
        return Result(
            "key-policy", Outcome.PASS, "no key yet; the policy it gets lets the account administer it"
        )
    if key.state != "Enabled":
        return Result(
            "key-policy",
            Outcome.FAIL,
            f"key {key.id} is {key.state}: no secret under it can be read",
            f"aws kms cancel-key-deletion --key-id {key.id}"
            if key.state == "PendingDeletion"
            else f"aws kms enable-key --key-id {key.id}",
        )
    if reason := lockout(key.policy, config.account_id):
        return Result(
            "key-policy",
            Outcome.FAIL,
            f"key {key.id}: {reason}",
            "have somebody who may still change it put the account's root back; else only AWS support can",
        )
    if reason := doubts(key.policy, config.account_id):
        return Result(
            "key-policy",
            Outcome.WARN,
            f"key {key.id}: {reason}",
            "make sure that somebody is left for whom the condition does not hold, or take the denial out",
        )
    return Result("key-policy", Outcome.PASS, f"key {key.id}: the account can administer it")


def _permissions(facts: Facts) -> Result:
    said = facts.permissions
    if isinstance(said, Unknown):
        return Result("permissions", Outcome.CANNOT_TELL, said.why)
    if said.denied:
        return Result(
            "permissions",
            Outcome.FAIL,
            f"the caller may not {', '.join(sorted(said.denied))}",
            "compare the caller's policies with docs/permissions.md (deploy)",
        )
    if said.unknown:
        why = sorted(set(said.unknown.values()))
        return Result(
            "permissions",
            Outcome.CANNOT_TELL,
            f"allowed as far as AWS says ({len(said.allowed)} actions); not known: "
            f"{', '.join(sorted(said.unknown))} ({'; '.join(why)})",
            "allow the caller iam:SimulatePrincipalPolicy on itself to have them checked",
        )
    return Result("permissions", Outcome.PASS, f"all {len(said.allowed)} actions asked about are allowed")


def _release(facts: Facts) -> Result:
    said = facts.releasable
    if said is None:
        return Result("release-denied", Outcome.SKIP, "no address of this region is approved yet")
    if isinstance(said, Unknown):
        return Result("release-denied", Outcome.CANNOT_TELL, said.why)
    address, allowed = said
    if allowed:
        return Result(
            "release-denied",
            Outcome.WARN,
            f"the caller may release {address}, which is approved",
            "attach the policy of docs/guardrails, so that only one role can",
        )
    return Result("release-denied", Outcome.PASS, f"releasing {address}, which is approved, is denied")


def _capacity(settings: Settings) -> Result:
    zones = gateway_zones(settings)
    if not zones:
        return Result("capacity", Outcome.SKIP, "the gateways are not ours")
    each = prices.CONNECTIONS_PER_ADDRESS
    said = (
        f"{each:,} simultaneous connections to one partner endpoint per gateway, {each * len(zones):,} in all"
    )
    if settings.verifier.alarm_topic_arn is None:
        said += "; verifier.alarmTopicArn is not set, so no alarm tells when that is used up"
    if settings.egress.mode is EgressMode.SINGLE:
        return Result(
            "capacity",
            Outcome.WARN,
            f"{said}; every zone leaves through {zones[0]}: its outage stops all calls, and traffic from "
            "other zones is charged",
            "egress.mode per-zone has a gateway in each",
        )
    return Result("capacity", Outcome.PASS, said)


def _cost(config: StackConfig) -> Result:
    settings = config.settings
    interface = [one for one in settings.network.endpoints if one.value in _INTERFACE_ENDPOINTS]
    gateways = len(gateway_zones(settings))
    addresses = len(settings.slots) if ours(config) else 0
    cost = prices.monthly_usd(
        gateways=gateways,
        addresses=addresses,
        interface_endpoints=len(interface) * len(settings.zones),
        secrets=len(settings.merchants),
        keys=1,
    )
    elsewhere = "" if config.region == prices.REGION else f"; {config.region} may cost more"
    return Result(
        "cost",
        Outcome.PASS,
        f"fixed: {cost:.2f} USD a month without traffic ({gateways} gateways, {addresses} addresses, "
        f"{len(settings.merchants)} secrets, 1 key; {prices.REGION} list prices of {prices.AS_OF})"
        f"{elsewhere}",
    )
