"""The engine is found, or built once; broken, old and half-finished ones are never used."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.engine import cli, install
from sandbox.engine.errors import EngineError

Say = Callable[[str], None]

FAKE_GO = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
if [ "$1" = env ]; then echo {version}; exit 0; fi
echo "go: downloading something" >&2
while [ "$1" != -o ]; do shift; done
{work}
"""
FAKE_PULUMI = "#!/bin/sh\necho {version}\n"
WRITES_PULUMI = 'printf \'#!/bin/sh\\necho {version}\\n\' > "$2"; chmod +x "$2"'


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


class Machine:
    """A machine of our own making: what is on PATH, and an empty cache."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []
        self.tools = root / "with space" / "tools"
        self.tools.mkdir(parents=True)
        self.environment = {
            "PATH": os.pathsep.join([str(self.tools), "/usr/bin", "/bin"]),
            "XDG_CACHE_HOME": str(root / "cache"),
            "HOME": str(root),
            "GOCACHE": "/nowhere",
            "PYTHONPATH": str(install.REPOSITORY),
        }

    @property
    def cached(self) -> Path:
        return cli.cache_folder(self.environment) / "pulumi"

    def pulumi(self, version: str, folder: Path | None = None) -> Path:
        return executable((folder or self.tools) / "pulumi", FAKE_PULUMI.format(version=version))

    def go(self, work: str, version: str = "go1.26.8") -> Path:
        return executable(self.tools / "go", FAKE_GO.format(version=version, work=work))

    def ensure(self) -> cli.Cli:
        return cli.ensure(self.environment, self.said.append)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.cached.parent.glob("*") if path.name != "build.lock")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_installed_cli_is_used_as_it_is(machine: Machine) -> None:
    installed = machine.pulumi("v3.251.0")
    assert machine.ensure().path == installed
    assert machine.said == []


@pytest.mark.parametrize(("answer", "reason"), [("v3.249.9", "older"), ("hello", "hello"), ("", "")])
def test_an_old_or_broken_cli_is_passed_over_and_named(machine: Machine, answer: str, reason: str) -> None:
    passed_over = machine.pulumi(answer)
    machine.pulumi("v3.250.0", machine.cached.parent)
    assert machine.ensure().path == machine.cached
    assert str(passed_over) in machine.said[0]
    assert reason in machine.said[0]


def test_a_folder_prepared_earlier_is_not_an_installation(machine: Machine) -> None:
    machine.pulumi("v3.250.0", machine.cached.parent)
    prepared = machine.root / "bin"
    first = install.prepare_bin(prepared, environment=machine.environment, say=machine.said.append)
    machine.environment["PATH"] = f"{prepared}{os.pathsep}{machine.environment['PATH']}"
    assert machine.ensure() == cli.Cli(machine.cached, None)
    assert install.prepare_bin(prepared, environment=machine.environment, say=machine.said.append) == first


@pytest.mark.parametrize("go", [None, "go1.24.9", "nonsense"])
def test_without_pulumi_and_a_new_go_the_way_out_is_told(machine: Machine, go: str | None) -> None:
    if go:
        machine.go("exit 1", go)
    with pytest.raises(EngineError, match=r"install pulumi 3\.250\.0 or newer.*Go 1\.25"):
        machine.ensure()


def test_a_build_is_made_once_from_the_committed_sums(machine: Machine) -> None:
    go = machine.go(WRITES_PULUMI.format(version="v3.250.0"))
    assert machine.ensure() == machine.ensure()
    calls = (go.parent / "calls").read_text(encoding="utf-8").splitlines()
    builds = [call for call in calls if call.startswith("build")]
    assert len(builds) == 1
    assert "-mod=readonly" in builds[0]
    assert stat.S_IMODE(machine.cached.stat().st_mode) & 0o111
    assert machine.left() == ["pulumi"]
    assert "building the pulumi CLI" in machine.said[0]


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("echo 'no space left' >&2; exit 1", "no space left"),
        (WRITES_PULUMI.format(version="v9.9.9"), "v9.9.9"),
    ],
)
def test_a_failed_build_leaves_nothing(machine: Machine, work: str, said: str) -> None:
    machine.go(work)
    with pytest.raises(EngineError, match=said):
        machine.ensure()
    assert machine.left() == []


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_leaves_nothing_and_ends_go(
    machine: Machine, sent: signal.Signals, code: int
) -> None:
    machine.go('echo $$ > "$2"; sleep 60 & echo $$ $! > "$(dirname "$0")/pids"; wait; exit 1')
    command = [sys.executable, "-m", "sandbox.engine"]
    with subprocess.Popen(command, env=machine.environment, stderr=subprocess.PIPE, text=True) as building:
        pids = machine.tools / "pids"
        wait_for(lambda: pids.exists() and pids.read_text(encoding="utf-8").endswith("\n"))
        building.send_signal(sent)
        _, said = building.communicate(timeout=20)
    assert building.returncode == code
    assert "Traceback" not in said
    assert machine.left() == []
    for pid in pids.read_text(encoding="utf-8").split():
        wait_for(lambda pid=pid: not running(pid))  # type: ignore[misc]  # bound now, not later


def running(pid: str) -> bool:
    """Tell whether a process is there and not just waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_of_two_builds_at_once_one_waits_and_says_so(machine: Machine) -> None:
    machine.cached.parent.mkdir(parents=True)
    (machine.cached.parent / "building-1").write_text("left by a killed build", encoding="utf-8")
    go = machine.go("sleep 1.5; " + WRITES_PULUMI.format(version="v3.250.0"))
    command = [sys.executable, "-m", "sandbox.engine"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    builders = [subprocess.Popen(command, env=machine.environment, **pipes) for _ in range(2)]  # type: ignore[call-overload]  # the pipes are the same for both
    answers = [process.communicate(timeout=30) for process in builders]
    assert [process.returncode for process in builders] == [0, 0]
    assert [answer[0].strip() for answer in answers] == [str(machine.cached)] * 2
    assert sum("waiting for it" in answer[1] for answer in answers) == 1
    calls = (go.parent / "calls").read_text(encoding="utf-8").splitlines()
    assert sum(call.startswith("build") for call in calls) == 1
    assert machine.left() == ["pulumi"]


def test_an_official_language_host_is_left_in_charge(machine: Machine) -> None:
    installed = machine.pulumi("v3.251.0")
    official = executable(machine.tools / "pulumi-language-python", "#!/bin/sh\n")
    folder = machine.root / "bin"
    machine.pulumi("v3.250.0", folder)
    executable(folder / "pulumi-language-python", f"# {cli.MARK}")
    pulumi = install.prepare_bin(folder, environment=machine.environment, say=machine.said.append)
    assert pulumi.resolve() == installed
    assert not (folder / "pulumi-language-python").exists()
    assert machine.ensure().language_host == official
    assert os.access(folder / "pulumi-resource-aws", os.X_OK)


def test_a_prepared_folder_holds_the_cli_itself_and_both_plugins(machine: Machine) -> None:
    machine.pulumi("v3.250.0", machine.cached.parent)
    folder = machine.root / "a folder"
    pulumi = install.prepare_bin(folder, environment=machine.environment, say=machine.said.append)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert set(before) == {"pulumi", "pulumi-language-python", "pulumi-resource-aws"}
    assert pulumi.samefile(machine.cached)
    assert not pulumi.is_symlink()
    install.prepare_bin(folder, environment=machine.environment, say=machine.said.append)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    machine.cached.unlink()
    machine.pulumi("v3.250.0", machine.cached.parent)
    install.prepare_bin(folder, environment=machine.environment, say=machine.said.append)
    assert pulumi.samefile(machine.cached)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
