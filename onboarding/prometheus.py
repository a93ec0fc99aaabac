"""Prometheus' text exposition format, for the textfile collector of the node exporter."""

from collections.abc import Iterable, Mapping

Sample = tuple[str, Mapping[str, str | None], str]
"""Name of the metric, labels, value. A label without text is left out, which means the same to Prometheus."""


def exposition(meanings: Mapping[str, str], samples: Iterable[Sample]) -> str:
    """Return gauges grouped by metric, in the order of ``meanings`` (name → one line of help).

    Metrics without samples are left out. Raises KeyError for a sample of another name.
    """
    families: dict[str, list[str]] = {name: [] for name in meanings}
    for name, labels, value in samples:
        told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items() if text)
        families[name].append(f"{name}{{{told}}} {value}")
    lines = []
    for name, found in families.items():
        if found:
            lines += [f"# HELP {name} {meanings[name]}", f"# TYPE {name} gauge", *found]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
