"""Judgements about configuration, this host and its way out. Pure."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from onboarding.deployment import Orders, Role
from onboarding.verification.facts import Facts
from onboarding.verification.measurement import EchoSample
from onboarding.verification.model import Outcome, Subject, Verdict
from onboarding.verification.results import Results

PRODUCTION_HOSTS = frozenset({"partner.upgrade.com"})
"""The production host that the vendor's own public client names."""
SKEW_WARNING_SECONDS = 30.0


def stack_outputs(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """Enough must be declared to verify anything at all."""
    stacks = ", ".join(stack.source for stack in facts.environment.stacks)
    expected = "at least one active address and one merchant"
    if not facts.active:
        return Verdict(
            Outcome.FAIL,
            f"{stacks}: no active address is declared",
            expected,
            "give a slot the role active in egress.addresses and run `pulumi up`",
        )
    found = f"{stacks}: {len(facts.active)} active addresses, {len(facts.environment.merchants)} merchants"
    return Verdict(Outcome.PASS, found, expected)


def partner_url(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """The URL must be https, and ``orders: test`` must not stand beside the production host."""
    partner = facts.environment.partner
    parts = urlsplit(partner.server_url)
    expected = "an https:// URL whose host fits partner.orders"
    if parts.scheme != "https" or not parts.hostname:
        return Verdict(
            Outcome.FAIL,
            f"{partner.server_url!r} is not an https:// URL",
            expected,
            "set partner.serverUrl to the https:// address that the integration lead named; "
            "credentials are never sent in clear",
        )
    if partner.orders is Orders.TEST and parts.hostname.lower() in PRODUCTION_HOSTS:
        return Verdict(
            Outcome.FAIL,
            f"partner.orders is test, but {parts.hostname} is the partner's production host",
            expected,
            "set partner.orders to real, or partner.serverUrl to the pre-production host",
        )
    return Verdict(Outcome.PASS, f"{partner.server_url}, orders: {partner.orders}", expected)


def clean_environment(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """This run is immune to all of it; the merchant's applications on this host may not be."""
    seen = [measured.surroundings for measured in facts.seen.values()]
    found, steps = [], []
    if proxies := sorted({name for one in seen for name in one.proxies}):
        found.append(f"a proxy is set ({', '.join(proxies)}); this run went past it")
        steps.append("exclude the partner's host by NO_PROXY, or submit the proxy's address as well")
    if any(one.netrc for one in seen):
        found.append("netrc names the partner's host; this run ignored it")
        steps.append("remove that entry: it replaces the Authorization header of applications")
    if any(one.ipv6 for one in seen):
        found.append("the partner has IPv6 addresses and this host a way to them; this run used IPv4")
        steps.append("force IPv4 in applications: IPv6 does not pass the NAT gateway")
    skew = _skew(facts)
    if skew is not None and abs(skew) > SKEW_WARNING_SECONDS:
        found.append(f"this host's clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead'}")
        steps.append("let the host's clock be synchronised")
    expected = "no proxy, no netrc entry, no IPv6 way past the NAT gateway, the right time"
    evidence = {} if skew is None else {"skewSeconds": round(skew, 1)}
    if found:
        return Verdict(Outcome.WARN, "; ".join(found), expected, "; ".join(steps), evidence)
    clock = "the clock was not compared, as no call was made" if skew is None else "the clock is right"
    return Verdict(Outcome.PASS, f"nothing interferes; {clock}", expected, evidence=evidence)


def _skew(facts: Facts) -> float | None:
    """The smallest skew that any server shows: a server may be wrong, all of them hardly."""
    calls = [call for measured in facts.pairs.values() for call in measured.calls]
    calls += [sample.call for measured in facts.seen.values() for sample in measured.samples]
    known = [call.skew_seconds for call in calls if call.skew_seconds is not None]
    return min(known, key=abs) if known else None


def egress_routes(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """The subnets that are meant to leave from an address must do so, and from nowhere else."""
    told = facts.routes.get(subject.address or "")
    if told is not None:
        return told
    if subject.address is None:
        return Verdict(Outcome.SKIP, "where this place leaves from is not known")
    return Verdict(Outcome.SKIP, "no private subnet of these stacks is meant to leave from it")


def egress_address(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """What independent echoes see must be the declared, active address, and all of them must agree."""
    place = facts.place_of(subject)
    measured = facts.seen.get(subject.vantage or "")
    if place is None or measured is None:
        return Verdict(Outcome.ERROR, "this place was not looked at", next_action="run again")
    told = str(place.address) if place.bound else "one of the active addresses"
    expected = f"{told}, seen alike by two independent echo services"
    samples = measured.samples
    evidence = {sample.service: sample.address or sample.call.kind for sample in samples}
    if not samples:
        return _by_route_only(facts, subject, prior, bound=place.bound, expected=expected)
    addresses = sorted({sample.address for sample in samples if sample.address})
    if not addresses:
        return Verdict(
            Outcome.ERROR,
            "; ".join(sample.call.fact for sample in samples),
            expected,
            samples[0].call.next_step,
            evidence,
        )
    if len(addresses) > 1:
        return Verdict(
            Outcome.ERROR,
            f"the echo services disagree: {_told(samples)}",
            expected,
            "check for a proxy or several addresses on one gateway; then run again with other echo services",
            evidence,
        )
    return _compared(facts, subject, addresses[0], samples, expected)


def _compared(
    facts: Facts, subject: Subject, address: str, samples: Sequence[EchoSample], expected: str
) -> Verdict:
    evidence = {sample.service: sample.address or sample.call.kind for sample in samples}
    place = facts.place_of(subject)
    declared = next((one for one in facts.environment.addresses if str(one.address) == address), None)
    if place is not None and place.bound and str(place.address) != address:
        whose = f"declared as {declared.slot}" if declared else "declared nowhere"
        return Verdict(
            Outcome.FAIL,
            f"calls from {place.address} leave from {address}, which is {whose}",
            expected,
            "compare the zone's default route and its NAT gateway with the stack outputs",
            evidence,
        )
    if declared is None:
        return Verdict(
            Outcome.ERROR,
            f"this host leaves from {address}, which is not an address of {facts.environment.name}",
            expected,
            "run this on a host behind the environment's egress, or on one that owns its addresses with "
            "--source-address",
            evidence,
        )
    if declared.role is not Role.ACTIVE and not (place and place.bound):
        return Verdict(
            Outcome.FAIL,
            f"traffic leaves from {address}, which is declared as a spare ({declared.slot})",
            expected,
            "run `pulumi preview` and `flexpay-onboard rollover`: a spare must carry no traffic",
            evidence,
        )
    answered = sum(1 for sample in samples if sample.address)
    if answered < 2:
        return Verdict(
            Outcome.WARN,
            f"{address}, by one echo service only",
            expected,
            "name two echo services of independent operators in partner.echo",
            evidence,
        )
    return Verdict(Outcome.PASS, f"{address}, by {answered} echo services", expected, evidence=evidence)


def _by_route_only(facts: Facts, subject: Subject, prior: Results, *, bound: bool, expected: str) -> Verdict:
    step = "name two https echo services of independent operators in partner.echo"
    routes = prior.about("egress-routes", subject)
    if bound and not any(result.outcome in (Outcome.FAIL, Outcome.ERROR) for result in routes):
        return Verdict(Outcome.WARN, "by route only: no echo service is configured", expected, step)
    return Verdict(
        Outcome.ERROR, "no echo service is configured, so where calls leave from is not known", expected, step
    )


def _told(samples: Sequence[EchoSample]) -> str:
    return ", ".join(f"{sample.service} saw {sample.address or 'nothing usable'}" for sample in samples)
