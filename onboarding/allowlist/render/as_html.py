"""The submission as one self-contained page: nothing is loaded, nothing runs, and it prints."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from onboarding.allowlist.render.reading import reading
from onboarding.allowlist.render.templating import render_template
from onboarding.allowlist.render.topology import render_topology


def render_html(document: Mapping[str, Any]) -> str:
    """Return the whole page; every value in it is escaped."""
    # the drawing was escaped by its own template
    topology = Markup(render_topology(document))  # noqa: S704
    return render_template("submission.html.j2", {**reading(document), "topology": topology})
