from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.allowlist.discovery import Egress, egress_of
from onboarding.allowlist.network_view import (
    GatewayAddress,
    NatGateway,
    RegionView,
    Route,
    RouteTable,
    Subnet,
    Vpc,
)
from onboarding.deployment import Orders, Partner, Role
from onboarding.errors import CannotTell, InputError
from onboarding.exit_codes import ExitCode
from onboarding.verification import templates
from onboarding.verification.catalog import CHECKS
from onboarding.verification.judge_access import addresses_approved
from onboarding.verification.judge_places import partner_url, stack_outputs
from onboarding.verification.judge_routes import judge_routes, unread
from onboarding.verification.judging import exit_code, judge
from onboarding.verification.measurement import CallRecord, PairMeasurement, Step, Surroundings, to_json
from onboarding.verification.model import Outcome, Result, Subject, Verdict
from onboarding.verification.probes import look_around
from onboarding.verification.results import Results
from tests.unit.judging_world import ACCOUNT, ADDRESS, MERCHANT, OTHER, books, facts, stack


def egress(routes_a: tuple[Route, ...], routes_b: tuple[Route, ...] | None = None, **subnet: Any) -> Egress:
    """Return what AWS would say for two private subnets with these routes, and two gateways."""
    routes_b = (Route("0.0.0.0/0", "nat-1"),) if routes_b is None else routes_b
    view = RegionView(
        region="us-east-1",
        account_id=ACCOUNT,
        vpcs=(Vpc("vpc-1", (IPv4Network("10.0.0.0/16"),)),),
        subnets=(
            Subnet("subnet-a", "vpc-1", "use1-az1", **subnet),
            Subnet("subnet-b", "vpc-1", "use1-az4"),
        ),
        gateways=tuple(
            NatGateway(id_, "vpc-1", None, "available", True, (GatewayAddress(address, f"eipalloc-{id_}"),))
            for id_, address in (("nat-1", ADDRESS), ("nat-2", OTHER))
        ),
        route_tables=(
            RouteTable("rtb-a", "vpc-1", False, frozenset({"subnet-a"}), routes_a),
            RouteTable("rtb-b", "vpc-1", False, frozenset({"subnet-b"}), routes_b),
        ),
    )
    return egress_of(view, "vpc-1")


NAT = Route("0.0.0.0/0", "nat-1")


@pytest.mark.parametrize(
    ("routes", "subnet", "outcome"),
    [
        ((NAT,), {}, Outcome.PASS),
        ((Route("0.0.0.0/0", "nat-2"),), {}, Outcome.FAIL),
        ((Route("0.0.0.0/0", "igw-1"),), {}, Outcome.FAIL),
        ((Route("0.0.0.0/0", "igw-1"),), {"maps_public_addresses": True}, Outcome.FAIL),
        ((), {}, Outcome.FAIL),
        ((Route("0.0.0.0/0", "nat-1", blackhole=True),), {}, Outcome.FAIL),
        ((NAT, Route("8.8.8.0/24", "nat-2")), {}, Outcome.FAIL),
        ((NAT, Route("8.8.8.0/24", "tgw-1")), {}, Outcome.ERROR),
        ((NAT, Route("::/0", "eigw-1")), {"has_ipv6": True}, Outcome.WARN),
        ((NAT, Route("::/0", "eigw-1")), {}, Outcome.PASS),
    ],
    ids=[
        "right",
        "wrong gateway",
        "internet gateway",
        "public subnet",
        "none",
        "blackhole",
        "beside",
        "transit gateway",
        "v6",
        "no v6",
    ],
)
def test_routes_are_judged_by_where_they_really_lead(
    routes: tuple[Route, ...], subnet: dict[str, Any], outcome: Outcome
) -> None:
    told = judge_routes(stack(), egress(routes, **subnet))[str(ADDRESS)]
    assert told.outcome is outcome, told
    assert (outcome is Outcome.PASS) or told.next_action


def test_a_zone_that_leaves_through_another_zones_address_is_judged_with_it() -> None:
    told = judge_routes(stack(), egress((NAT,), (Route("0.0.0.0/0", "nat-2"),)))[str(ADDRESS)]
    assert told.outcome is Outcome.FAIL
    assert "use1-az4" in told.found


def test_a_zone_that_is_declared_to_have_no_way_out_is_not_missed() -> None:
    alone = stack(egress_by_zone={"use1-az1": "use1-az1/1", "use1-az4": None})
    assert judge_routes(alone, egress((NAT,), ()))[str(ADDRESS)].outcome is Outcome.PASS


def test_aws_without_an_answer_cannot_tell() -> None:
    told = unread(stack(), CannotTell("throttled", hint="wait"))[str(ADDRESS)]
    assert (told.outcome, told.next_action) == (Outcome.ERROR, "wait")


def test_test_orders_do_not_go_to_the_production_host() -> None:
    partner = Partner("https://partner.upgrade.com", "/api/checkout", Orders.TEST)
    assert partner_url(facts(partner=partner), Subject(), Results()).outcome is Outcome.FAIL
    real = replace(partner, orders=Orders.REAL)
    assert partner_url(facts(partner=real), Subject(), Results()).outcome is Outcome.PASS


def test_plain_http_fails_before_anybody_is_called() -> None:
    partner = Partner("http://partner.example", "/api/checkout", Orders.TEST)
    assert partner_url(facts(partner=partner), Subject(), Results()).outcome is Outcome.FAIL


def test_spares_alone_are_nothing_to_verify() -> None:
    spare = replace(stack().addresses[0], role=Role.SPARE)
    assert stack_outputs(facts(addresses=(spare,)), Subject(), Results()).outcome is Outcome.FAIL


def test_a_run_of_no_checks_is_an_error() -> None:
    with pytest.raises(ValueError, match="no checks"):
        judge(facts(), [])


def results(*outcomes: Outcome, check: str = "coverage", required: bool = True) -> list[Result]:
    return [Result(check, "", required, Subject(), Verdict(outcome, "")) for outcome in outcomes]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([Outcome.PASS], ExitCode.HOLDS),
        ([Outcome.PASS, Outcome.WARN], ExitCode.HOLDS),
        ([Outcome.WARN], ExitCode.CANNOT_TELL),
        ([], ExitCode.CANNOT_TELL),
        ([Outcome.SKIP], ExitCode.CANNOT_TELL),
        ([Outcome.PASS, Outcome.SKIP], ExitCode.CANNOT_TELL),
        ([Outcome.WAITING, Outcome.PASS], ExitCode.WAITING),
        ([Outcome.WAITING, Outcome.ERROR], ExitCode.CANNOT_TELL),
        ([Outcome.WAITING, Outcome.ERROR, Outcome.FAIL], ExitCode.FINDING),
    ],
    ids=str,
)
def test_the_exit_code_never_claims_more_than_was_proven(outcomes: list[Outcome], code: ExitCode) -> None:
    assert exit_code(results(*outcomes)) is code


def test_passes_without_coverage_prove_nothing() -> None:
    assert exit_code(results(Outcome.PASS, check="stack-outputs")) is ExitCode.CANNOT_TELL


@given(st.lists(st.tuples(st.sampled_from(list(Outcome)), st.sampled_from(CHECKS)), max_size=12))
def test_only_a_run_that_holds_throughout_is_0(told: list[tuple[Outcome, Any]]) -> None:
    all_ = [Result(check.id, "", check.required, Subject(), Verdict(outcome, "")) for outcome, check in told]
    if exit_code(all_) is ExitCode.HOLDS:
        assert all(one.outcome in (Outcome.PASS, Outcome.WARN) for one in all_ if one.required)
        assert not any(one.outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.WAITING) for one in all_)
        assert any(one.check == "coverage" for one in all_)


@given(
    st.lists(
        st.builds(
            Subject,
            st.sampled_from([None, "a", "b"]),
            st.none(),
            st.none(),
            st.sampled_from([None, "1", "2"]),
        ),
        max_size=20,
    ),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, "1", "2"]),
)
def test_the_index_finds_what_looking_through_all_would(
    subjects: list[Subject], merchant: str | None, address: str | None
) -> None:
    kept = Results()
    for subject in subjects:
        kept.add(Result("x", "", True, subject, Verdict(Outcome.PASS, "")))
    asked = Subject(merchant, address=address)
    found = kept.about("x", asked)
    assert sorted(map(id, found)) == sorted(id(one) for one in kept if one.subject.covers(asked))


def test_measurements_survive_json() -> None:
    import json

    call = CallRecord("token", True, status=200, error_codes=("MIN_PRICE",), seconds={"total": 0.1})
    pair = PairMeasurement("acme", "host", Step(True), call, 1800.0, ("odd",), None, call)
    assert PairMeasurement.from_json(json.loads(json.dumps(to_json(pair)))) == pair


@pytest.mark.parametrize("name", templates.SHIPPED)
def test_the_shipped_orders_have_every_placeholder_filled(name: str, tmp_path: Any) -> None:
    merchant = replace(MERCHANT, test_order=name)
    today = datetime(2027, 2, 20, tzinfo=UTC).date()
    order = templates.render(templates.load(merchant, tmp_path), merchant, run_id="run-1", today=today)
    assert "{{" not in str(order)
    assert (order["integrationId"], order["externalId"]) == ("UP-12345678-1", "run-1")
    assert name != "air" or "2027-03-22" in str(order)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ('{"a": "{{yesterday}}"}', "unknown placeholder {{yesterday}}"),
        ('{"a": ["{{today-1}}"]}', "unknown placeholder"),
        ('{"a": {"b": "{{today+99999}}"}}', "unknown placeholder"),
        (None, "there is no such file"),
    ],
)
def test_a_template_that_cannot_be_used_is_named(content: str | None, reason: str, tmp_path: Any) -> None:
    if content is not None:
        (tmp_path / "mine.json").write_text(content)
    merchant = replace(MERCHANT, test_order="mine.json")

    def used() -> None:
        today = datetime(2027, 1, 1, tzinfo=UTC).date()
        templates.render(templates.load(merchant, tmp_path), merchant, run_id="r", today=today)

    with pytest.raises(InputError, match=r"acme.*mine\.json") as told:
        used()
    assert reason in str(told.value)


@pytest.mark.parametrize(("role", "outcome"), [(Role.ACTIVE, Outcome.FAIL), (Role.SPARE, Outcome.WAITING)])
def test_a_spare_may_wait_for_its_submission_while_traffic_may_not(role: Role, outcome: Outcome) -> None:
    declared = replace(stack().addresses[0], role=role)
    known = replace(facts(addresses=(declared,)), ledger=books("submitted", "approved", address=OTHER))
    told = addresses_approved(known, Subject("acme", address=str(ADDRESS)), Results())
    assert told.outcome is outcome


def test_what_on_a_host_changes_the_way_out_is_seen_by_name_only(tmp_path: Any) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine partner.invalid login me password canary-in-netrc\n")
    netrc.chmod(0o600)
    variables = {"HTTPS_PROXY": "http://me:canary-in-proxy@proxy:3128", "no_proxy": "x", "NETRC": str(netrc)}
    seen = look_around("https://partner.invalid", variables)
    assert (seen.proxies, seen.netrc, seen.ipv6) == (("HTTPS_PROXY",), True, False)
    assert "canary" not in str(seen)
    assert look_around("https://other.invalid", {"NETRC": str(netrc)}) == Surroundings()
