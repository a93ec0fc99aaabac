"""An https service that answers with the caller's address, as checkip services do."""

from sandbox.flexpay.messages import Answer, Request


class Echo:
    """One operator's echo; ``name`` is its endpoint (echo-1, echo-2)."""

    def __init__(self, name: str) -> None:
        self._name = name

    def admit(self, peer: str) -> str | None:
        """Everybody may ask."""
        return None

    def latency(self) -> float:
        """No delay of its own."""
        return 0.0

    def endpoint(self, request: Request) -> str:
        """Every path is the same."""
        return self._name

    def answer(self, endpoint: str, request: Request) -> Answer:
        """The IPv4 address of the socket's other end, and a newline."""
        if request.method not in ("GET", "HEAD"):
            return Answer(405, b"GET only\n", "text/plain", headers={"Allow": "GET, HEAD"})
        return Answer(200, f"{request.peer}\n".encode(), "text/plain")
