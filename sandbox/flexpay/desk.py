"""The reviewer desk's http port: submissions, decisions, credentials, switches and the record.

Plain http, bound to this machine: it stands for the e-mails, tickets and telephone calls of a real
review, and for what only tests can do (switches).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.flexpay.book import Limits, tuples
from sandbox.flexpay.controls import Controls
from sandbox.flexpay.messages import Answer, Refused, Request, as_json, parse
from sandbox.flexpay.review import NotAccepted, NotYet
from sandbox.flexpay.switches import Fault

HELP = """Reviewer desk of the Flex Pay stand-in. JSON in, JSON out.

GET    /state                              merchants, allow-list, clients, submissions, switches
POST   /merchants                          {"name", "integrationId", "legalEntity", "verticals"?, "limits"?}
POST   /submissions                        a submission package; 422 with reasons when it goes back
GET    /submissions                        all of them
POST   /submissions/ID/approve             {"ticket", "addresses"?: [...], "merchants"?: [...]}
POST   /submissions/ID/reject              {"ticket", "reason"}
POST   /merchants/NAME/credentials         issues credentials; the secret is shown this once
DELETE /credentials/CLIENT_ID              revokes them, and their tokens
POST   /merchants/NAME/allow-list          {"addresses": [...], "ticket"?}: without a submission
DELETE /merchants/NAME/allow-list/ADDRESS
GET    /switches                           settings of the allow-list, and the faults that are set
PATCH  /switches                           {"refusal"?, "enforce"?, "gated"?, "propagationSeconds"?, ...}
POST   /switches                           a fault; answers with its id
DELETE /switches[/ID]                      all faults, or one
POST   /clock                              {"advanceSeconds"}
GET    /calls    DELETE /calls             the record of calls
"""


class Desk:
    """Answers on the desk port; ``addresses`` tells where the partner is reached."""

    def __init__(self, partner: Controls, addresses: Callable[[], dict[str, Any]]) -> None:
        self._partner = partner
        self._addresses = addresses
        self._routes: Mapping[tuple[str, ...], Callable[[Request, list[str]], Answer]] = {
            ("GET",): lambda request, parts: Answer(200, HELP.encode(), "text/plain; charset=utf-8"),
            ("GET", "state"): self._state,
            ("POST", "merchants"): self._register,
            ("POST", "merchants", "*", "credentials"): self._issue,
            ("POST", "merchants", "*", "allow-list"): self._allow,
            ("DELETE", "merchants", "*", "allow-list", "*"): self._disallow,
            ("POST", "submissions"): self._receive,
            ("GET", "submissions"): self._submissions,
            ("POST", "submissions", "*", "approve"): self._approve,
            ("POST", "submissions", "*", "reject"): self._reject,
            ("DELETE", "credentials", "*"): self._revoke,
            ("GET", "switches"): self._switches,
            ("PATCH", "switches"): self._change,
            ("POST", "switches"): self._fault,
            ("DELETE", "switches"): self._no_fault,
            ("DELETE", "switches", "*"): self._no_fault,
            ("POST", "clock"): self._clock,
            ("GET", "calls"): lambda request, parts: as_json(200, partner.calls.to_json()),
            ("DELETE", "calls"): self._forget,
        }

    def admit(self, peer: str) -> str | None:
        """Everybody on this machine."""
        return None

    def latency(self) -> float:
        """No delay of its own."""
        return 0.0

    def endpoint(self, request: Request) -> str:
        """All of it is the desk."""
        return "desk"

    def answer(self, endpoint: str, request: Request) -> Answer:
        """Find the route; every mistake of the caller is a JSON answer with reasons."""
        parts = [part for part in request.path.split("/") if part]
        for route, handler in self._routes.items():
            if route[0] == request.method and _matches(route[1:], parts):
                try:
                    return handler(request, parts)
                except NotAccepted as refused:
                    return _problem(422, *refused.reasons)
                except NotYet as waiting:
                    return _problem(409, str(waiting))
                except KeyError as missing:
                    return _problem(404, f"{missing.args[0]} is not known")
                except (ValueError, TypeError) as error:
                    return _problem(400, str(error))
        return _problem(404, f"no such route: {request.method} {request.path}; GET / lists them")

    def _state(self, request: Request, parts: list[str]) -> Answer:
        partner = self._partner
        book = partner.book
        with book.lock:
            state = {
                "environment": partner.environment,
                **self._addresses(),
                "prefix": partner.prefix,
                "merchants": [asdict(one) for one in book.merchants.values()],
                "allowList": {
                    name: [
                        asdict(holders[name])
                        for _, holders in sorted(book.allowed.items())
                        if name in holders
                    ]
                    for name in book.merchants
                },
                "clients": [
                    {
                        "clientId": one.client_id,
                        "merchant": one.merchant,
                        "revoked": one.revoked_at is not None,
                    }
                    for one in book.clients.values()
                ],
                "submissions": [_brief(one) for one in book.submissions.values()],
                "orders": len(book.orders),
                "switches": self._settings(),
            }
        return as_json(200, state)

    def _register(self, request: Request, parts: list[str]) -> Answer:
        raw = _object(request, {"name", "integrationId", "legalEntity"}, {"verticals", "limits"})
        limits = _limits(raw.get("limits", {}))
        self._partner.register(
            _text(raw, "name"),
            _text(raw, "integrationId"),
            _text(raw, "legalEntity"),
            verticals=_texts(raw, "verticals") if "verticals" in raw else ("air", "orderLine"),
            limits=limits,
        )
        return as_json(201, {"registered": raw["name"]})

    def _receive(self, request: Request, parts: list[str]) -> Answer:
        try:
            document = parse(request.body)
        except (ValueError, RecursionError) as error:
            raise NotAccepted([f"the submission is not readable: {error}"]) from error
        submission_id = self._partner.reviewer.receive(document)
        return as_json(201, _brief(self._partner.book.submissions[submission_id]))

    def _submissions(self, request: Request, parts: list[str]) -> Answer:
        with self._partner.book.lock:
            return as_json(200, [_brief(one) for one in self._partner.book.submissions.values()])

    def _approve(self, request: Request, parts: list[str]) -> Answer:
        raw = _object(request, {"ticket"}, {"addresses", "merchants"})
        decided = self._partner.reviewer.approve(
            parts[1],
            _text(raw, "ticket"),
            addresses=_texts(raw, "addresses") if "addresses" in raw else None,
            merchants=_texts(raw, "merchants") if "merchants" in raw else None,
        )
        return as_json(200, _brief(decided))

    def _reject(self, request: Request, parts: list[str]) -> Answer:
        raw = _object(request, {"ticket", "reason"}, set())
        decided = self._partner.reviewer.reject(parts[1], _text(raw, "ticket"), _text(raw, "reason"))
        return as_json(200, _brief(decided))

    def _issue(self, request: Request, parts: list[str]) -> Answer:
        client_id, client_secret = self._partner.issue(parts[1])
        issued = {"client_id": client_id, "client_secret": client_secret}
        return as_json(201, issued, cache_control="no-store")

    def _revoke(self, request: Request, parts: list[str]) -> Answer:
        self._partner.revoke(parts[1])
        return as_json(200, {"revoked": parts[1]})

    def _allow(self, request: Request, parts: list[str]) -> Answer:
        raw = _object(request, {"addresses"}, {"ticket"})
        ticket = _text(raw, "ticket") if "ticket" in raw else "BY-HAND"
        self._partner.allow(parts[1], *_texts(raw, "addresses"), ticket=ticket)
        return as_json(200, {"allowed": sorted(self._partner.book.approved_for(parts[1]))})

    def _disallow(self, request: Request, parts: list[str]) -> Answer:
        self._partner.disallow(parts[1], parts[3])
        return as_json(200, {"allowed": sorted(self._partner.book.approved_for(parts[1]))})

    def _settings(self) -> dict[str, Any]:
        faults = {key: fault.to_json() for key, fault in self._partner.switches.listed().items()}
        return {**self._partner.gate.to_json(), "faults": faults}

    def _switches(self, request: Request, parts: list[str]) -> Answer:
        return as_json(200, self._settings())

    def _change(self, request: Request, parts: list[str]) -> Answer:
        self._partner.gate.change(_object(request, set(), None))
        return as_json(200, self._settings())

    def _fault(self, request: Request, parts: list[str]) -> Answer:
        (fault_id,) = self._partner.fault(Fault.from_json(_object(request, set(), None)))
        return as_json(201, {"id": fault_id})

    def _no_fault(self, request: Request, parts: list[str]) -> Answer:
        self._partner.no_fault(parts[1] if len(parts) > 1 else None)
        return as_json(200, self._settings())

    def _clock(self, request: Request, parts: list[str]) -> Answer:
        raw = _object(request, {"advanceSeconds"}, set())
        seconds = raw["advanceSeconds"]
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise ValueError(f"advanceSeconds: {seconds!r} is not a number")
        self._partner.advance(seconds)
        return as_json(200, {"now": self._partner.clock.today().isoformat(timespec="seconds")})

    def _forget(self, request: Request, parts: list[str]) -> Answer:
        self._partner.calls.clear()
        return as_json(200, [])


def _limits(given: Any) -> Limits:
    """Return the limits of a merchant; ValueError for what is none, or of another type than its default."""
    if not isinstance(given, dict):
        raise ValueError("limits must be an object")
    usual = asdict(Limits())
    for name, value in tuples(given).items():
        if name not in usual:
            raise ValueError(f"limits.{name} is not known; known are {', '.join(usual)}")
        if type(value) is not type(usual[name]):
            raise ValueError(f"limits.{name}: {value!r} is not possible; it is {usual[name]!r} by default")
        if name in ("min_price", "max_price") and not _dollars(value):
            raise ValueError(f"limits.{name}: {value!r} is not an amount such as {usual[name]!r}")
    return Limits(**tuples(given))


def _dollars(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _brief(submission: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in submission.items() if name != "package"}


def _matches(route: tuple[str, ...], parts: list[str]) -> bool:
    return len(route) == len(parts) and all(
        want in ("*", part) for want, part in zip(route, parts, strict=True)
    )


def _problem(status: int, *reasons: str) -> Answer:
    return as_json(status, {"accepted": False, "reasons": list(reasons)})


def _object(request: Request, required: set[str], optional: set[str] | None) -> dict[str, Any]:
    """Return the JSON object of a body; ``optional`` None allows any further member."""
    try:
        raw = parse(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused(_problem(400, f"the body is not JSON: {error}")) from None
    if not isinstance(raw, dict):
        raise Refused(_problem(400, "the body is not a JSON object"))
    missing = sorted(required - raw.keys())
    unknown = sorted(raw.keys() - required - optional) if optional is not None else []
    if missing or unknown:
        told = [f"{name} is missing" for name in missing] + [f"{name} is not known" for name in unknown]
        raise Refused(_problem(400, *told))
    return raw


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a non-empty string")
    return value


def _texts(raw: Mapping[str, Any], name: str) -> list[str]:
    value = raw[name]
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise ValueError(f"{name} must be an array of non-empty strings, not {value!r}")
    return value
