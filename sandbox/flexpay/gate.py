"""Who is let in: the allow-list, judged on the address of the socket's other end and nothing else."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sandbox.flexpay.book import Book
from sandbox.flexpay.clock import Clock
from sandbox.flexpay.messages import Answer, Facts, envelope, page

Refusal = Literal["403-page", "403-envelope", "drop", "hang-up", "reset"]
"""What a caller sees who is on nobody's list; the partner does not publish it, so it can be chosen.

403-page: a firewall's HTML page; 403-envelope: the API's own JSON; drop: silence until the caller
times out; hang-up: the connection is closed; reset: RST."""
_AT_THE_SOCKET = {"drop": "hold", "hang-up": "close", "reset": "reset"}


@dataclass
class Gate:
    """The settings of the allow-list; changed while running."""

    refusal: Refusal = "403-page"
    enforce: bool = True
    """False: everybody is let in, as with partners where an empty list means "allow all"."""
    gated: tuple[str, ...] = ("token", "orders")
    """Which of the two halves of the API look at the list."""
    propagation_seconds: float = 0.0
    """From approval until an address is let in."""
    latency_seconds: float = 0.0
    """Every answer takes this long (benchmarks)."""

    def change(self, settings: dict[str, Any]) -> None:
        """Set some of the settings, by their JSON names; ValueError for an unknown one or a wrong value."""
        known: dict[str, tuple[str, Callable[[Any], bool]]] = {
            "refusal": ("refusal", lambda value: value in get_args(Refusal)),
            "enforce": ("enforce", lambda value: isinstance(value, bool)),
            "gated": ("gated", _halves),
            "propagationSeconds": ("propagation_seconds", _seconds),
            "latencySeconds": ("latency_seconds", _seconds),
        }
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"unknown switch {name!r}; known are {', '.join(known)}")
            if not known[name][1](value):
                raise ValueError(f"{name}: {value!r} is not possible")
        for name, value in settings.items():
            setattr(self, known[name][0], tuple(value) if name == "gated" else value)

    def to_json(self) -> dict[str, Any]:
        """Return the settings by their JSON names."""
        return {
            "refusal": self.refusal,
            "enforce": self.enforce,
            "gated": list(self.gated),
            "propagationSeconds": self.propagation_seconds,
            "latencySeconds": self.latency_seconds,
        }


class Guard:
    """Applies a Gate to callers."""

    def __init__(self, gate: Gate, book: Book, clock: Clock) -> None:
        self._gate = gate
        self._book = book
        self._clock = clock

    def at_the_socket(self, peer: str) -> str | None:
        """Return what is done to a connection before TLS, None to let it in.

        Only where both halves of the API are gated: which of them is called is not known yet.
        """
        action = _AT_THE_SOCKET.get(self._gate.refusal)
        if action is None or set(self._gate.gated) != {"token", "orders"} or self._listed(peer):
            return None
        return action

    def before_authentication(self, endpoint: str, peer: str) -> Answer | None:
        """Return the refusal for a caller on nobody's list, None to let it in."""
        if self._half(endpoint) not in self._gate.gated or self._listed(peer):
            return None
        if self._gate.refusal in _AT_THE_SOCKET:
            return Answer(0, facts=Facts(refused=True), action=_AT_THE_SOCKET[self._gate.refusal])
        if self._gate.refusal == "403-page":
            return page(403, facts=Facts(refused=True))
        return envelope(403, facts=Facts(refused=True))

    def admits(self, endpoint: str, peer: str, merchant: str) -> bool:
        """Tell whether this merchant's own list lets the caller in."""
        if not self._gate.enforce or self._half(endpoint) not in self._gate.gated:
            return True
        return self._book.in_force(peer, self._clock.now(), merchant)

    def _listed(self, peer: str) -> bool:
        return not self._gate.enforce or self._book.in_force(peer, self._clock.now())

    @staticmethod
    def _half(endpoint: str) -> str:
        return "token" if endpoint == "token" else "orders"


def _halves(value: Any) -> bool:
    return isinstance(value, list) and all(one in ("token", "orders") for one in value)


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
