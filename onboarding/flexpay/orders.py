"""The order call, and what its answers mean (partner pages "Create Order" and "Authorization")."""

import json
from typing import Any

import requests
from requests.auth import AuthBase

from onboarding.deployment import Partner
from onboarding.flexpay.answers import Exchange, error_codes, kind_of, parsed, seen
from onboarding.flexpay.errors import Diagnosis, Kind, diagnose
from onboarding.flexpay.transport import DEFAULT_LIMITS, Limits, exchange

INCOMPLETE_ORDER: dict[str, Any] = {
    "merchantConfig": {
        "confirmationUrl": "https://merchant.example/flexpay/confirm",
        "cancelUrl": "https://merchant.example/flexpay/cancel",
    }
}
"""Lacks the required ``integrationId``, a price and any item: nothing can come of it."""
NEXT_AFTER_401 = (
    "the token was issued but is not accepted here: check partner.checkoutPrefix, and ask the integration "
    "lead whether this client may place orders"
)
NEXT_AFTER_VALIDATION = (
    "correct the order template at the named field (merchants[].testOrder; docs/troubleshooting.md)"
)
LIMITS_BY_CODE = {
    "MIN_PRICE": "the price is below the merchant's minimum",
    "MAX_PRICE": "the price is above the merchant's maximum",
    "MIN_BOOKING_WINDOW": "the departure is too near",
    "MAX_BOOKING_WINDOW": "the departure is too far away",
    "INVALID_AIR_RESERVATION": "an airport or route is not allowed",
    "INVALID_BILLING_CONTACT": "the billing contact is incomplete",
    "INVALID_COUNTRY": "the country is not supported (US or CA)",
    "INVALID_CURRENCY": "the currency is not supported (USD or CAD)",
    "INVALID_LOCALE": "the locale is not supported",
    "MISSING_PRODUCT": "the order has no product of the merchant's vertical",
    "MISSING_TRAVEL_RESERVATION": "the order has no travel reservation",
    "NO_OFFERS": "the merchant has no offer for this order",
}
"""Eligibility codes and the per-merchant limit behind each."""


def post_order(
    session: requests.Session,
    partner: Partner,
    auth: AuthBase,
    order: Any,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> Exchange:
    """Post one order, once. It is never repeated here, whatever comes back."""
    return exchange(
        session,
        "POST",
        f"{partner.server_url}{partner.checkout_prefix}/v1/orders",
        auth=auth,
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        body=json.dumps(order).encode(),
        limits=limits,
    )


def accepted(done: Exchange, *, template: str) -> Diagnosis | None:
    """Judge the answer to a complete order; None is an accepted one. Pure."""
    kind = kind_of(done)
    if kind is not None:
        step = {Kind.UNAUTHORIZED: NEXT_AFTER_401, Kind.VALIDATION: NEXT_AFTER_VALIDATION}.get(kind, "")
        return diagnose("order call", kind, detail=seen(done), next_step=step)
    answer = parsed(done.body)
    if answer is None:
        return diagnose("order call", Kind.NOT_JSON, detail=f"{done.status}")
    if not isinstance(answer, dict):
        return diagnose("order call", Kind.WRONG_SHAPE, detail="not a JSON object")
    if answer.get("errorCodes"):
        codes = error_codes(done.body)
        named = "; ".join(f"{code}: {LIMITS_BY_CODE.get(code, 'see the partner page')}" for code in codes)
        return diagnose(
            "order call", Kind.INELIGIBLE, detail=f"template {template}; {named or 'no known code'}"
        )
    if not isinstance(answer.get("id") or answer.get("orderId") or answer.get("order_id"), str):
        return diagnose("order call", Kind.WRONG_SHAPE, detail="no order id")
    return None


def reached(done: Exchange) -> Diagnosis | None:
    """Judge the answer to an incomplete order; None is the validation answer that was hoped for. Pure."""
    kind = kind_of(done)
    if kind is Kind.VALIDATION:
        return None
    if kind is None:
        shape = Kind.NOT_JSON if parsed(done.body) is None else Kind.WRONG_SHAPE
        return diagnose(
            "order call",
            shape,
            detail=f"{done.status} to an order without integrationId, where 400 belongs",
        )
    step = NEXT_AFTER_401 if kind is Kind.UNAUTHORIZED else ""
    return diagnose("order call", kind, detail=seen(done), next_step=step)
