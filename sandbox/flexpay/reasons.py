"""Collects what is wrong with a document, so that all of it can be told at once."""

from collections.abc import Mapping
from typing import Any


class Reasons:
    """Collects what is wrong."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, where: str, what: str) -> None:
        """Note one problem."""
        self.found.append(f"{where}: {what}")

    def text(self, holder: Mapping[str, Any], name: str, where: str) -> str | None:
        """Return a member that must be a non-blank string, None (and a note) when it is not."""
        value = holder.get(name)
        if isinstance(value, str) and value.strip():
            return value
        self.add(f"{where}.{name}" if where else name, "is missing or empty")
        return None

    def object(self, holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Return a member that must be an object, an empty one (and a note) when it is not."""
        value = holder.get(name)
        if isinstance(value, dict):
            return value
        self.add(name, "is missing or not an object")
        return {}

    def array(
        self, holder: Mapping[str, Any], name: str, where: str = "", *, filled: bool = False
    ) -> list[Any]:
        """Return a member that must be an array, an empty one (and a note) when it is not."""
        value = holder.get(name)
        label = f"{where}.{name}" if where else name
        if not isinstance(value, list):
            self.add(label, "is missing or not an array")
            return []
        if filled and not value:
            self.add(label, "is empty")
        return value
