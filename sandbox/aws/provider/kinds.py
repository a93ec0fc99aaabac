"""What a property may hold, and when two of its values mean the same to AWS."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .values import UNKNOWN, Archive, Asset

Problem = tuple[str, str]
"""Property path and what is wrong with it."""


class Kind:
    """One kind of value. The base accepts nothing; subclasses say what they accept."""

    label = "a value"

    def accepts(self, value: Any) -> bool:
        """Say whether a known value is of this kind, looking no deeper than its outermost layer."""
        raise NotImplementedError

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a value, unknowns being fine everywhere."""
        if value is not UNKNOWN and not self.accepts(value):
            yield path, f"expected {self.label}, got {_name(value)}"

    def normal(self, value: Any) -> Any:
        """Return a form in which values that mean the same to AWS are equal."""
        return value

    def same(self, one: Any, other: Any) -> bool:
        """Say whether two values mean the same to AWS; an absent value and an empty one do."""
        return bool(_settled(self, one) == _settled(self, other))


def is_empty(value: Any) -> bool:
    """Say whether a value stands for "not set": None, false, zero, or nothing inside."""
    return value is None or (not isinstance(value, Archive | Asset) and value is not UNKNOWN and not value)


def _settled(kind: Kind, value: Any) -> Any:
    return None if is_empty(value) else kind.normal(value)


def _name(value: Any) -> str:
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a map",
    }
    return "nothing" if value is None else names.get(type(value), f"an {type(value).__name__.lower()}")


class Text(Kind):
    """A string."""

    label = "a string"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        return isinstance(value, str)


class Cidr(Text):
    """An address range; compared as the network it denotes."""

    label = "an address range such as 10.0.0.0/16"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        try:
            ipaddress.ip_network(value)
        except (ValueError, TypeError):
            return False
        return isinstance(value, str) and "/" in value

    def normal(self, value: Any) -> Any:
        """See Kind."""
        return str(ipaddress.ip_network(value, strict=False)) if isinstance(value, str) and value else value


class Whole(Kind):
    """A whole number."""

    label = "a whole number"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        return isinstance(value, int) and not isinstance(value, bool)


class Number(Kind):
    """Any number."""

    label = "a number"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        return isinstance(value, int | float) and not isinstance(value, bool)


class Flag(Kind):
    """true or false."""

    label = "true or false"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        return isinstance(value, bool)


class Json(Text):
    """A JSON document in a string; policies are compared by meaning, not by layout."""

    label = "a JSON document in a string"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        if not isinstance(value, str):
            return False
        try:
            json.loads(value)
        except ValueError:
            return False
        return True

    def normal(self, value: Any) -> Any:
        """See Kind."""
        try:
            return _normal_json(json.loads(value))
        except (ValueError, TypeError):
            return value


def _normal_json(value: Any) -> Any:
    """AWS reads a list of one as its only item, and lists in a policy as sets."""
    if isinstance(value, dict):
        return {key: _normal_json(item) for key, item in value.items()}
    if isinstance(value, list):
        items = sorted(
            (_normal_json(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True)
        )
        return items[0] if len(items) == 1 else items
    return value


class Files(Kind):
    """An archive of files; compared by the hash the engine computed."""

    label = "an archive (pulumi.FileArchive, AssetArchive or RemoteArchive)"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        return isinstance(value, Archive | Asset)

    def normal(self, value: Any) -> Any:
        """See Kind."""
        return value.hash or repr(value)


@dataclass(frozen=True)
class ListOf(Kind):
    """A list whose order counts."""

    item: Kind
    label = "a list"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        return isinstance(value, list)

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """See Kind."""
        yield from super().problems(value, path)
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.item.problems(item, f"{path}[{index}]")

    def normal(self, value: Any) -> Any:
        """See Kind."""
        return [self.item.normal(item) for item in value] if isinstance(value, Sequence) else value


@dataclass(frozen=True)
class SetOf(ListOf):
    """A list whose order does not count."""

    def normal(self, value: Any) -> Any:
        """See Kind."""
        return sorted(super().normal(value), key=repr) if isinstance(value, Sequence) else value


@dataclass(frozen=True)
class MapOf(Kind):
    """Names to values of one kind."""

    item: Kind
    label = "a map"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        return isinstance(value, Mapping)

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """See Kind."""
        yield from super().problems(value, path)
        if isinstance(value, Mapping):
            for key, item in value.items():
                yield from self.item.problems(item, f"{path}.{key}")

    def normal(self, value: Any) -> Any:
        """See Kind."""
        if not isinstance(value, Mapping):
            return value
        return {key: self.item.normal(item) for key, item in sorted(value.items())}


@dataclass(frozen=True)
class Field:
    """One property of a resource, or one field of a nested object.

    `replaces` is the official provider's ForceNew; `computed` its Optional+Computed: when not given, AWS
    decides and no difference is seen. `local` is known to the provider only and cannot be read back.
    """

    kind: Kind
    required: bool = False
    replaces: bool = False
    computed: bool = False
    default: Any = None
    local: bool = False
    allowed: tuple[Any, ...] = ()

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a given value."""
        yield from self.kind.problems(value, path)
        if self.allowed and value is not UNKNOWN and self.kind.accepts(value) and value not in self.allowed:
            yield path, f"expected one of {', '.join(map(str, self.allowed))}"

    def same(self, one: Any, other: Any) -> bool:
        """Say whether two values mean the same, an absent one meaning the default."""
        if self.default is not None:
            one = self.default if one is None else one
            other = self.default if other is None else other
        return self.kind.same(one, other)


@dataclass(frozen=True)
class Record(Kind):
    """A nested object; a field that is not declared is an error."""

    fields: Mapping[str, Field] = field(default_factory=dict)
    label = "an object"

    def accepts(self, value: Any) -> bool:
        """See Kind."""
        return isinstance(value, Mapping)

    def problems(self, value: Any, path: str) -> Iterator[Problem]:
        """See Kind."""
        yield from super().problems(value, path)
        if not isinstance(value, Mapping):
            return
        for name, item in value.items():
            if item is None or name == "__defaults":
                continue
            if name not in self.fields:
                yield (
                    f"{path}.{name}",
                    f"not mapped by the sandbox provider; mapped: {', '.join(self.fields)}",
                )
            else:
                yield from self.fields[name].problems(item, f"{path}.{name}")
        for name, spec in self.fields.items():
            if spec.required and value.get(name) is None:
                yield f"{path}.{name}", "is required"

    def normal(self, value: Any) -> Any:
        """See Kind: a field that is not set and one at its default are the same."""
        if not isinstance(value, Mapping):
            return value
        settled = {}
        for name, spec in self.fields.items():
            item = value.get(name)
            item = spec.default if item is None else item
            normal = None if is_empty(item) or spec.computed else spec.kind.normal(item)
            if not is_empty(normal):
                settled[name] = normal
        return settled


TEXT, CIDR, WHOLE, NUMBER, FLAG, JSON, FILES = Text(), Cidr(), Whole(), Number(), Flag(), Json(), Files()
TEXTS = SetOf(TEXT)
TEXT_MAP = MapOf(TEXT)
