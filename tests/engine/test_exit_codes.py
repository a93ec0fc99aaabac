"""Every exit code of verify, from a situation that is brought about for real in one deployed environment."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from onboarding.exit_codes import ExitCode
from sandbox.flexpay.desk_client import call
from tests.engine.story import Story

pytestmark = pytest.mark.engine

UNLISTED = "127.200.0.1"
BROKEN = """
from onboarding.verification import runner

def fail(plan):
    raise ZeroDivisionError("a bug")

runner.run = fail
"""


def desk_of(story: Story) -> str:
    desk: str = story.project.world.running()["partner"].ready["desk"]
    return desk


def assert_ends(done: subprocess.CompletedProcess[str], code: ExitCode) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    if code not in (ExitCode.USAGE, ExitCode.INTERNAL, ExitCode.INTERRUPTED):
        assert f" exit={code.value} " in done.stdout.splitlines()[-1]


def test_0_everything_holds_and_a_stranger_is_refused(story: Story) -> None:
    done = story.verify("--control-source", UNLISTED)
    assert_ends(done, ExitCode.HOLDS)
    assert done.stdout.splitlines()[0] == "sandbox: everything holds; test order accepted for every merchant"
    assert "proven=6" in done.stdout


def test_1_an_approved_address_that_worked_was_taken_off_the_partners_list(story: Story) -> None:
    lost = story.addresses[1]
    entry = f"/merchants/acme-shop/allow-list/{lost}"
    call(desk_of(story), "DELETE", entry)
    try:
        done = story.verify("--json")
    finally:
        call(desk_of(story), "POST", "/merchants/acme-shop/allow-list", {"addresses": [lost]})
    assert done.returncode == ExitCode.FINDING, done.stdout
    failed = [one for one in json.loads(done.stdout)["results"] if one["outcome"] == "fail"]
    assert {(one["merchant"], one["address"]) for one in failed if one["address"]} == {("acme-shop", lost)}
    assert all(one["nextAction"] for one in failed)
    assert_ends(story.verify(), ExitCode.HOLDS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("", "not JSON"),
        ('{"contractVersion": 99}', "contractVersion: found 99"),
        ('{"contractVersion": 1}', "environment"),
    ],
    ids=["missing", "empty", "unknown version", "incomplete"],
)
def test_2_outputs_that_cannot_be_used(
    story: Story, tmp_path: Path, content: str | None, reason: str
) -> None:
    outputs = tmp_path / "outputs.json"
    if content is not None:
        outputs.write_text(content)
    before = len(call(desk_of(story), "GET", "/calls"))
    done = story.project.toolkit("verify", "--outputs", str(outputs))
    assert_ends(done, ExitCode.USAGE)
    assert done.stdout == ""
    assert str(outputs) in done.stderr
    assert reason.lower() in done.stderr.lower()
    assert len(call(desk_of(story), "GET", "/calls")) == before


def test_2_outputs_of_no_stack(story: Story) -> None:
    done = story.project.toolkit("verify", "--stack", "nowhere")
    assert_ends(done, ExitCode.USAGE)
    assert "nowhere" in done.stderr


def test_3_nothing_is_approved_yet(story: Story, tmp_path: Path) -> None:
    books = tmp_path / "books.yaml"
    with_books = ("--stack", "sandbox", "--ledger", str(books))
    drafted = story.project.toolkit("allowlist", "draft", *with_books, "--out", str(tmp_path))
    assert drafted.returncode == 0, drafted.stderr
    submitted = ("record", "submitted", *with_books, "--reference", "FP-1", "--submission", str(tmp_path))
    for step, told in (((), "not submitted yet"), (submitted, "waiting")):
        if step:
            assert story.project.toolkit("allowlist", *step).returncode == 0
        done = story.verify("--ledger", str(books))
        assert_ends(done, ExitCode.WAITING)
        assert told in done.stdout
        assert "proven=0" in done.stdout
        for address in story.addresses:
            assert address in done.stdout


def test_4_the_partner_is_down(story: Story) -> None:
    fault = call(desk_of(story), "POST", "/switches", {"port": "closed"})
    try:
        done = story.verify()
    finally:
        call(desk_of(story), "DELETE", f"/switches/{fault['id']}")
    assert_ends(done, ExitCode.CANNOT_TELL)
    assert "proven=0" in done.stdout
    assert_ends(story.verify(), ExitCode.HOLDS)


def test_70_a_bug_is_called_one_and_says_where(story: Story, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    sources = [word for one in story.addresses for word in ("--source-address", one)]
    done = story.project.run(
        "flexpay-onboard", "verify", "-s", "sandbox", *sources, extra={"PYTHONPATH": str(tmp_path)}
    )
    assert_ends(done, ExitCode.INTERNAL)
    assert done.stdout == ""
    assert "internal error: ZeroDivisionError" in done.stderr
    assert "report this to" in done.stderr


def test_130_ctrl_c(story: Story, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    desk = desk_of(story)
    fault = call(desk, "POST", "/switches", {"endpoint": "token", "at": "request", "action": "hold"})
    sources = [word for one in story.addresses for word in ("--source-address", one)]
    try:
        call(desk, "DELETE", "/calls")
        running = subprocess.Popen(
            ["flexpay-onboard", "verify", "-s", "sandbox", *sources, "--report", f"json={report}"],
            cwd=story.project.folder,
            env=story.project.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 30
        while not call(desk, "GET", "/calls") and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=20)
    finally:
        call(desk, "DELETE", f"/switches/{fault['id']}")
    assert_ends(subprocess.CompletedProcess([], running.returncode, out, err), ExitCode.INTERRUPTED)
    assert (out, "interrupted" in err) == ("", True)
    assert not list(tmp_path.iterdir())
