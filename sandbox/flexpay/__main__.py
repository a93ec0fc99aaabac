"""``python -m sandbox.flexpay``: the partner as a process of its own, and its reviewer desk."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sandbox.flexpay import desk_client
from sandbox.flexpay.api import PREFIX
from sandbox.flexpay.lifetime import told_to_end
from sandbox.flexpay.log import tell
from sandbox.flexpay.server import ENVIRONMENT, Partner, PortTaken

DESCRIPTION = """\
The Flex Pay stand-in: token endpoint, orders, socket-level allow-list, two address echoes and a
reviewer desk, over TLS with an authority of its own.

Prints one JSON line with its addresses once it listens, logs calls to stderr with --verbose, and
ends on SIGTERM or Ctrl-C. `python -m sandbox.flexpay desk --help` talks to a running one."""
EPILOG = """\
example:
  python -m sandbox.flexpay --state .sandbox/partner --merchant "acme-air:UP-12345678-9:Acme Air Inc."
  python -m sandbox.flexpay desk --state .sandbox/partner submit package.json"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stand-in or a desk command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["desk"]:
        return desk_client.main(given[1:])
    options = _parser().parse_args(given)
    try:
        partner = Partner(
            options.state,
            environment=options.environment,
            prefix=options.prefix,
            bind=options.bind,
            names=options.name,
            port=options.port,
        )
        with closing(partner), told_to_end() as told:
            _prepare(partner, options)
            partner.start()
            for name in partner.moved_ports:
                print(f"note: the port of {name} was taken; it moved to a free one", file=sys.stderr)
            print(json.dumps(partner.addresses()), flush=True)
            told.wait()
    except (PortTaken, ValueError, OSError, OverflowError) as error:  # the last: no port has that number
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _prepare(partner: Partner, options: argparse.Namespace) -> None:
    for name, integration_id, legal_entity in options.merchant:
        partner.register(name, integration_id, legal_entity)
    partner.gate.change({"latencySeconds": options.latency})
    if options.verbose:
        partner.calls.watch(lambda call: tell(call, sys.stderr))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.flexpay",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="https port; 0: the one kept in the state, else a free one")
    add("--state", type=Path, metavar="DIR", help="folder for everything that survives; default: memory only")
    add("--environment", default=ENVIRONMENT, help="the one environment served (default: %(default)s)")
    add("--prefix", default=PREFIX, help="path before /v1/orders (default: %(default)s)")
    add("--bind", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--name", action="append", default=[], help="further name or address for the certificate; repeatable")
    add(
        "--merchant",
        action="append",
        type=merchant,
        default=[],
        metavar="NAME:INTEGRATION-ID:LEGAL-ENTITY",
        help="a merchant the partner has a contract with; repeatable",
    )
    add("--latency", type=float, default=0.0, metavar="SECONDS", help="every API answer takes this long")
    add("--verbose", action="store_true", help="one line on stderr for every call")
    return parser


def merchant(text: str) -> tuple[str, str, str]:
    """Parse NAME:INTEGRATION-ID:LEGAL-ENTITY for argparse."""
    parts = tuple(part.strip() for part in text.split(":", 2))
    if len(parts) != 3 or not all(parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:INTEGRATION-ID:LEGAL-ENTITY")
    return parts[0], parts[1], parts[2]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
