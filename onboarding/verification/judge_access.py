"""Judgements about approval, credentials, tokens and orders, per merchant and address. Pure."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

from onboarding.allowlist.ledger import Standing
from onboarding.deployment import Orders, Role
from onboarding.flexpay.errors import NETWORK_BLOCKS, REFUSALS, Kind
from onboarding.verification.facts import Facts
from onboarding.verification.measurement import CallRecord
from onboarding.verification.model import HOLDS, Outcome, Subject, Verdict
from onboarding.verification.results import Results

CERTIFICATE_WARNING_DAYS = 14
SHORT_TOKEN_SECONDS = 120.0
_CERTIFICATE = frozenset({Kind.TLS_EXPIRED, Kind.TLS_NAME, Kind.TLS_UNTRUSTED, Kind.TLS})
_KEEP_FROM_ASKING = (
    "egress-address",
    "addresses-approved",
    "credentials-present",
    "token-issued",
    "orders-reachable",
)
_UNCERTAIN_ORDER = (
    "the order may have been placed all the same and is not repeated; ask the partner for one whose "
    "externalId is this report's run id"
)


def addresses_approved(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """Say what the ledger knows of this merchant and address."""
    merchant, address = _pair(subject)
    entry = facts.ledger.entry(merchant, address)
    since = f" since {entry.since:%Y-%m-%d}" if entry.since else ""
    reference = f" ({entry.reference})" if entry.reference else ""
    expected = "approved"
    match entry.standing:
        case Standing.APPROVED:
            return Verdict(Outcome.PASS, f"approved{since}{reference}", expected)
        case Standing.WAITING:
            return Verdict(
                Outcome.WAITING,
                f"submitted{since}{reference}, and waits for the partner's approval",
                expected,
                "when the partner approves: `flexpay-onboard allowlist record approved --reference TICKET`",
            )
        case Standing.UNSUBMITTED if not facts.ledger.approved_for(merchant) or _spare(facts, address):
            return Verdict(
                Outcome.WAITING,
                "not submitted yet",
                expected,
                "`flexpay-onboard allowlist draft --out DIR`, send the package, then "
                "`flexpay-onboard allowlist record submitted --reference TICKET`",
            )
        case Standing.UNSUBMITTED:
            return Verdict(
                Outcome.FAIL,
                "active, but never submitted, while other addresses of this merchant are approved",
                expected,
                "make it a spare until approved, and submit it: `flexpay-onboard allowlist draft --out DIR`",
            )
        case _:
            return Verdict(
                Outcome.FAIL,
                f"active, but {entry.standing}{since}{reference}",
                expected,
                "move the traffic to an approved address (`flexpay-onboard rollover`), or submit it anew",
            )


def credentials_present(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """The secret of the merchant must hold a current version in the expected shape."""
    measured = facts.pairs_of(subject)
    expected = "exactly client_id and client_secret, in the current version"
    if not measured:
        return not_asked(facts, subject, prior)
    for one in measured:
        if not one.credentials.ok:
            step = one.credentials
            outcome = Outcome.FAIL if step.answered else Outcome.ERROR
            return Verdict(outcome, step.fact, expected, step.next_step, seconds=step.seconds)
    merchant = facts.environment.merchants[subject.merchant or ""]
    longest = max(one.credentials.seconds for one in measured)
    return Verdict(Outcome.PASS, merchant.secret_name, expected, seconds=longest)


def tls_certificate(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """The certificate met from this address must be valid, trusted, and last a while."""
    calls = [call for measured in facts.pairs_of(subject) for call in measured.calls]
    expected = f"trusted, for this host, and valid for {CERTIFICATE_WARNING_DAYS} days at least"
    broken = next((call for call in calls if call.kind in _CERTIFICATE), None)
    if broken:
        return judged(broken, expected)
    shown = next((call for call in calls if call.certificate_sha256), None)
    if shown is None and calls:
        return Verdict(
            Outcome.SKIP, "no connection came about (see token-issued)", expected, blocked_by="token-issued"
        )
    if shown is None:
        return not_asked(facts, subject, prior)
    seconds = shown.seconds.get("tls", 0.0)
    evidence = {"certificateSha256": shown.certificate_sha256, "peer": shown.peer}
    days = _days_left(shown.certificate_not_after, facts.now)
    if days is not None and days < CERTIFICATE_WARNING_DAYS:
        return Verdict(
            Outcome.WARN,
            f"runs out in {days} days",
            expected,
            "tell the partner; nothing has to be done here",
            evidence,
            seconds,
        )
    until = "" if days is None else f", {days} days left"
    return Verdict(Outcome.PASS, f"valid{until}", expected, "", evidence, seconds)


def _days_left(not_after: str | None, now: datetime) -> int | None:
    if not not_after:
        return None
    return (datetime.fromtimestamp(ssl.cert_time_to_seconds(not_after), UTC) - now).days


def token_issued(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """A token must be issued to this merchant at this address."""
    measured = facts.pairs_of(subject)
    if not measured or measured[0].token is None:
        return not_asked(facts, subject, prior)
    return admitted(facts, subject, measured[0].token, "an access token")


def token_lifetime(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """The stated lifetime must be a usable one."""
    measured = facts.pairs_of(subject)
    if not measured or measured[0].lifetime_seconds is None:
        return not_asked(facts, subject, prior)
    lifetime, notes = measured[0].lifetime_seconds, measured[0].lifetime_notes
    expected = "expires_in as a positive number of seconds (1800 by default)"
    evidence = {"lifetimeSeconds": lifetime}
    if notes:
        step = "nothing breaks here; report it to the partner, since other clients may"
        return Verdict(Outcome.WARN, "; ".join(notes), expected, step, evidence)
    if lifetime < SHORT_TOKEN_SECONDS:
        step = "ask the partner whether so short a lifetime is meant"
        return Verdict(Outcome.WARN, f"only {lifetime:.0f} s", expected, step, evidence)
    return Verdict(Outcome.PASS, f"{lifetime:.0f} s", expected, evidence=evidence)


def orders_reachable(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """An incomplete order must meet the partner's validation: address, token and route are proven."""
    measured = facts.pairs_of(subject)
    if not measured or measured[0].reachable is None:
        return not_asked(facts, subject, prior)
    return admitted(facts, subject, measured[0].reachable, "400 with the partner's envelope")


def order_accepted(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """The merchant's test order must be accepted, once."""
    partner = facts.environment.partner
    if partner.orders is Orders.REAL and not facts.choices.allow_real_order:
        return Verdict(
            Outcome.SKIP,
            "an accepted order would be a real one here (partner.orders: real)",
            "an order id",
            "to place one all the same: --allow-real-order",
        )
    made = [one.order for one in facts.pairs_of(subject) if one.order]
    if not made:
        return not_asked(facts, subject, prior, blocker="orders-reachable")
    template = facts.environment.merchants[subject.merchant or ""].test_order
    verdict = judged(made[0], "accepted, with an order id", found=f"template {template} accepted")
    if verdict.outcome is Outcome.ERROR:
        return replace(verdict, next_action=f"{verdict.next_action}; {_UNCERTAIN_ORDER}")
    return verdict


def coverage(facts: Facts, subject: Subject, prior: Results) -> Verdict:
    """Every approved, active address must have carried a token call and an order call in this run."""
    merchant = subject.merchant or ""
    approved = [one for one in facts.active if facts.approved(merchant, one.address)]
    expected = "token and order call from every approved, active address"
    if not approved:
        return not_asked(facts, subject, prior)
    proven, open_, outcomes = [], [], set()
    for one in approved:
        about = Subject(merchant=merchant, address=str(one.address))
        results = [
            result
            for check in ("egress-address", "token-issued", "orders-reachable")
            for result in prior.about(check, about)
        ]
        calls = [result for result in results if result.check != "egress-address"]
        if len(calls) == 2 and all(result.outcome in HOLDS for result in results):
            proven.append(str(one.address))
            continue
        open_.append(f"{one.address}{'' if calls else ' (not exercised here)'}")
        outcomes |= {result.outcome for result in results}
    found = f"{len(proven)} of {len(approved)} approved addresses proven"
    if not open_:
        return Verdict(Outcome.PASS, found, expected)
    worst = next(
        (one for one in (Outcome.FAIL, Outcome.ERROR, Outcome.WAITING) if one in outcomes), Outcome.ERROR
    )
    step = (
        "see the checks of these addresses above; addresses that this run did not exercise need "
        "--source-address on a host that owns them, or a run behind each zone's gateway"
    )
    return Verdict(worst, f"{found}; open: {', '.join(open_)}", expected, step)


def admitted(facts: Facts, subject: Subject, call: CallRecord, expected: str) -> Verdict:
    """Judge a call from an approved address: a refusal may be a list that is not in force yet."""
    verdict = judged(call, expected)
    turned_away = call.kind in REFUSALS or (
        call.kind in NETWORK_BLOCKS and facts.answered_elsewhere(subject.vantage)
    )
    if not turned_away:
        return verdict
    merchant, address = _pair(subject)
    proven = facts.last_proof(merchant, address)
    if proven:
        found = f"{verdict.found}; it was let in on {proven:%Y-%m-%d}, and is not any more"
        return Verdict(Outcome.FAIL, found, expected, call.next_step, verdict.evidence, verdict.seconds)
    entry = facts.ledger.entry(merchant, address)
    if not entry.since or entry.standing is not Standing.APPROVED:
        return Verdict(
            Outcome.FAIL, verdict.found, expected, call.next_step, verdict.evidence, verdict.seconds
        )
    age = max((facts.now - entry.since).days, 0)
    return Verdict(
        Outcome.WAITING,
        f"{verdict.found}; approved {age} days ago ({entry.reference}), but not let in yet",
        expected,
        f"wait until the list is in force (--wait 30m); if it lasts, ask the partner about {entry.reference}",
        verdict.evidence,
        verdict.seconds,
    )


def _spare(facts: Facts, address: IPv4Address) -> bool:
    declared = facts.declared(address)
    return declared is not None and declared.role is Role.SPARE


def _pair(subject: Subject) -> tuple[str, IPv4Address]:
    if subject.merchant is None or subject.address is None:
        raise AssertionError("judged per merchant and address only")
    return subject.merchant, IPv4Address(subject.address)


def judged(call: CallRecord, expected: str, *, found: str = "") -> Verdict:
    """Judge a call by itself."""
    seconds = call.seconds.get("total", 0.0)
    if call.ok:
        met = found or " ".join(str(part) for part in (call.status, call.code_name) if part)
        attempts = "" if call.attempts == 1 else f" (attempt {call.attempts}, with a fresh token)"
        return Verdict(Outcome.PASS, f"{met}{attempts}", expected, "", call.evidence(), seconds)
    outcome = Outcome.FAIL if call.answered else Outcome.ERROR
    return Verdict(outcome, call.fact, expected, call.next_step, call.evidence(), seconds)


def not_asked(facts: Facts, subject: Subject, prior: Results, *, blocker: str = "") -> Verdict:
    """Say why nothing was asked about this subject: ``blocker``, or the first check that kept it from it."""
    for check in _KEEP_FROM_ASKING if not blocker else ():
        if any(one.outcome not in HOLDS for one in prior.about(check, subject)):
            blocker = check
            break
    told = f"not asked, because of {blocker}" if blocker else "not asked in this run"
    return Verdict(Outcome.SKIP, told, blocked_by=blocker or None)
