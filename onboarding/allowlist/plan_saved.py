"""Whether a plan saved by ``--save-plan`` is the plan of a preview, so that judging one judges the other."""

import json
import re
from collections.abc import Mapping
from typing import Any

from onboarding.allowlist.plan import NotAPlanError, Plan

QUIET = frozenset({"same", "read", "refresh"})
_DEFAULT_PROVIDER = re.compile(r"::pulumi:providers:[^:]+::default(_[0-9_]+)?$")
"""Made by the engine itself; a saved plan tells them and a preview does not (seen with CLI 3.250.0).
What they are made of are settings, which are compared."""


def differences(plan: Plan, saved: str) -> list[str]:
    """Compare a preview with a plan saved by ``--save-plan``.

    Returns one line per setting and URN that differs: settings, operations, protection and import
    IDs are compared; empty when the plan is the preview's own. Raises NotAPlanError when the text
    is not a saved plan.
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
        if _essential(expected) != _essential(found):
            lines.append(f"{name}: {_shown(found)} against {_shown(expected)}")
        elif change and change.after and goal and bool(goal.get("protect")) != change.after.protect:
            lines.append(f"{name}: protection differs")
        elif change and change.after and goal.get("id") and goal["id"] != change.after.id:
            lines.append(f"{name}: {change.after.id or 'no import'} against import of {goal['id']}")
    return lines


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
    steps = one.get("steps") or []
    return isinstance(steps, list) and all(isinstance(step, str) for step in steps)


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


def _shown(operations: frozenset[str]) -> str:
    return ", ".join(sorted(operations)) or "nothing"
