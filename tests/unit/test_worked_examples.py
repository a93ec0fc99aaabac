"""The examples of how-to-extend do what the page says, in the places it names."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any

import pytest

from onboarding.allowlist.ledger import Action, Ledger, new_event
from onboarding.cli import verify_output
from onboarding.deployment import EgressAddress, Role
from onboarding.flexpay import orders
from onboarding.preflight.values import Outcome as PreflightOutcome
from onboarding.preflight.values import Unknown, Zone
from onboarding.redaction import KnownSecrets
from onboarding.verification import reports
from onboarding.verification.catalog import CHECKS
from onboarding.verification.facts import Facts
from onboarding.verification.judging import judge
from onboarding.verification.model import Outcome, Result
from tests.unit.judging_world import facts, stack
from tests.unit.test_reports import EVERY, NASTY, report, result
from tests.unit.worked_examples import example, sources

SPARE = IPv4Address("198.51.100.77")


def with_spare(*, approved: bool) -> Facts:
    """Return facts in which every zone that carries traffic has a spare."""
    active = stack().addresses
    spares = tuple(
        replace(one, slot=f"{one.zone}/9", address=SPARE, role=Role.SPARE, nat_gateway_id=None)
        for one in active
    )
    known = facts(addresses=(*active, *spares))
    if not approved:
        return known
    at = datetime(2026, 11, 1, tzinfo=UTC)
    events = [
        new_event(
            "production",
            at=at.replace(day=day),
            action=action,
            merchants=("acme",),
            addresses=(SPARE,),
            reference="FP-1",
            actor="somebody",
        )
        for day, action in ((1, Action.SUBMITTED), (2, Action.APPROVED))
    ]
    return replace(known, ledger=Ledger("production", tuple(events)))


def judged_with(check: Any, known: Facts) -> Result:
    (told,) = [one for one in judge(known, (*CHECKS, check)) if one.check == check.id]
    return told


class TestCheck:
    def test_it_runs_beside_the_others_and_passes_on_an_approved_spare_only(self) -> None:
        check = example("check").CHECK
        assert judged_with(check, with_spare(approved=True)).outcome is Outcome.PASS
        for lacking in (with_spare(approved=False), facts()):
            told = judged_with(check, lacking)
            assert told.outcome is Outcome.WARN
            assert "use1-az1" in told.verdict.found
            assert told.verdict.next_action

    def test_the_example_is_not_in_the_catalogue_already(self) -> None:
        assert example("check").CHECK.id not in {check.id for check in CHECKS}


class TestPreflight:
    def judged(self, zones: Any, chosen: int) -> Any:
        config: Any = SimpleNamespace(settings=SimpleNamespace(zones=["use1-az1", "use1-az4"][:chosen]))
        known: Any = SimpleNamespace(zones=zones)
        return example("preflight").zone_spread(config, known)

    def test_it_warns_passes_and_cannot_tell(self) -> None:
        zones = tuple(
            Zone(f"use1-az{number}", f"us-east-1{number}", "availability-zone", "us-east-1", True)
            for number in (1, 4)
        )
        assert self.judged(zones, 2).outcome is PreflightOutcome.PASS
        assert self.judged(zones[:1], 1).outcome is PreflightOutcome.PASS
        assert self.judged(zones, 1).outcome is PreflightOutcome.WARN
        assert self.judged(Unknown("no answer"), 1).outcome is PreflightOutcome.CANNOT_TELL


class TestReport:
    @pytest.fixture(autouse=True)
    def registered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the module and its one line where the page says."""
        monkeypatch.setitem(sys.modules, "onboarding.verification.reports.as_tap", example("report"))
        monkeypatch.setitem(reports.TEXTS, "tap", "report.tap")

    def test_one_line_makes_it_a_format(self) -> None:
        text = reports.renderer("tap")(report(EVERY))
        assert text.startswith(f"TAP version 13\n1..{len(EVERY)}\n")
        told = [line for line in text.splitlines() if line.startswith(("ok ", "not ok "))]
        assert len(told) == len(EVERY)
        assert sum(line.startswith("not ok") for line in told) == 3
        assert sum("# SKIP" in line for line in told) == 1

    def test_the_evidence_bundle_holds_it(self) -> None:
        target: Any = verify_output.Target(reports.EVIDENCE, path=None)  # type: ignore[arg-type] # not written
        ready = verify_output.rendered(report(EVERY), [target], KnownSecrets(), as_json=False)
        ((_, packed),) = ready.files
        assert isinstance(packed, bytes)
        assert b"report.tap" in packed

    def test_nothing_embedded_can_forge_a_result(self) -> None:
        forged = f"{NASTY}\nok 99 - forged # SKIP"
        text = reports.renderer("tap")(report([result(Outcome.SKIP, text=forged, merchant=forged)]))
        assert len(text.splitlines()) == 4
        assert text.count(" # SKIP") == 1


class TestQuirk:
    def test_one_line_names_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        quirk = example("quirk")
        assert "see the partner page" in quirk.judge()
        monkeypatch.setitem(orders.LIMITS_BY_CODE, "MAX_TRAVELERS", quirk.MEANS)
        assert quirk.MEANS in quirk.judge()

    def test_the_stand_in_can_behave_so(self) -> None:
        fault = example("quirk").in_the_sandbox
        assert fault.replaces_answer
        assert not fault.processes


def test_every_example_is_run() -> None:
    assert set(sources()) == {"check", "preflight", "report", "resource", "quirk"}


def test_an_address_is_what_the_examples_take_it_for() -> None:
    assert isinstance(stack().addresses[0], EgressAddress)
