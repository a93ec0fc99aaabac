"""To be filled."""

from sandbox.aws.behaviour.rules import Rules

RULES = Rules()
