"""What can be wrong with a stored pair of credentials."""

from onboarding.errors import Finding, Waiting


class SecretMissing(Finding):
    """There is no secret of this name."""


class SecretDeleted(Finding):
    """The secret's deletion is scheduled; until it is restored nobody can read it."""


class NothingStored(Waiting):
    """The secret exists, and no version carries the stage that was asked for."""


class Malformed(Finding):
    """The stored text is not a pair of client credentials."""


class LabelElsewhere(Finding):
    """A staging label is not on the version it was to be moved from: somebody else was faster."""
