"""The checks, as data, in the order in which they are told."""

from collections.abc import Callable
from dataclasses import dataclass

from onboarding.verification import judge_access as access
from onboarding.verification import judge_places as places
from onboarding.verification import judge_refusals as refusals
from onboarding.verification.facts import Facts
from onboarding.verification.model import Scope, Subject, Verdict
from onboarding.verification.results import Results

Judge = Callable[[Facts, Subject, Results], Verdict]


@dataclass(frozen=True)
class Check:
    """One check. Its id is also its heading in docs/troubleshooting.md."""

    id: str
    title: str
    scope: Scope
    judge: Judge
    required: bool = True
    """Without it a run proves nothing: skipped, the exit code is never 0."""
    needs: tuple[str, ...] = ()
    """Checks that must hold for the same subject, or this one would mean nothing."""
    early: bool = False
    """Judged before the partner is called, and decides whether it is called at all."""
    everywhere: bool = False
    """Also for active addresses that this run does not leave from."""
    late: bool = False
    """Judged last, because it draws on the results of other checks; told in its place all the same."""


CHECKS: tuple[Check, ...] = (
    Check(
        "stack-outputs",
        "The stacks declare what is to be verified",
        Scope.RUN,
        places.stack_outputs,
        early=True,
    ),
    Check("partner-url", "The partner's address is usable", Scope.RUN, places.partner_url, early=True),
    Check(
        "clean-environment",
        "Nothing on this host changes the way out",
        Scope.RUN,
        places.clean_environment,
        required=False,
    ),
    Check(
        "egress-routes",
        "Route tables lead to the declared address and nowhere else",
        Scope.ADDRESS,
        places.egress_routes,
        required=False,
        early=True,
        everywhere=True,
    ),
    Check(
        "egress-address",
        "Calls leave from the declared address",
        Scope.ADDRESS,
        places.egress_address,
        early=True,
    ),
    Check(
        "addresses-approved",
        "The partner has approved the address",
        Scope.PAIR,
        access.addresses_approved,
        needs=("stack-outputs",),
        early=True,
        everywhere=True,
    ),
    Check(
        "coverage",
        "Every approved address has carried token and order call",
        Scope.MERCHANT,
        access.coverage,
        needs=("partner-url",),
        late=True,
    ),
    Check(
        "credentials-present",
        "Credentials are in the store",
        Scope.MERCHANT,
        access.credentials_present,
        needs=("partner-url",),
    ),
    Check(
        "tls-certificate",
        "The partner's certificate is sound",
        Scope.ADDRESS,
        access.tls_certificate,
        needs=("partner-url", "egress-address"),
    ),
    Check(
        "token-issued",
        "The partner issues a token",
        Scope.PAIR,
        access.token_issued,
        needs=(
            "partner-url",
            "egress-address",
            "addresses-approved",
            "credentials-present",
            "tls-certificate",
        ),
    ),
    Check(
        "token-lifetime",
        "The token's lifetime is a usable one",
        Scope.PAIR,
        access.token_lifetime,
        required=False,
        needs=("token-issued",),
    ),
    Check(
        "token-refused-for-unknown-client",
        "Unknown credentials get no token",
        Scope.RUN,
        refusals.unknown_client,
        required=False,
        needs=("partner-url",),
    ),
    Check(
        "orders-reachable",
        "An incomplete order meets the partner's validation",
        Scope.PAIR,
        access.orders_reachable,
        needs=("token-issued",),
    ),
    Check(
        "order-accepted",
        "The test order is accepted",
        Scope.MERCHANT,
        access.order_accepted,
        required=False,
        needs=("partner-url",),
    ),
    Check(
        "order-refused-without-token",
        "Nobody gets in without a token",
        Scope.RUN,
        refusals.without_token,
        required=False,
        needs=("partner-url",),
    ),
    Check(
        "not-listed-address-refused",
        "Other addresses are refused",
        Scope.RUN,
        refusals.not_listed_address,
        required=False,
        needs=("partner-url",),
    ),
)
BY_ID = {check.id: check for check in CHECKS}
