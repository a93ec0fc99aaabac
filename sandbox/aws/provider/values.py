"""Property values as the engine sends them, and back: unknowns, secrets, assets and archives.

The engine marks such values with sentinels inside a protobuf Struct (pulumi: sdk/go/common/resource,
`SigKey` and the plugin package's `Unknown*Value`). Here they are Python values: `UNKNOWN`, `Secret`,
`Asset`, `Archive`; everything else is None, bool, int, float, str, list and dict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a marker, not a secret
_ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
_RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        _UNKNOWN_TEXT,
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


class Unknown:
    """A value that is not known before the operation it comes from has run (preview)."""

    _instance: Unknown | None = None

    def __new__(cls) -> Unknown:
        """There is one."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value the engine must keep encrypted; `repr` does not show it."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True)
class Asset:
    """One file: `source` is `text`, `path` or `uri`."""

    source: str
    value: str
    hash: str = ""


@dataclass(frozen=True)
class Archive:
    """Several files: `source` is `assets` (name to Asset or Archive), `path` or `uri`."""

    source: str
    value: Any
    hash: str = ""

    def __hash__(self) -> int:
        return hash((self.source, self.hash))


def decode(struct: Any) -> dict[str, Any]:
    """Return a Struct's properties; raises ValueError on a marker this provider was never promised."""
    return {key: _decode(value) for key, value in struct.fields.items()}


def _decode(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "struct_value":
        fields = {key: _decode(item) for key, item in value.struct_value.fields.items()}
        return _decode_marked(fields) if SIGNATURE in fields else fields
    return None


def _decode_marked(fields: dict[str, Any]) -> Any:
    mark = fields[SIGNATURE]
    if mark == _SECRET:
        return Secret(fields.get("value"))
    if mark == _OUTPUT:
        value = fields.get("value", UNKNOWN)
        return Secret(value) if fields.get("secret") else value
    if mark in (_ASSET, _ARCHIVE):
        return _decode_files(fields, Asset if mark == _ASSET else Archive)
    if mark == _RESOURCE:
        return fields.get("id")
    raise ValueError(f"unknown property marker {mark}")


def _decode_files(fields: dict[str, Any], make: Any) -> Any:
    # the engine names all of them and leaves those empty that are not meant
    given = [source for source in ("assets", "text", "path", "uri") if fields.get(source)]
    source = given[0] if given else "text" if make is Asset else "assets"
    return make(source, fields.get(source) or ("" if make is Asset else {}), fields.get("hash") or "")


def encode(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return the Struct for these properties; None stands for "not set" and is left out at the top level."""
    struct = struct_pb2.Struct()
    for key, value in values.items():
        if value is not None:
            _encode(value, struct.fields[key])
    return struct


def _encode(value: Any, into: Any) -> None:  # noqa: PLR0912  one branch per kind of value
    if value is None:
        into.null_value = struct_pb2.NULL_VALUE
    elif value is UNKNOWN:
        into.string_value = _UNKNOWN_TEXT
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        into.number_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, Secret):
        _encode({SIGNATURE: _SECRET, "value": value.value}, into)
    elif isinstance(value, Asset):
        _encode({SIGNATURE: _ASSET, value.source: value.value, "hash": value.hash}, into)
    elif isinstance(value, Archive):
        _encode({SIGNATURE: _ARCHIVE, value.source: value.value, "hash": value.hash}, into)
    elif isinstance(value, Mapping):
        into.struct_value.SetInParent()
        for key, item in value.items():
            _encode(item, into.struct_value.fields[key])
    elif isinstance(value, Sequence):
        into.list_value.SetInParent()
        for item in value:
            _encode(item, into.list_value.values.add())
    else:
        raise TypeError(f"a property cannot hold a {type(value).__name__}")


def _rebuild(value: Any, visit: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: visit(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [visit(item) for item in value]
    if isinstance(value, Archive) and value.source == "assets":
        return Archive(value.source, {key: visit(item) for key, item in value.value.items()}, value.hash)
    return value


def plain(value: Any) -> Any:
    """Return the value with all secret marks taken off, at every depth."""
    if isinstance(value, Secret):
        return plain(value.value)
    return _rebuild(value, plain)


def _walk(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, Secret):
        yield from _walk(value.value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _walk(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _walk(item)
    elif isinstance(value, Archive) and value.source == "assets":
        yield from _walk(value.value)


def has_unknown(value: Any) -> bool:
    """Say whether any part of the value is unknown."""
    return any(item is UNKNOWN for item in _walk(value))


def has_secret(value: Any) -> bool:
    """Say whether any part of the value is secret."""
    return any(isinstance(item, Secret) for item in _walk(value))


def secret_texts(value: Any) -> frozenset[str]:
    """Return every text that must not appear in a message: all strings below a secret mark."""
    marked = (item for item in _walk(value) if isinstance(item, Secret))
    return frozenset(leaf for item in marked for leaf in _walk(item.value) if isinstance(leaf, str) and leaf)
