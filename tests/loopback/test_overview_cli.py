"""``overview`` as a user runs it, against the AWS stand-in."""

from pathlib import Path

import pytest

from tests.loopback.aws_standin import Aws
from tests.loopback.toolkit import Toolkit, log_in, toolkit

__all__ = ["toolkit"]


@pytest.fixture
def listed(toolkit: Toolkit) -> Toolkit:
    """The environment with every address approved."""
    assert toolkit.draft().code == 0
    toolkit.submit()
    toolkit.record("approved")
    return toolkit


class TestOverview:
    def test_text_json_and_page_say_the_same(self, listed: Toolkit) -> None:
        text = listed.run("overview")
        assert text.code == 0, text.err
        assert all(address in text.out for address in listed.world.ips)
        document = listed.run("overview", "--json").json
        assert document["exitCode"] == 0
        (environment,) = document["environments"]
        assert environment["comparedWithAws"] is True
        page = listed.folder / "made" / "overview.html"
        said = listed.run("overview", "--html", str(page))
        assert (said.code, said.out) == (0, "")
        assert all(address in page.read_text() for address in listed.world.ips)

    def test_the_page_is_written_whatever_was_found(self, listed: Toolkit) -> None:
        address = listed.world.addresses[0]
        listed.world.addresses = listed.world.addresses[1:]
        listed.deploy()
        page = listed.folder / "overview.html"
        assert listed.run("overview", "--html", str(page)).code == 1
        assert "approved since" in page.read_text()
        assert address["address"] in page.read_text()

    def test_offline_is_stated_and_asks_nobody(
        self, listed: Toolkit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        said = listed.run("overview", "--offline")
        assert said.code == 0, said.err
        assert "AWS was not asked" in said.out

    def test_silence_of_aws_is_cannot_tell(
        self, listed: Toolkit, aws: Aws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log_in(aws, monkeypatch, key="999999999999")
        said = listed.run("overview")
        assert said.code == 4
        assert "999999999999" in said.out

    def test_a_bad_place_or_a_missing_ledger_is_refused_and_writes_nothing(self, listed: Toolkit) -> None:
        before = sorted(listed.folder.rglob("*"))
        folder = listed.run("overview", "--html", str(listed.folder))
        assert (folder.code, folder.out) == (2, "")
        below_a_file = listed.run("overview", "--html", str(Path(listed.outputs) / "overview.html"))
        assert below_a_file.code == 2
        assert "cannot be written" in below_a_file.err
        assert sorted(listed.folder.rglob("*")) == before
        (listed.folder / "allowlist" / "staging.yaml").unlink()
        missing = listed.run("overview", "--html", str(listed.folder / "overview.html"))
        assert missing.code == 2
        assert "staging.yaml" in missing.err
        assert not (listed.folder / "overview.html").exists()
