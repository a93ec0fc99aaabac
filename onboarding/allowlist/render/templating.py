"""The template engine, set up once for each kind of text."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from onboarding.allowlist.submission import spoken

_MARKDOWN_SPECIAL = "\\`*_{}[]()#+!|~"
_MARKDOWN_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""As entities, because not every reader of Markdown knows a backslash before them."""


@cache
def _engine(*, escape: bool) -> Environment:
    engine = Environment(
        loader=PackageLoader("onboarding.allowlist.render", ""),
        autoescape=escape,  # noqa: S701 - off for Markdown only, which has a filter of its own
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    engine.filters["md"] = markdown_text
    engine.filters["spoken"] = spoken
    return engine


def render_template(name: str, values: Mapping[str, Any]) -> str:
    """Render a template of this package; values are escaped in HTML, and by ``|md`` in Markdown."""
    # only a template's own name decides, so that no caller can forget to escape
    return _engine(escape=".html" in name).get_template(name).render(values)


def markdown_text(value: object) -> str:
    """Return text that Markdown shows as it is, on one line; a dash for None."""
    if value is None or value == "":
        return "-"
    text = " ".join(str(value).split())
    return "".join(
        f"\\{character}" if character in _MARKDOWN_SPECIAL else _MARKDOWN_HTML.get(character, character)
        for character in text
    )
