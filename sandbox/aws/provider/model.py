"""How a resource type is declared: one `ResourceType` per type, made of calls, fields and tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .aws import Aws, AwsError, at
from .kinds import TEXT, TEXT_MAP, Field, Problem


@dataclass(frozen=True)
class Scope:
    """What a call may look at: AWS, the resource's id, its wanted inputs and its last known state.

    Values are plain: no secret marks, no unknowns.
    """

    aws: Aws
    id: str = ""
    new: Mapping[str, Any] = field(default_factory=dict)
    old: Mapping[str, Any] = field(default_factory=dict)

    def call(self, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        """Call AWS; see Aws.call."""
        return self.aws.call(service, operation, **params)


Param = str | Callable[[Scope], Any]
"""The name of an input, or a function that makes the value."""


def own_id(scope: Scope) -> str:
    """Return the resource's own id, for use as a parameter."""
    return scope.id


def same(*names: str, **others: Param) -> dict[str, Param]:
    """Return parameters whose AWS names are the inputs' own with a capital (`cidrBlock` is `CidrBlock`)."""
    return {name[0].upper() + name[1:]: name for name in names} | others


@dataclass(frozen=True)
class Call:
    """One AWS call, its parameters taken from the scope; error codes in `ignore` mean "done already"."""

    service: str
    operation: str
    params: Mapping[str, Param] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()

    def __call__(self, scope: Scope) -> dict[str, Any]:
        """Make the call, leaving out parameters that are None or ""; raises AwsError."""
        params = {k: scope.new.get(p) if isinstance(p, str) else p(scope) for k, p in self.params.items()}
        given = {name: value for name, value in params.items() if value != ""}
        try:
            return scope.call(self.service, self.operation, **given)
        except AwsError as error:
            if error.code in self.ignore:
                return {}
            raise


@dataclass(frozen=True)
class Create:
    """The call that makes the resource; `id` is a path in its answer, or a function of scope and answer."""

    call: Call
    id: str | Callable[[Scope, dict[str, Any]], str]

    def __call__(self, scope: Scope) -> str:
        """Create and return the id."""
        answer = self.call(scope)
        return str(at(answer, self.id) if isinstance(self.id, str) else self.id(scope, answer))


@dataclass(frozen=True)
class Read:
    """The call that finds the resource, and how its answer becomes properties.

    `at` is the path to the object in the answer, `gone` the error codes that mean it does not exist,
    `fields` maps properties to paths in the object or to functions of scope and object.
    """

    call: Call
    at: str
    fields: Mapping[str, str | Callable[[Scope, Any], Any]]
    gone: tuple[str, ...] = ()
    exists: Callable[[Any], bool] = lambda _found: True

    def __call__(self, scope: Scope) -> dict[str, Any] | None:
        """Return all properties, or None when the resource is not there."""
        try:
            found = at(self.call(scope), self.at) if self.at else self.call(scope)
        except AwsError as error:
            if error.code in self.gone:
                return None
            raise
        if not found or not self.exists(found):
            return None
        return {
            name: at(found, path) if isinstance(path, str) else path(scope, found)
            for name, path in self.fields.items()
        }


@dataclass(frozen=True)
class Update:
    """Steps for a set of inputs: run when one of them changed, and after create when one of them is given.

    `on_create` is False where the creating call has taken them already.
    """

    inputs: tuple[str, ...]
    run: Callable[[Scope], Any]
    on_create: bool = False


@dataclass(frozen=True)
class Tags:
    """How a service tags: `put` and `remove` change tags, `read` returns them all."""

    put: Callable[[Scope, dict[str, str]], Any]
    remove: Callable[[Scope, list[str]], Any]
    read: Callable[[Scope], dict[str, str]]
    on_create: bool = False


def tag_list(
    tags: Mapping[str, str] | None, key: str = "Key", value: str = "Value"
) -> list[dict[str, str]] | None:
    """Return tags as AWS's list of pairs, None for none."""
    return [{key: name, value: text} for name, text in sorted(tags.items())] if tags else None


def tag_map(
    pairs: Iterable[Mapping[str, str]] | None, key: str = "Key", value: str = "Value"
) -> dict[str, str]:
    """Return AWS's list of pairs as a map, without the tags AWS sets itself."""
    return {pair[key]: pair.get(value, "") for pair in pairs or () if not pair[key].startswith("aws:")}


def nothing_more(_old: Mapping[str, Any], _new: Mapping[str, Any]) -> frozenset[str]:
    """Let no further change replace."""
    return frozenset()


def no_problems(_inputs: Mapping[str, Any]) -> Iterable[Problem]:
    """Find nothing wrong."""
    return ()


NAME_PREFIX = Field(TEXT, computed=True, replaces=True, local=True)
"""`namePrefix` of any type: taken away, it changes nothing by itself."""


@dataclass(frozen=True)
class ResourceType:
    """One row of the table.

    `inputs` are what a program may set, `outputs` what only AWS sets. `create` returns the id, with outputs
    that cannot be read back later beside it; `read` returns all properties, or None when there is nothing.
    `name` is the input that gets a name made from the resource's when the program gives none: no longer than
    `name_length`, in small letters with `name_small`, and with `name_prefix` in front. `regional` types
    take `region`. `volatile` outputs are unknown when an update is previewed. `ready` waits until the
    resource can be used. `problems` checks inputs against each other; `also_replaces` names inputs whose
    change replaces in this very case, given old state and new inputs. With `delete_first` the old one always
    goes before its replacement is made. `import_id` turns an import id into what `read` needs to know,
    `final_id` turns it into the resource's own id; it raises ValueError for an id of the wrong form.
    """

    type: str
    inputs: Mapping[str, Field]
    create: Callable[[Scope], str | tuple[str, dict[str, Any]]]
    read: Callable[[Scope], dict[str, Any] | None]
    delete: Callable[[Scope], Any]
    outputs: tuple[str, ...] = ()
    updates: tuple[Update, ...] = ()
    tags: Tags | None = None
    name: str | None = None
    name_prefix: str = ""
    name_length: int = 255
    name_small: bool = False
    ready: Callable[[Scope], None] | None = None
    regional: bool = True
    volatile: tuple[str, ...] = ()
    problems: Callable[[Mapping[str, Any]], Iterable[Problem]] = no_problems
    also_replaces: Callable[[Mapping[str, Any], Mapping[str, Any]], frozenset[str]] = nothing_more
    delete_first: bool = False
    import_id: Callable[[str], Mapping[str, Any]] | None = None
    final_id: Callable[[str, Mapping[str, Any]], str] | None = None

    @property
    def fields(self) -> dict[str, Field]:
        """All inputs, with those that most types share."""
        shared: dict[str, Field] = {}
        if self.tags:
            shared["tags"] = Field(TEXT_MAP)
        if self.regional:
            shared["region"] = Field(TEXT, computed=True, replaces=True)
        return {**self.inputs, **shared}

    @property
    def all_outputs(self) -> tuple[str, ...]:
        """All outputs that are no inputs."""
        return (*self.outputs, "tagsAll") if self.tags else self.outputs
