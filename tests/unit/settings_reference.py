"""Writes docs/configuration.md's tables from the settings themselves.

``python -m tests.unit.settings_reference`` renews the part between the two marks; a test holds the
file to it.
"""

import json
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stacks.schema import ExternalAddress, Settings, SlotSettings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models(argument)


def shape(annotation: Any) -> str:
    """Return what a value looks like, in the words of the page."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " \\| ".join(f"`{one.value}`" for one in annotation)
    if isinstance(annotation, type):
        simple = {bool: "true or false", int: "number", str: "text"}
        return simple.get(annotation, "map" if issubclass(annotation, BaseModel) else "text")
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        return f"list of {shape(arguments[0])}s" if shape(arguments[0]) in ("map", "text") else "list"
    if origin is dict:
        return "map"
    if str(origin) == "typing.Literal":
        return " \\| ".join(f"`{one}`" for one in arguments)
    return shape(next(one for one in arguments if one is not type(None)))


def default(field: FieldInfo) -> str:
    """Return a field's default as it would be written in YAML."""
    if field.default_factory is not None:
        return ""
    if field.default is PydanticUndefined:
        return "required"
    if field.default in (None, [], {}):
        return ""
    value = field.default.value if isinstance(field.default, Enum) else field.default
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def rows(model: type[BaseModel]) -> Iterator[str]:
    """Yield one row per key of a model."""
    for name, field in model.model_fields.items():
        cells = (f"`{field.alias or name}`", shape(field.annotation), default(field), field.description)
        yield f"| {' | '.join(map(str, cells))} |"


def section(title: str, model: type[BaseModel]) -> str:
    """Return heading and table of one map."""
    head = f"### {title}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(rows(model)) + "\n"


def tables() -> str:
    """Return every table."""
    parts = [section("The settings", Settings)]
    for name, field in Settings.model_fields.items():
        for model in models(field.annotation):
            several = " (each)" if get_origin(field.annotation) is list else ""
            parts.append(section(f"`{field.alias or name}`{several}", model))
        if name == "egress":
            parts.append(section("`egress.addresses` (each slot)", SlotSettings))
            parts.append(section("`egress.addresses` (each, mode external)", ExternalAddress))
    return "\n".join(parts)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{tables()}\n{END}{after}", encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
