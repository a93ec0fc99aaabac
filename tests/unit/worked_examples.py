"""Reads the worked examples out of docs/how-to-extend.md, so that tests can run them as they stand."""

import re
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).parents[2] / "docs" / "how-to-extend.md"


def sources() -> dict[str, str]:
    """Return name → source of every example. Raises AssertionError for a block that has no name."""
    text = PAGE.read_text(encoding="utf-8")
    named = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", text, flags=re.DOTALL))
    assert len(named) == text.count("```python"), "every python block has a name of its own"
    return named


def example(name: str) -> ModuleType:
    """Return an example as the module that it would be."""
    module = ModuleType(f"example_{name}")
    exec(compile(sources()[name], f"{PAGE.name}: {name}", "exec"), module.__dict__)  # noqa: S102 - our own page
    return module
