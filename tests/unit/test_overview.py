import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from onboarding.allowlist.actual import Actual
from onboarding.allowlist.overview import Known, outcome, overview
from onboarding.allowlist.reconciliation import reconcile
from onboarding.allowlist.render.overview import NAMED, abridged, overview_html, overview_text, segments
from onboarding.exit_codes import ExitCode
from onboarding.proof import Order, Origin, Proof
from tests.unit.ledger_world import AIR, RAIL, START, A, B, C, declared, environment, event, ledger

HERE = ("123456789012", "us-east-1")
NOW = START + timedelta(days=40)


def production() -> Known:
    """Two zones and a spare; one merchant is refused, one address carries traffic that nobody declared."""
    deployed = environment(
        declared(A, slot="use1-az1/1"),
        replace(declared(B, slot="use1-az4/1"), zone="use1-az4"),
        replace(declared(C, "spare", slot="use1-az4/2"), zone="use1-az4"),
        merchants=[AIR, RAIL],
    )
    books = ledger(
        event("submitted", 0, [A, B], [AIR, RAIL]),
        event("approved", 2, [A, B], [AIR]),
        event("approved", 2, [A], [RAIL]),
        event("rejected", 3, [B], [RAIL], note="entity <Acme> & Co. differs"),
    )
    stray = A + 100
    actual = Actual(
        allocated={one: f"eipalloc-{int(one):08x}" for one in (A, B, C)},
        carrying=dict.fromkeys((A, B, stray), "rtb-1 sends 0.0.0.0/0 to nat-1"),
        asked=frozenset({HERE}),
    )
    proof = Proof(
        "production", AIR, A, START + timedelta(days=10), Origin.FUNCTION, Order.PROVEN, "use1-az1", "run"
    )
    return deployed, reconcile(deployed, actual, books, {(AIR, A): proof}, now=NOW)


def staging(actual: Actual | None = None) -> Known:
    deployed = replace(environment(declared(A, slot="use1-az1/1")), name="staging")
    books = replace(ledger(event("submitted", 0, [A]), event("approved", 1, [A])), environment="staging")
    return deployed, reconcile(deployed, actual, books, {}, now=NOW)


def silent() -> Known:
    return staging(Actual(unanswered={HERE: "ec2:DescribeAddresses is denied"}))


class TestDocument:
    def test_environments_zones_and_addresses_are_all_there_once(self) -> None:
        document = overview([staging(), production()], NOW)
        assert [one["environment"] for one in document["environments"]] == ["production", "staging"]
        zones = document["environments"][0]["zones"]
        assert [zone["zone"] for zone in zones] == ["use1-az1", "use1-az4", "declared by no stack"]
        shown = [one["address"] for zone in zones for one in zone["addresses"]]
        assert shown == [str(A), str(B), str(C), str(A + 100)]
        assert all(len(one["merchants"]) == 2 for zone in zones for one in zone["addresses"])

    def test_approvals_and_proofs_have_their_age(self) -> None:
        document = overview([production()], NOW)
        (air, _) = document["environments"][0]["zones"][0]["addresses"][0]["merchants"]
        assert (air["merchant"], air["ageDays"], air["proofAgeDays"]) == (AIR, 38, 30)

    def test_verdicts_and_outcome_are_those_of_the_reconciliation(self) -> None:
        known = production()
        document = overview([known], NOW)
        rows = [
            row
            for zone in document["environments"][0]["zones"]
            for one in zone["addresses"]
            for row in one["merchants"]
        ]
        assert {(row["address"], row["merchant"], row["verdict"]) for row in rows} == {
            (str(row.address), row.merchant, row.verdict) for row in known[1].rows
        }
        assert document["exitCode"] == known[1].outcome

    def test_the_weightiest_step_comes_first_and_equal_ones_are_told_once(self) -> None:
        steps = overview([production()], NOW)["environments"][0]["next"]
        results = [step["result"] for step in steps]
        assert results == sorted(results, key=["finding", "cannot-tell", "waiting", "ok"].index)
        assert len({step["step"] for step in steps}) == len(steps)
        (spare,) = [step for step in steps if any(str(C) in one for one in step["about"])]
        assert spare["about"] == [f"{C} for {AIR}", f"{C} for {RAIL}"]

    def test_the_worst_environment_decides(self) -> None:
        assert outcome([staging(), production()]) is ExitCode.FINDING
        assert outcome([staging(), silent()]) is ExitCode.CANNOT_TELL


class TestText:
    def test_a_warning_stands_under_its_own_row(self) -> None:
        lines = overview_text(overview([production()], NOW)).splitlines()
        (row,) = [
            number for number, line in enumerate(lines) if str(B) in line and f"{AIR}: approved" in line
        ]
        assert "never proven" in lines[row + 1]

    def test_whether_aws_was_asked_is_said(self) -> None:
        assert "AWS was not asked" in overview_text(overview([staging()], NOW))
        text = overview_text(overview([silent()], NOW))
        assert "ec2:DescribeAddresses is denied" in text
        assert text.splitlines()[-1] == "result=cannot-tell environments=1 exit=4"


class Page(HTMLParser):
    """What the tests ask of the markup."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def html() -> str:
    return overview_html(overview([production(), staging()], NOW))


class TestPage:
    def test_it_loads_nothing_and_runs_nothing(self, html: str) -> None:
        page = Page(html)
        assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
        assert all("src" not in attributes and "onclick" not in attributes for _, attributes in page.tags)
        assert all((one["href"] or "").startswith("#") for one in page.of("a"))
        assert not re.search(r"url\(|@import", html)

    def test_what_others_wrote_is_shown_and_not_run(self, html: str) -> None:
        assert "entity &lt;Acme&gt; &amp; Co. differs" in html
        assert "<Acme>" not in html

    def test_landmarks_and_the_way_past_the_navigation(self, html: str) -> None:
        page = Page(html)
        assert all(len(page.of(tag)) == 1 for tag in ("header", "nav", "main", "footer", "h1"))
        skip, *_ = page.of("a")
        assert skip["href"] == f"#{page.of('main')[0]['id']}"
        targets = {attributes.get("id") for _, attributes in page.tags}
        assert all((one["href"] or "")[1:] in targets for one in page.of("a"))
        assert page.of("html")[0]["lang"] == "en"

    def test_every_header_cell_says_what_it_heads(self, html: str) -> None:
        page = Page(html)
        assert {one.get("scope") for one in page.of("th")} == {"col", "row", "rowgroup"}
        assert len(page.of("caption")) == len(page.of("table"))
        # as blocks on a narrow screen, table parts lose what they are unless it is said
        assert all(one.get("role") for tag in ("table", "tbody", "tr", "th", "td") for one in page.of(tag))

    def test_no_meaning_is_told_by_colour_alone(self, html: str) -> None:
        badges = re.findall(r'<span class="badge [^"]+">(.*?)</span>(?=[\s<])', html)
        assert badges
        assert all(re.sub(r"<[^>]+>.*?</[^>]+>", "", badge).strip() for badge in badges)

    def test_the_same_state_gives_the_same_bytes(self, html: str) -> None:
        assert html == overview_html(overview([production(), staging()], NOW))


def test_commands_in_a_step_are_told_from_words() -> None:
    assert segments("run `a b`, then `c`") == [
        (False, "run "),
        (True, "a b"),
        (False, ", then "),
        (True, "c"),
    ]
    assert segments("nothing to run") == [(False, "nothing to run")]


def test_a_step_that_many_addresses_wait_for_names_a_few_and_counts_the_others() -> None:
    merchants = [f"{number} for acme-air" for number in range(NAMED + 3)]
    assert abridged(merchants[:NAMED]) == ", ".join(merchants[:NAMED])
    assert abridged(merchants) == f"{', '.join(merchants[:NAMED])} and 3 more"
