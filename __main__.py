"""Settings → components → outputs."""

import pulumi

from stacks.environment import Environment
from stacks.settings import read_stack_settings

environment = Environment("environment", {"config": read_stack_settings()})
for key, value in environment.outputs.items():
    pulumi.export(key, value)
