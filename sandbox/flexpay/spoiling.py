"""What faults make of an answer before it goes onto the wire."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import quote, urlencode

from sandbox.flexpay.messages import Answer, Request, envelope, page
from sandbox.flexpay.switches import Fault


def spoil(faults: Sequence[Fault], request: Request, real: Callable[[], Answer]) -> Answer:
    """Return the answer that the faults make of the real one; the call is handled only where they say so."""
    handled = real() if all(fault.processes for fault in faults) else None
    answer = handled or Answer(200)
    for fault in faults:
        answer = _spoil(answer, fault, request)
    return replace(answer, facts=handled.facts) if handled else answer


def _spoil(answer: Answer, fault: Fault, request: Request) -> Answer:
    status = fault.status or answer.status
    if fault.location is not None:
        query = urlencode(request.query, doseq=True)
        target = fault.location.replace("{path}", quote(request.path) + (f"?{query}" if query else ""))
        answer = Answer(fault.status or 302, b"", headers={"Location": target})
    elif fault.text is not None:
        answer = Answer(status, fault.text.encode(errors="surrogatepass"), "text/plain")
    elif fault.body is not None:
        answer = _body(fault, answer, status)
    elif fault.status is not None:
        answer = envelope(status) if status >= 400 else replace(answer, status=status)
    if fault.set or fault.remove:
        answer = replace(answer, body=_patched(answer.body, fault))
    if fault.content_type is not None:
        answer = replace(answer, content_type=fault.content_type)
    return replace(answer, headers={**answer.headers, **fault.headers})


def _body(fault: Fault, answer: Answer, status: int) -> Answer:
    made_up: dict[str | None, Callable[[], Answer]] = {
        "envelope": lambda: envelope(fault.status or 500),
        "page": lambda: page(status),
        "empty": lambda: Answer(status),
        "malformed": lambda: Answer(status, b'{"access_token": "half", expires_in: }'),
        "not-utf8": lambda: Answer(status, b'{"access_token": "\xff\xfe"}'),
        "huge": lambda: Answer(status, b'{"padding": "' + b"x" * fault.size + b'"}'),
        "truncated": lambda: replace(answer, status=status, body=answer.body[: len(answer.body) // 2]),
        "cut": lambda: replace(answer, status=status),  # the headers promise more, see Connection.answer
    }
    return made_up[fault.body]()


def _patched(body: bytes, fault: Fault) -> bytes:
    try:
        value = json.loads(body)
    except ValueError:
        return body
    if not isinstance(value, dict):
        return body
    kept = {name: one for name, one in value.items() if name not in fault.remove}
    return json.dumps({**kept, **fault.set}).encode()
