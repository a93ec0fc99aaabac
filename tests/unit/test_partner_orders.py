"""What the stand-in takes for an order, and what it finds ineligible."""

import copy
from datetime import date, timedelta
from typing import Any

import pytest

from sandbox.flexpay.book import Limits, Merchant
from sandbox.flexpay.order_rules import CREATED, Invalid, check, ineligible

TODAY = date(2027, 1, 10)
MERCHANT = Merchant("acme", "UP-12345678-9", "Acme Inc.")


def retail() -> dict[str, Any]:
    return {
        "integrationId": "UP-12345678-9",
        "merchantConfig": {
            "confirmationUrl": "https://shop.example.com/confirm",
            "cancelUrl": "https://shop.example.com/cancel",
        },
        "price": "249.90",
        "localization": {"country": "US", "currency": "USD", "locale": "en-US"},
        "orderItems": [{"orderLine": {"name": "Case", "quantity": 1, "sku": "C", "unitPrice": "249.90"}}],
    }


def air(days: int = 30) -> dict[str, Any]:
    day = (TODAY + timedelta(days=days)).isoformat()
    leg = {"departureApc": "AUS", "arrivalApc": "CUN", "departureDate": day, "arrivalDate": day}
    return {**retail(), "orderItems": [{"air": {"tripType": "ONEWAY", "itinerary": [leg]}}]}


def changed(order: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with the value at a dotted path replaced; Ellipsis takes it away."""
    order = copy.deepcopy(order)
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    holder: Any = order
    for part in parents:
        holder = holder[part]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return order


@pytest.mark.parametrize("order", [retail(), air(), changed(retail(), "price", 249.9)])
def test_sound_orders_pass_without_a_note_and_are_eligible(order: dict[str, Any]) -> None:
    assert check(order, CREATED) == ()
    assert ineligible(order, MERCHANT, TODAY) == []


@pytest.mark.parametrize(
    ("path", "value", "param"),
    [
        ("integrationId", ..., "body.integrationId"),
        ("integrationId", None, "body.integrationId"),
        ("integrationId", 12, "body.integrationId"),
        ("merchantConfig", ..., "body.merchantConfig"),
        ("merchantConfig", "x", "body.merchantConfig"),
        ("merchantConfig.confirmationUrl", ..., "body.merchantConfig.confirmationUrl"),
        ("merchantConfig.cancelUrl", "/cancel", "body.merchantConfig.cancelUrl"),
        ("price", ..., "body.price"),
        ("price", "249.901", "body.price"),
        ("price", "-1.00", "body.price"),
        ("price", "1,000.00", "body.price"),
        ("price", "\uff11.00", "body.price"),
        ("price", True, "body.price"),
        ("price", float("nan"), "body.price"),
        ("price", 10**40, "body.price"),
        ("localization", ..., "body.localization"),
        ("localization.country", "USA", "body.localization.country"),
        ("localization.currency", "usd", "body.localization.currency"),
        ("localization.locale", "en_US", "body.localization.locale"),
        ("orderItems", {}, "body.orderItems"),
        ("orderItems.0", {}, "body.orderItems[0]"),
        ("orderItems.0", {"orderLine": {}, "air": {}}, "body.orderItems[0].air.itinerary"),
        ("orderItems.0.orderLine.quantity", 0, "body.orderItems[0].orderLine.quantity"),
        ("orderItems.0.orderLine.unitPrice", ..., "body.orderItems[0].orderLine.unitPrice"),
        ("channel", "EMAIL", "body.channel"),
        ("billingContact", {"dateOfBirth": "04/07/1963"}, "body.billingContact.dateOfBirth"),
        ("billingContact", {"dateOfBirth": "1963-02-30"}, "body.billingContact.dateOfBirth"),
        ("billingContact", {"title": "SIR"}, "body.billingContact.title"),
        ("addOns", [{"name": "bag", "price": "free"}], "body.addOns[0].price"),
        ("confirmationId", 7, "body.confirmationId"),
    ],
)
def test_a_wrong_field_is_named(path: str, value: Any, param: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(changed(retail(), path, value), CREATED)
    assert refused.value.param == param


@pytest.mark.parametrize("value", [..., None])
def test_what_is_missing_is_called_required(value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        check(changed(retail(), "price", value), CREATED)
    assert refused.value.message == "field required"


@pytest.mark.parametrize(
    ("field", "value"), [("departureDate", "20270320"), ("departureApc", "Austin"), ("carrierCode", "X")]
)
def test_a_wrong_leg_is_named(field: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(changed(air(), f"orderItems.0.air.itinerary.0.{field}", value), CREATED)
    assert refused.value.param == f"body.orderItems[0].air.itinerary[0].{field}"


def test_fields_that_nobody_knows_are_ignored_but_noted() -> None:
    (note,) = check({**retail(), "integrationID": "UP-1"}, CREATED)
    assert note.startswith("body.integrationID ")


@pytest.mark.parametrize(
    ("order", "codes"),
    [
        (changed(retail(), "price", "49.99"), ["MIN_PRICE"]),
        (changed(retail(), "price", "25000.01"), ["MAX_PRICE"]),
        (changed(retail(), "orderItems", []), ["MISSING_PRODUCT"]),
        (changed(retail(), "orderItems", ...), ["MISSING_PRODUCT"]),
        (changed(retail(), "orderItems", [{"cruise": {"ship": "x"}}]), ["MISSING_PRODUCT"]),
        (changed(retail(), "localization.currency", "EUR"), ["INVALID_CURRENCY"]),
        (changed(retail(), "localization.country", "MX"), ["INVALID_COUNTRY"]),
        (changed(retail(), "localization.locale", "es-US"), ["INVALID_LOCALE"]),
        (changed(retail(), "billingContact", {"phone": "+15555551444"}), ["INVALID_BILLING_CONTACT"]),
        (air(days=0), ["MIN_BOOKING_WINDOW"]),
        (air(days=331), ["MAX_BOOKING_WINDOW"]),
        (changed(air(), "orderItems.0.air.itinerary", []), ["INVALID_AIR_RESERVATION"]),
        (
            changed(changed(retail(), "price", "1"), "localization.currency", "EUR"),
            ["INVALID_CURRENCY", "MIN_PRICE"],
        ),
    ],
)
def test_ineligible_orders_say_why(order: dict[str, Any], codes: list[str]) -> None:
    check(order, CREATED)
    assert ineligible(order, MERCHANT, TODAY) == codes


@pytest.mark.parametrize(
    ("merchant", "codes"),
    [
        (Merchant("a", "UP-1", "A", limits=Limits(offers=False)), ["NO_OFFERS"]),
        (Merchant("a", "UP-1", "A", limits=Limits(blocked_airports=("CUN",))), ["INVALID_AIR_RESERVATION"]),
        (Merchant("a", "UP-1", "A", limits=Limits(max_price="200.00")), ["MAX_PRICE"]),
        (Merchant("a", "UP-1", "A", verticals=("orderLine",)), ["MISSING_PRODUCT"]),
    ],
)
def test_limits_are_the_merchants_own(merchant: Merchant, codes: list[str]) -> None:
    assert ineligible(air(), merchant, TODAY) == codes


def test_a_travel_merchant_misses_the_travel_reservation() -> None:
    merchant = Merchant("a", "UP-1", "A", verticals=("air",))
    assert ineligible(retail(), merchant, TODAY) == ["MISSING_TRAVEL_RESERVATION"]


HARD: list[Any] = [
    *(None, True, 0, -1, 1.5, float("inf"), 10**400, "", " ", "x", [], {}, [None], [[]], [{}], {"x": None}),
    *("https://[", "https://a:b", "9" * 5000, "\uff11.00", "2027-99-99"),
    *({"air": None}, [{"orderLine": None}]),
]


def _paths(value: Any, path: str = "") -> list[str]:
    """Return the dotted path of every value inside a JSON document."""
    found = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append(f"{path}{key}")
        if isinstance(inner, dict | list):
            found.extend(_paths(inner, f"{path}{key}."))
    return found


@pytest.mark.parametrize("order", [retail(), {**air(), "billingContact": {"phone": "5555551444"}}])
def test_whatever_stands_in_a_field_the_order_is_refused_by_name_or_judged(order: dict[str, Any]) -> None:
    for path in _paths(order):
        for value in HARD:
            spoiled = changed(order, path, value)
            try:
                check(spoiled, CREATED)
            except Invalid as refused:
                assert refused.param.startswith("body.")  # noqa: PT017 - some of them are orders
            else:
                assert isinstance(ineligible(spoiled, MERCHANT, TODAY), list)
