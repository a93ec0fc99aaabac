"""kill -9 at any change of a promotion or a rollback over two regions: a second run finishes or undoes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.flexpay.server import Partner, running
from tests.loopback.aws_standin import Aws
from tests.loopback.credentials_world import MERCHANT, SOURCE, Desk, desk_with, pair_json
from tests.loopback.verify_world import MERCHANTS

REGIONS = ("eu-west-1", "us-east-1")
KILLED = """
import os, signal, sys
import botocore.client
nth, when, seen = int(sys.argv[1]), sys.argv[2], 0
real = botocore.client.BaseClient._make_api_call

def counted(self, operation, parameters):
    global seen
    if operation != "UpdateSecretVersionStage":
        return real(self, operation, parameters)
    seen += 1
    if (seen, when) == (nth, "before"):
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(self, operation, parameters)
    if (seen, when) == (nth, "after"):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

botocore.client.BaseClient._make_api_call = counted
from onboarding.cli.run import run
sys.exit(run(sys.argv[3:]))
"""
EVERY = [pytest.param(1, marks=pytest.mark.long, id="each step"), pytest.param(4, id="every fourth step")]
Pairs = tuple[tuple[str, str], tuple[str, str]]


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with running(merchants=[(MERCHANT, MERCHANTS[MERCHANT][0], "Acme")]) as one:
        one.allow(MERCHANT, "127.60.0.1")
        yield one


class Kills:
    """Worlds in which a command is killed at one step after the other, until it gets through."""

    def __init__(self, folder: Path, partner: Partner, aws: Aws, patch: pytest.MonkeyPatch) -> None:
        self._folder, self._partner, self._aws, self._patch = folder, partner, aws, patch

    def of(self, command: str, *arguments: str, every: int) -> Iterator[tuple[Desk, Pairs, str]]:
        """Yield what each kill left behind: a first pair that was current, and a second one."""
        for nth in range(1, 100, every):
            for when in ("before", "after"):
                desk, pairs = self._world(f"{nth}-{when}", staged=command == "promote")
                killed = [sys.executable, "-c", KILLED, str(nth), when]
                done = subprocess.run(
                    [*killed, "credentials", command, "-m", MERCHANT, *desk.common(), *arguments],
                    env=dict(os.environ),
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
                if done.returncode == 0:
                    assert nth > 1, "nothing was killed"
                    return
                assert done.returncode == -signal.SIGKILL, done.stderr
                yield desk, pairs, f"killed {when} change {nth} of {command}"

    def _world(self, name: str, *, staged: bool) -> tuple[Desk, Pairs]:
        self._aws.control("POST", "reset")
        folder = self._folder / name
        folder.mkdir()
        desk = desk_with(folder, self._partner, self._aws, self._patch, regions=REGIONS)
        desk.world.approve()
        first, second = desk.issue(), desk.issue()
        assert desk.run("put", *SOURCE, stdin=pair_json(first)).code == 0
        if staged:
            assert desk.run("stage", stdin=pair_json(second)).code == 0
        else:
            assert desk.run("put", *SOURCE, stdin=pair_json(second)).code == 0
        return desk, (first, second)


@pytest.fixture
def kills(tmp_path: Path, partner: Partner, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Kills:
    return Kills(tmp_path, partner, aws, monkeypatch)


def current(desk: Desk) -> list[tuple[str, str] | None]:
    return [desk.value(region=region) for region in REGIONS]


@pytest.mark.parametrize("every", EVERY)
def test_a_killed_promotion_is_finished_by_a_second_run(kills: Kills, every: int) -> None:
    for desk, (first, second), where in kills.of("promote", *SOURCE, every=every):
        assert set(current(desk)) <= {first, second}, where
        again = desk.run("promote", *SOURCE)
        # a finished promotion has nothing staged any more
        assert again.code == 0 or "nothing is staged" in again.stderr, where
        assert current(desk) == [second, second], where
        assert [desk.value("AWSPENDING", region) for region in REGIONS] == [None, None], where


@pytest.mark.long
def test_a_killed_promotion_is_undone_by_a_rollback(kills: Kills) -> None:
    for desk, (first, second), where in kills.of("promote", *SOURCE, every=1):
        moved = second in current(desk)
        assert desk.run("rollback").code == (0 if moved else 2), where
        assert current(desk) == [first, first], where


@pytest.mark.long
def test_a_killed_rollback_is_finished_by_a_second_run(kills: Kills) -> None:
    for desk, (first, second), where in kills.of("rollback", every=1):
        assert set(current(desk)) <= {first, second}, where
        assert desk.run("rollback").code == 0, where
        assert current(desk) == [first, first], where
