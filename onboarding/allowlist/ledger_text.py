"""The ledger's file format: a three-line head, then one event per line.

The file is YAML, and each event is one line of it in JSON notation. Git's union merge works by
lines and drops lines that two sides have in common, so events spread over several lines come out
interleaved (seen with git 2.39); whole lines cannot. Parsing is strict: a line must be exactly
what ``render`` writes.
"""

import json
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address

from onboarding.allowlist.ledger import (
    LEDGER_VERSION,
    NAME,
    Action,
    Event,
    ImpossibleOrder,
    Ledger,
    event_id,
    written,
)
from onboarding.errors import InputError

HEAD_LINES = 3
RESTORE = "take the file back from git (`git log -p` shows who changed it), then record again what is missing"
_KEYS = ["id", "at", "action", "submission", "merchants", "addresses", "reference", "actor", "note"]


def _line(identity: str, text: str) -> str:
    return f'- {{"id": "{identity}", {text[1:]}'


def render(ledger: Ledger) -> str:
    """Return the whole file; the same ledger always gives the same bytes."""
    events = "\n".join(_line(event.id, written(event)) for event in ledger.events)
    tail = f"events:\n{events}" if events else "events: []"
    return f"ledgerVersion: {LEDGER_VERSION}\nenvironment: {ledger.environment}\n{tail}\n"


def parse(text: str, *, source: str) -> Ledger:
    """Read a ledger; events may stand in any order, and a repeated line counts once.

    ``source`` names the file in messages. Raises InputError with the line and the reason for
    everything ``render`` would not have written, and for events in an impossible order.
    """
    lines = text.split("\n")
    _check_shape(text, lines, source)
    environment = _head(lines, source)
    found: dict[str, Event] = {}
    numbers: dict[str, int] = {}
    for number, line in enumerate(lines[HEAD_LINES:-1], start=HEAD_LINES + 1):
        event = _event(line, environment, f"{source}:{number}")
        found[event.id] = event
        numbers.setdefault(event.id, number)
    ledger = Ledger(environment, tuple(found.values()))
    try:
        _ = ledger.standings
    except ImpossibleOrder as error:
        raise InputError(f"{source}:{numbers[error.event_id]}: {error}", hint=RESTORE) from None
    return ledger


def _check_shape(text: str, lines: list[str], source: str) -> None:
    if not text:
        raise InputError(f"{source}: the file is empty", hint=RESTORE)
    if text.startswith("\ufeff"):
        raise InputError(
            f"{source}:1: starts with a byte-order mark",
            hint="an editor put it there: save the file as UTF-8 without one, or take it back from git",
        )
    for number, line in enumerate(lines, start=1):
        if line.endswith("\r"):
            raise InputError(
                f"{source}:{number}: lines end in CR LF, not LF",
                hint="check the file out again with `allowlist/*.yaml text eol=lf` in .gitattributes",
            )
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||")):
            raise InputError(
                f"{source}:{number}: a git merge was left unresolved",
                hint="keep every event line of both sides and take out the marker lines",
            )
    if lines[-1]:
        raise InputError(f"{source}:{len(lines)}: cut off: the last line has no line end", hint=RESTORE)


def _head(lines: list[str], source: str) -> str:
    version = lines[0].removeprefix("ledgerVersion: ")
    if version == lines[0]:
        raise InputError(f"{source}:1: ledgerVersion: missing, so this is not a ledger", hint=RESTORE)
    if version != str(LEDGER_VERSION):
        raise InputError(
            f"{source}:1: ledgerVersion: found {version!r}; this toolkit reads {LEDGER_VERSION}",
            hint="use the flexpay-onboard release that wrote it",
        )
    environment = lines[1].removeprefix("environment: ")
    if environment == lines[1] or not NAME.fullmatch(environment):
        raise InputError(f"{source}:2: environment: expected `environment: <name>`", hint=RESTORE)
    events = lines[2] if len(lines) > HEAD_LINES else ""
    if events not in ("events:", "events: []"):
        raise InputError(f"{source}:3: events: expected `events:` and the events below it", hint=RESTORE)
    follow = len(lines) > HEAD_LINES + 1
    if follow and events == "events: []":
        raise InputError(f"{source}:3: events: says there are none, but lines follow", hint=RESTORE)
    if not follow and events == "events:":
        raise InputError(f"{source}:3: events: the events are missing", hint=RESTORE)
    return environment


def _event(line: str, environment: str, where: str) -> Event:
    try:
        raw = json.loads(line.removeprefix("- "))
    except (ValueError, RecursionError) as error:
        # the position counts from after the dash
        raise InputError(f"{where}: not an event line: {error}", hint=RESTORE) from None
    if not isinstance(raw, dict) or list(raw) != _KEYS:
        found = ", ".join(map(str, raw)) if isinstance(raw, dict) else type(raw).__name__
        raise InputError(
            f"{where}: an event has the keys {', '.join(_KEYS)}, in this order; found {found}", hint=RESTORE
        )
    try:
        event = _typed(raw)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {error}", hint=RESTORE) from None
    text = written(event)
    if event.id != event_id(environment, text):
        raise InputError(
            f"{where}: id: {event.id} does not belong to this event in environment {environment}: "
            "the line was edited, or copied from another ledger",
            hint=RESTORE,
        )
    if line != _line(event.id, text):
        raise InputError(f"{where}: not written the way `allowlist record` writes it", hint=RESTORE)
    return event


def _typed(raw: dict[str, object]) -> Event:
    for key in ("id", "at", "action", "reference", "actor"):
        _text(key, raw[key])
    for key in ("submission", "note"):
        if raw[key] is not None:
            _text(key, raw[key])
    return Event(
        id=str(raw["id"]),
        at=_time(str(raw["at"])),
        action=_action(str(raw["action"])),
        submission=_optional(raw["submission"]),
        merchants=tuple(_texts("merchants", raw["merchants"])),
        addresses=tuple(_address(address) for address in _texts("addresses", raw["addresses"])),
        reference=str(raw["reference"]),
        actor=str(raw["actor"]),
        note=_optional(raw["note"]),
    )


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{key}: must be text, found {json.dumps(value)}")
    return value


def _optional(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(key: str, value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError(f"{key}: must be a list, found {json.dumps(value)}")
    return [_text(key, item) for item in value]


def _action(text: str) -> Action:
    try:
        return Action(text)
    except ValueError:
        raise ValueError(f"action: {text!r} is none of {', '.join(Action)}") from None


def _time(text: str) -> datetime:
    # fromisoformat takes more than this one form; what differs is refused with the whole line
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"at: {text!r} is not a time such as 2026-11-20T09:30:00Z") from None


@lru_cache(maxsize=65536)
def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise ValueError(f"addresses: {text!r} is not an IPv4 address") from None
