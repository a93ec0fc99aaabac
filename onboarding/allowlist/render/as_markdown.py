"""The submission as Markdown, for tickets and for reading in a repository."""

from collections.abc import Mapping
from typing import Any

from onboarding.allowlist.render.reading import reading
from onboarding.allowlist.render.templating import render_template


def render_markdown(document: Mapping[str, Any]) -> str:
    """Return the whole submission as Markdown with tables."""
    return render_template("submission.md.j2", reading(document))
