"""The circumstances that the stand-in simulates; process-wide, as moto's backends are."""

from dataclasses import dataclass, field

from sandbox.aws.latency import Latency

ADDRESS_LIMIT = 100
"""An account whose quota was raised: AWS starts with 5 addresses per region."""


@dataclass
class Conditions:
    """Switches that the rules in ``behaviour`` and the front door look at with every call."""

    latency: Latency = field(default_factory=Latency)
    address_limit: int = ADDRESS_LIMIT
    """Elastic IP addresses per account and region (quota L-0263D0A3)."""
    enforce_iam: bool = False
    """Whether policies decide; off, every caller may do everything."""

    def reset(self) -> None:
        """Return to how a new stand-in starts."""
        self.latency = Latency()
        self.address_limit = ADDRESS_LIMIT
        self.enforce_iam = False


CONDITIONS = Conditions()
