"""The ledger on disk: locked, replaced in one step, and merged by git."""

import os
import random
import signal
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from onboarding.allowlist.ledger import Event, Ledger
from onboarding.allowlist.ledger_text import parse, render
from onboarding.errors import InputError
from onboarding.ledger_file import append, read_from_git, read_ledger, start, update
from tests.unit.ledger_world import A, B, event, ledger

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from onboarding.allowlist.ledger import Action, new_event
from onboarding.ledger_file import append
path, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("go", flush=True)
for number in range(count):
    append(path, new_event("production", at=datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=number),
        action=Action.SUBMITTED, merchants=["acme-air"], addresses=[IPv4Address("203.0.114.10")],
        reference=f"{who}-{number}", actor=who))
    print(number, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "allowlist" / "production.yaml"
    start(found, "production")
    return found


def writer(path: Path, who: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), who, str(count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: "subprocess.Popen[str]") -> list[str]:
    output, _ = process.communicate(timeout=60)
    return output.split()[1:]


def test_a_started_ledger_is_empty_and_starting_it_again_changes_nothing(path: Path) -> None:
    assert read_ledger(path, environment="production") == Ledger.empty("production")
    append(path, event("submitted", 0))

    assert start(path, "production") is False
    assert read_ledger(path).events == (event("submitted", 0),)


def test_a_ledger_of_another_environment_is_neither_read_nor_started(path: Path) -> None:
    for refused in (lambda: read_ledger(path, environment="staging"), lambda: start(path, "staging")):
        with pytest.raises(InputError, match="ledger of production, not of staging"):
            refused()


def test_a_missing_ledger_is_an_error_that_says_what_starts_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no ledger here") as refused:
        read_ledger(tmp_path / "nowhere.yaml")
    assert "allowlist draft" in refused.value.hint


def test_bytes_that_are_no_text_are_refused_with_their_line(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"- \xff\n")

    with pytest.raises(InputError, match=r"production\.yaml:4: not UTF-8"):
        read_ledger(path)


def test_an_event_that_cannot_follow_leaves_the_file_as_it_was(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(InputError, match="never submitted"):
        append(path, event("approved", 0))
    assert path.read_bytes() == before


def test_an_event_whose_id_does_not_fit_is_never_written(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(InputError, match="does not belong"):
        append(path, event("submitted", 0, environment="staging"))
    assert path.read_bytes() == before


def test_the_mode_of_the_file_and_a_link_to_it_survive(path: Path, tmp_path: Path) -> None:
    path.chmod(0o664)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)

    append(link, event("submitted", 0))

    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o664
    assert read_ledger(path).events == (event("submitted", 0),)


def test_events_are_written_in_the_order_in_which_they_happened(path: Path) -> None:
    append(path, event("submitted", 5, reference="later"))
    append(path, event("submitted", 1, reference="earlier"))

    lines = path.read_text().split("\n")[3:-1]
    assert ["earlier" in lines[0], "later" in lines[1]] == [True, True]


def test_deciding_nothing_writes_nothing(path: Path) -> None:
    before = path.stat().st_mtime_ns

    update(path, lambda _: ())
    assert path.stat().st_mtime_ns == before


def test_what_a_killed_writer_left_is_swept_away(path: Path) -> None:
    leftover = path.parent / f".{path.name}.x7k2.tmp"
    leftover.write_text("half")

    append(path, event("submitted", 0))
    assert not leftover.exists()


def test_two_writers_at_once_both_end_up_in_the_file(path: Path) -> None:
    writers = [writer(path, who, 25) for who in ("kim", "alex")]

    assert [len(said(one)) for one in writers] == [25, 25]
    assert len(read_ledger(path).events) == 50


@pytest.mark.parametrize("kills", [30, pytest.param(300, marks=pytest.mark.long)])
def test_a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new_one(path: Path, kills: int) -> None:
    moments = random.Random(kills)  # noqa: S311 - moments to strike, not secrets
    survived: set[str] = set()
    for number in range(kills):
        victim = writer(path, f"w{number}", 100_000)
        assert victim.stdout is not None
        assert victim.stdout.readline() == "go\n"
        time.sleep(moments.uniform(0, 0.03))
        os.kill(victim.pid, signal.SIGKILL)
        survived |= {f"w{number}-{done}" for done in victim.communicate()[0].split()}

        found = {one.reference for one in read_ledger(path).events}
        assert survived <= found, "an event was lost that its writer was told is kept"
        survived = found
    append(path, event("submitted", 0))
    assert not list(path.parent.glob(".*.tmp"))


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=kim", "-c", "user.email=kim@acme.example", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def repository(path: Path, tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    commit(tmp_path)
    return tmp_path


def commit(folder: Path) -> None:
    git(folder, "add", ".gitattributes", "allowlist/production.yaml")
    git(folder, "commit", "-q", "-m", "the books")


@pytest.mark.parametrize("already", [0, 1, 3])
def test_git_merges_what_two_branches_recorded(repository: Path, path: Path, already: int) -> None:
    for number in range(already):
        append(path, event("submitted", number, reference=f"base-{number}"))
    if already:
        commit(repository)
    git(repository, "checkout", "-q", "-b", "ours")
    ours = [event("submitted", 10, reference="ours"), event("approved", 11, reference="ours")]
    append(path, *ours)
    commit(repository)
    git(repository, "checkout", "-q", "main")
    # the same words but for one, which git takes for common lines when events have lines of their own
    theirs = [event("submitted", 10, reference="theirs"), event("approved", 0.5, reference="theirs")]
    append(path, *theirs[:1])
    if already:
        append(path, theirs[1])
    commit(repository)

    git(repository, "merge", "-q", "--no-edit", "ours")

    merged = read_ledger(path)
    expected = {one.id for one in [*ours, *theirs[: 2 if already else 1]]}
    assert expected <= {one.id for one in merged.events}
    assert len(merged.events) == already + len(expected)
    append(path, event("submitted", 20, reference="after"))
    assert len(read_ledger(path).events) == already + len(expected) + 1


def test_git_merges_two_branches_that_each_started_the_ledger(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "empty")
    path = tmp_path / "allowlist" / "production.yaml"
    for branch in ("ours", "theirs"):
        git(tmp_path, "checkout", "-q", "-b", branch, "main")
        start(path, "production")
        append(path, event("submitted", 0, reference=branch))
        commit(tmp_path)

    git(tmp_path, "merge", "-q", "--no-edit", "ours")

    assert {one.reference for one in read_ledger(path).events} == {"ours", "theirs"}


@pytest.mark.parametrize("rounds", [15, pytest.param(300, marks=pytest.mark.long)])
def test_a_union_merge_of_random_branches_is_the_union_of_their_events(tmp_path: Path, rounds: int) -> None:
    chance = random.Random(rounds)  # noqa: S311 - histories, not secrets

    def grown(base: list[Event]) -> list[Event]:
        return base + [
            event(
                "submitted",
                chance.randrange(6),
                [IPv4Address(int(A) + chance.randrange(3))],
                reference=chance.choice(["FPX-1", "FPX-2"]),
                note=chance.choice([None, "again"]),
            )
            for _ in range(chance.randrange(4))
        ]

    files = [tmp_path / name for name in ("ours", "base", "theirs")]
    for _ in range(rounds):
        base = grown([])
        ours, theirs = grown(base), grown(base)
        for file, events in zip(files, (ours, base, theirs), strict=True):
            file.write_text(render(ledger(*events)))
        merged = git(tmp_path, "merge-file", "-p", "--union", *map(str, files))

        assert parse(merged, source="merged") == ledger(*ours, *theirs)


def test_a_folder_that_git_does_not_read_is_told_in_its_own_words(path: Path) -> None:
    start(path, "production")
    with pytest.raises(InputError, match="--against HEAD: fatal: not a git repository"):
        read_from_git(path, "HEAD")


def test_an_older_version_is_read_from_git(repository: Path, path: Path) -> None:
    append(path, event("submitted", 0, [A]))
    commit(repository)
    append(path, event("submitted", 1, [B]))

    assert read_from_git(path, "HEAD") == ledger(event("submitted", 0, [A]))
    assert read_from_git(path, "HEAD~1") == Ledger.empty("production")


def test_a_ref_without_the_file_and_a_ref_that_is_none_are_different(repository: Path, path: Path) -> None:
    assert read_from_git(path.with_name("staging.yaml"), "HEAD") is None
    for ref in ("nope", "--output=x", "HEAD:allowlist"):
        with pytest.raises(InputError, match="not a commit"):
            read_from_git(path, ref)
