"""Edge: reads Pulumi.yaml and a stack's settings without the engine."""

from pathlib import Path
from typing import Any

import yaml

from onboarding.errors import InputError
from onboarding.files import unreadable
from stacks.model import StackConfig, read_config


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, as the engine's own reader does."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} stands twice", key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_stack_settings(stack: str, directory: Path) -> StackConfig:
    """Read the settings of a stack of the project in ``directory``.

    Raises InputError with file, line or key, and what is allowed.
    """
    project_file = directory / "Pulumi.yaml"
    project = _read(project_file, "run it in the project's folder, or pass -C DIR")
    place, defaults = project.get("stackConfigDir") or ".", project.get("config") or {}
    if not isinstance(place, str):
        raise InputError(f"{project_file}: stackConfigDir: must be the name of a folder (found {place!r})")
    if not isinstance(defaults, dict):
        raise InputError(f"{project_file}: config: must be a map of settings")
    folder = directory / place
    # the engine names the file after the last part of organisation/project/stack
    path = folder / f"Pulumi.{stack.rpartition('/')[2]}.yaml"
    known = sorted(
        one.name.removeprefix("Pulumi.").removesuffix(".yaml") for one in folder.glob("Pulumi.*.yaml")
    )
    raw = _read(path, f"stacks with settings here: {', '.join(known) or 'none'}")
    config = raw.get("config") or {}
    if not isinstance(config, dict):
        raise InputError(f"{path}: config: must be a map of settings")
    for key in config:
        if not isinstance(key, str):
            raise InputError(
                f"{path}: config: {key!r}: is no text", hint="a setting is called flexpay-egress:<name>"
            )
    try:
        return read_config(project, config, source=str(path))
    except ValueError as error:
        raise InputError(str(error), hint="every key is explained in docs/configuration.md") from None


def _read(path: Path, hint: str) -> dict[str, Any]:
    try:
        # _Loader is a SafeLoader
        parsed = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file", hint=hint) from error
    except OSError as error:
        raise unreadable(path, error, hint=hint) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text", hint=hint) from None
    except yaml.MarkedYAMLError as error:
        # the line and the reason, without the excerpt that PyYAML adds: it may show a pasted secret
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise InputError(f"{path}{line}: not YAML: {said}", hint="correct this line") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        # values that YAML cannot build, such as a date with a 13th month, are ValueErrors
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(parsed, dict):
        raise InputError(f"{path}: must be a map at its top level")
    return parsed
