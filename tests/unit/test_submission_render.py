"""Every format says the same, and none can be made to do harm by what stands in it."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from ipaddress import IPv4Address
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from onboarding.allowlist.render.as_text import ListFormat, Notation, Separator, render_list
from onboarding.allowlist.render.package import render_package
from onboarding.allowlist.render.topology import render_topology
from onboarding.allowlist.submission import Change, Document, Gap, SubmittedAddress, to_document
from tests.unit.network_world import AIR, OURS
from tests.unit.test_submission import submission
from tests.unit.test_submission_draft import OLD, approved, drafted

EVIL = """=HYPERLINK("http://x"),<script>alert(1)</script>|`*_"'&{{7*7}}"""
FILES = {"submission.csv", "submission.html", "submission.json", "submission.md", "submission.txt"}


def package(document: Document, list_format: ListFormat | None = None) -> dict[str, str]:
    return dict(render_package(document, list_format or ListFormat()).files)


@pytest.fixture(scope="module")
def document() -> Document:
    return to_document(drafted(approved(OURS[0], OLD), remove_stale=True, tickets=("FPX-1", "ACME-7")))


@pytest.fixture(scope="module")
def evil() -> Document:
    entry = replace(submission().addresses[0], purpose=EVIL, owner=EVIL, zone=EVIL, dedicated=None)
    contacts = replace(submission().contacts, legal_entity=EVIL, owner=EVIL)
    return to_document(
        submission(
            addresses=(entry,),
            contacts=contacts,
            notes=(EVIL,),
            tickets=(EVIL,),
            incomplete=(Gap("stale", EVIL),),
        )
    )


def test_the_same_document_gives_the_same_bytes_in_every_file(document: Document) -> None:
    assert package(document) == package(json.loads(json.dumps(document)))
    assert set(package(document)) == FILES


@pytest.mark.parametrize("name", sorted(FILES - {"submission.txt"}))
def test_every_format_shows_every_address_with_its_change(document: Document, name: str) -> None:
    text = package(document)[name]
    for entry in document["addresses"]:
        assert entry["address"] in text
    assert OLD.exploded in text


@pytest.mark.parametrize("name", ["submission.md", "submission.html"])
def test_readers_get_digest_tickets_contacts_and_diff(document: Document, name: str) -> None:
    text = package(document)[name]
    value = document["digest"]["value"]
    for group in (value[:4], value[-4:]):
        assert group in text
    assert "does not show who sent it" in text
    for needed in ("FPX-1", "security@acme.example", "production-rev-3", "UP-12345678-1"):
        assert needed in text


def test_the_plain_list_holds_what_is_let_in_after_approval(document: Document) -> None:
    assert package(document)["submission.txt"].split() == [str(one) for one in OURS]


@pytest.mark.parametrize(
    ("notation", "separator", "expected"),
    [
        (Notation.BARE, Separator.LINE, f"{OURS[0]}\n{OURS[1]}\n"),
        (Notation.CIDR, Separator.LINE, f"{OURS[0]}/32\n{OURS[1]}/32\n"),
        (Notation.BARE, Separator.COMMA, f"{OURS[0]},{OURS[1]}\n"),
        (Notation.CIDR, Separator.SEMICOLON, f"{OURS[0]}/32;{OURS[1]}/32\n"),
        (Notation.BARE, Separator.SPACE, f"{OURS[0]} {OURS[1]}\n"),
    ],
)
def test_the_list_takes_the_form_of_the_partners_field(
    document: Document, notation: Notation, separator: Separator, expected: str
) -> None:
    assert render_list(document, ListFormat(notation, separator)) == expected


def test_a_list_that_does_not_fit_is_an_error_and_not_a_cut(document: Document) -> None:
    assert render_list(document, ListFormat(max_entries=2))
    with pytest.raises(ValueError, match="2 addresses, and the form takes 1"):
        render_list(document, ListFormat(max_entries=1))


def test_no_cell_of_the_table_is_a_formula(evil: Document) -> None:
    rows = list(csv.reader(io.StringIO(package(evil)["submission.csv"])))
    assert EVIL in " ".join(rows[1]), "the text itself is kept"
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_the_table_is_rfc_4180(document: Document) -> None:
    text = package(document)["submission.csv"]
    assert text.count("\r\n") == len(document["addresses"]) + 1
    assert "\n" not in text.replace("\r\n", "")


class Page(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_text_stays_text_in_the_page(evil: Document) -> None:
    page = Page(package(evil)["submission.html"])
    assert "script" not in {tag for tag, _ in page.tags}
    assert EVIL in "".join(page.words)


def test_the_page_loads_nothing_and_runs_nothing(document: Document) -> None:
    text = package(document)["submission.html"]
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith(("on", "src", "href"))]
    assert "url(" not in text
    assert "@import" not in text


def test_the_page_can_be_read_by_everybody_and_printed(document: Document) -> None:
    text = package(document)["submission.html"]
    page = Page(text)
    attributes = dict(page.tags)
    assert attributes["html"]["lang"] == "en"
    assert "viewport" in {attrs.get("name") for tag, attrs in page.tags if tag == "meta"}
    assert all(attrs.get("scope") in {"row", "col"} for tag, attrs in page.tags if tag == "th")
    assert next(tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)) == "h1"
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "size:" not in text.partition("@page")[2][:60], "the paper is the printer's business"


def test_nothing_breaks_out_of_a_markdown_table(evil: Document) -> None:
    lines = package(evil)["submission.md"].splitlines()
    assert not [line for line in lines if "<script" in line]
    row = next(line for line in lines if line.startswith(f"| `{OURS[0]}`"))
    header = lines[lines.index(row) - 2]
    assert len(re.findall(r"(?<!\\)\|", row)) == header.count("|")


def test_an_incomplete_list_says_so_in_every_form_for_people(evil: Document) -> None:
    files = package(evil)
    assert "Not for submission as it is" in files["submission.html"]
    assert "NOT FOR SUBMISSION AS IT IS" in files["submission.md"]
    assert json.loads(files["submission.json"])["incomplete"]


def test_the_topology_is_well_formed_and_has_a_text_alternative(evil: Document, document: Document) -> None:
    for one in (evil, document):
        drawing = ET.fromstring(render_topology(one))  # noqa: S314 - our own drawing
        assert drawing.attrib["role"] == "img"
    words = " ".join(ET.fromstring(render_topology(document)).itertext())  # noqa: S314 - our own drawing
    assert all(str(address) in words for address in OURS)
    assert str(OLD) not in words, "what is removed does not carry traffic"


def many(count: int) -> tuple[SubmittedAddress, ...]:
    first: Any = submission().addresses[0]
    return tuple(
        replace(
            first,
            address=IPv4Address(int(OURS[0]) + number),
            change_for={AIR: Change.ADD},
            region=f"us-east-{number % 5 + 1}",
            zone=f"use{number % 5 + 1}-az1",
        )
        for number in range(count)
    )


def test_two_thousand_addresses_are_all_listed_and_drawn_by_zone() -> None:
    document = to_document(submission(addresses=many(2000)))
    files = package(document)
    assert len(files["submission.txt"].split()) == 2000
    assert files["submission.html"].count('class="entry"') == 2000
    assert "400 addresses" in render_topology(document)
