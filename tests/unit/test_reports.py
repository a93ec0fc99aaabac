import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.exit_codes import ExitCode
from onboarding.verification.catalog import CHECKS
from onboarding.verification.model import Outcome, Report, Result, Subject, Verdict
from onboarding.verification.reports import TEXTS, renderer
from onboarding.verification.reports.as_markdown import LIMIT_BYTES
from onboarding.verification.reports.bundle import members, pack
from onboarding.verification.reports.words import headline

SCHEMA = json.loads((Path(__file__).parents[2] / "onboarding/verification/report.schema.json").read_text())
NASTY = "</td></failure>\x00\x1b[31m|`\"'&<script>alert(1)</script>\n\\"


def result(
    outcome: Outcome, *, check: int = 0, text: str = "as it should be", merchant: str | None = "acme"
) -> Result:
    chosen = CHECKS[check]
    return Result(
        chosen.id,
        chosen.title,
        chosen.required,
        Subject(merchant, "host", "use1-az1", "203.0.113.10"),
        Verdict(
            outcome,
            text,
            "what was hoped for",
            f"do {text}",
            {"status": 200, "peer": "x:443"},
            0.004,
        ),
    )


def report(results: Sequence[Result], **changes: Any) -> Report:
    base = Report(
        environment="production",
        run_id="run-1",
        started_at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        seconds=1.5,
        via="local",
        toolkit="0.1.0",
        merchants=("acme", "beta"),
        results=tuple(results),
        exit_code=ExitCode.HOLDS,
        order_proven=("acme",),
        proven=(Subject("acme", "host", "use1-az1", "203.0.113.10"),),
        inventory=(
            {
                "address": "203.0.113.10",
                "slot": "use1-az1/1",
                "zone": "use1-az1",
                "region": "us-east-1",
                "accountId": "1",
                "role": "active",
                "allocationId": None,
                "natGatewayId": None,
            },
        ),
    )
    return replace(base, **changes)


EVERY = [result(outcome, check=number) for number, outcome in enumerate(Outcome)]


def test_the_first_line_says_the_verdict_and_what_is_proven_of_the_order() -> None:
    first = renderer("text")(report(EVERY)).splitlines()[0]
    assert first == "production: everything holds; test order accepted for 1 of 2 merchants"
    none = renderer("text")(report(EVERY, order_proven=(), exit_code=ExitCode.FINDING)).splitlines()[0]
    assert none == "production: something is wrong; no order proven"


def test_the_last_line_can_be_searched_for() -> None:
    last = renderer("text")(report(EVERY)).splitlines()[-1]
    assert (
        last
        == "result=ok exit=0 checks=6 error=1 fail=1 pass=1 skip=1 waiting=1 warn=1 proven=1 seconds=1.50"
    )


def test_what_is_not_well_comes_with_its_next_step_and_skips_with_their_reason() -> None:
    text = renderer("text")(
        report([result(Outcome.FAIL, text="broken"), result(Outcome.SKIP, check=1, text="because")])
    )
    assert "next: do broken" in text
    assert "because" in text


def test_two_hundred_merchants_that_hold_take_one_line_per_check() -> None:
    many = [result(Outcome.PASS, merchant=f"merchant-{number}") for number in range(200)]
    text = renderer("text")(report(many))
    assert len(text.splitlines()) < 8
    assert "and 197 more" in text


@pytest.mark.parametrize("name", [*TEXTS])
def test_every_format_tells_every_outcome_and_ends_in_a_newline(name: str) -> None:
    text = renderer(name)(report(EVERY))
    assert text.endswith("\n")
    assert all(one.check in text for one in EVERY)


def test_the_json_report_keeps_to_its_schema() -> None:
    document = json.loads(renderer("json")(report(EVERY)))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert {one["outcome"] for one in document["results"]} == {outcome.value for outcome in Outcome}


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attributes if name in ("src", "href")]


@pytest.mark.parametrize("outcome", Outcome)
def test_text_of_others_cannot_break_out_of_any_format(outcome: Outcome) -> None:
    spoiled = report([result(outcome, text=NASTY, merchant="acme")], notes=(NASTY,))
    page = Tags()
    page.feed(renderer("html")(spoiled))
    assert "script" not in page.tags
    assert not page.links
    root = ElementTree.fromstring(renderer("junit")(spoiled))  # noqa: S314 - our own
    assert len(root.findall(".//testcase")) == 1
    rows = [
        line for line in renderer("markdown")(spoiled).splitlines() if line.startswith("| " + outcome.value)
    ]
    assert len(rows) == 1
    assert "<script>" not in rows[0]
    for line in renderer("prometheus")(spoiled).splitlines():
        assert line.startswith("#") or line.rsplit(" ", 1)[1].replace(".", "").isdigit()
    assert "\x1b" not in renderer("text")(spoiled)


def test_junit_counts_agree_with_its_cases() -> None:
    root = ElementTree.fromstring(renderer("junit")(report(EVERY)))  # noqa: S314 - our own
    suite = root.find("testsuite")
    assert suite is not None
    assert suite.get("tests") == str(len(suite.findall("testcase"))) == "6"
    assert suite.get("failures") == str(len(suite.findall("testcase/failure"))) == "1"
    assert suite.get("errors") == str(len(suite.findall("testcase/error"))) == "2"
    assert suite.get("skipped") == str(len(suite.findall("testcase/skipped"))) == "1"


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL])
def test_markdown_stays_below_what_a_step_summary_may_hold(outcome: Outcome) -> None:
    many = [result(outcome, text="x" * 2000, merchant=f"m-{number}") for number in range(2000)]
    text = renderer("markdown")(report(many))
    assert len(text.encode()) <= LIMIT_BYTES
    assert "more rows" in text
    assert "result=" in text


def test_the_page_needs_nothing_from_elsewhere_and_knows_both_colour_schemes() -> None:
    page = renderer("html")(report(EVERY))
    assert "prefers-color-scheme: dark" in page
    assert "http://" not in page
    assert "https://" not in page
    assert '<html lang="en">' in page


def test_the_page_tells_time_by_phase_attempts_and_commands_as_code() -> None:
    evidence = {"milliseconds": {"dns": 1.2, "connect": 0.6, "tls": 7.0, "first byte": 51.2, "total": 60.0}}
    verdict = Verdict(
        Outcome.FAIL, "401", "a token", "see `credentials <status>`", {**evidence, "attempts": 2}, 0.06
    )
    page = renderer("html")(report([replace(result(Outcome.FAIL), verdict=verdict)]))
    for shown in ("60 ms", "dns 1", "connect 1", "tls 7", "first byte 51", "2 attempts"):
        assert shown in page
    assert "total" not in page
    assert "see <code>credentials &lt;status&gt;</code>" in page


def test_the_bundle_is_the_same_for_the_same_run() -> None:
    texts = {name: renderer(name)(report(EVERY)) for name in TEXTS}
    files = members(report(EVERY), texts)
    assert pack(files, report(EVERY).started_at) == pack(
        dict(reversed(files.items())), report(EVERY).started_at
    )
    assert {line.split("  ")[1] for line in files["SHA256SUMS"].splitlines()} == set(files) - {"SHA256SUMS"}


@given(st.text(), st.sampled_from(list(Outcome)))
def test_any_text_at_all_gives_well_formed_xml_and_json(text: str, outcome: Outcome) -> None:
    one = report([result(outcome, text=text)])
    ElementTree.fromstring(renderer("junit")(one))  # noqa: S314 - our own
    json.loads(renderer("json")(one))


def test_the_order_of_results_is_the_reports_order() -> None:
    shuffled = [*EVERY]
    random.Random(1).shuffle(shuffled)  # noqa: S311 - a fixed order to compare with
    document = json.loads(renderer("json")(report(shuffled)))
    assert [one["id"] for one in document["results"]] == [one.check for one in shuffled]


def test_without_merchants_no_order_is_claimed() -> None:
    nobody = report([], merchants=(), order_proven=(), exit_code=ExitCode.CANNOT_TELL)
    assert headline(nobody) == "production: cannot tell; no order proven"
