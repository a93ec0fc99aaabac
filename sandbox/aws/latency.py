"""How long AWS takes, as a profile that can be scaled down.

Two kinds of time: a call's own (``CALL_SECONDS``), and the time until what it made can be used or is
gone (``LATER_SECONDS``), which only the next Describe tells. The figures are round numbers from
published experience with us-east-1; what counts is their proportion.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.calls import Call

MAX_SECONDS = 3600
READ_SECONDS = 0.3
CHANGE_SECONDS = 1.0
CALL_SECONDS = {
    "CreateVpc": 2.0,
    "ModifyVpcAttribute": 1.0,
    "CreateSubnet": 2.0,
    "CreateNatGateway": 2.0,
    "CreateVpcEndpoint": 3.0,
    "CreateFunction": 5.0,
    "CreateRole": 2.0,
    "CreateKey": 3.0,
    "CreateSecret": 1.0,
    "CreateBucket": 2.0,
    "CreateFlowLogs": 2.0,
    "CreateSchedule": 2.0,
    "GetCallerIdentity": 0.1,
}
"""Seconds by operation; others take CHANGE_SECONDS, or READ_SECONDS when they change nothing."""

LATER_SECONDS = {
    "nat-gateway-available": 100.0,
    "nat-gateway-deleted": 45.0,
    "interface-endpoint-available": 60.0,
    "interface-endpoint-deleted": 60.0,
    "vpc-function-active": 20.0,
}
"""Seconds from the call until the state is reached."""


@dataclass(frozen=True)
class Latency:
    """How slow the stand-in is at the moment."""

    factor: float = 0.0
    """Every figure of the profile is multiplied by it; 0 is at once, 1 is as slow as AWS."""
    overrides: Mapping[str, float] = field(default_factory=dict)
    """Seconds by operation, state or identifier of what is waited for, already scaled; they win over the
    profile, and an identifier over a state."""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Latency":
        """Read the setting from JSON. Raises ValueError with the key and what is allowed."""
        if unknown := sorted(raw.keys() - {"factor", "overrides"}):
            raise ValueError(f"unknown keys {unknown}; known are factor, overrides")
        factor = parse_seconds("factor", raw.get("factor", 0.0))
        overrides = raw.get("overrides", {})
        if not isinstance(overrides, Mapping):
            raise ValueError("overrides: must map an operation, state or identifier to seconds")
        seconds = {str(name): parse_seconds(f"overrides.{name}", value) for name, value in overrides.items()}
        return cls(factor, seconds)

    def of_call(self, call: Call) -> float:
        """Return the seconds that a call takes."""
        if call.action in self.overrides:
            return self.overrides[call.action]
        return self.factor * usual_seconds(call.action, changes=call.changes)

    def until(self, state: str, of: str = "") -> float:
        """Return the seconds until a state of LATER_SECONDS is reached by what has the identifier ``of``."""
        usual = self.overrides.get(state, self.factor * LATER_SECONDS[state])
        return self.overrides.get(of, usual)


def usual_seconds(action: str, *, changes: bool) -> float:
    """Return the seconds that the profile gives one call of an operation, unscaled."""
    return CALL_SECONDS.get(action, CHANGE_SECONDS if changes else READ_SECONDS)


def parse_seconds(name: str, value: Any) -> float:
    """Return a number of seconds from 0 to an hour. Raises ValueError with the key's name."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SECONDS:
        raise ValueError(f"{name}: {value!r} is not a number from 0 to {MAX_SECONDS}")
    return float(value)
