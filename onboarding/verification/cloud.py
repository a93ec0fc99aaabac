"""What is said between a command and a verifier function; both sides import it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from onboarding.verification.probes import STRANGERS, PairJob

PROTOCOL = 1
"""Raised when a request changes its meaning; a function that was deployed earlier refuses by name."""
CONTROL = "control"
"""The place of the function outside the VPC, which is on no list."""
MAX_CONCURRENCY = 8
"""Merchants that one invocation measures at the same time."""
MERCHANTS_PER_INVOCATION = 24
"""Three rounds of the above: far within the time and the payload (6 MB) that an invocation has."""
PROVABLE = ("AWSPENDING", "AWSCURRENT")
"""Stages whose version can be proven: what may become current, and what is."""


class Action(StrEnum):
    """What a function is asked to do."""

    LOOK = "look"
    """Where do calls leave from?"""
    MEASURE = "measure"
    """Token and orders of some merchants."""
    STRANGER = "stranger"
    """One call that must be refused."""
    PROVE = "prove"
    """A token with one version of one secret; nothing is posted, and no proof of the address is kept."""
    SCHEDULED = "scheduled"
    """All merchants; no order is created, nothing bad is sent, proofs and metrics are written."""


@dataclass(frozen=True)
class StoredPair:
    """Which stored pair is meant. Its value is read by the function and passes through nobody else."""

    merchant: str
    version_id: str
    stage: str
    """One of PROVABLE; the version must carry it when it is read."""


@dataclass(frozen=True)
class Request:
    """One event."""

    action: Action
    run_id: str = ""
    jobs: tuple[PairJob, ...] = ()
    keep_proofs: bool = False
    which: str = ""
    """The stranger's call."""
    stored: StoredPair | None = None
    """What is to be proven."""


def to_event(request: Request) -> dict[str, Any]:
    """Return the event as JSON types."""
    event: dict[str, Any] = {"protocol": PROTOCOL, "action": request.action.value}
    if request.action is Action.STRANGER:
        event["which"] = request.which
    if request.stored is not None:
        event["merchant"] = request.stored.merchant
        event["versionId"] = request.stored.version_id
        event["stage"] = request.stored.stage
    if request.action is Action.MEASURE:
        event["runId"] = request.run_id
        event["keepProofs"] = request.keep_proofs
        event["jobs"] = [
            {"merchant": job.merchant, "order": job.order, "template": job.template, "orders": job.orders}
            for job in request.jobs
        ]
    return event


def to_request(event: Mapping[str, Any]) -> Request:
    """Read an event. Raises ValueError that names what is wrong with it."""
    if event.get("protocol") != PROTOCOL:
        raise ValueError(
            f"protocol: found {event.get('protocol')!r}, this function speaks {PROTOCOL}; deploy it again"
        )
    try:
        action = Action(str(event.get("action")))
    except ValueError:
        known = ", ".join(one.value for one in Action)
        raise ValueError(f"action: found {event.get('action')!r}, known are {known}") from None
    which = str(event.get("which", ""))
    if action is Action.STRANGER and which not in STRANGERS:
        raise ValueError(f"which: found {which!r}, known are {', '.join(STRANGERS)}")
    jobs = tuple(
        PairJob(str(raw["merchant"]), raw["order"], str(raw["template"]), bool(raw["orders"]))
        for raw in event.get("jobs", ())
    )
    stored = _stored(event) if action is Action.PROVE else None
    return Request(action, str(event.get("runId", "")), jobs, bool(event.get("keepProofs")), which, stored)


def _stored(event: Mapping[str, Any]) -> StoredPair:
    told = {name: event.get(name) for name in ("merchant", "versionId", "stage")}
    if missing := [name for name, value in told.items() if not isinstance(value, str) or not value]:
        raise ValueError(f"{', '.join(missing)}: missing, or not text")
    stage = str(told["stage"])
    if stage not in PROVABLE:
        raise ValueError(f"stage: found {stage!r}, provable are {', '.join(PROVABLE)}")
    return StoredPair(str(told["merchant"]), str(told["versionId"]), stage)


def batches(jobs: Sequence[PairJob]) -> list[tuple[PairJob, ...]]:
    """Spread merchants over invocations; each is in exactly one, so that no order is placed twice."""
    return [
        tuple(jobs[start : start + MERCHANTS_PER_INVOCATION])
        for start in range(0, len(jobs), MERCHANTS_PER_INVOCATION)
    ]
