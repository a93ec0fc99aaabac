"""The partner's API: tokens, orders and marketing offers, behind the allow-list."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.flexpay.book import Book, Merchant
from sandbox.flexpay.clock import Clock
from sandbox.flexpay.gate import Gate, Guard
from sandbox.flexpay.messages import Answer, Facts, Refused, Request, as_json, envelope, parse
from sandbox.flexpay.order_rules import CREATED, OFFERS, Invalid, Shape, check, ineligible
from sandbox.flexpay.tokens import Grant, Tokens, basic, bearer

TOKEN_PATH = "/api/auth/v1/oauth/token"  # noqa: S105 - a path
PREFIX = "/api/checkout"
REDIRECT = "https://payments.uplift.com/redirect/#/{order_id}"


class Api:
    """Answers what comes in on the partner's https port."""

    def __init__(self, book: Book, clock: Clock, gate: Gate, tokens: Tokens, prefix: str = PREFIX) -> None:
        self._book = book
        self._clock = clock
        self._gate = gate
        self._guard = Guard(gate, book, clock)
        self._tokens = tokens
        self._prefix = prefix
        self._handlers: Mapping[str, tuple[str, Callable[[Request], Answer]]] = {
            "token": ("POST", self._token),
            "orders": ("POST", self._create_order),
            "order": ("GET", self._read_order),
            "offers": ("POST", self._offers),
        }

    def admit(self, peer: str) -> str | None:
        """Judge a connection before TLS."""
        return self._guard.at_the_socket(peer)

    def latency(self) -> float:
        """Seconds every answer takes."""
        return self._gate.latency_seconds

    def endpoint(self, request: Request) -> str:
        """Name the endpoint of a path."""
        if request.path == TOKEN_PATH:
            return "token"
        if request.path == f"{self._prefix}/v1/orders":
            return "orders"
        if request.path == f"{self._prefix}/v1/marketing/offers":
            return "offers"
        order_id = request.path.removeprefix(f"{self._prefix}/v1/orders/")
        return "order" if order_id != request.path and order_id and "/" not in order_id else "unknown"

    def answer(self, endpoint: str, request: Request) -> Answer:
        """Handle one request; raises Refused. The allow-list comes before everything else."""
        refusal = self._guard.before_authentication(endpoint, request.peer)
        if refusal:
            return refusal
        if endpoint == "unknown":
            return envelope(404)
        method, handler = self._handlers[endpoint]
        if request.method != method:
            return envelope(405, allow=method)
        return handler(request)

    def _token(self, request: Request) -> Answer:
        grant_types = request.query.get("grant_type", [])
        if not grant_types:
            return envelope(400, "field required", param="query.grant_type")
        if grant_types != ["client_credentials"]:
            return envelope(400, "grant type is not supported", param="query.grant_type")
        credentials = basic(request.headers.get("authorization", ""))
        merchant = self._book.authenticate(*credentials) if credentials else None
        if credentials is None or merchant is None:
            return envelope(401, www_authenticate='Basic realm="Flex Pay"')
        if not self._guard.admits("token", request.peer, merchant):
            return envelope(403, facts=Facts(merchant, refused=True))
        issued = {
            "access_token": self._tokens.issue(merchant, credentials[0]),
            "token_type": "Bearer",
            "expires_in": self._tokens.lifetime_seconds,
        }
        return as_json(200, issued, facts=Facts(merchant), cache_control="no-store")

    def _create_order(self, request: Request) -> Answer:
        merchant, value, notes = self._accepted(request, CREATED)
        order = {name: one for name, one in value.items() if name not in ("id", "redirectUrl", "errorCodes")}
        codes = ineligible(order, merchant, self._clock.today().date())
        if codes:
            return as_json(200, {**order, "errorCodes": codes}, facts=Facts(merchant.name, notes=notes))
        order_id = self._book.add_order(merchant.name, order, self._clock.now())
        created = {"id": order_id, **order, "redirectUrl": REDIRECT.format(order_id=order_id)}
        return as_json(200, created, facts=Facts(merchant.name, order_id, order_created=True, notes=notes))

    def _read_order(self, request: Request) -> Answer:
        merchant = self._authorized(request)
        order_id = request.path.rpartition("/")[2]
        kept = self._book.orders.get(order_id)
        if kept is None or kept["merchant"] != merchant.name:
            return envelope(404, f"Order with ID: {order_id} not found", facts=Facts(merchant.name))
        order = {**kept["order"], "redirectUrl": REDIRECT.format(order_id=order_id)}
        return as_json(200, order, facts=Facts(merchant.name, order_id))

    def _offers(self, request: Request) -> Answer:
        merchant, value, notes = self._accepted(request, OFFERS)
        today = self._clock.today().date()
        answered = []
        for order in value["orders"]:
            codes = ineligible(order, merchant, today)
            answered.append({**order, "errorCodes": codes} if codes else {**order, "offers": [_offer(order)]})
        offers = {"integrationId": value["integrationId"], "orders": answered}
        return as_json(200, offers, facts=Facts(merchant.name, notes=notes))

    def _authorized(self, request: Request) -> Merchant:
        token = bearer(request.headers.get("authorization", ""))
        grant: Grant | None = self._tokens.find(token) if token else None
        merchant = self._book.merchants.get(grant.merchant) if grant else None
        if merchant is None:
            raise Refused(envelope(401, www_authenticate="Bearer"))
        if not self._guard.admits("orders", request.peer, merchant.name):
            raise Refused(envelope(403, facts=Facts(merchant.name, refused=True)))
        return merchant

    def _accepted(self, request: Request, shape: Shape) -> tuple[Merchant, dict[str, Any], tuple[str, ...]]:
        merchant = self._authorized(request)
        facts = Facts(merchant.name)
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(envelope(400, "must be application/json", param="header.content-type", facts=facts))
        try:
            value = parse(request.body)
            notes = check(value, shape)
        except (ValueError, RecursionError):
            raise Refused(envelope(400, "not JSON", param="body", facts=facts)) from None
        except Invalid as invalid:
            raise Refused(envelope(400, invalid.message, param=invalid.param, facts=facts)) from None
        if value["integrationId"] != merchant.integration_id:
            raise Refused(envelope(403, facts=facts))
        return merchant, value, notes


def _offer(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return one made-up offer: twelve payments at 14.99 percent, the shape of page Samples."""
    price, rate, months = Decimal(str(order["price"])), Decimal("0.1499") / 12, 12
    payment = (price * rate / (1 - (1 + rate) ** -months)).quantize(Decimal("0.01"))
    total = payment * months
    return {
        "apr": "0.1499",
        "minApr": "0.0799",
        "maxApr": "0.3599",
        "monthlyPayment": str(payment),
        "numberOfPayments": str(months),
        "downPayment": "0.00",
        "financeCharges": str(total - price),
        "grandTotal": str(total),
        "minFilterAmount": "0.00",
        "promos": [],
        "marketingContent": [],
    }
