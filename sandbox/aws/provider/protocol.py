"""The engine's provider protocol, loaded without the rest of the Pulumi SDK.

The engine starts this plugin for every command, and `import pulumi` costs more than everything else the
plugin does before its first answer. The generated modules only need each other, so they are loaded from
where the SDK keeps them, under a package name of our own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGE = "sandbox_pulumi_protocol"


def _load() -> ModuleType:
    if _PACKAGE not in sys.modules:
        spec = importlib.util.find_spec("pulumi")
        if spec is None or spec.origin is None:
            raise ImportError("the Pulumi SDK is not installed in this interpreter")
        package = ModuleType(_PACKAGE)
        package.__path__ = [str(Path(spec.origin).parent / "runtime" / "proto")]
        sys.modules[_PACKAGE] = package
    return sys.modules[_PACKAGE]


def _module(name: str) -> Any:
    _load()
    return importlib.import_module(f"{_PACKAGE}.{name}")


provider = _module("provider_pb2")
provider_grpc = _module("provider_pb2_grpc")
plugin = _module("plugin_pb2")

status = _module("status_pb2")
