"""The submission's document, its digest, and the rule a reader can hold it to."""

import hashlib
import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.allowlist.comprehensive import compare
from onboarding.allowlist.drafting import Wishes, draft, previous_of
from onboarding.allowlist.ledger import Ledger
from onboarding.allowlist.submission import (
    Change,
    Submission,
    SubmittedAddress,
    canonical,
    digest_of,
    faults,
    ledger_reference,
    revision_of,
    sealed,
    spoken,
    to_document,
)
from tests.unit.network_world import AIR, OURS, SHOP, environment, views

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOTH = Wishes(merchants=(AIR, SHOP))


def submission(**changes: Any) -> Submission:
    made = draft(
        environment(),
        BOTH,
        previous=previous_of(Ledger.empty("production"), (AIR, SHOP)),
        comparison=compare(environment(), views()),
        revision=1,
        created_at=AT,
        calls=["ec2:DescribeAddresses in account 123456789012, region us-east-1"],
    )
    return replace(made, **changes)


def test_a_drafted_document_is_valid_and_its_digest_can_be_recomputed_without_our_code() -> None:
    document = to_document(submission())
    assert faults(document) == ()
    covered = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == document["digest"]["value"]


def test_equal_submissions_give_equal_bytes_and_indentation_does_not_matter() -> None:
    document = to_document(submission())
    assert to_document(submission()) == document
    reordered = json.loads(json.dumps(document, indent=7, sort_keys=True))
    assert digest_of(reordered) == document["digest"]["value"]


def test_the_moment_is_written_in_utc_whatever_zone_it_was_given_in() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert to_document(submission(created_at=elsewhere)) == to_document(submission())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda doc: doc["addresses"][0].update(address="18.204.0.3"),
        lambda doc: doc["addresses"].pop(),
        lambda doc: doc["merchants"][0].update(legalEntity="Somebody Else"),
        lambda doc: doc.update(createdAt="2026-11-24T12:00:00Z"),
        lambda doc: doc.update(extra="unknown"),
        lambda doc: doc["notes"].append("added by hand"),
    ],
)
def test_any_change_of_content_breaks_the_digest(spoil: Any) -> None:
    document = to_document(submission())
    spoil(document)
    assert any("digest" in fault for fault in faults(document))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("addresses", 0, "address"), "18.204.0.1/32"),
        (("addresses", 0, "address"), "018.204.0.1"),
        (("addresses", 0, "address"), "18.204.0.256"),
        (("addresses", 0, "address"), "2001:db8::1"),
        (("addresses", 0, "address"), "18.204.0.1\n"),
        (("addresses", 0, "change"), "replace"),
        (("addresses", 0, "changeFor"), {}),
        (("addresses", 0, "purpose"), ""),
        (("addresses", 0, "effectiveFrom"), "soon"),
        (("addresses",), []),
        (("merchants",), []),
        (("destination", "serverUrl"), "http://api.flexpay.example"),
        (("submissionVersion",), 2),
        (("revision",), 0),
        (("revision",), 1.5),
        (("createdAt",), "2026-11-23T12:00:00+01:00"),
        (("contacts", "security"), None),
        (("digest", "algorithm"), "md5"),
    ],
)
def test_what_the_schema_forbids_is_refused_with_its_place(path: tuple[Any, ...], value: Any) -> None:
    document = deepcopy(to_document(submission()))
    spot: Any = document
    for part in path[:-1]:
        spot = spot[part]
    spot[path[-1]] = value
    found = faults(sealed(document) if path[0] != "digest" else document)
    assert found
    assert str(path[0]) in " ".join(found)


@pytest.mark.parametrize("thing", [None, [], "text", 7, {}])
def test_what_is_no_submission_at_all_is_refused_without_a_traceback(thing: Any) -> None:
    assert faults(thing)


def test_half_a_character_is_refused_without_a_traceback() -> None:
    document = to_document(submission())
    document["contacts"]["owner"] = "\ud800"
    assert "half a character" in " ".join(faults(document))


def test_an_address_listed_twice_is_refused() -> None:
    document = to_document(submission())
    document["addresses"].append(document["addresses"][0])
    assert faults(sealed(document)) == (f"addresses: {OURS[0]} is listed twice",)


def test_a_name_that_does_not_fit_the_revision_is_refused() -> None:
    document = to_document(submission())
    document["submission"] = "production-rev-9"
    assert any("submission" in fault for fault in faults(sealed(document)))


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_the_digest_survives_any_text_and_a_round_trip(text: str) -> None:
    document = {"notes": [text], "digest": {"value": "x"}}
    again = json.loads(json.dumps(document))
    assert canonical(again) == canonical(document)
    assert json.loads(canonical(document)) == {"notes": [text]}


def test_a_digest_is_spoken_in_sixteen_groups_of_four() -> None:
    groups = spoken("0123456789abcdef" * 4).split()
    assert len(groups) == 16
    assert {len(group) for group in groups} == {4}


def test_the_ledgers_reference_leads_back_to_the_revision() -> None:
    assert revision_of(ledger_reference(to_document(submission(revision=12)))) == 12


@pytest.mark.parametrize("name", [None, "", "FPX-1", "x3", "-1", "\u0663 sha256:00"])
def test_a_reference_of_another_kind_names_no_revision(name: str | None) -> None:
    assert revision_of(name) is None


@pytest.mark.parametrize(
    ("asked", "overall"),
    [
        ({"keep"}, "keep"),
        ({"add"}, "add"),
        ({"remove"}, "remove"),
        ({"add", "keep"}, "add"),
        ({"remove", "keep"}, "keep"),
    ],
)
def test_an_address_goes_only_when_it_goes_for_every_merchant(asked: set[str], overall: str) -> None:
    entry = SubmittedAddress(
        OURS[0], {f"m{number}": Change(one) for number, one in enumerate(sorted(asked))}, "calls"
    )
    assert entry.change == overall


def test_ports_come_from_the_url_and_are_443_otherwise() -> None:
    partner = replace(submission().partner, server_url="https://api.flexpay.example:8443")
    assert to_document(submission())["destination"]["ports"] == [443]
    assert to_document(submission(partner=partner))["destination"]["ports"] == [8443]


def test_dates_are_plain_days() -> None:
    dated = replace(submission().addresses[0], effective_from=date(2026, 12, 1))
    document = to_document(submission(addresses=(dated,)))
    assert document["addresses"][0]["effectiveFrom"] == "2026-12-01"
    assert faults(document) == ()
