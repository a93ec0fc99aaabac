"""``python -m sandbox.flexpay desk``: what the partner's reviewer does, from the command line."""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from sandbox.flexpay.files import STATE, readable

EPILOG = """\
Product goes to stdout as JSON, reasons go to stderr. Exit code 0: done; 1: the desk says no (its
reasons on stderr); 2: wrong usage; 4: no desk answers, or its answer cannot be written.

example:
  python -m sandbox.flexpay desk --state DIR submit package.json
  python -m sandbox.flexpay desk --state DIR approve SUB-0001-3fa85f --ticket FP-17
  python -m sandbox.flexpay desk --state DIR issue --merchant acme-air | flexpay-onboard credentials put …"""


class SaysNo(Exception):  # noqa: N818 - it is an answer
    """The desk refused; ``reasons`` say why."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


def call(desk: str, method: str, path: str, value: Any = None, *, raw: bytes | None = None) -> Any:
    """Ask the desk at ``desk`` (http URL).

    Raises SaysNo with its reasons, URLError when nobody answers, ValueError when it is no desk that does.
    """
    body = raw if raw is not None else json.dumps(value).encode() if value is not None else None
    request = urllib.request.Request(f"{desk}{path}", data=body, method=method)  # noqa: S310 - a desk URL
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return _said(desk, answer)
    except urllib.error.HTTPError as error:
        with error:
            said = _said(desk, error)
        raise SaysNo(said.get("reasons", [str(said)])) from None
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        why = getattr(error, "reason", error)
        raise urllib.error.URLError(f"no desk answers at {desk}: {why}") from error
    except HTTPException as error:
        raise ValueError(f"{desk} is no reviewer desk: it speaks no http") from error


def _said(desk: str, answer: IO[bytes]) -> Any:
    try:
        return json.load(answer)
    except ValueError as error:
        raise ValueError(f"{desk} is no reviewer desk: its answer is not JSON") from error


def main(arguments: Sequence[str]) -> int:
    """Run one desk command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        desk = options.desk or _from_state(options.state, parser)
        answer = _run(desk, options)
    except SaysNo as no:
        for reason in no.reasons:
            print(f"- {reason}", file=sys.stderr)
        return 1
    except urllib.error.URLError as error:
        print(f"error: {error.reason}", file=sys.stderr)
        return 4
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        print(json.dumps(answer, indent=None if options.command == "issue" else 2), flush=True)
    except OSError as error:
        # what is still buffered must not raise at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"error: the desk did it, its answer was not written: {error.strerror}", file=sys.stderr)
        return 4
    return 0


def _run(desk: str, options: argparse.Namespace) -> Any:
    if options.command == "switch":
        return _switch(desk, options)
    if options.command == "submit":
        raw = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
        return call(desk, "POST", "/submissions", raw=raw)
    method, path, body = _request(options)
    return call(desk, method, path, body)


def _request(options: argparse.Namespace) -> tuple[str, str, dict[str, Any] | None]:
    wanted: dict[str, Any]
    match options.command:
        case "approve":
            path = f"/submissions/{_part(options.submission)}/approve"
            wanted = {"ticket": options.ticket, "addresses": options.address, "merchants": options.merchant}
        case "reject":
            path = f"/submissions/{_part(options.submission)}/reject"
            wanted = {"ticket": options.ticket, "reason": options.reason}
        case "register":
            path = "/merchants"
            wanted = {
                "name": options.name,
                "integrationId": options.integration_id,
                "legalEntity": options.legal_entity,
            }
        case "issue":
            path, wanted = f"/merchants/{_part(options.merchant)}/credentials", {}
        case "revoke":
            return "DELETE", f"/credentials/{_part(options.client_id)}", None
        case listing:
            return "GET", f"/{listing}", None
    return "POST", path, {name: value for name, value in wanted.items() if value is not None}


def _switch(desk: str, options: argparse.Namespace) -> Any:
    if options.sound:
        return call(desk, "DELETE", "/switches")
    if options.fault:
        return call(desk, "POST", "/switches", _json(options.fault))
    if options.setting:
        if without := [text for text in options.setting if "=" not in text]:
            raise ValueError(f"{' '.join(without)}: a setting is NAME=VALUE")
        pairs = [text.partition("=") for text in options.setting]
        return call(desk, "PATCH", "/switches", {name: _value(value) for name, _, value in pairs})
    return call(desk, "GET", "/switches")


def _part(text: str) -> str:
    """Return a name as one part of a path, whatever was typed."""
    return quote(text, safe="")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"--fault is not JSON: {error}") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _from_state(folder: Path | None, parser: argparse.ArgumentParser) -> str:
    if folder is None:
        parser.error("say which desk: --state DIR or --desk URL")
    state = folder / STATE
    if not state.exists():
        raise ValueError(f"{state} does not exist; start the stand-in with --state {folder} first")
    with readable(state):
        return f"http://127.0.0.1:{json.loads(state.read_text())['ports']['desk']}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.flexpay desk",
        description="The partner's reviewer desk: submissions, decisions, credentials, switches.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="the state folder of a running stand-in")
    parser.add_argument("--desk", metavar="URL", help="or the address of its desk")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    submit = commands.add_parser("submit", help="hand in a submission package")
    submit.add_argument("file", help="submission.json, - for stdin")
    for name in ("approve", "reject"):
        decide = commands.add_parser(name, help=f"{name} a submission")
        decide.add_argument("submission", help="its id, as submit printed it")
        decide.add_argument("--ticket", required=True, help="the partner's ticket")
        if name == "approve":
            decide.add_argument("--address", action="append", help="only this address; repeatable")
            decide.add_argument("--merchant", action="append", help="only for this merchant; repeatable")
        else:
            decide.add_argument("--reason", required=True)
    register = commands.add_parser("register", help="make a merchant known: the contract that comes first")
    for name in ("--name", "--integration-id", "--legal-entity"):
        register.add_argument(name, required=True)
    issue = commands.add_parser("issue", help="issue credentials; prints the secret this once")
    issue.add_argument("--merchant", required=True)
    revoke = commands.add_parser("revoke", help="revoke credentials and their tokens")
    revoke.add_argument("client_id")
    switch = commands.add_parser("switch", help="show or set switches")
    switch.add_argument("setting", nargs="*", help="NAME=VALUE, e.g. refusal=reset enforce=false")
    switch.add_argument("--fault", metavar="JSON", help='e.g. \'{"endpoint": "token", "status": 503}\'')
    switch.add_argument("--sound", action="store_true", help="take all faults away")
    for name, text in (
        ("submissions", "list what was handed in"),
        ("state", "all the partner knows"),
        ("calls", "the record of calls"),
    ):
        commands.add_parser(name, help=text)
    return parser
