"""What AWS's Python runtimes bring besides the standard library, from this environment."""

from importlib.util import find_spec
from pathlib import Path

OF_THE_RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")


def link_runtime(folder: Path) -> None:
    """Make a folder that holds them and nothing else. Raises RuntimeError where one is not installed."""
    folder.mkdir()
    for name in OF_THE_RUNTIME:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise RuntimeError(f"{name} is not installed, and the runtime of functions brings it")
        origin = Path(spec.origin)
        found = origin.parent if origin.name == "__init__.py" else origin
        (folder / found.name).symlink_to(found)
