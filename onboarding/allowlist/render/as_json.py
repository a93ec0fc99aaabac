"""The submission as JSON: the document itself, in the order of the schema, easy to compare."""

import json
from collections.abc import Mapping
from typing import Any


def render_json(document: Mapping[str, Any]) -> str:
    """Return the document as indented JSON; the digest does not depend on the indentation."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
