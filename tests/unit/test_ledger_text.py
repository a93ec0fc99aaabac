import json
from collections.abc import Callable
from importlib.resources import files

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from onboarding.allowlist.ledger import Event, Ledger
from onboarding.allowlist.ledger_text import parse, render
from onboarding.errors import InputError
from tests.unit.ledger_world import AIR, RAIL, A, event, histories, ledger, steady

GOOD = render(
    ledger(
        event("submitted", 0, merchants=[AIR, RAIL], submission="1 sha256:ab", note="dédié, “ours”"),
        event("approved", 4),
        event("rejected", 5, merchants=[RAIL], note="integration not ready"),
    )
)
Spoil = Callable[[str], str]


def line(number: int, change: Spoil) -> Spoil:
    """Change one line of the file, counted from 1."""

    def spoil(text: str) -> str:
        lines = text.split("\n")
        lines[number - 1] = change(lines[number - 1])
        return "\n".join(lines)

    return spoil


def swap(old: str, new: str, number: int = 4) -> Spoil:
    return line(number, lambda text: text.replace(old, new, 1))


def field(key: str, value: object, number: int = 4) -> Spoil:
    """Set one member of an event, keeping the notation."""

    def change(text: str) -> str:
        raw = json.loads(text.removeprefix("- "))
        raw[key] = value
        return "- " + json.dumps(raw, ensure_ascii=False)

    return line(number, change)


SPOILED: dict[str, tuple[Spoil, str]] = {
    "empty file": (lambda _: "", "the file is empty"),
    "only blanks": (lambda _: "   \n", ":1: ledgerVersion: missing"),
    "cut inside the first line": (lambda text: text[:9], "cut off"),
    "cut after the version": (lambda text: text[:17], "environment"),
    "cut before the events": (lambda text: "\n".join(text.split("\n")[:2]) + "\n", ":3: events"),
    "cut after the head": (lambda text: "\n".join(text.split("\n")[:3]) + "\n", ":3: events: the events are"),
    "cut inside an event": (lambda text: text[: len(text) - 40], ":6: cut off"),
    "cut inside an event, line ended": (lambda text: text[: len(text) - 40] + "\n", ":6: not an event line"),
    "line end missing": (lambda text: text[:-1], ":6: cut off"),
    "no version": (line(1, lambda _: "version: 1"), ":1: ledgerVersion: missing"),
    "version of the future": (line(1, lambda _: "ledgerVersion: 2"), ":1: ledgerVersion: found '2'"),
    "version as text": (line(1, lambda _: 'ledgerVersion: "1"'), ":1: ledgerVersion: found"),
    "no environment": (line(2, lambda _: ""), ":2: environment"),
    "odd environment": (line(2, lambda _: "environment: Prod uction"), ":2: environment"),
    "another environment": (line(2, lambda _: "environment: staging"), ":4: id:"),
    "events as a mapping": (line(3, lambda _: "events: {}"), ":3: events"),
    "said to be empty": (line(3, lambda _: "events: []"), ":3: events: says there are none"),
    "head lines swapped": (
        lambda text: text.replace("ledgerVersion: 1\n", "", 1) + "ledgerVersion: 1\n",
        ":1:",
    ),
    "comment line": (line(4, lambda text: f"# note\n{text}"), ":4: not an event line"),
    "blank line between": (line(5, lambda text: f"\n{text}"), ":5: not an event line"),
    "blank line at the end": (lambda text: text + "\n", ":7: not an event line"),
    "CR LF": (lambda text: text.replace("\n", "\r\n"), ":1: lines end in CR LF"),
    "CR LF in one line": (line(5, lambda text: text + "\r"), ":5: lines end in CR LF"),
    "byte order mark": (lambda text: "\ufeff" + text, ":1: starts with a byte-order mark"),
    "merge conflict, ours": (line(4, lambda text: f"<<<<<<< HEAD\n{text}"), ":4: a git merge"),
    "merge conflict, middle": (line(5, lambda text: f"=======\n{text}"), ":5: a git merge"),
    "merge conflict, theirs": (line(5, lambda text: f"{text}\n>>>>>>> other"), ":6: a git merge"),
    "interleaved events": (
        lambda text: text.replace('", "at"', '",\n  "at"', 1),
        ":4: not an event line",
    ),
    "no dash": (swap("- ", ""), ":4: not written the way"),
    "indented": (line(4, lambda text: "  " + text), ":4: not an event line"),
    "a tab": (swap("- ", "-\t"), ":4: not an event line"),
    "more blanks": (swap('": "', '":  "'), ":4: not written the way"),
    "fewer blanks": (swap('", "at', '","at'), ":4: not written the way"),
    "trailing blank": (line(4, lambda text: text + " "), ":4: not written the way"),
    "trailing comma": (line(4, lambda text: text[:-1] + ",}"), ":4: not an event line"),
    "two events in one line": (lambda text: text.replace("}\n- ", "} - ", 1), ":4: not an event line"),
    "YAML instead of JSON": (swap('"action"', "action"), ":4: not an event line"),
    "single quotes": (line(4, lambda text: text.replace('"', "'")), ":4: not an event line"),
    "escaped letters": (swap("é", "\\u00e9"), ":4: not written the way"),
    "a list": (line(4, lambda _: "- [1, 2]"), ":4: an event has the keys"),
    "a number": (line(4, lambda _: "- 7"), ":4: an event has the keys"),
    "NaN": (line(4, lambda _: "- NaN"), ":4: an event has the keys"),
    "nested without end": (line(4, lambda _: "- " + "[" * 100_000), ":4: not an event line"),
    "key missing": (swap(', "note": "dédié, “ours”"', ""), ":4: an event has the keys"),
    "unknown key": (line(4, lambda text: text[:-1] + ', "x": 1}'), ":4: an event has the keys"),
    "key misspelt": (swap('"reference"', '"referense"'), ":4: an event has the keys"),
    "key twice": (line(4, lambda text: text[:-1] + ', "note": null}'), ":4: id:"),
    "keys in another order": (
        line(
            4, lambda text: text.replace(', "note": "dédié, “ours”"', "").replace("{", '{"note": null, ', 1)
        ),
        ":4: an event has the keys",
    ),
    "id edited": (field("id", "0123456789abcdef"), ":4: id: 0123456789abcdef does not belong"),
    "id empty": (field("id", ""), ":4: id:"),
    "id a number": (field("id", 7), ":4: id: must be text"),
    "time edited": (swap("09:00:00Z", "08:00:00Z"), ":4: id:"),
    "time without zone": (swap("09:00:00Z", "09:00:00"), ":4: at:"),
    "time in another zone": (swap("09:00:00Z", "09:00:00+01:00"), ":4: at:"),
    "time with fractions": (swap("09:00:00Z", "09:00:00.5Z"), ":4: at:"),
    "time impossible": (swap("2026-01-05", "2026-02-30"), ":4: at: '2026-02-30"),
    "time as a number": (field("at", 1767603600), ":4: at: must be text"),
    "time in another form": (swap("2026-01-05T", "2026-01-05 "), ":4: not written the way"),
    "unknown action": (field("action", "deleted"), ":4: action: 'deleted' is none of"),
    "action null": (field("action", None), ":4: action: must be text"),
    "action changed": (swap('"approved"', '"rejected"', 5), ":5: id:"),
    "merchants as text": (field("merchants", AIR), ":4: merchants: must be a list"),
    "merchants empty": (field("merchants", []), ":4: merchants: at least one"),
    "merchants unsorted": (field("merchants", [RAIL, AIR]), ":4: merchants: at least one is needed, sorted"),
    "merchant added": (field("merchants", [AIR, "acme-bus", RAIL]), ":4: id:"),
    "merchant with blanks": (field("merchants", ["acme air"]), ":4: merchants: 'acme air'"),
    "addresses empty": (field("addresses", []), ":4: addresses: at least one"),
    "address twice": (field("addresses", [str(A), str(A)]), ":4: addresses: at least one is needed, sorted"),
    "address edited": (swap("203.0.114.10", "203.0.114.9"), ":4: id:"),
    "address IPv6": (field("addresses", ["2001:db8::1"]), ":4: addresses: '2001:db8::1'"),
    "address with prefix": (field("addresses", ["203.0.114.10/32"]), ":4: addresses: '203.0.114.10/32'"),
    "address with zeros": (field("addresses", ["203.0.114.010"]), ":4: addresses: '203.0.114.010'"),
    "address a number": (field("addresses", [3405803530]), ":4: addresses: must be text"),
    "reference empty": (field("reference", ""), ":4: reference: must be one line"),
    "reference null": (field("reference", None), ":4: reference: must be text"),
    "actor edited": (swap("kim@", "kai@"), ":4: id:"),
    "note with an escape": (field("note", "\x1b[2J"), ":4: note: must be one line"),
    "note a list": (field("note", ["a"]), ":4: note: must be text"),
    "submission edited": (swap("sha256:ab", "sha256:ac"), ":4: id:"),
    "submission a number": (field("submission", 1), ":4: submission: must be text"),
    "first submission taken out": (
        lambda text: "\n".join(row for number, row in enumerate(text.split("\n")) if number != 3),
        ":4: event",
    ),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_ledger_is_refused_with_file_line_and_reason(kind: str) -> None:
    spoil, place = SPOILED[kind]
    text = spoil(GOOD)
    assert text != GOOD

    with pytest.raises(InputError) as refused:
        parse(text, source="allowlist/production.yaml")
    assert str(refused.value).startswith("allowlist/production.yaml:")
    assert place in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.hint


def test_there_are_enough_ways_to_spoil_one() -> None:
    assert len(SPOILED) >= 60


def test_an_event_copied_from_another_environment_is_refused() -> None:
    foreign = render(Ledger("staging", (event("submitted", 0, environment="staging"),))).split("\n")[3]

    with pytest.raises(InputError, match="copied from another ledger"):
        parse(GOOD + foreign + "\n", source="ledger")


@steady
@given(histories())
def test_what_is_written_is_read_again_and_written_the_same(events: list[Event]) -> None:
    text = render(ledger(*events))

    assert parse(text, source="ledger") == ledger(*events)
    assert render(parse(text, source="ledger")) == text


@settings(deadline=None, max_examples=15)
@given(histories(most=4))
def test_every_cut_is_noticed_unless_it_falls_between_two_events(events: list[Event]) -> None:
    text = render(ledger(*events))
    whole = {event.id for event in events}
    for length in range(len(text)):
        try:
            left = parse(text[:length], source="ledger")
        except InputError:
            continue
        assert text[:length].endswith("}\n")
        assert {one.id for one in left.events} < whole


def test_events_may_stand_in_any_order_and_twice() -> None:
    head, events = GOOD.split("\n")[:3], GOOD.split("\n")[3:-1]
    text = "\n".join([*head, *reversed(events), events[0], ""])

    assert render(parse(text, source="ledger")) == GOOD


@steady
@given(histories())
def test_the_file_is_yaml_of_the_published_shape(events: list[Event]) -> None:
    schema = json.loads(files("onboarding.allowlist").joinpath("ledger.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(yaml.safe_load(render(ledger(*events))), schema)


def test_the_schema_refuses_what_the_parser_refuses_about_shape() -> None:
    schema = json.loads(files("onboarding.allowlist").joinpath("ledger.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    for kind in ("unknown action", "address IPv6", "address with prefix", "merchants empty", "unknown key"):
        assert list(validator.iter_errors(yaml.safe_load(SPOILED[kind][0](GOOD)))), kind
