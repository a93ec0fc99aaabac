"""One line per call, for people."""

from datetime import datetime

from sandbox.flexpay.calls import Call


def one_line(call: Call) -> str:
    """Return e.g. ``21:40:07  127.0.0.1  POST /api/checkout/v1/orders  200  acme-air  order 3fa8…``."""
    moment = datetime.fromtimestamp(call.at).strftime("%H:%M:%S")
    what = f"{call.method} {call.path}" if call.method else f"connection to {call.listener}"
    parts = [moment, call.peer, what, str(call.status or "no answer")]
    if call.merchant:
        parts.append(call.merchant)
    if call.order_created:
        parts.append(f"order {call.order}")
    if call.refused:
        parts.append("not on the allow-list")
    if call.faulty:
        parts.append("(by a switch)")
    return "  ".join(parts) + "".join(f"\n          {note}" for note in call.notes)
