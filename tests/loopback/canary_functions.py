"""Lines of the canary table in which deployed functions have a part: their logs, events, answers, proofs.

Each function writes its log at DEBUG, with its event, its answer and its tracebacks with locals.
"""

import json
from collections.abc import Callable
from typing import cast

from sandbox.flexpay.switches import Fault
from tests.loopback.canaries import Watch
from tests.loopback.canary_lines import Run, spoiled_store
from tests.loopback.credentials_world import pair_json
from tests.loopback.functions_world import ZONES, FunctionDesk, function_name
from tests.loopback.verify_world import Ran, onboard

Pair = tuple[str, str]


def desk_of(watch: Watch) -> FunctionDesk:
    return cast(FunctionDesk, watch.desk)


def put(watch: Watch, pair: Pair) -> Ran:
    return watch.desk.run("put", "--verbose", stdin=pair_json(pair))


def promoted(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    return [
        (put(watch, first), 0),
        (watch.desk.run("stage", stdin=pair_json(second)), 0),
        (watch.desk.run("promote", "--verbose", "--json"), 0),
    ]


def refused(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    return [(put(watch, first), 0), (put(watch, (first[0], second[1])), 1)]


def partner_fails(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    with watch.desk.partner.faulty(Fault("token", status=503)):
        return [(put(watch, first), 4)]


def aws_fails(action: str, code: int) -> Run:
    """Return a `verify` in which one call of the functions goes wrong."""

    def run(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
        stored = put(watch, first)
        watch.desk.aws.control("POST", "faults", {"action": action, "kind": "error", "times": 50})
        return [(stored, 0), (onboard("verify", *watch.desk.common(), "--verbose"), code)]

    return run


def verified(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    stored = put(watch, first)
    report = watch.desk.world.folder / "report.json"
    arguments = ("--report", f"json={report}", "--verbose")
    ran = onboard("verify", *watch.desk.common(), *arguments)
    assert len(desk_of(watch).kept_proofs()) == len(ZONES)
    return [(stored, 0), (ran, 0)]


def malformed(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    spoiled_store(watch, first)
    return [(onboard("verify", *watch.desk.common(), "--verbose"), 1)]


def invoked(event: dict[str, object]) -> Run:
    """Return an invocation by somebody else than a command, e.g. the schedule."""

    def run(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
        stored = put(watch, first)
        said = watch.desk.client("lambda").invoke(
            FunctionName=function_name(ZONES[0]), Payload=json.dumps(event).encode()
        )
        return [(stored, 0), (Ran(0, said["Payload"].read().decode(), ""), 0)]

    return run


FUNCTION_LINES: dict[str, Callable[[Watch, Pair, Pair], list[tuple[Ran, int]]]] = {
    "credentials promote: through functions": promoted,
    "credentials put: refused through functions": refused,
    "credentials put: partner fails functions": partner_fails,
    "verify: through functions": verified,
    "verify: functions may not read": aws_fails("GetSecretValue", 4),
    "verify: functions cannot keep proofs": aws_fails("PutObject", 0),
    "verify: functions find a malformed text": malformed,
    "scheduled function": invoked({"protocol": 1, "action": "scheduled"}),
    "function that refuses its event": invoked({"protocol": 1, "action": "prove", "merchant": "nobody"}),
}
