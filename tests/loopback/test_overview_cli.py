"""``overview`` as a user runs it, against the AWS stand-in."""

from pathlib import Path

import pytest

from onboarding.ledger_file import start
from tests.loopback.aws_standin import Aws
from tests.loopback.egress_world import EgressWorld
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

    def test_each_region_is_asked_once_however_many_environments_are_there(
        self, listed: Toolkit, aws: Aws
    ) -> None:
        other = EgressWorld(aws.url, environment="production", zones=("use1-az1",), network="10.65")
        second = other.write(listed.folder / "second.json")
        start(listed.folder / "allowlist" / "production.yaml", "production")

        def asked(*arguments: str) -> list[str]:
            aws.control("DELETE", "calls")
            said = listed.run(*arguments)
            assert said.code in (0, 3), said.err
            return sorted(call["action"] for call in aws.control("GET", "calls")["calls"])

        alone = asked("overview")
        assert "DescribeAddresses" in alone
        assert asked("overview", "--outputs", second) == alone
        assert asked("allowlist", "status", "--outputs", second) == alone

    def test_what_stands_in_a_region_twice_is_told_to_the_environment_it_belongs_to(
        self, listed: Toolkit, aws: Aws
    ) -> None:
        other = EgressWorld(aws.url, environment="production", zones=("use1-az1",), network="10.65")
        start(listed.folder / "allowlist" / "production.yaml", "production")
        (stray,) = other.addresses
        other.addresses = []
        other.outputs = other.as_outputs()
        second = other.write(listed.folder / "second.json")
        said = listed.run("allowlist", "status", "--json", "--outputs", second)
        assert said.code == 1
        by_name = {one["environment"]: one for one in said.json["environments"]}
        assert {row["address"] for row in by_name["staging"]["addresses"]} == set(listed.world.ips)
        assert {(row["address"], row["status"]) for row in by_name["production"]["addresses"]} == {
            (stray["address"], "unmanaged")
        }
