"""What is said about this host and its way out, for everything that can be seen of them."""

from dataclasses import replace
from typing import Any

import pytest

from onboarding.deployment import EgressAddress, Role
from onboarding.flexpay.errors import Kind
from onboarding.verification import judge_places
from onboarding.verification.facts import Facts, Place
from onboarding.verification.measurement import EchoSample, PlaceMeasurement, Surroundings
from onboarding.verification.model import Outcome, Subject, Verdict
from onboarding.verification.results import Results
from tests.unit.judging_world import (
    ACCOUNT,
    ADDRESS,
    HERE,
    OTHER,
    call,
    facts,
    pair,
    results,
    stack,
    with_pairs,
)

STRANGE = "203.0.113.99"
SPARE = EgressAddress("use1-az1/2", "use1-az1", OTHER, Role.SPARE, "us-east-1", ACCOUNT, "eipalloc-2", None)
OBSERVED = replace(HERE, bound=False)


def seen(*addresses: object) -> tuple[EchoSample, ...]:
    """Return what the echo services saw, in order; a kind is how a call to one ended instead."""
    return tuple(
        EchoSample(f"echo-{number}", None, call(one))
        if isinstance(one, Kind)
        else EchoSample(f"echo-{number}", str(one), call())
        for number, one in enumerate(addresses, 1)
    )


def looked(place: Place, *samples: object, prior: Results | None = None) -> Verdict:
    known = facts(addresses=(*stack().addresses, SPARE))
    known = replace(known, places=(place,), seen={"here": PlaceMeasurement("here", seen(*samples))})
    return judge_places.egress_address(known, place.subject, prior or Results())


@pytest.mark.parametrize(
    ("place", "samples", "outcome", "found", "next_step"),
    [
        (HERE, (ADDRESS, ADDRESS), Outcome.PASS, f"{ADDRESS}, by 2 echo services", ""),
        (OBSERVED, (ADDRESS, ADDRESS), Outcome.PASS, f"{ADDRESS}, by 2 echo services", ""),
        (HERE, (ADDRESS, Kind.DNS), Outcome.WARN, f"{ADDRESS}, by one echo service only", "partner.echo"),
        (
            HERE,
            (OTHER, OTHER),
            Outcome.FAIL,
            f"calls from {ADDRESS} leave from {OTHER}, which is declared as use1-az1/2",
            "default route",
        ),
        (
            HERE,
            (STRANGE, STRANGE),
            Outcome.FAIL,
            f"calls from {ADDRESS} leave from {STRANGE}, which is declared nowhere",
            "default route",
        ),
        (
            OBSERVED,
            (STRANGE, STRANGE),
            Outcome.ERROR,
            f"this host leaves from {STRANGE}, which is not an address of production",
            "--source-address",
        ),
        (
            OBSERVED,
            (OTHER, OTHER),
            Outcome.FAIL,
            f"traffic leaves from {OTHER}, which is declared as a spare (use1-az1/2)",
            "rollover",
        ),
        (
            HERE,
            (ADDRESS, OTHER),
            Outcome.ERROR,
            f"the echo services disagree: echo-1 saw {ADDRESS}, echo-2 saw {OTHER}",
            "check for a proxy",
        ),
        (HERE, (Kind.DNS, Kind.REFUSED), Outcome.ERROR, "dns; refused", "do"),
    ],
)
def test_what_the_echoes_saw_is_held_against_what_is_declared(
    place: Place, samples: tuple[object, ...], outcome: Outcome, found: str, next_step: str
) -> None:
    told = looked(place, *samples)
    assert (told.outcome, told.found) == (outcome, found)
    assert next_step in told.next_action
    assert bool(told.next_action) == (outcome is not Outcome.PASS)
    assert set(told.evidence) == {"echo-1", "echo-2"}
    assert told.expected.startswith(str(ADDRESS) if place.bound else "one of the active addresses")


def test_a_spare_may_be_called_from_on_purpose() -> None:
    bound_to_spare = Place("here", "use1-az1", OTHER, bound=True)
    assert looked(bound_to_spare, OTHER, OTHER).outcome is Outcome.PASS


def test_without_an_echo_the_route_has_to_do() -> None:
    assert (looked(HERE).outcome, looked(HERE).found) == (
        Outcome.WARN,
        "by route only: no echo service is configured",
    )
    for outcome in (Outcome.FAIL, Outcome.ERROR):
        prior = results(("egress-routes", outcome, HERE.subject))
        assert looked(HERE, prior=prior).outcome is Outcome.ERROR
    assert looked(OBSERVED).outcome is Outcome.ERROR
    assert "partner.echo" in looked(OBSERVED).next_action


@pytest.mark.parametrize(
    "known", [replace(facts(), places=(HERE,)), replace(facts(), seen={"here": PlaceMeasurement("here")})]
)
def test_a_place_that_nobody_looked_at_cannot_be_judged(known: Facts) -> None:
    told = judge_places.egress_address(known, HERE.subject, Results())
    assert (told.outcome, told.found) == (Outcome.ERROR, "this place was not looked at")


class TestTheHost:
    def judged(self, *skews: float | None, **near: Any) -> Verdict:
        calls = [call(skew_seconds=skew) for skew in skews]
        known = with_pairs(facts(), *(pair(f"v{number}", token=one) for number, one in enumerate(calls)))
        known = replace(known, seen={"here": PlaceMeasurement("here", surroundings=Surroundings(**near))})
        return judge_places.clean_environment(known, Subject(), Results())

    def test_on_which_nothing_interferes(self) -> None:
        told = self.judged(1.24)
        assert (told.outcome, told.found) == (Outcome.PASS, "nothing interferes; the clock is right")
        assert told.evidence == {"skewSeconds": 1.2}

    def test_whose_clock_was_not_compared(self) -> None:
        told = self.judged(None)
        assert told.found == "nothing interferes; the clock was not compared, as no call was made"
        assert told.evidence == {}

    @pytest.mark.parametrize(
        ("near", "found", "step"),
        [
            (
                {"proxies": ("HTTPS_PROXY", "ALL_PROXY")},
                "a proxy is set (ALL_PROXY, HTTPS_PROXY)",
                "NO_PROXY",
            ),
            ({"netrc": True}, "netrc names the partner's host", "remove that entry"),
            ({"ipv6": True}, "the partner has IPv6 addresses and this host a way to them", "force IPv4"),
        ],
    )
    def test_that_could_mislead_applications_is_a_warning(
        self, near: dict[str, Any], found: str, step: str
    ) -> None:
        told = self.judged(0.0, **near)
        assert told.outcome is Outcome.WARN
        assert told.found.startswith(found)
        assert step in told.next_action

    @pytest.mark.parametrize(
        ("skew", "found"),
        [
            (30.0, None),
            (31.0, "this host's clock is 31 s behind"),
            (-31.0, "this host's clock is 31 s ahead"),
        ],
    )
    def test_whose_clock_is_off(self, skew: float, found: str | None) -> None:
        told = self.judged(skew)
        assert told.outcome is (Outcome.WARN if found else Outcome.PASS)
        assert told.found == (found or "nothing interferes; the clock is right")

    def test_is_not_blamed_for_the_clock_of_one_server(self) -> None:
        assert self.judged(3600.0, -2.0).outcome is Outcome.PASS

    def test_is_told_everything_at_once(self) -> None:
        told = self.judged(90.0, netrc=True, ipv6=True)
        assert told.found.count("; ") == 4
        assert "synchronised" in told.next_action

    def test_compares_its_clock_with_the_echoes_too(self) -> None:
        late = EchoSample("echo-1", str(ADDRESS), call(skew_seconds=40.0))
        known = replace(facts(), seen={"here": PlaceMeasurement("here", (late,))})
        told = judge_places.clean_environment(known, Subject(), Results())
        assert told.found == "this host's clock is 40 s behind"


def test_routes_are_told_by_the_address_that_is_meant() -> None:
    right = Verdict(Outcome.PASS, "as declared")
    known = replace(facts(), routes={str(ADDRESS): right})
    assert judge_places.egress_routes(known, HERE.subject, Results()) is right
    unknown = judge_places.egress_routes(known, Subject(vantage="here"), Results())
    assert (unknown.outcome, unknown.found) == (Outcome.SKIP, "where this place leaves from is not known")
    other = judge_places.egress_routes(known, Subject(address=str(OTHER)), Results())
    assert other.found == "no private subnet of these stacks is meant to leave from it"


def test_what_is_deployed_is_counted() -> None:
    told = judge_places.stack_outputs(facts(), Subject(), Results())
    assert (told.outcome, told.found) == (
        Outcome.PASS,
        "stack production: 1 active addresses, 1 merchants",
    )
