"""Tells the engine's errors in our terms: what it refused, and the safe way to get what was wanted."""

import re

from onboarding.allowlist.guard_finding import GuardFinding, Severity
from onboarding.allowlist.plan import Plan

_MARKUP = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")
_URN = re.compile(r"urn:pulumi:[^\s\"'`]+(?: [^\s\"'`]+)*?(?=[\"'`])")
_SUMMARY = frozenset({"preview failed", "update failed", "destroy failed"})
_REFUSED = "nothing was changed\n"
"""How the program begins when it refuses before anything is registered; each line after it is a reason."""


def engine_findings(plan: Plan) -> list[GuardFinding]:
    """Return a finding per reason that the engine gives; empty for a preview without errors."""
    messages = [_MARKUP.sub("", message).removeprefix("error: ").strip() for message in plan.errors]
    telling = [message for message in messages if message and message not in _SUMMARY]
    if not telling and messages:
        telling = ["the engine names no reason; run `pulumi preview` without --json to see it"]
    return [finding for message in telling for finding in _translated(message)]


def _translated(message: str) -> list[GuardFinding]:
    found = _URN.search(message)
    urn = found.group() if found else ""
    name = urn.rpartition("::")[2] or "the stack"
    if message.startswith(_REFUSED):
        reasons = message.removeprefix(_REFUSED).splitlines()
        return [
            _finding("", f"refused: {reason}", "do what the reason names, and preview again")
            for reason in reasons
            if reason.strip()
        ]
    if "marked for protection" in message or "it is protected" in message:
        done = "removed" if "cannot be deleted" in message else "replaced"
        return [
            _finding(
                urn,
                f"{name}: protected, and the plan would have it {done}; the engine refuses",
                "undo what drops or changes it; a planned gateway replacement is egress.replace: [<slot>]",
            )
        ]
    return [
        _finding(
            urn,
            f"{name}: the preview failed: {message}",
            "repair what the message names and preview again; a plan with errors cannot be judged as safe",
        )
    ]


def _finding(urn: str, problem: str, way_out: str) -> GuardFinding:
    return GuardFinding(Severity.BLOCK, urn, "", "", problem, way_out)
