"""The partner for a merchant's application developers: one ready merchant, one line per request.

``main`` is wired to ``python -m sandbox partner``.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sandbox.flexpay.api import PREFIX, TOKEN_PATH
from sandbox.flexpay.files import readable, write_private
from sandbox.flexpay.lifetime import told_to_end
from sandbox.flexpay.log import say, tell
from sandbox.flexpay.server import Partner, PortTaken

STATE = Path(".sandbox/partner-alone")
MERCHANT, INTEGRATION_ID, LEGAL_ENTITY = "my-shop", "UP-12345678-9", "My Shop Inc."
SOURCE = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        partner = Partner(
            options.state, prefix=options.prefix, bind=options.bind, names=options.name, port=options.port
        )
        with closing(partner), told_to_end() as told:
            folder = options.state.resolve()
            partner.register(MERCHANT, INTEGRATION_ID, LEGAL_ENTITY)
            partner.allow(MERCHANT, SOURCE, *options.allow)
            client_id = _credentials(partner, folder)
            partner.calls.watch(lambda call: tell(call, sys.stdout))
            partner.start()
            say(_welcome(partner, client_id, folder, options), sys.stdout)
            told.wait()
    except (PortTaken, ValueError, OSError, OverflowError) as error:  # the last: no port has that number
        print(f"error: {error}", file=sys.stderr)
        return 2
    created = partner.calls.orders_created()
    say(f"\nended. Orders created: {created}. State and trust stay in {options.state}", sys.stdout)
    return 0


def _credentials(partner: Partner, folder: Path) -> str:
    """Return the client ID; its secret is in ``credentials.json``, and in a form for curl beside it."""
    kept = folder / "credentials.json"
    if kept.exists():
        with readable(kept):
            known = json.loads(kept.read_text())
            if partner.book.authenticate(known["client_id"], known["client_secret"]) == MERCHANT:
                return str(known["client_id"])
    client_id, client_secret = partner.issue(MERCHANT)
    write_private(kept, json.dumps({"client_id": client_id, "client_secret": client_secret}) + "\n")
    write_private(folder / "curl.conf", f'user = "{client_id}:{client_secret}"\n')
    return client_id


def _welcome(partner: Partner, client_id: str, folder: Path, options: argparse.Namespace) -> str:
    """Return what a developer needs to make the first two calls."""
    day = (partner.clock.today() + timedelta(days=30)).date()
    write_private(folder / "order.json", json.dumps(sample_order(day.isoformat()), indent=2) + "\n")
    let_in = ", ".join(sorted(partner.book.approved_for(MERCHANT)))
    ca, conf, order = (
        shlex.quote(str(one)) for one in (partner.ca, folder / "curl.conf", folder / "order.json")
    )
    token_url = f"{partner.url}{TOKEN_PATH}?grant_type=client_credentials"
    return f"""\
The Flex Pay stand-in is up. It is not Flex Pay: what the public pages leave open it decides strictly.

  server URL        {partner.url}        (orders under {partner.prefix})
  trust             {partner.ca}
  client ID         {client_id}
  client secret     in {folder / "credentials.json"} (only you can read it)
  integration ID    {INTEGRATION_ID}
  let in            {let_in}; every other source address is refused
  switches, record  {partner.desk}

A token, then an order:

  TOKEN=$(curl -sS --cacert {ca} -K {conf} -X POST {shlex.quote(token_url)} \\
    | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
  printf 'header = "Authorization: Bearer %s"' "$TOKEN" | curl -sS --cacert {ca} -K - \\
    -H 'Content-Type: application/json' --data @{order} {partner.url}{partner.prefix}/v1/orders

What a caller sees who is not let in: add --interface 127.0.0.2 to the first line.
What your code does when the partner is down: python -m sandbox.flexpay desk --state {options.state} \\
  switch --fault '{{"endpoint": "orders", "status": 503}}'      (and: switch --sound)

Every request is shown below. Ctrl-C ends it.
"""


def sample_order(departure: str) -> dict[str, object]:
    """Return an order that is accepted; ``departure`` is YYYY-MM-DD, thirty days ahead is fine."""
    leg = {"departureApc": "AUS", "arrivalApc": "CUN", "departureDate": departure, "arrivalDate": departure}
    return {
        "integrationId": INTEGRATION_ID,
        "merchantConfig": {
            "confirmationUrl": "https://shop.example.com/flexpay/confirm",
            "cancelUrl": "https://shop.example.com/flexpay/cancel",
        },
        "price": "249.90",
        "localization": {"country": "US", "currency": "USD", "locale": "en-US"},
        "orderItems": [{"air": {"airlineName": "Example Air", "tripType": "ONEWAY", "itinerary": [leg]}}],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox partner",
        description="A Flex Pay stand-in to develop against: one merchant, ready to be called from here.",
        epilog="docs/sandbox-partner.md: switches, refusals, and what is decided where the pages are silent.",
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="https port; default: the same as last time, else a free one")
    add("--state", type=Path, default=STATE, metavar="DIR", help="kept between runs (default: %(default)s)")
    add("--prefix", default=PREFIX, help="path before /v1/orders (default: %(default)s)")
    add(
        "--allow",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="further address to let in; repeatable",
    )
    add(
        "--bind", default="127.0.0.1", help="address to listen on, e.g. for containers (default: %(default)s)"
    )
    add("--name", action="append", default=[], help="further name or address for the certificate; repeatable")
    return parser


if __name__ == "__main__":
    sys.exit(main())
