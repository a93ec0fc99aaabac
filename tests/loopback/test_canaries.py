"""No secret is left anywhere: a table of runs, failing ones included, each with secrets of its own.

Another command joins with one line in RUNS.
"""

import json
import sys
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import botocore.client
import pytest
import typer

from onboarding.cli.app import app
from sandbox.flexpay.server import Partner, running
from sandbox.flexpay.switches import Fault
from tests.loopback.aws_standin import Aws
from tests.loopback.canaries import Watch, in_process_of_its_own, made_up
from tests.loopback.canary_functions import FUNCTION_LINES
from tests.loopback.canary_lines import LINES, spoiled_store
from tests.loopback.credentials_world import MERCHANT, SOURCE, Desk, desk_with, pair_json
from tests.loopback.functions_world import FunctionDesk, desk_with_functions
from tests.loopback.verify_world import MERCHANTS, Ran, onboard, sources

Pair = tuple[str, str]
Run = Callable[[Watch, Pair, Pair], list[tuple[Ran, int]]]
"""Gets two pairs that the partner issued; returns what ran, each with the exit code it must have."""


def put(watch: Watch, pair: Pair, *arguments: str) -> Ran:
    return watch.desk.run("put", *SOURCE, "--verbose", *arguments, stdin=pair_json(pair))


def raw(watch: Watch, text: str, command: str = "put") -> Ran:
    return watch.desk.run(command, "--verbose", stdin=text)


def aws_fault(watch: Watch, action: str, kind: str) -> None:
    watch.desk.aws.control("POST", "faults", {"action": action, "kind": kind})


def rotation(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    run = watch.desk.run
    return [
        (put(watch, first), 0),
        (run("stage", stdin=pair_json(second)), 0),
        (run("status"), 0),
        (run("promote", *SOURCE, "--json"), 0),
        (run("rollback"), 0),
        (put(watch, second), 0),
        (run("retire", "--cache-seconds", "0"), 0),
        (run("status", "--json"), 0),
    ]


def verified(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    stored = put(watch, first)
    reports = [
        part
        for kind in ("json", "junit", "text")
        for part in ("--report", f"{kind}={watch.desk.world.folder / f'report.{kind}'}")
    ]
    ran = onboard("verify", *watch.desk.common(), *sources(), *reports, "--verbose")
    return [(stored, 0), (ran, ran.code)]


def in_botocore(watch: Watch, pair: Pair, raised: Callable[[object], BaseException]) -> Ran:
    """Store a pair while the library that is handed it breaks."""
    base: Any = botocore.client.BaseClient
    real = base._make_api_call

    def broken(self: object, operation: str, parameters: object) -> object:
        if operation == "PutSecretValue":
            raise raised(parameters)
        return real(self, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_make_api_call", broken)
        return put(watch, pair)


def bug(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    return [(in_botocore(watch, first, lambda parameters: RuntimeError(f"{parameters}")), 70)]


def interrupted(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    return [(in_botocore(watch, first, lambda _: KeyboardInterrupt()), 130)]


def aws_trouble(action: str, kind: str) -> Run:
    def run(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
        aws_fault(watch, action, kind)
        return [(put(watch, first), 4)]

    return run


def partner_trouble(code: int, **fault: object) -> Run:
    def run(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
        with watch.desk.partner.faulty(Fault("token", **fault)):  # type: ignore[arg-type]
            return [(put(watch, first), code)]

    return run


def spoiled(spoil: Callable[[Pair], str]) -> Run:
    def run(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
        return [(raw(watch, spoil(first), command), 2) for command in ("put", "stage")]

    return run


def from_file(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    path = watch.desk.world.folder / "pair.json"
    path.write_text(pair_json(first))
    path.chmod(0o644)
    watch.planted.add(path)
    refused = watch.desk.run("put", *SOURCE, "--file", str(path))
    path.chmod(0o600)
    return [(refused, 2), (watch.desk.run("put", *SOURCE, "--file", str(path), "--shred"), 0)]


def wrong_pair(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    return [(put(watch, (first[0], second[1])), 1)]


def malformed_store(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    spoiled_store(watch, first)
    ran = onboard("verify", *watch.desk.common(), *sources(), "--verbose")
    return [(ran, ran.code), (put(watch, second), 0)]


RUNS: dict[str, Run] = {
    "rotation": rotation,
    "verify": verified,
    "verify, stored text malformed": malformed_store,
    "file": from_file,
    "refused by the partner": wrong_pair,
    "bug in a library": bug,
    "interrupted": interrupted,
    "write fails": aws_trouble("PutSecretValue", "error"),
    "answer lost": aws_trouble("UpdateSecretVersionStage", "dropped"),
    "partner fails": partner_trouble(4, status=503),
    "partner echoes nonsense": partner_trouble(4, body="malformed"),
    "partner resets": partner_trouble(4, action="reset"),
    "partner blocks": partner_trouble(1, status=403, body="page"),
    "quoted": spoiled(lambda pair: json.dumps({"client_id": pair[0], "client_secret": f'"{pair[1]}"'})),
    "trailing newline": spoiled(
        lambda pair: json.dumps({"client_id": pair[0], "client_secret": f"{pair[1]}\n"})
    ),
    "not JSON": spoiled(lambda pair: f"{pair[0]}:{pair[1]}"),
    "secret as key": spoiled(lambda pair: json.dumps({pair[1]: pair[0]})),
    "secret twice": spoiled(lambda pair: json.dumps({"client_id": pair[1], "client_secret": pair[1]})),
    "joined": spoiled(
        lambda pair: json.dumps({"client_id": f"{pair[0]}:{pair[1]}", "client_secret": pair[1]})
    ),
    "byte-order mark": spoiled(lambda pair: f"\ufeff{pair_json(pair)}"),
    **LINES,
    **FUNCTION_LINES,
}


QUICK = {"credentials promote: through functions", "verify: functions find a malformed text"}
"""Lines with functions that run every time; the others are in the long count."""


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with running(merchants=[(MERCHANT, MERCHANTS[MERCHANT][0], "Acme")]) as one:
        one.allow(MERCHANT, "127.60.0.1", "127.60.0.2", "127.60.0.3")
        yield one


@pytest.fixture
def watch(tmp_path: Path, partner: Partner, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return watching(desk_with(tmp_path, partner, aws, monkeypatch), monkeypatch)


def watching(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Watch:
    desk.world.approve()
    watch = Watch(desk)
    watch.install(monkeypatch)
    return watch


def check_in(name: str, folder: Path, partner: Partner, aws: Aws) -> None:
    """Run a line of the table in a world of its own."""
    with pytest.MonkeyPatch.context() as patch:
        if name not in FUNCTION_LINES:
            check(watching(desk_with(folder, partner, aws, patch), patch), name)
            return
        desk = desk_with_functions(folder, partner, aws, patch)
        check(watching(desk, patch), name)
        assert any('"protocol"' in line for line in desk.function_logs()), "no function's log was searched"


def check(watch: Watch, name: str) -> None:
    first, second = watch.desk.issue(), watch.desk.issue()
    for ran, code in RUNS[name](watch, first, second):
        watch.saw(ran)
        assert ran.code == code, f"{name}: {ran.stdout}{ran.stderr}"
    if isinstance(watch.desk, FunctionDesk):
        watch.texts += [*watch.desk.function_logs(), *watch.desk.kept_proofs()]
    assert not watch.leaks([first, second]), name
    command, _, variant = name.partition(": ")
    assert not variant or any(line.startswith(command) for line in watch.ran), f"{name}: something else ran"


def commands(node: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every command of the tree, as it is typed."""
    for name, below in getattr(node, "commands", {}).items():
        yield from commands(below, (*path, name))
    if not hasattr(node, "commands"):
        yield " ".join(path)


def test_every_command_has_a_line_and_one_in_which_it_fails() -> None:
    tree = set(commands(typer.main.get_command(app)))
    assert {"verify", "credentials put", "addresses release"} <= tree
    lines = {command: [name for name in RUNS if name.startswith(f"{command}: ")] for command in tree}
    assert {command for command, names in lines.items() if len(names) < 2} == set()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] if name in FUNCTION_LINES.keys() - QUICK else [])
        for name in RUNS
    ],
)
def test_a_run_leaves_no_secret_anywhere(tmp_path: Path, partner: Partner, aws: Aws, name: str) -> None:
    check_in(name, tmp_path, partner, aws)


@pytest.mark.long
@pytest.mark.parametrize("number", range(8))
def test_five_hundred_runs_leave_no_secret_anywhere(
    tmp_path: Path, partner: Partner, aws: Aws, number: int
) -> None:
    for position, name in enumerate(islice(cycle(RUNS), number, number + len(RUNS))):
        aws.control("POST", "reset")
        folder = tmp_path / str(position)
        folder.mkdir()
        check_in(name, folder, partner, aws)


def test_awkward_characters_are_searched_for_in_every_encoding(watch: Watch) -> None:
    pairs = [made_up() for _ in range(10)]
    for pair in pairs:
        watch.saw(put(watch, pair))
    assert not watch.leaks(pairs)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's own")
@pytest.mark.parametrize("ends", ["well", "refused"])
def test_no_process_shows_a_secret_in_its_arguments_or_environment(watch: Watch, ends: str) -> None:
    first, second = watch.desk.issue(), watch.desk.issue()
    pair = first if ends == "well" else (first[0], second[1])
    seen: list[str] = []
    ran = in_process_of_its_own(watch.desk, ["put", *SOURCE, "--verbose"], pair_json(pair), seen.append)
    watch.saw(ran)
    watch.texts += seen
    assert ran.code == (0 if ends == "well" else 1)
    assert any("onboarding" in text for text in seen), "the child was never looked at"
    assert not watch.leaks([first, second])


def test_the_search_finds_what_is_planted(watch: Watch) -> None:
    pair = watch.desk.issue()
    watch.texts.append(f"DEBUG body: {pair_json(pair)}")
    (watch.desk.world.folder / "tmp" / "left-over").write_text(pair[1])
    assert len(watch.leaks([pair])) == 2
