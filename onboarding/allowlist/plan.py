"""What ``pulumi preview --json`` says, as plain values: every resource before and after.

The document's shape was measured with CLI 3.250.0: one object with ``steps``, ``diagnostics``,
``config`` and ``changeSummary``. Booleans are left out when false. A replacement is one step
``replace``, or several with ``--show-replacement-steps``. What an unchanged or updated resource
becomes is told without its ID and outputs. Values that are not known yet are a fixed marker, and
only ``propertyDependencies`` tells where they will come from. Resources that stay as they are
are left out without ``--show-sames``, also where only their protection goes: ``changeSummary``
counts them, which is how it is noticed.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from onboarding.allowlist.ledger import NAME

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for a string that the engine does not know before ``up``."""

HIDDEN_UNLESS_ASKED = frozenset({"same", "read"})
STAYING = frozenset({"same", "update", "refresh"})
"""Steps after which it is the same thing in the cloud as before, ID and all."""
ENDING = frozenset({"delete", "delete-replaced", "discard", "discard-replaced"})
KNOWN = (
    STAYING
    | ENDING
    | {"create", "create-replacement", "replace", "import", "import-replacement", "read", "read-replacement"}
    | {"remove-pending-replace"}
)


class NotAPlanError(ValueError):
    """The text is something else than the document of a preview, or one made with the wrong options."""


class IncompletePlanError(ValueError):
    """The document breaks off, or does not say all that would happen, or says what nobody here knows."""


@dataclass(frozen=True)
class Resource:
    """One resource in one of its two states."""

    urn: str
    type: str
    id: str = ""
    """"" while the engine does not know it."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
    retained: bool = False
    external: bool = False
    depends_on: frozenset[str] = frozenset()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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
        tags = self.inputs["tags"] if "tags" in self.inputs else self.outputs.get("tags")
        return str(tags.get(key, "")) if isinstance(tags, Mapping) else ""


@dataclass(frozen=True)
class Change:
    """What the plan does to one URN."""

    urn: str
    operations: frozenset[str]
    before: Resource | None
    after: Resource | None
    against: Resource | None = None
    """What its last step starts from: not ``before`` where this plan imports and changes it."""

    @property
    def replaces(self) -> bool:
        """Tell whether the resource itself is exchanged for another one.

        Operation names alone are not trusted: an ID that changes is an exchange as well, and so
        is making anew what was there.
        """
        if any("replace" in operation for operation in self.operations):
            return True
        if self.before is None or self.after is None:
            return False
        changed = bool(self.after.id) and self.after.id != self.before.id
        return changed or bool(self.operations & {"create", "import"})

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
    config: Mapping[str, Any]
    """Full key → value, as the document tells it: maps and lists are JSON in a string."""

    def before(self) -> dict[str, Resource]:
        """Return what there is, by URN."""
        return {urn: change.before for urn, change in self.changes.items() if change.before}

    def after(self) -> dict[str, Resource]:
        """Return what there will be, by URN."""
        return {urn: change.after for urn, change in self.changes.items() if change.after}

    def setting(self, name: str) -> Any:
        """Return one of the project's settings, parsed; None when it is not set."""
        value = self._told(name)
        if isinstance(value, str):
            try:
                return json.loads(value)
            except (ValueError, RecursionError):
                return value  # plain text
        return value

    @property
    def environment(self) -> str:
        """The environment that the plan was made for; "" when no environment's name is there."""
        # as it stands: an environment may be called 2024, which is no number
        value = self._told("environment")
        return value if isinstance(value, str) and NAME.fullmatch(value) else ""

    def _told(self, name: str) -> Any:
        project = next(iter(self.changes), "").split("::")[1:2]
        return self.config.get(f"{project[0]}:{name}") if project else None


def parse_plan(text: str) -> Plan:
    """Parse the document of ``pulumi preview --json --show-sames``.

    Raises NotAPlanError for other documents, and for one that leaves out what stays as it is;
    IncompletePlanError for one that breaks off, or that tells of steps unknown here.
    """
    raw = _document(text)
    errors = _errors(raw.get("diagnostics"))
    steps = raw.get("steps") or []
    if not isinstance(steps, list) or not all(_is_step(step) for step in steps):
        raise NotAPlanError("its steps are not those of a preview; use `pulumi preview --json`")
    if unknown := sorted({step["op"] for step in steps} - KNOWN):
        raise IncompletePlanError(f"steps of a kind that this version cannot judge: {', '.join(unknown)}")
    if not errors:
        _check_complete(steps, raw.get("changeSummary"))
    config = raw.get("config")
    return Plan(_changes(steps), errors, config if isinstance(config, Mapping) else {})


def _document(text: str) -> Mapping[str, Any]:
    if not text.strip():
        raise IncompletePlanError("it is empty: the engine wrote nothing")
    try:
        raw = json.loads(text)
    except RecursionError as error:
        raise NotAPlanError("it is nested deeper than any preview") from error
    except json.JSONDecodeError as error:
        if not text.lstrip().startswith("{"):
            raise NotAPlanError(f"it is not JSON: {error}; keep stderr out of it") from error
        if error.msg == "Extra data":
            raise NotAPlanError(
                "it is a stream of engine events, not one document; use `pulumi preview --json`"
            ) from error
        raise IncompletePlanError(f"the document breaks off: {error}") from error
    except ValueError as error:
        # Python reads no number of more than some thousand digits
        raise NotAPlanError(f"it holds what no preview does: {error}") from error
    if not isinstance(raw, Mapping) or not {"steps", "diagnostics", "changeSummary"} & raw.keys():
        raise NotAPlanError("it has none of the keys of a preview; use `pulumi preview --json`")
    return raw


def _errors(diagnostics: Any) -> tuple[str, ...]:
    if not isinstance(diagnostics, list | None):
        raise NotAPlanError("its diagnostics are not those of a preview; use `pulumi preview --json`")
    found = [item for item in diagnostics or () if isinstance(item, Mapping)]
    return tuple(str(item.get("message", "")).strip() for item in found if item.get("severity") == "error")


def _is_step(step: Any) -> bool:
    if not isinstance(step, Mapping) or not all(isinstance(step.get(key), str) for key in ("op", "urn")):
        return False
    states = [step[key] for key in ("oldState", "newState") if step.get(key) is not None]
    return bool(states) and all(map(_is_state, states))


def _is_state(state: Any) -> bool:
    maps = ("inputs", "outputs", "propertyDependencies")
    if not isinstance(state, Mapping) or not all(isinstance(state.get(key) or {}, Mapping) for key in maps):
        return False
    origins = [state.get("dependencies"), *(state.get("propertyDependencies") or {}).values()]
    return all(
        isinstance(urns or [], list) and all(isinstance(urn, str) for urn in urns or []) for urns in origins
    )


def _check_complete(steps: Iterable[Mapping[str, Any]], summary: Any) -> None:
    """Compare what is told with what is counted; a preview without errors counts every step."""
    if not isinstance(summary, Mapping) or not steps:
        raise IncompletePlanError("it holds no steps: the engine did not get to the resources")
    if not all(isinstance(count, int) for count in summary.values()):
        raise NotAPlanError("its changeSummary counts no steps; use `pulumi preview --json`")
    told = Counter(step["op"] for step in steps)
    missing = {name for name, count in summary.items() if told[name] < count}
    if missing - HIDDEN_UNLESS_ASKED:
        raise IncompletePlanError(f"it counts more steps than it tells: {', '.join(sorted(missing))}")
    if missing:
        raise NotAPlanError(
            "it leaves out what stays as it is, so a protection that goes would not be seen; preview "
            "with --show-sames"
        )


def _changes(steps: Iterable[Mapping[str, Any]]) -> dict[str, Change]:
    renamed = {
        step["oldState"]["urn"]: step["urn"]
        for step in steps
        if step.get("oldState") and isinstance(step["oldState"].get("urn"), str)
    }
    found: dict[str, Change] = {}
    for step in steps:
        urn, operation = step["urn"], step["op"]
        known = found.get(urn, Change(urn, frozenset(), None, None))
        old = _resource(urn, step.get("oldState"), renamed)
        new = _resource(urn, step.get("newState"), renamed)
        if operation in ENDING:
            new = None
        elif new and old and (operation in STAYING or new.id == old.id):
            new = replace(new, id=new.id or old.id, outputs=new.outputs or old.outputs)
        # what was imported or made in this plan is told as old where it is then updated
        earlier = None if known.after and operation in STAYING else old
        # a replacement shows the successor in one step and the predecessor's end in another
        found[urn] = Change(
            urn,
            known.operations | {operation},
            known.before or earlier,
            new or known.after,
            known.against if operation in ENDING else old,
        )
    return found


def _resource(urn: str, state: Mapping[str, Any] | None, renamed: Mapping[str, str]) -> Resource | None:
    if not state:
        return None
    sources = {
        name: tuple(renamed.get(one, one) for one in urns or ())
        for name, urns in (state.get("propertyDependencies") or {}).items()
    }
    identity = state.get("id") or state.get("importID") or ""
    direct = frozenset(renamed.get(one, one) for one in state.get("dependencies") or ())
    return Resource(
        urn=urn,
        type=str(state.get("type", "")),
        id="" if identity == UNKNOWN else str(identity),
        inputs=state.get("inputs") or {},
        outputs=state.get("outputs") or {},
        protect=bool(state.get("protect")),
        retained=bool(state.get("retainOnDelete")),
        external=bool(state.get("external")),
        depends_on=direct.union(*sources.values()),
        sources=sources,
    )
