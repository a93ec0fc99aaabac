"""Whether a plan saved by ``--save-plan`` is the plan of a preview, so that judging one judges the other."""

import json
import re
from collections.abc import Mapping
from typing import Any

from onboarding.allowlist.plan import Change, NotAPlanError, Plan

QUIET = frozenset({"same", "read", "refresh"})
_DEFAULT_PROVIDER = re.compile(r"::pulumi:providers:[^:]+::default(_[0-9_]+)?$")
"""Made by the engine itself; a saved plan tells them and a preview does not (seen with CLI 3.250.0).
What they are made of are settings, which are compared."""
_INTERNAL = "__"
"""How names begin under which a provider notes what it filled in itself (``__defaults``)."""
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""Key and value by which the engine marks a secret in a saved plan (its sdk/go/common/resource/sig); a
preview tells ``[secret]``."""


def differences(plan: Plan, saved: str) -> list[str]:
    """Compare a preview with a plan saved by ``--save-plan``.

    Returns one line per setting and URN that differs: settings, operations, protection, import
    IDs and inputs with what they come from are compared; empty when the plan is the preview's own.
    Raises NotAPlanError when the text is not a saved plan.
    """
    planned, config = _saved(saved)
    lines = [
        f"{key}: another value"
        for key in sorted(config.keys() | plan.config.keys())
        if _plain(config.get(key)) != _plain(plan.config.get(key))
    ]
    for urn in sorted(
        one for one in planned.keys() | plan.changes.keys() if not _DEFAULT_PROVIDER.search(one)
    ):
        name = urn.rpartition("::")[2]
        change, goal = plan.changes.get(urn), planned.get(urn, {}).get("goal") or {}
        expected = frozenset(planned.get(urn, {}).get("steps") or ())
        found = change.operations if change else frozenset()
        if _essential(expected) != _essential(found - _imported(expected, goal)):
            lines.append(f"{name}: {_shown(found)} against {_shown(expected)}")
        elif change and change.after and goal and bool(goal.get("protect")) != change.after.protect:
            lines.append(f"{name}: protection differs")
        elif change and change.after and goal.get("id") and goal["id"] != change.after.id:
            lines.append(f"{name}: {change.after.id or 'no import'} against import of {goal['id']}")
        elif change and change.after and goal and (others := _other_inputs(change, goal)):
            lines.append(f"{name}: other values of {', '.join(others)}")
    return lines


def _other_inputs(change: Change, goal: Mapping[str, Any]) -> list[str]:
    """Return the inputs that the plan gives another value, or takes from other resources.

    A value that is not known yet is the same marker on both sides: where it comes from tells them apart.
    """
    told, before, differs = change.after, change.against, goal.get("inputDiff") or {}
    if told is None:
        return []
    dropped = set(differs.get("deletes") or ())
    kept = {name: value for name, value in (before.inputs if before else {}).items() if name not in dropped}
    planned = kept | (differs.get("adds") or {}) | (differs.get("updates") or {})
    origins = goal.get("propertyDependencies") or {}
    names = {name for name in planned.keys() | told.inputs.keys() if not name.startswith(_INTERNAL)}
    return sorted(
        name
        for name in names | origins.keys() | told.sources.keys()
        if not _alike(planned.get(name), told.inputs.get(name))
        or set(origins.get(name) or ()) != set(told.sources.get(name, ()))
    )


def _alike(planned: Any, told: Any) -> bool:
    """Compare two values; what one side hides is taken for alike, and what the engine notes is left out."""
    if _hidden(planned) or _hidden(told):
        return True
    if isinstance(planned, Mapping) and isinstance(told, Mapping):
        names = {name for name in planned.keys() | told.keys() if not name.startswith(_INTERNAL)}
        return all(_alike(planned.get(name), told.get(name)) for name in names)
    if isinstance(planned, list) and isinstance(told, list) and len(planned) == len(told):
        return all(map(_alike, planned, told))
    return bool(planned == told)


def _hidden(value: Any) -> bool:
    return value == "[secret]" or (isinstance(value, Mapping) and value.get(_SIGNATURE) == _SECRET)


def _saved(text: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    try:
        raw = json.loads(text)
        planned, config = raw["resourcePlans"], raw.get("config") or {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotAPlanError("it is not what `pulumi preview --save-plan` writes") from error
    usable = isinstance(planned, Mapping) and all(map(_is_planned, planned.values()))
    if not usable or not isinstance(config, Mapping):
        raise NotAPlanError("it is not what `pulumi preview --save-plan` writes")
    return planned, config


def _is_planned(one: Any) -> bool:
    if not isinstance(one, Mapping) or not isinstance(one.get("goal") or {}, Mapping):
        return False
    goal = one.get("goal") or {}
    maps = [goal.get("propertyDependencies"), goal.get("inputDiff")]
    if not all(isinstance(found or {}, Mapping) for found in maps):
        return False
    differs, origins = goal.get("inputDiff") or {}, goal.get("propertyDependencies") or {}
    lists = [one.get("steps"), differs.get("deletes"), *origins.values()]
    return all(isinstance(differs.get(name) or {}, Mapping) for name in ("adds", "updates")) and all(
        isinstance(found or [], list) and all(isinstance(text, str) for text in found or [])
        for found in lists
    )


def _plain(value: Any) -> Any:
    """Return a setting as a value: the preview tells maps as JSON in a string, the plan as maps."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _essential(operations: frozenset[str]) -> frozenset[str]:
    """Return the operations that change something, a replacement counted once however it is told."""
    return frozenset("replace" if "replace" in name else name for name in operations if name not in QUIET)


def _imported(expected: frozenset[str], goal: Mapping[str, Any]) -> frozenset[str]:
    """Return the import that a plan leaves out where it also changes what is imported; its ID is compared."""
    return frozenset({"import"}) if goal.get("id") and expected - QUIET - {"import"} else frozenset()


def _shown(operations: frozenset[str]) -> str:
    return ", ".join(sorted(operations)) or "nothing"
