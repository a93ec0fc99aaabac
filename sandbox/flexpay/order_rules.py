"""What an order must look like (400 with the field's name) and what makes it ineligible (errorCodes).

Required are integrationId, merchantConfig and its two URLs (page Create Order); price, localization
and its country, currency and locale are demanded as well, because the vendor's own client always
sends them: an order that passes here names everything the public material knows of. Fields of
``KNOWN`` are checked, others are ignored with a note.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from sandbox.flexpay.book import Limits, Merchant

Check = Callable[[Any], str | None]
"""Returns what is wrong with a value, or None."""
VERTICALS = ("air", "orderLine", "cruise", "hotel")
MISSING = "field required"


class Invalid(Exception):  # noqa: N818 - it is an outcome, not a fault
    """The order is not accepted as a request; ``param`` names the field."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param
        self.message = message


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be a non-empty string"


def _text_or_null(value: Any) -> str | None:
    return None if value is None or isinstance(value, str) else "must be a string or null"


def _url(value: Any) -> str | None:
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
    except ValueError:
        parts = urlsplit("")
    return None if parts.scheme in ("https", "http") and parts.netloc else "must be an absolute URL"


def _money(value: Any) -> str | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,2})?", value):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**9:
        exact = Decimal(str(value))
        if exact == exact.quantize(Decimal("0.01")):
            return None
    return 'must be dollars with at most two decimals, as a string ("100.13") or a number'


def _date(value: Any) -> str | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            date.fromisoformat(value)
        except ValueError:
            return f"{value} is not a day of the calendar"
        return None
    return "must be a date such as 2027-03-20"


def _one_of(*allowed: str) -> Check:
    return lambda value: None if value in allowed else f"must be one of {', '.join(allowed)}"


def _pattern(pattern: str, what: str) -> Check:
    return lambda value: (
        None if isinstance(value, str) and re.fullmatch(pattern, value) else f"must be {what}"
    )


def _count(value: Any) -> str | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return None if whole and value > 0 else "must be a whole number above 0"


@dataclass(frozen=True)
class Shape:
    """An object: its required and optional fields, or an array of such objects."""

    required: Mapping[str, "Check | Shape"]
    optional: Mapping[str, "Check | Shape"]
    array: bool = False


LOCALIZATION = Shape(
    {
        "country": _pattern("[A-Z]{2}", "a country code of two letters"),
        "currency": _pattern("[A-Z]{3}", "a currency code of three letters"),
        "locale": _pattern("[a-z]{2}-[A-Z]{2}", "a language and a country such as en-US"),
    },
    {},
)
CONTACT = Shape(
    {},
    {
        "title": _one_of("DR", "MISS", "MR", "MRS", "MS"),
        "dateOfBirth": _date,
        "country": _text,
        **dict.fromkeys(
            ("city", "email", "firstName", "lastName", "phone", "postalCode", "region", "streetAddress"),
            _text,
        ),
        "middleName": _text_or_null,
    },
)
LEG = Shape(
    {
        "departureApc": _pattern("[A-Z]{3}", "an airport code of three letters"),
        "arrivalApc": _pattern("[A-Z]{3}", "an airport code of three letters"),
        "departureDate": _date,
    },
    {"arrivalDate": _date, "carrierCode": _pattern("[A-Z0-9]{2}", "an airline code"), "fareClass": _text},
    array=True,
)
AIR = Shape(
    {"itinerary": LEG},
    {
        "airlineName": _text,
        "tripType": _one_of("ROUNDTRIP", "ONEWAY"),
        "insurance": Shape({}, {"externalId": _text, "price": _money, "types": lambda _: None}, array=True),
    },
)
LINE = Shape(
    {"name": _text, "quantity": _count, "unitPrice": _money},
    {"sku": _text, "type": _text, "reference": _text_or_null},
)
ITEM = Shape({}, {"air": AIR, "orderLine": LINE, "cruise": Shape({}, {}), "hotel": Shape({}, {})}, array=True)
OFFERED = Shape(
    {"price": _money, "localization": LOCALIZATION},
    {
        "orderItems": ITEM,
        "billingContact": CONTACT,
        "addOns": Shape({"name": _text, "price": _money}, {"externalId": _text}, array=True),
        "campaignAttributes": Shape({"name": _text, "value": _text}, {}, array=True),
        "channel": _one_of("APP", "MOBILE_WEB", "WEB", "EMAIL"),
        "confirmationId": _text_or_null,
        "externalId": _text,
        "orderCategory": _text,
        "supplierCode": _pattern(r"SC-[0-9]{4,12}-[0-9]{1,4}", "a supplier code such as SC-12345678-9"),
    },
)
CREATED = Shape(
    {
        "integrationId": _text,
        "merchantConfig": Shape({"confirmationUrl": _url, "cancelUrl": _url}, {}),
        **OFFERED.required,
    },
    {**OFFERED.optional, "channel": _one_of("APP", "MOBILE_WEB", "WEB")},
)
OFFERS = Shape({"integrationId": _text, "orders": Shape(OFFERED.required, OFFERED.optional, array=True)}, {})


def check(value: Any, shape: Shape, path: str = "body") -> tuple[str, ...]:
    """Check a request's JSON; returns notes on fields that nobody knows. Raises Invalid."""
    notes: list[str] = []
    _object(value, shape, path, notes)
    return tuple(notes)


def _object(value: Any, shape: Shape, path: str, notes: list[str]) -> None:
    if shape.array and not path.endswith("]"):
        if not isinstance(value, list):
            raise Invalid(path, "must be an array")
        for index, element in enumerate(value):
            _object(element, shape, f"{path}[{index}]", notes)
        return
    if not isinstance(value, dict):
        raise Invalid(path, "must be an object")
    for name, rule in shape.required.items():
        if value.get(name) is None:
            raise Invalid(f"{path}.{name}", MISSING)
        _field(value[name], rule, f"{path}.{name}", notes)
    for name, rule in shape.optional.items():
        if name in value and (value[name] is not None or not isinstance(rule, Shape)):
            _field(value[name], rule, f"{path}.{name}", notes)
    for name in value.keys() - shape.required.keys() - shape.optional.keys():
        if shape.required or shape.optional:
            notes.append(f"{path}.{name} is not a field that the public pages name; it was ignored")
    if shape is ITEM and len(value.keys() & set(VERTICALS)) != 1:
        raise Invalid(path, f"must hold exactly one of {', '.join(VERTICALS)}")


def _field(value: Any, rule: "Check | Shape", path: str, notes: list[str]) -> None:
    if isinstance(rule, Shape):
        _object(value, rule, path, notes)
        return
    problem = rule(value)
    if problem:
        raise Invalid(path, problem)


def ineligible(order: Mapping[str, Any], merchant: Merchant, today: date) -> list[str]:
    """Return the eligibility codes of a well-formed order, sorted; none of them: it is eligible."""
    limits = merchant.limits
    codes = {*_localization(order["localization"], limits), *_items(order, merchant, today)}
    price = Decimal(str(order["price"]))
    if price < Decimal(limits.min_price):
        codes.add("MIN_PRICE")
    if price > Decimal(limits.max_price):
        codes.add("MAX_PRICE")
    contact = order.get("billingContact") or {}
    phone = contact.get("phone")
    if contact.get("country") not in (None, "US", "CA") or (phone and not re.fullmatch(r"[0-9]{10}", phone)):
        codes.add("INVALID_BILLING_CONTACT")
    if not codes and not limits.offers:
        codes.add("NO_OFFERS")
    return sorted(codes)


def _localization(localization: Mapping[str, str], limits: Limits) -> list[str]:
    codes = []
    if localization["country"] not in limits.countries:
        codes.append("INVALID_COUNTRY")
    if localization["currency"] not in limits.currencies:
        codes.append("INVALID_CURRENCY")
    if localization["locale"].split("-")[0] not in ("en", "fr"):
        codes.append("INVALID_LOCALE")
    return codes


def _items(order: Mapping[str, Any], merchant: Merchant, today: date) -> list[str]:
    items = order.get("orderItems") or []
    found = [name for item in items for name in VERTICALS if name in item]
    codes = []
    if not found or any(name not in merchant.verticals for name in found):
        travel_only = "orderLine" not in merchant.verticals
        codes.append("MISSING_TRAVEL_RESERVATION" if travel_only else "MISSING_PRODUCT")
    for leg in (leg for item in items for leg in (item.get("air") or {}).get("itinerary", [])):
        if {leg["departureApc"], leg["arrivalApc"]} & set(merchant.limits.blocked_airports):
            codes.append("INVALID_AIR_RESERVATION")
    codes.extend(_booking_window(items, merchant.limits, today))
    return codes


def _booking_window(items: list[Mapping[str, Any]], limits: Limits, today: date) -> list[str]:
    itineraries = [item["air"]["itinerary"] for item in items if item.get("air")]
    if any(not itinerary for itinerary in itineraries):
        return ["INVALID_AIR_RESERVATION"]
    codes = []
    for itinerary in itineraries:
        days = (date.fromisoformat(itinerary[0]["departureDate"]) - today).days
        if days < limits.min_booking_days:
            codes.append("MIN_BOOKING_WINDOW")
        if days > limits.max_booking_days:
            codes.append("MAX_BOOKING_WINDOW")
    return codes
