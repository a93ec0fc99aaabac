"""Reading previews: what is none, what is not whole, and what belongs to another plan."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from onboarding.allowlist.plan import IncompletePlanError, NotAPlanError, parse_plan
from onboarding.allowlist.plan_saved import differences
from tests.unit.test_guard import text


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text("tags"))
    return found


def test_the_environment_comes_from_the_projects_own_settings() -> None:
    raw = document()
    raw["config"] = {"other:environment": "wrong", **raw["config"]}
    assert parse_plan(json.dumps(raw)).environment == "sandbox"


@pytest.mark.parametrize("name", ["2024", "true"])
def test_an_environment_may_be_called_what_elsewhere_is_a_number_or_a_truth(name: str) -> None:
    raw = document()
    raw["config"]["flexpay-egress:environment"] = name
    assert parse_plan(json.dumps(raw)).environment == name


@pytest.mark.parametrize("name", ["../../production", "1" * 5000, "[" * 100_000, 7])
def test_what_is_no_environments_name_leads_to_no_ledger(name: Any) -> None:
    raw = document()
    raw["config"]["flexpay-egress:environment"] = name
    assert parse_plan(json.dumps(raw)).environment == ""


@pytest.mark.parametrize(
    "given",
    [
        "Previewing update (sandbox)\n",
        "[]",
        '"text"',
        "{}",
        '{"version": 3, "deployment": {}}',
        '{"steps": {"op": "same"}, "changeSummary": {}}',
        '{"steps": [{"op": "same"}], "changeSummary": {"same": 1}}',
        '{"steps": [{"op": "same", "urn": "u"}], "changeSummary": {"same": 1}}',
        '{"steps": [{"op": "same", "urn": "u", "newState": {"inputs": 3}}], "changeSummary": {"same": 1}}',
        '{"sequence": 1, "preludeEvent": {}}\n{"sequence": 2, "summaryEvent": {}}\n',
        '{"steps": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"steps": ' + "1" * 5000 + "}",
        '{"steps": [], "diagnostics": 5}',
        '{"steps": [{"op": "same", "urn": "u", "newState": {"dependencies": 5}}]}',
        '{"steps": [{"op": "same", "urn": "u", "newState": {"dependencies": [["u"]]}}]}',
        '{"steps": [{"op": "same", "urn": "u", "newState": {"propertyDependencies": {"a": 5}}}]}',
        '{"steps": [{"op": "same", "urn": "u", "newState": {"urn": "u"}}], "changeSummary": {"same": "x"}}',
    ],
)
def test_another_document_is_not_a_plan(given: str) -> None:
    with pytest.raises(NotAPlanError):
        parse_plan(given)


@pytest.mark.parametrize("given", ["", " \n", '{"steps": []}', '{"steps": [], "changeSummary": {}}'])
def test_an_engine_that_wrote_nothing_leaves_no_plan(given: str) -> None:
    with pytest.raises(IncompletePlanError):
        parse_plan(given)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_document_that_breaks_off_is_incomplete(share: float) -> None:
    whole = text("tags").strip()
    with pytest.raises(IncompletePlanError):
        parse_plan(whole[: int(len(whole) * share)])


def test_a_preview_without_what_stays_as_it_is_cannot_be_judged() -> None:
    raw = document()
    raw["steps"] = [step for step in raw["steps"] if step["op"] != "same"]
    with pytest.raises(NotAPlanError, match="--show-sames"):
        parse_plan(json.dumps(raw))


def test_a_step_less_than_was_counted_is_incomplete() -> None:
    raw = document()
    raw["steps"].remove(next(step for step in raw["steps"] if step["op"] == "update"))
    with pytest.raises(IncompletePlanError, match="update"):
        parse_plan(json.dumps(raw))


def test_a_step_of_an_unknown_kind_is_not_judged() -> None:
    raw = document()
    raw["steps"][0]["op"] = "transmogrify"
    with pytest.raises(IncompletePlanError, match="transmogrify"):
        parse_plan(json.dumps(raw))


@pytest.mark.parametrize("name", ["nothing", "tags", "moved", "past-the-gateway", "adopted"])
def test_a_plan_saved_by_the_same_preview_is_recognized(name: str) -> None:
    assert differences(parse_plan(text(name)), text(f"{name}.plan")) == []


def test_a_plan_of_other_settings_is_told_by_them() -> None:
    found = differences(parse_plan(text("nothing")), text("tags.plan"))
    assert any(line.startswith("flexpay-egress:tags") for line in found)
    assert any(line.endswith("same against update") for line in found)


def test_a_plan_that_takes_protection_away_is_not_the_plan_of_a_preview_that_keeps_it() -> None:
    saved = json.loads(text("nothing.plan"))
    for urn, one in saved["resourcePlans"].items():
        if "Eip::" in urn:
            one["goal"]["protect"] = False
    assert differences(parse_plan(text("nothing")), json.dumps(saved)) == [
        "egress-use1-az1-1: protection differs"
    ]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            lambda goal: goal.update(id="eipalloc-0000000000000000f"),
            "against import of eipalloc-0000000000000000f",
        ),
        (lambda goal: goal["inputDiff"]["adds"].update(tags={}), "other values of tags"),
        (lambda goal: goal.pop("id"), "import, update against update"),
    ],
)
def test_a_plan_that_adopts_otherwise_is_not_the_previews_own(
    edit: Callable[[dict[str, Any]], None], said: str
) -> None:
    """What is imported and changed at once is told in two steps by a preview, and in one by a plan."""
    saved = _edited("adopted", "eip:Eip::egress-use1-az1-3", edit)
    (found,) = differences(parse_plan(text("adopted")), saved)
    assert said in found


def test_a_plan_that_imports_another_address_is_not_the_previews_own() -> None:
    saved = json.loads(text("nothing.plan"))
    for urn, one in saved["resourcePlans"].items():
        if "Eip::" in urn:
            one["goal"]["id"] = "eipalloc-0000000000000000f"
    assert len(differences(parse_plan(text("nothing")), json.dumps(saved))) == 1


def _edited(name: str, part: str, edit: Callable[[dict[str, Any]], None]) -> str:
    saved = json.loads(text(f"{name}.plan"))
    (goal,) = (one["goal"] for urn, one in saved["resourcePlans"].items() if urn.endswith(part))
    edit(goal)
    return json.dumps(saved)


ROUTE = "route:Route::egress-use1-az1"


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("past-the-gateway", lambda goal: goal["inputDiff"]["adds"].update(gatewayId="igw-0b")),
        ("past-the-gateway", lambda goal: goal["inputDiff"]["adds"].update(more=1)),
        ("past-the-gateway", lambda goal: goal["inputDiff"]["deletes"].append("routeTableId")),
        ("past-the-gateway", lambda goal: goal["inputDiff"].pop("deletes")),
        ("past-the-gateway", lambda goal: goal.pop("inputDiff")),
        ("moved", lambda goal: goal["inputDiff"]["updates"].update(natGatewayId="nat-0a")),
        ("moved", lambda goal: goal["propertyDependencies"].update(natGatewayId=["urn:of::another"])),
    ],
)
def test_a_plan_of_the_same_operations_with_other_inputs_is_not_the_previews_own(
    name: str, edit: Callable[[dict[str, Any]], None]
) -> None:
    found = differences(parse_plan(text(name)), _edited(name, ROUTE, edit))
    assert len(found) == 1
    assert found[0].startswith("egress-use1-az1: other values of ")


SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:…"}
ARCHIVE = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7", "path": "a.zip"}


def _told(planned: object, told: object) -> list[str]:
    """Compare a plan that gives an input of the route one value with a preview that tells another."""
    raw = json.loads(text("past-the-gateway"))
    (step,) = (one for one in raw["steps"] if one["urn"].endswith(ROUTE))
    step["newState"]["inputs"]["more"] = told
    saved = _edited("past-the-gateway", ROUTE, lambda goal: goal["inputDiff"]["adds"].update(more=planned))
    return differences(parse_plan(json.dumps(raw)), saved)


@pytest.mark.parametrize(
    ("planned", "told"),
    [
        (SECRET, "[secret]"),
        (SECRET, "known by now"),
        ("known by now", "[secret]"),
        ({"a": [1, SECRET]}, {"a": [1, "[secret]"]}),
        ({"a": 1, "__defaults": ["a"]}, {"a": 1}),
        ([{"a": 1, "__defaults": []}], [{"a": 1, "__defaults": ["b"]}]),
        (ARCHIVE, ARCHIVE),
    ],
)
def test_what_is_hidden_or_noted_by_a_provider_is_not_compared(planned: object, told: object) -> None:
    assert _told(planned, told) == []


@pytest.mark.parametrize(
    ("planned", "told"),
    [
        ({"a": SECRET, "b": 1}, {"a": "[secret]", "b": 2}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ({"a": 1, "b": 1}, {"a": 1}),
        ([SECRET, 1], ["[secret]"]),
        ([SECRET], ["[secret]", 1]),
        ([SECRET, 1], ["[secret]", 2]),
        ({"a": 1}, [1]),
        ([1], {"a": 1}),
        ({}, "text"),
        (ARCHIVE, ARCHIVE | {"path": "b.zip"}),
    ],
)
def test_what_is_not_hidden_is_compared_at_any_depth(planned: object, told: object) -> None:
    assert _told(planned, told) == ["egress-use1-az1: other values of more"]


def test_what_a_provider_notes_for_itself_is_not_compared() -> None:
    saved = _edited(
        "past-the-gateway", ROUTE, lambda goal: goal["inputDiff"]["adds"].update(__defaults=["region"])
    )
    assert differences(parse_plan(text("past-the-gateway")), saved) == []


@pytest.mark.parametrize(
    "given",
    [
        "",
        "{}",
        "[]",
        '{"resourcePlans": [], "config": {}}',
        '{"resourcePlans": {}, "config": [1]}',
        '{"resourcePlans": {"u": []}, "config": {}}',
        '{"resourcePlans": {"u": {"goal": 5}}, "config": {}}',
        '{"resourcePlans": {"u": {"steps": [[]]}}, "config": {}}',
        '{"resourcePlans": {"u": {"goal": {"inputDiff": 5}}}, "config": {}}',
        '{"resourcePlans": {"u": {"goal": {"inputDiff": {"adds": ["x"]}}}}, "config": {}}',
        '{"resourcePlans": {"u": {"goal": {"inputDiff": {"deletes": {"x": 1}}}}}, "config": {}}',
        '{"resourcePlans": {"u": {"goal": {"propertyDependencies": {"x": 5}}}}, "config": {}}',
        text("nothing"),
    ],
)
def test_something_else_is_no_saved_plan(given: str) -> None:
    with pytest.raises(NotAPlanError):
        differences(parse_plan(text("nothing")), given)
