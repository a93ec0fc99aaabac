"""pulumi.Config → model. Whatever is wrong is said before any resource is registered."""

from typing import Any

import pulumi
from pulumi.runtime import config as engine_config

from stacks.model import StackConfig, read_config


def read_stack_settings() -> StackConfig:
    """Read and validate the current stack's settings.

    Raises pulumi.RunError, which the engine shows as a plain message without a traceback, with
    one line per wrong key.
    """
    try:
        return read_config({}, _everything(), source=f"stacks/Pulumi.{pulumi.get_stack()}.yaml")
    except ValueError as error:
        raise pulumi.RunError(f"the settings of this stack are not usable\n{error}") from None


def _everything() -> dict[str, Any]:
    # pulumi.Config can only be asked for keys that one knows; a misspelt key must not go unnoticed.
    # The engine's own defaults from Pulumi.yaml are in here already.
    return {**engine_config.get_config_env(), **engine_config.CONFIG.get()}
