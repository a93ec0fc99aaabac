"""Client credentials as a value that cannot show its secret.

Standard library only: the function bundle carries this module.
"""

import json
from dataclasses import dataclass

from onboarding.redaction import Hidden


@dataclass(frozen=True)
class ClientCredentials:
    """What the partner issues per merchant and per environment (partner page "Authorization")."""

    client_id: str
    client_secret: Hidden

    @classmethod
    def from_json(cls, text: str) -> "ClientCredentials":
        """Parse ``{"client_id": …, "client_secret": …}``, exactly these two strings.

        Raises ValueError with a reason that holds nothing of the text.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None
        if not isinstance(raw, dict):
            raise ValueError("not a JSON object")
        if set(raw) != {"client_id", "client_secret"}:
            raise ValueError("must hold exactly client_id and client_secret")
        if not all(isinstance(value, str) and value for value in raw.values()):
            raise ValueError("client_id and client_secret must be non-empty strings")
        return cls(raw["client_id"], Hidden(raw["client_secret"]))

    def to_json(self) -> str:
        """Return the stored form; the result holds the secret."""
        return json.dumps({"client_id": self.client_id, "client_secret": self.client_secret.reveal()})
