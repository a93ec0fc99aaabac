"""What the sandbox's engine tooling says when it cannot go on."""


class EngineError(Exception):
    """There is no usable pulumi CLI, or it could not be built; the message says why and what to do."""
