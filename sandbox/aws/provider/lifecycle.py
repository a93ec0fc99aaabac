"""What the provider does with any resource type: check, diff, create, read, update, delete.

Values in and out are those of `values`: inputs may hold unknowns and secrets. Nothing here knows gRPC.

Long because the six operations of one life share their small helpers.
"""

from __future__ import annotations

import hashlib
import re
import secrets as randomness
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .aws import Aws, AwsError, split_region
from .kinds import Field, Kind, MapOf, Problem, Record, is_empty
from .model import ResourceType, Scope, Update
from .values import UNKNOWN, Secret, has_secret, has_unknown, plain

Properties = dict[str, Any]
NAME_HEX_DIGITS = 7


@dataclass(frozen=True)
class TagRules:
    """The provider's `defaultTags` and `ignoreTags`."""

    defaults: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    ignored_prefixes: tuple[str, ...] = ()

    def seen(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return the tags this provider looks at."""
        return {
            key: value
            for key, value in tags.items()
            if key not in self.ignored and not any(key.startswith(prefix) for prefix in self.ignored_prefixes)
        }


@dataclass(frozen=True)
class Change:
    """One entry of a detailed diff; `kind` is add, delete or update."""

    path: str
    kind: str
    replaces: bool


@dataclass(frozen=True)
class Difference:
    """What differs between state and inputs. `properties` are the inputs to which the changes belong."""

    changes: tuple[Change, ...]
    properties: tuple[str, ...]
    replaces: tuple[str, ...]
    delete_before_replace: bool


class HalfDone(Exception):  # noqa: N818  it is news of a state rather than an error of its own
    """The resource exists, but something after its creation failed; carries what is known of it."""

    def __init__(self, reason: str, identifier: str, state: Properties) -> None:
        super().__init__(reason)
        self.id = identifier
        self.state = state


class NotThere(Exception):  # noqa: N818  callers turn it into an answer
    """The resource vanished where it must exist."""


def check(
    kind: ResourceType, resource: str, olds: Properties, news: Properties, *, seed: bytes, tags: TagRules
) -> tuple[Properties, list[Problem]]:
    """Return the inputs with defaults, default tags and a name, and everything that is wrong with them."""
    fields = kind.fields
    inputs = {key: value for key, value in news.items() if value is not None and key != "__defaults"}
    problems: list[Problem] = []
    for name, value in inputs.items():
        if name in fields:
            problems += fields[name].problems(plain(value), name)
        else:
            mapped = ", ".join(sorted(fields))
            problems.append(
                (name, f"input of {kind.type} that the sandbox provider does not map; mapped: {mapped}")
            )
    for name, spec in fields.items():
        if name not in inputs and spec.default is not None:
            inputs[name] = spec.default
        if name not in inputs and spec.required:
            problems.append((name, f"{kind.type} requires it"))
    if kind.tags and tags.defaults:
        inputs["tags"] = _with_defaults(inputs.get("tags"), tags.defaults)
    if kind.name and kind.name not in inputs and "namePrefix" not in inputs and "bucketPrefix" not in inputs:
        inputs[kind.name] = _kept_name(kind, resource, olds) or _new_name(kind, resource, seed)
        problems += _too_long(kind, resource)
    if not problems:
        problems += kind.problems(plain(inputs))
    return inputs, problems


def _with_defaults(tags: Any, defaults: Mapping[str, str]) -> Any:
    if isinstance(tags, Secret):
        return Secret(_with_defaults(tags.value, defaults))
    return tags if tags is UNKNOWN else {**defaults, **(tags or {})}


def _new_name(kind: ResourceType, resource: str, seed: bytes) -> str:
    if seed:
        suffix = hashlib.sha256(seed + resource.encode()).hexdigest()[:NAME_HEX_DIGITS]
    else:
        suffix = randomness.token_hex(NAME_HEX_DIGITS)[:NAME_HEX_DIGITS]
    return f"{_name_head(kind, resource)}{suffix}"


def _name_head(kind: ResourceType, resource: str) -> str:
    return f"{kind.name_prefix}{resource.lower() if kind.name_small else resource}-"


def _too_long(kind: ResourceType, resource: str) -> Iterator[Problem]:
    """Yield what the official provider says of a name that does not fit: it cuts none."""
    if kind.name and len(resource) + 1 + NAME_HEX_DIGITS > kind.name_length:
        yield (
            kind.name,
            f"name '{resource}-' plus {NAME_HEX_DIGITS} random chars is longer than maximum length "
            f"{kind.name_length}",
        )


def _is_made_up(kind: ResourceType, resource: str, name: Any) -> bool:
    head = re.escape(_name_head(kind, resource))
    return isinstance(name, str) and re.fullmatch(rf"{head}[0-9a-f]{{{NAME_HEX_DIGITS}}}", name) is not None


def _kept_name(kind: ResourceType, resource: str, olds: Properties) -> str | None:
    name = plain(olds.get(kind.name or ""))
    return name if _is_made_up(kind, resource, name) else None


def diff(
    kind: ResourceType,
    resource: str,
    state: Properties,
    news: Properties,
    *,
    region: str,
    ignore: frozenset[str] = frozenset(),
    tags: TagRules,
) -> Difference:
    """Compare the last known state with the wanted inputs, as the official provider does."""
    old, new = plain(state), plain(news)
    changes: list[Change] = []
    changed: list[str] = []
    also = kind.also_replaces(old, new)
    for name, spec in kind.fields.items():
        was, wanted = old.get(name), new.get(name)
        if name == "region" and wanted is None and was is not None:
            wanted = region
        if name in ignore or (wanted is None and spec.computed):
            continue
        if name == "tags":
            was, wanted = tags.seen(was or {}), _seen_tags(tags, wanted)
        found = list(_changes(spec, was, wanted, name, replaces=spec.replaces or name in also))
        if found:
            changed.append(name)
            changes += found
    replaces = tuple(dict.fromkeys(re.split(r"[.\[]", item.path)[0] for item in changes if item.replaces))
    name_kept = kind.name is not None and old.get(kind.name) == new.get(kind.name)
    return Difference(
        changes=tuple(changes),
        properties=tuple(changed),
        replaces=replaces,
        delete_before_replace=bool(replaces)
        and (kind.delete_first or (name_kept and not _is_made_up(kind, resource, new.get(kind.name or "")))),
    )


def _seen_tags(tags: TagRules, wanted: Any) -> Any:
    return wanted if wanted is UNKNOWN else tags.seen(wanted or {})


def _changes(spec: Field, was: Any, wanted: Any, path: str, *, replaces: bool) -> Iterator[Change]:
    if not has_unknown(wanted) and spec.same(was, wanted):
        return
    inner: Kind = spec.kind
    if isinstance(was, Mapping) and isinstance(wanted, Mapping) and isinstance(inner, MapOf | Record):
        for key in dict.fromkeys((*was, *wanted)):
            below = inner.fields.get(key) if isinstance(inner, Record) else Field(inner.item)
            if below and not (below.computed and wanted.get(key) is None):
                step = f"{path}.{key}" if re.fullmatch(r"\w+", key) else f'{path}["{key}"]'
                yield from _changes(
                    below, was.get(key), wanted.get(key), step, replaces=replaces or below.replaces
                )
        return
    kind = "add" if is_empty(was) else "delete" if is_empty(wanted) else "update"
    yield Change(path, kind, replaces)


def marked(values: Mapping[str, Any], *sources: Mapping[str, Any]) -> Properties:
    """Return the values, each secret where the property of that name is secret in one of the sources."""
    return {
        name: Secret(value)
        if value is not None and any(has_secret(source.get(name)) for source in sources)
        else value
        for name, value in values.items()
    }


def planned(kind: ResourceType, news: Properties, state: Properties | None, *, region: str) -> Properties:
    """Return the outputs a preview shows: inputs as they are, unknown for what only AWS will know."""
    result: Properties = {}
    unknown_now = kind.all_outputs if state is None else kind.volatile
    before = state or {}
    for name, spec in kind.fields.items():
        if name in news:
            result[name] = news[name]
        elif name == "region":
            result[name] = before.get(name, region)
        elif spec.computed:
            result[name] = UNKNOWN if state is None else before.get(name)
    for name in kind.all_outputs:
        result[name] = UNKNOWN if name in unknown_now else before.get(name)
    if kind.tags:
        result["tagsAll"] = news.get("tags", {})
    return result


def create(kind: ResourceType, aws: Aws, news: Properties, tags: TagRules) -> tuple[str, Properties]:
    """Create the resource; raises AwsError when nothing was made, HalfDone when something was."""
    inputs = plain(news)
    made = kind.create(Scope(aws, new=inputs, old=inputs))
    identifier, remembered = made if isinstance(made, tuple) else (made, {})
    scope = Scope(aws, id=identifier, new=inputs, old=inputs | remembered)
    later = [step for step in kind.updates if step.on_create and _given(step, inputs)]
    try:
        if kind.ready:
            kind.ready(scope)
        for step in later:
            step.run(Scope(aws, id=identifier, new=inputs, old={}))
        if kind.tags and not kind.tags.on_create and inputs.get("tags"):
            kind.tags.put(scope, inputs["tags"])
        return identifier, _state(kind, scope, news, tags)
    except (AwsError, NotThere) as error:
        raise HalfDone(str(error), identifier, _known(kind, scope, news, later, tags)) from None


def _given(step: Update, inputs: Properties) -> bool:
    return any(not is_empty(inputs.get(name)) or inputs.get(name) is False for name in step.inputs)


def _known(
    kind: ResourceType, scope: Scope, news: Properties, later: list[Update], tags: TagRules
) -> Properties:
    """Return the state after a failure: what AWS says, else what the creating call was given."""
    try:
        return _state(kind, scope, news, tags)
    except (AwsError, NotThere):
        missing = {name for step in later for name in step.inputs}
        return {name: value for name, value in news.items() if name not in missing} | {
            "region": scope.aws.region
        }


def _state(kind: ResourceType, scope: Scope, news: Properties, tags: TagRules) -> Properties:
    found = kind.read(scope)
    if found is None:
        raise NotThere(f"{kind.type} {scope.id} is gone")
    return settled(kind, scope, found, news, tags)


def settled(
    kind: ResourceType, scope: Scope, found: Properties, given: Properties, tags: TagRules
) -> Properties:
    """Return the full state: what AWS says, worded as it was given where both mean the same."""
    state: Properties = {name: found.get(name) for name in kind.outputs}
    for name, spec in kind.fields.items():
        worded = plain(given.get(name))
        actual = found.get(name)
        if name == "region":
            actual = scope.aws.region
        elif name == "tags" and kind.tags:
            actual = tags.seen(kind.tags.read(scope))
            state["tagsAll"] = actual
        elif spec.local:
            actual = spec.default if worded is None else worded
        state[name] = worded if worded is not None and spec.same(worded, actual) else actual
    return marked({name: value for name, value in state.items() if value is not None}, given)


def read(
    kind: ResourceType, aws: Aws, identifier: str, *, state: Properties, inputs: Properties, tags: TagRules
) -> tuple[str, Properties, Properties] | None:
    """Return id, state and inputs as AWS has them now, None when the resource is gone.

    Without state and inputs this is an import: all inputs are filled in. Raises ValueError for an id of
    the wrong form.
    """
    importing = not state and not inputs
    if importing:
        identifier, region = split_region(identifier)
        aws = in_region(aws, region)
        known: Mapping[str, Any] = kind.import_id(identifier) if kind.import_id else {}
    else:
        known = plain(state) | {k: v for k, v in plain(inputs).items() if k not in state}
    scope = Scope(aws, id=identifier, new=known, old=known)
    found = kind.read(scope)
    if found is None:
        return None
    if importing and kind.final_id:
        identifier = kind.final_id(identifier, found)
        scope = Scope(aws, id=identifier, new=found, old=found)
    given = state | inputs
    now = settled(kind, scope, found, given, tags)
    return identifier, now, marked(_inputs(kind, plain(now), plain(inputs), importing=importing), given)


def _inputs(kind: ResourceType, now: Properties, before: Properties, *, importing: bool) -> Properties:
    result: Properties = {}
    for name, spec in kind.fields.items():
        actual = now.get(name)
        if name in before:
            result[name] = before[name] if spec.same(before[name], actual) else actual
        elif importing:
            if name != "region" and not is_empty(actual):
                result[name] = actual
        elif not spec.computed and not spec.local and not spec.same(None, actual):
            result[name] = actual
    return {name: value for name, value in result.items() if value is not None}


def update(
    kind: ResourceType,
    aws: Aws,
    identifier: str,
    *,
    resource: str,
    state: Properties,
    news: Properties,
    ignore: frozenset[str],
    tags: TagRules,
) -> Properties:
    """Bring the resource to the wanted inputs and return its state; raises AwsError, NotThere."""
    region = aws.region
    change = diff(kind, resource, state, news, region=region, ignore=ignore, tags=tags)
    if not change.changes:
        found = read(kind, aws, identifier, state=state, inputs=news, tags=tags)
        if found is None:
            raise NotThere(f"{kind.type} {identifier} is gone; run a refresh")
        state = found[1]
        change = diff(kind, resource, state, news, region=region, ignore=ignore, tags=tags)
    new, old = plain(news), plain(state)
    scope = Scope(aws, id=identifier, new=new, old=old)
    for step in kind.updates:
        if any(name in change.properties for name in step.inputs):
            step.run(scope)
    if kind.tags and "tags" in change.properties:
        _retag(kind, scope, tags)
    if kind.ready:
        kind.ready(scope)
    return _state(kind, Scope(aws, id=identifier, new=new, old=old | new), news, tags)


def _retag(kind: ResourceType, scope: Scope, tags: TagRules) -> None:
    assert kind.tags is not None  # noqa: S101  the caller asked
    was, wanted = tags.seen(scope.old.get("tags") or {}), tags.seen(scope.new.get("tags") or {})
    if removed := sorted(was.keys() - wanted.keys()):
        kind.tags.remove(scope, removed)
    if added := {key: value for key, value in wanted.items() if was.get(key) != value}:
        kind.tags.put(scope, added)


def delete(kind: ResourceType, aws: Aws, identifier: str, state: Properties, inputs: Properties) -> None:
    """Delete the resource; one that is gone already is fine. Raises AwsError."""
    kind.delete(Scope(aws, id=identifier, new=plain(inputs), old=plain(inputs) | plain(state)))


def in_region(aws: Aws, region: Any) -> Aws:
    """Return AWS as seen from another region, or the same when none is given."""
    if not isinstance(region, str) or not region or region == aws.region:
        return aws
    return Aws(aws.clients, region, aws.account, aws.partition)
