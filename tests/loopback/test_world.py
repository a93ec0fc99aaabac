"""The sandbox as processes of this machine: which are ours, what they are told, what is forgotten."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import __main__ as command
from sandbox.engine.errors import EngineError
from sandbox.world import World, WorldError

READY = {"aws": {"url": "http://127.0.0.1:1"}, "partner": {"url": "https://localhost:2"}}


@pytest.fixture
def sleeper() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def birth(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def world_with(folder: Path, **services: tuple[int, str]) -> World:
    world = World(folder)
    world.state.mkdir(mode=0o700)
    content: dict[str, Any] = {
        name: {"pid": pid, "born": born, "ready": READY[name]} for name, (pid, born) in services.items()
    }
    (world.state / "world.json").write_text(json.dumps(content))
    return world


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's own")
class TestRunning:
    def test_a_process_is_ours_only_when_it_began_when_ours_did(self, tmp_path: Path, sleeper: int) -> None:
        world = world_with(tmp_path, aws=(sleeper, birth(sleeper)), partner=(sleeper, "1"))
        assert set(world.running()) == {"aws"}

    def test_stop_ends_ours_and_leaves_a_stranger_with_the_same_number_alone(
        self, tmp_path: Path, sleeper: int
    ) -> None:
        world_with(tmp_path, aws=(sleeper, "1")).stop(purge=True)
        assert birth(sleeper)
        assert not (tmp_path / ".sandbox").exists()

    def test_the_environment_points_at_the_sandbox_and_at_nothing_real(
        self, tmp_path: Path, sleeper: int
    ) -> None:
        both = (sleeper, birth(sleeper))
        real = {
            "AWS_PROFILE": "production",
            "AWS_SESSION_TOKEN": "real",
            "PULUMI_ACCESS_TOKEN": "real",
            "PULUMI_BACKEND_URL": "s3://real",
            "https_proxy": "http://proxy.example",
            "PATH": "/usr/bin",
            "EDITOR": "vi",
        }
        told = world_with(tmp_path, aws=both, partner=both).environment(real)
        assert told["AWS_ENDPOINT_URL"] == READY["aws"]["url"]
        assert told["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/.sandbox/backend"
        assert told["PATH"].split(os.pathsep)[0] == f"{tmp_path}/.sandbox/bin"
        assert told["PATH"].endswith("/usr/bin")
        assert told["EDITOR"] == "vi"
        assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "PULUMI_ACCESS_TOKEN", "https_proxy"} & told.keys()
        assert told["AWS_CONFIG_FILE"] == told["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_without_stand_ins_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="aws and partner stand-in is not running: python -m sandbox start"):
        World(tmp_path).environment({})


def test_forgetting_the_sandbox_forgets_nothing_else(tmp_path: Path) -> None:
    world = world_with(tmp_path)
    kept = [tmp_path / ".flexpay" / "proof" / "production" / "acme@203.0.113.9.json"]
    kept += [tmp_path / "allowlist" / "production.yaml", tmp_path / "stacks" / "Pulumi.production.yaml"]
    gone = [tmp_path / ".flexpay" / "proof" / "sandbox" / "acme@127.0.0.2.json"]
    gone += [tmp_path / "allowlist" / "sandbox.yaml", tmp_path / "stacks" / "Pulumi.sandbox.yaml"]
    for path in (*kept, *gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    world.stop(purge=True)
    assert [path.exists() for path in (*kept, *gone)] == [True] * 3 + [False] * 3
    assert not world.state.exists()


def test_what_outlived_the_sandboxs_state_is_forgotten_too_and_stands_in_the_way_until_then(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    (tmp_path / "Pulumi.yaml").touch()
    for path in (world.ledger, world.stack_file):
        path.parent.mkdir()
    world.ledger.touch()
    with pytest.raises(
        WorldError, match=r"allowlist/sandbox\.yaml is of a sandbox whose state is gone.*--purge"
    ):
        world.start()
    world.stack_file.touch()
    world.stop(purge=True)
    assert [path.exists() for path in (world.ledger, world.stack_file, world.state)] == [False] * 3


def test_stopping_what_never_ran_makes_nothing(tmp_path: Path) -> None:
    World(tmp_path).stop(purge=True)
    assert list(tmp_path.iterdir()) == []


def sandbox(
    *arguments: str, prelude: str = "", module: str = "sandbox"
) -> "subprocess.CompletedProcess[str]":
    """Run ``python -m sandbox`` from a shell that can close its streams before (``prelude``)."""
    line = f'{prelude} exec "$0" -m {module} "$@"'
    return subprocess.run(
        ["sh", "-c", line, sys.executable, *arguments], capture_output=True, text=True, check=False
    )


class TestWhatCannotBeUsed:
    def test_a_full_disk_is_said_in_words(self, tmp_path: Path) -> None:
        said = sandbox("status", "-C", str(tmp_path), prelude="exec >/dev/full;")
        assert (said.returncode, said.stderr) == (1, "error: [Errno 28] No space left on device\n")

    def test_a_folder_that_is_no_project_is_named_and_left_as_it_was(self, tmp_path: Path) -> None:
        said = sandbox("start", "-C", str(tmp_path))
        assert (said.returncode, said.stdout) == (1, "")
        assert said.stderr == (
            f"error: {tmp_path} is no Pulumi project: it has no Pulumi.yaml; name one with -C\n"
        )
        assert list(tmp_path.iterdir()) == []

    def test_a_shell_that_is_none_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHELL", f"{tmp_path}/nush")
        monkeypatch.setattr(World, "start", lambda world: {})
        monkeypatch.setattr(World, "environment", lambda world, base: dict(base))
        with pytest.raises(WorldError, match=f"SHELL={tmp_path}/nush cannot be run: No such file"):
            command.shell(tmp_path)

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            ("config: [", "while parsing a flow node"),
            ("a text", "string indices must be integers"),
            ("config:\n  flexpay-egress:partner: {}", "'flexpay-egress:merchants' is missing"),
            (
                "config: {'flexpay-egress:partner': no, 'flexpay-egress:merchants': []}",
                "flexpay-egress:partner is no mapping",
            ),
            (
                "config: {'flexpay-egress:partner': {}, 'flexpay-egress:merchants': [{name: acme-air}]}",
                "a merchant has no integrationId and no legalEntity",
            ),
        ],
    )
    def test_a_stack_file_that_was_edited_wrongly_is_named_before_anything_starts(
        self, tmp_path: Path, written: str, said: str
    ) -> None:
        world = World(tmp_path)
        (tmp_path / "Pulumi.yaml").touch()
        world.stack_file.parent.mkdir()
        world.stack_file.write_text(written)
        with pytest.raises(WorldError, match=re.escape(said)) as refused:
            world.start()
        assert str(refused.value).startswith(f"{world.stack_file} cannot be used: ")
        assert not world.state.exists()

    @pytest.mark.parametrize("noted", ["{", "[]", '{"aws": {}}', '{"aws": 5}'])
    @pytest.mark.parametrize("act", [World.start, World.stop, World.running])
    def test_a_note_of_processes_that_cannot_be_read_is_named(
        self, tmp_path: Path, act: Callable[[World], object], noted: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sandbox.world.prepare_bin", lambda *_, **__: tmp_path / "pulumi")
        (tmp_path / "Pulumi.yaml").touch()
        world = world_with(tmp_path)
        (world.state / "world.json").write_text(noted)
        with pytest.raises(WorldError, match=re.escape(f"{world.state}/world.json cannot be read")):
            act(world)

    @pytest.mark.parametrize("act", [World.start, World.stop])
    def test_a_state_folder_that_cannot_be_written_is_named(
        self, tmp_path: Path, act: Callable[[World], object]
    ) -> None:
        (tmp_path / "Pulumi.yaml").touch()
        (tmp_path / ".sandbox").write_text("a file where the folder should be")
        with pytest.raises(WorldError, match=re.escape(f"{tmp_path}/.sandbox: File exists")):
            act(World(tmp_path))

    def test_without_an_engine_the_way_to_one_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none(*_: object, **__: object) -> Path:
            raise EngineError("install pulumi")

        monkeypatch.setattr("sandbox.world.prepare_bin", none)
        (tmp_path / "Pulumi.yaml").touch()
        with pytest.raises(WorldError, match="install pulumi"):
            World(tmp_path).start()

    def test_closed_streams_change_nothing_of_what_is_said_on_the_others(self, tmp_path: Path) -> None:
        said = sandbox("demo", "-C", str(tmp_path), prelude="exec <&- >&-;")
        assert said.returncode == 1
        assert said.stderr.startswith(f"\nthe demo stopped: {tmp_path} is no Pulumi project")
        assert "Traceback" not in said.stderr


def test_the_partner_for_developers_shows_its_own_options() -> None:
    said = sandbox("partner", "--help")
    assert said.returncode == 0
    assert all(option in said.stdout for option in ("--port", "--state", "--prefix", "--allow", "--bind"))


def test_the_netlab_says_in_words_that_a_disk_is_full() -> None:
    said = sandbox("--help", prelude="exec >/dev/full;", module="sandbox.netlab")
    assert (said.returncode, said.stderr) == (2, "error: [Errno 28] No space left on device\n")
