"""The review package in every format, all rendered from the one document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onboarding.allowlist.render.as_html import render_html
from onboarding.allowlist.render.as_json import render_json
from onboarding.allowlist.render.as_markdown import render_markdown
from onboarding.allowlist.render.as_table import render_csv
from onboarding.allowlist.render.as_text import ListFormat, render_list


@dataclass(frozen=True)
class Package:
    """File name → text, with line ends as they are to be written."""

    files: Mapping[str, str]


def render_package(document: Mapping[str, Any], list_format: ListFormat) -> Package:
    """Render every file of a revision; the same document and format give the same bytes.

    Raises ValueError when the list does not fit into the partner's form.
    """
    return Package(
        {
            "submission.csv": render_csv(document),
            "submission.html": render_html(document),
            "submission.json": render_json(document),
            "submission.md": render_markdown(document),
            "submission.txt": render_list(document, list_format),
        }
    )
