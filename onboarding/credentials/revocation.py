"""The request to the partner to revoke a pair that is not in use any more. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

FEWEST_FOR_TAIL = 12
"""IDs shorter than this are not told apart by their last characters without giving most of them away."""


@dataclass(frozen=True)
class Revocation:
    """Which pair is meant, told without its values."""

    staged: bool
    """It was never in use."""
    version_id: str | None
    tail: str | None
    """The last four characters of its client ID, where the caller may read it."""
    until: datetime | None
    """When another pair took its place."""


def tail_of(client_id: str) -> str | None:
    """Return what of a client ID may stand in an e-mail."""
    return client_id[-4:] if len(client_id) >= FEWEST_FOR_TAIL else None


def letter(environment: str, merchant: str, integration_id: str, legal_entity: str, about: Revocation) -> str:
    """Return the text to send to the partner."""
    known = f"whose client ID ends in {about.tail}" if about.tail else "described below"
    used = (
        "It was never put to use."
        if about.staged
        else f"Another pair took its place on {_day(about.until)}; that one stays in force."
    )
    return f"""\
To the Flex Pay integration lead or account manager

Please revoke the client credentials {known}:

  merchant      {merchant} ({legal_entity})
  integration   {integration_id}
  environment   {environment}
  our version   {about.version_id or "not known any more"}

{used}
Please confirm when it is done.
"""


def _day(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "a day we did not record"
