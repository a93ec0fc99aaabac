"""Reads the settings of one stack: the one door for the program and for ``flexpay-onboard preflight``.

Knows nothing of pulumi. What there is to set stands in ``schema``.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from stacks.schema import (
    EXTERNAL_TAG,
    SLOTS_TAG,
    AddressRole,
    EgressMode,
    ExternalAddress,
    Settings,
    SlotSettings,
)
from stacks.values import slot_zone, subnets_of, zone_number

__all__ = [
    "PROJECT",
    "AddressRole",
    "EgressMode",
    "Settings",
    "SlotSettings",
    "StackConfig",
    "read_config",
    "slot_zone",
    "subnets_of",
    "zone_number",
]

PROJECT = "flexpay-egress"
"""Name of the project in Pulumi.yaml, and so the namespace of every setting."""
REFERENCE = "docs/configuration.md"
LONGEST_SHOWN = 200
"""Characters of a wrong value that a message repeats."""
_PLAIN = frozenset({"environment", "protect"})
_NOT_YET = {
    "regional": "regional NAT gateways",
    "availabilitymode": "regional NAT gateways",
    "ipampool": "addresses from IPAM pools",
    "ipampoolid": "addresses from IPAM pools",
    "publicipv4pool": "addresses from pools of your own (BYOIP)",
    "byoip": "addresses from pools of your own (BYOIP)",
    "secondaryallocations": "several addresses on one gateway",
    "allocations": "several addresses on one gateway",
}
"""What people ask for and do not get yet, by the key or value they would try, in lower case."""
_SHAPES: dict[str, type[BaseModel]] = {SLOTS_TAG: SlotSettings, EXTERNAL_TAG: ExternalAddress}


class StackConfig(NamedTuple):
    """One stack's settings, and the region and account that they are for."""

    settings: Settings
    region: str
    account_id: str


def read_config(project: Mapping[str, Any], stack_config: Mapping[str, Any], *, source: str) -> StackConfig:
    """Merge the project's defaults with one stack's ``config`` map and validate both.

    ``project`` is the parsed Pulumi.yaml (its ``config`` schema gives the defaults; an empty map
    means that they are merged already), ``stack_config`` maps full keys
    (``flexpay-egress:network``, ``aws:region``) to values, either parsed or as the text or JSON
    in which the engine hands them on. ``source`` names the stack's file for messages. Raises
    ValueError with one line per wrong key: where, what is wrong and what is allowed.
    """
    values: dict[str, Any] = {
        name: entry["default"]
        for name, entry in (project.get("config") or {}).items()
        if isinstance(entry, Mapping) and "default" in entry
    }
    problems: list[str] = []
    unread: set[str] = set()
    for key, value in stack_config.items():
        name = key.removeprefix(f"{PROJECT}:")
        if name == key:
            continue
        try:
            values[name] = _parsed(name, value)
        except ValueError as error:
            problems.append(f"{source}: {name}: {error}")
            unread.add(name)
            values.pop(name, None)
    region, account = _home(stack_config, source, problems)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise ValueError("\n".join([*problems, *_lines(error, source, unread)])) from None
    if problems:
        raise ValueError("\n".join(problems))
    return StackConfig(settings, region, account)


def _home(stack_config: Mapping[str, Any], source: str, problems: list[str]) -> tuple[str, str]:
    """Return region and account, which AWS's own namespace holds and which we insist on."""
    region = stack_config.get("aws:region")
    if not isinstance(region, str) or not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", region):
        problems.append(f"{source}: aws:region: {_found(region)}; required in every stack, e.g. us-east-1")
    accounts: Any = stack_config.get("aws:allowedAccountIds")
    if isinstance(accounts, str):
        with suppress(ValueError):  # else the text itself is shown below
            accounts = json.loads(accounts)
    account = accounts[0] if isinstance(accounts, list) and len(accounts) == 1 else None
    if not isinstance(account, str) or not re.fullmatch(r"[0-9]{12}", account):
        problems.append(
            f"{source}: aws:allowedAccountIds: {_found(accounts)}; required in every stack, exactly one "
            'account ID, quoted, e.g. ["123456789012"]: with credentials of another account a refresh would '
            "empty the state"
        )
    return str(region), str(account)


def _parsed(name: str, value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"secure"}:
        raise ValueError(
            "is encrypted; settings are read without the engine and hold no secret: write it plainly"
        )
    if name in _PLAIN:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(value, str) or name not in Settings.model_fields:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(f"must be a map or a list, not text (found {value[:LONGEST_SHOWN]!r})") from None


def _found(value: Any) -> str:
    return "not set" if value is None else f"found {json.dumps(value)}"


def _lines(error: ValidationError, source: str, unread: Collection[str]) -> list[str]:
    """Return one line per mistake; what only follows from keys that could not be read is left out."""
    items = [item for item in error.errors() if not unread or (item["loc"] and item["loc"][0] not in unread)]
    return list(dict.fromkeys(f"{source}: {_place(item['loc'])}{_reason(item)}" for item in items))


def _place(loc: tuple[int | str, ...]) -> str:
    # pydantic adds the shape it tried, and "[key]" for a map's key, to the location
    shown = [str(part) for part in loc if part not in (*_SHAPES, "[key]")]
    return f"{'.'.join(shown)}: " if shown else ""


def _reason(item: Any) -> str:
    given = item.get("input")
    tried = item["loc"][-1] if item["type"] == "extra_forbidden" else given
    if not_yet := _NOT_YET.get(str(tried).lower()):
        return f"{not_yet} are not supported yet (see {REFERENCE})"
    if item["type"] == "extra_forbidden":
        return _unknown(item["loc"])
    if item["type"] == "missing":
        return "required, but not set"
    text = str(item["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{text} (found {json.dumps(given)})" if isinstance(given, str | int | float | bool) else text


def _unknown(loc: tuple[int | str, ...]) -> str:
    allowed = sorted(field.alias or name for name, field in _owner(loc[:-1]).model_fields.items())
    close = get_close_matches(str(loc[-1]), allowed, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"unknown key; {meant}allowed here: {', '.join(allowed)} (see {REFERENCE})"


def _owner(loc: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the model whose keys are allowed at a location."""
    owner: type[BaseModel] = Settings
    for part in loc:
        if part in _SHAPES:
            owner = _SHAPES[str(part)]
            continue
        for name, field in owner.model_fields.items():
            if part in (name, field.alias):
                owner = next(_models(field.annotation), owner)
    return owner


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
