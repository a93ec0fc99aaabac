"""What ``pulumi preview --json`` says, as plain values: every resource before and after.

The document's shape was measured with CLI 3.250.0: one object with ``steps``, ``diagnostics`` and
``config``; booleans are left out when false; a replacement is one step ``replace``, or several
with ``--show-replacement-steps``; values that are not known yet are a fixed marker, and only
``propertyDependencies`` tells where they will come from.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for a string that the engine does not know before ``up``."""


class NotAPlanError(ValueError):
    """The text is something else than the document of a preview."""


class IncompletePlanError(ValueError):
    """The document breaks off, or holds no steps: the engine did not get to the end."""


@dataclass(frozen=True)
class Resource:
    """One resource in one of its two states."""

    urn: str
    type: str
    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    protect: bool
    retained: bool
    external: bool
    depends_on: frozenset[str]
    sources: Mapping[str, tuple[str, ...]]
    """Input name → URNs that its value comes from."""

    @property
    def name(self) -> str:
        """The logical name, the last part of the URN."""
        return self.urn.rpartition("::")[2]

    def text(self, key: str) -> str:
        """Return a known string, from the outputs or else the inputs; "" when there is none."""
        for values in (self.outputs, self.inputs):
            value = values.get(key)
            if isinstance(value, str) and value and value != UNKNOWN:
                return value
        return ""

    def tag(self, key: str) -> str:
        """Return a tag's value, "" when there is none."""
        tags = self.inputs.get("tags") or self.outputs.get("tags") or {}
        return str(tags.get(key, "")) if isinstance(tags, Mapping) else ""


@dataclass(frozen=True)
class Change:
    """What the plan does to one URN."""

    urn: str
    operations: frozenset[str]
    before: Resource | None
    after: Resource | None

    @property
    def replaces(self) -> bool:
        """Tell whether the resource itself is exchanged for another one.

        Operation names alone are not trusted: an ID that changes is an exchange as well.
        """
        if any("replace" in operation for operation in self.operations):
            return True
        if self.before is None or self.after is None:
            return False
        return bool(self.after.id) and self.after.id not in (self.before.id, UNKNOWN)

    @property
    def removes(self) -> bool:
        """Tell whether the resource is gone afterwards."""
        return self.before is not None and self.after is None


@dataclass(frozen=True)
class Plan:
    """A whole preview."""

    changes: Mapping[str, Change]
    errors: tuple[str, ...]
    """The engine's own error messages."""
    config: Mapping[str, str]

    def before(self) -> dict[str, Resource]:
        """Return what there is, by URN."""
        return {urn: change.before for urn, change in self.changes.items() if change.before}

    def after(self) -> dict[str, Resource]:
        """Return what there will be, by URN."""
        return {urn: change.after for urn, change in self.changes.items() if change.after}


def parse_plan(text: str) -> Plan:
    """Parse the document of ``pulumi preview --json``.

    Raises NotAPlanError for other documents, IncompletePlanError for one that breaks off or is empty.
    """
    if not text.strip():
        raise IncompletePlanError("it is empty: the engine wrote nothing")
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        if not text.lstrip().startswith("{"):
            raise NotAPlanError(f"it is not JSON: {error}") from error
        if error.msg == "Extra data":
            raise NotAPlanError(
                "it is a stream of engine events, not one document; use `pulumi preview --json`"
            ) from error
        raise IncompletePlanError(f"the document breaks off: {error}") from error
    if not isinstance(raw, Mapping) or not {"steps", "diagnostics", "changeSummary", "config"} & raw.keys():
        raise NotAPlanError("it has none of the keys of a preview; use `pulumi preview --json`")
    errors = tuple(
        str(item.get("message", "")).strip()
        for item in raw.get("diagnostics") or ()
        if item.get("severity") == "error"
    )
    steps = raw.get("steps") or []
    if not steps and not errors:
        raise IncompletePlanError("it holds no steps: the engine did not get to the resources")
    return Plan(_changes(steps), errors, raw.get("config") or {})


def _changes(steps: Iterable[Mapping[str, Any]]) -> dict[str, Change]:
    found: dict[str, Change] = {}
    for step in steps:
        urn, operation = str(step["urn"]), str(step["op"])
        known = found.get(urn, Change(urn, frozenset(), None, None))
        old, new = _resource(urn, step.get("oldState")), _resource(urn, step.get("newState"))
        if operation.startswith(("delete", "discard")):
            new = None
        # a replacement shows the successor in one step and the predecessor's end in another
        found[urn] = Change(urn, known.operations | {operation}, known.before or old, new or known.after)
    return found


def _resource(urn: str, state: Mapping[str, Any] | None) -> Resource | None:
    if not state:
        return None
    sources = {name: tuple(urns or ()) for name, urns in (state.get("propertyDependencies") or {}).items()}
    return Resource(
        urn=urn,
        type=str(state.get("type", "")),
        id=str(state.get("id") or state.get("importID") or ""),
        inputs=state.get("inputs") or {},
        outputs=state.get("outputs") or {},
        protect=bool(state.get("protect")),
        retained=bool(state.get("retainOnDelete")),
        external=bool(state.get("external")),
        depends_on=frozenset(state.get("dependencies") or ()).union(*sources.values()),
        sources=sources,
    )


def environment_of(plan: Plan) -> str:
    """Return the environment the plan was made for, from its config; "" when it is not there."""
    return next((value for key, value in plan.config.items() if key.endswith(":environment")), "")


def differences(plan: Plan, saved: str) -> list[str]:
    """Compare a preview with a plan saved by ``--save-plan``.

    Returns one line per URN whose operations differ; empty when the plan is the preview's own.
    Raises NotAPlanError when the text is not a saved plan.
    """
    try:
        planned = json.loads(saved)["resourcePlans"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotAPlanError("the saved plan holds no resourcePlans") from error
    lines = []
    for urn in sorted(planned.keys() | plan.changes.keys()):
        expected = frozenset(planned.get(urn, {}).get("steps") or ())
        found = plan.changes[urn].operations if urn in plan.changes else frozenset()
        if _essential(expected) != _essential(found):
            name = urn.rpartition("::")[2]
            lines.append(
                f"{name}: {', '.join(sorted(found)) or 'nothing'} against {', '.join(sorted(expected))}"
            )
    return lines


def _essential(operations: frozenset[str]) -> frozenset[str]:
    """Return the operations that change something, a replacement counted once however it is told."""
    quiet = {"same", "read", "refresh"}
    return frozenset("replace" if "replace" in name else name for name in operations if name not in quiet)
