"""`make demo`, from an empty project to a verified order, as a newcomer meets it."""

import json
import os
import re
import signal
import subprocess

import pytest

from tests.engine.project import STACK, Project
from tests.engine.story import Story, play, processes_of

pytestmark = pytest.mark.engine

UNASKED = re.compile(r"warning(?!s=0)|warn:|traceback|deprecat|error:", re.IGNORECASE)
"""What a newcomer would have to ask about."""


def assert_calm(output: str) -> None:
    assert not [line for line in output.splitlines() if UNASKED.search(line)]


def test_it_ends_well_and_says_nothing_that_has_to_be_asked_about(story: Story) -> None:
    assert story.first.code == 0, story.first.output
    assert_calm(story.first.output)


def test_every_step_of_the_story_is_to_be_seen(story: Story) -> None:
    output = story.first.output
    steps = re.split(r"^\d/6  |^Done ", output, flags=re.MULTILINE)[1:]
    assert len(steps) == 7, output
    stand_ins, up, draft, review, credentials, proof, summary = steps
    assert "aws: http://127.0.0.1:" in stand_ins
    assert "partner: https://localhost:" in stand_ins
    for kind, count in (("ec2:Eip", 3), ("ec2:NatGateway", 3), ("kms:Key", 1), ("secretsmanager:Secret ", 2)):
        assert len(re.findall(rf"aws:{kind}.*created", up)) == count, kind
    assert "sandbox-rev-1" in draft
    assert "exit=3" in draft
    assert re.search(r"wait +addresses-approved .*127\.\d+\.\d+\.\d+.*not submitted yet", draft)
    assert "taken in, 3 addresses" in review
    assert ": approved" in review
    assert "submitted: 127." in review
    assert re.findall(r"storing the credentials of (\S+)", credentials) == ["acme-air", "acme-shop"]
    assert "a token was issued to 127." in credentials
    assert "exit=0" in proof
    assert "proven=6" in proof
    assert re.search(r"ok +order-accepted +acme-air, acme-shop", proof)
    assert re.search(r"ok +not-listed-address-refused", proof)
    for told in ("Created", "Proven", "not routed", "ledger:", "logs:", "make shell", "make stop"):
        assert told in summary


def test_the_partner_saw_a_token_and_an_order_call_from_every_address(story: Story) -> None:
    accepted = {
        (call["merchant"], call["peer"])
        for call in story.calls
        if call["endpoint"] == "token" and call["status"] == 200
    }
    assert {(merchant, one) for merchant in ("acme-air", "acme-shop") for one in story.addresses} <= accepted
    placed = {
        call["merchant"]
        for call in story.calls
        if call["status"] in (200, 201) and "order" in call["endpoint"]
    }
    assert placed == {"acme-air", "acme-shop"}


def test_it_can_be_run_again_at_once_and_changes_nothing(story: Story) -> None:
    before = (story.project.outputs(), story.project.allocated(), story.desk("state")["merchants"])
    again = play(story.project.folder)
    assert again.code == 0, again.output
    assert_calm(again.output)
    assert re.search(r"\d+ unchanged", again.output)
    assert "created" not in again.output.partition("3/6")[0]
    assert (story.project.outputs(), story.project.allocated(), story.desk("state")["merchants"]) == before


def test_what_was_made_survives_a_stop_and_a_start(story: Story) -> None:
    def held() -> object:
        client = story.project.client("secretsmanager")
        secrets = {
            name: client.get_secret_value(SecretId=one["secretArn"])["SecretString"]
            for name, one in story.project.outputs()["merchants"].items()
        }
        return story.project.outputs(), story.project.allocated(), secrets

    before, port = held(), story.project.world.running()["aws"].ready["url"]
    story.project.world.stop()
    assert processes_of(story.project.folder) == []
    assert story.project.world.running() == {}
    story.project.world.start()
    assert story.project.world.running()["aws"].ready["url"] == port
    assert held() == before
    assert story.project.pulumi("preview", "--expect-no-changes").returncode == 0
    assert story.verify().returncode == 0


def test_a_lock_is_taken_away_only_from_an_engine_that_is_gone(project: Project) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    folder = project.world.state / "backend" / ".pulumi" / "locks" / "organization" / "flexpay-egress" / STACK
    folder.mkdir(parents=True, exist_ok=True)
    for pid in (gone.pid, os.getpid()):
        (folder / f"{pid}.json").write_text(json.dumps({"pid": pid, "hostname": "here"}))
    refused = project.pulumi("refresh", "--yes", "--skip-preview")
    assert "locked by 2 lock(s)" in refused.stdout + refused.stderr
    project.start()
    assert [path.stem for path in folder.iterdir()] == [str(os.getpid())]
    (folder / f"{os.getpid()}.json").unlink()
    assert project.pulumi("refresh", "--yes", "--skip-preview").returncode == 0


@pytest.mark.parametrize(
    "moment",
    [
        "aws:ec2:NatGateway egress-use1-az1-1 creating",
        pytest.param("storing the credentials", marks=pytest.mark.long),
    ],
)
def test_ctrl_c_in_the_middle_leaves_no_process_and_the_next_run_finishes(bare: Project, moment: str) -> None:
    cut = play(bare.folder, until=moment, then=lambda group: os.killpg(group, signal.SIGINT))
    assert cut.code == 130, cut.output
    assert "Traceback" not in cut.output
    assert "interrupted; `make demo` goes on from here" in cut.output
    assert processes_of(bare.folder) == []
    after = play(bare.folder)
    assert after.code == 0, after.output
    assert_calm(after.output)
    assert len(bare.allocated()) == 3
