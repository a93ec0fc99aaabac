import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from ipaddress import IPv4Address, IPv4Network

import jsonschema
import pytest

from onboarding.allowlist.actual import Actual, actual_of
from onboarding.allowlist.clocks import business_days, days
from onboarding.allowlist.ledger import Event, Ledger
from onboarding.allowlist.network_view import (
    Allocation,
    GatewayAddress,
    NatGateway,
    RegionView,
    Route,
    RouteTable,
    Subnet,
    Vpc,
)
from onboarding.allowlist.own_egress import places
from onboarding.allowlist.reconciliation import Report, reconcile
from onboarding.allowlist.status_report import as_document, as_prometheus, as_text
from onboarding.allowlist.verdicts import Row, Status
from onboarding.deployment import EgressAddress, Environment
from onboarding.exit_codes import ExitCode
from onboarding.proof import Order, Origin, Pair, Proof
from tests.unit.ledger_world import AIR, RAIL, START, A, B, C, declared, environment, event, ledger, stack

HERE = ("123456789012", "us-east-1")
NOW = START + timedelta(days=3)
SUBMITTED = event("submitted", 0, [A])
APPROVED = (SUBMITTED, event("approved", 1, [A]))
HOLDS, FINDING, WAITING, CANNOT_TELL = (
    ExitCode.HOLDS,
    ExitCode.FINDING,
    ExitCode.WAITING,
    ExitCode.CANNOT_TELL,
)


def there(*addresses: IPv4Address, idle: tuple[IPv4Address, ...] = ()) -> Actual:
    """AWS has these addresses, and traffic leaves from all but the idle ones."""
    return Actual(
        allocated={address: f"eipalloc-{int(address):08x}" for address in (*addresses, *idle)},
        carrying=dict.fromkeys(addresses, "rtb-1 sends 0.0.0.0/0 to nat-1"),
        asked=frozenset({HERE}),
    )


def proof(address: IPv4Address, day: float, merchant: str = AIR) -> dict[Pair, Proof]:
    return {
        (merchant, address): Proof(
            environment="production",
            merchant=merchant,
            address=address,
            proven_at=START + timedelta(days=day),
            vantage=Origin.FUNCTION,
            order=Order.NOT_PROVEN,
            source="use1-az1",
            run_id="run-1",
        )
    }


def judged(
    deployed: Environment,
    actual: Actual | None,
    books: Ledger,
    proofs: dict[Pair, Proof] | None = None,
    now: datetime = NOW,
) -> Report:
    return reconcile(deployed, actual, books, proofs or {}, now=now)


def only(report: Report) -> Row:
    (row,) = report.rows
    return row


ACTIVE, SPARE = declared(A), declared(A, "spare")

TABLE: dict[
    str, tuple[tuple[EgressAddress, ...], Actual | None, tuple[Event, ...], Status, ExitCode, str]
] = {
    "never submitted, at first": (
        (ACTIVE,),
        there(A),
        (),
        Status.UNSUBMITTED,
        WAITING,
        "nothing was approved",
    ),
    "never submitted, while others are": (
        (ACTIVE, declared(B)),
        there(A, B),
        (event("submitted", 0, [B]), event("approved", 1, [B])),
        Status.UNSUBMITTED,
        FINDING,
        "traffic leaves from it",
    ),
    "a spare that was never submitted": (
        (SPARE,),
        there(idle=(A,)),
        (),
        Status.UNSUBMITTED,
        HOLDS,
        "a spare",
    ),
    "under review": (
        (ACTIVE,),
        there(A),
        (SUBMITTED,),
        Status.WAITING,
        WAITING,
        "under review since 2026-01-05",
    ),
    "a spare under review": ((SPARE,), there(idle=(A,)), (SUBMITTED,), Status.WAITING, HOLDS, "under review"),
    "rejected": (
        (ACTIVE,),
        there(A),
        (SUBMITTED, event("rejected", 1, [A], note="shared with others")),
        Status.REJECTED,
        FINDING,
        "shared with others",
    ),
    "a rejected spare": (
        (SPARE,),
        there(idle=(A,)),
        (SUBMITTED, event("rejected", 1, [A])),
        Status.REJECTED,
        FINDING,
        "rejected since",
    ),
    "approved, never proven": ((ACTIVE,), there(A), APPROVED, Status.UNPROVEN, HOLDS, "no call from it"),
    "an approved spare": ((SPARE,), there(idle=(A,)), APPROVED, Status.APPROVED, HOLDS, "a spare"),
    "retired, still in use": (
        (ACTIVE,),
        there(A),
        (*APPROVED, event("retired", 2, [A])),
        Status.UNSUBMITTED,
        FINDING,
        "retired since 2026-01-07",
    ),
    "approved, its allocation gone": ((ACTIVE,), there(B), APPROVED, Status.LOST, FINDING, "approved since"),
    "under review, its allocation gone": (
        (ACTIVE,),
        there(B),
        (SUBMITTED,),
        Status.LOST,
        FINDING,
        "is not in",
    ),
    "a spare, its allocation gone": ((SPARE,), there(B), APPROVED, Status.LOST, FINDING, "not ours any more"),
    "approved, not declared, not ours": ((), there(), APPROVED, Status.STALE, FINDING, "gets it next"),
    "approved, not declared, still ours": (
        (),
        there(idle=(A,)),
        APPROVED,
        Status.STALE,
        FINDING,
        "must stay so until it is retired",
    ),
    "approved, not declared, AWS not asked": (
        (),
        None,
        APPROVED,
        Status.STALE,
        FINDING,
        "no stack declares it",
    ),
    "under review, not declared": (
        (),
        there(),
        (SUBMITTED,),
        Status.WAITING,
        FINDING,
        "no stack declares it",
    ),
    "in use, not declared": ((), there(A), (), Status.UNMANAGED, FINDING, "no stack declares it"),
    "in use and approved, not declared": (
        (),
        there(A),
        APPROVED,
        Status.UNMANAGED,
        FINDING,
        "approved since",
    ),
    "AWS not asked": ((ACTIVE,), None, APPROVED, Status.UNPROVEN, HOLDS, "approved since"),
}


@pytest.mark.parametrize("case", TABLE)
def test_every_disagreement_has_one_status_one_outcome_and_one_reason(case: str) -> None:
    addresses, actual, events, status, outcome, reason = TABLE[case]

    rows = judged(environment(*addresses), actual, ledger(*events)).rows
    row = next(row for row in rows if row.address == A)

    assert (row.status, row.outcome) == (status, outcome)
    assert reason in row.verdict
    finished = status is Status.APPROVED
    assert bool(row.next_step) is not finished


def test_only_what_is_approved_active_and_proven_needs_nothing() -> None:
    row = only(judged(environment(ACTIVE), there(A), ledger(*APPROVED), proof(A, 2)))

    assert (row.status, row.outcome, row.next_step, row.warnings) == (Status.APPROVED, HOLDS, "", ())
    assert "proven 2026-01-07 (function, use1-az1)" in row.verdict


def test_a_proof_from_before_the_approval_does_not_prove_the_approval() -> None:
    assert (
        only(judged(environment(ACTIVE), there(A), ledger(*APPROVED), proof(A, 0.5))).status
        is Status.UNPROVEN
    )


def test_what_was_retired_and_taken_away_is_not_mentioned_again() -> None:
    gone = (*APPROVED, event("retired", 2, [A]))
    report = judged(environment(declared(B)), there(B), ledger(*gone, event("submitted", 0, [B])))

    assert {row.address for row in report.rows} == {B}


def test_merchants_are_judged_on_their_own() -> None:
    report = judged(environment(ACTIVE, merchants=[AIR, RAIL]), there(A), ledger(*APPROVED))

    assert {row.merchant: (row.status, row.outcome) for row in report.rows} == {
        AIR: (Status.UNPROVEN, HOLDS),
        RAIL: (Status.UNSUBMITTED, WAITING),
    }


def test_a_merchant_that_left_is_still_let_in_and_that_is_stale() -> None:
    rows = judged(environment(ACTIVE, merchants=[RAIL]), there(A), ledger(*APPROVED)).rows
    row = next(row for row in rows if row.merchant == AIR)

    assert (row.status, row.outcome) == (Status.STALE, FINDING)
    assert "no merchant of the environment" in row.verdict


def test_a_stale_address_is_led_to_a_removal_request_and_its_record() -> None:
    step = only(judged(environment(), there(), ledger(*APPROVED))).next_step

    assert f"allowlist draft --remove {A}" in step
    assert f"allowlist record retired --address {A} --reference" in step


def test_references_are_shown_as_they_are() -> None:
    odd = event("submitted", 0, [A], reference="FPX {0} {address}")

    row = only(judged(environment(ACTIVE), there(A), ledger(odd), now=START + timedelta(days=60)))
    assert "FPX {0}" in row.next_step


def test_an_external_address_is_never_lost_because_nobody_can_look() -> None:
    outside = declared(A, slot=f"external/{A}")

    row = only(judged(environment(outside), there(), ledger(*APPROVED), proof(A, 2)))
    assert (row.status, row.outcome) == (Status.APPROVED, HOLDS)


def test_whether_traffic_leaves_is_odd_only_where_aws_was_asked() -> None:
    outside = declared(A, slot=f"external/{A}")
    for one, actual in (
        (outside, there()),
        (ACTIVE, Actual(asked=frozenset({("123456789012", "eu-west-1")}))),
    ):
        row = only(judged(environment(one), actual, ledger(*APPROVED), proof(A, 2)))
        assert row.warnings == (), one


@pytest.mark.parametrize(
    ("books", "actual", "fact"),
    [
        ((SUBMITTED, event("rejected", 1, [A])), there(A), "rejected since 2026-01-06 (FPX-1)"),
        ((SUBMITTED,), there(), "so it is not ours any more"),
        (APPROVED, there(), "so it is not ours any more; approved since 2026-01-06 (FPX-1)"),
    ],
)
def test_a_fact_says_no_more_than_the_books_have(books: tuple[Event, ...], actual: Actual, fact: str) -> None:
    assert only(judged(environment(ACTIVE), actual, ledger(*books))).verdict.endswith(fact)


def test_an_allocation_under_another_id_is_another_allocation() -> None:
    swapped = Actual(allocated={A: "eipalloc-0other"}, asked=frozenset({HERE}))

    assert only(judged(environment(ACTIVE), swapped, ledger(*APPROVED))).status is Status.LOST


def test_where_aws_gives_no_answer_nothing_is_claimed() -> None:
    silent = Actual(unanswered={HERE: "access denied (UnauthorizedOperation)"})
    report = judged(environment(ACTIVE), silent, ledger(*APPROVED), proof(A, 2))

    assert only(report).outcome is CANNOT_TELL
    assert "AWS did not say" in only(report).verdict
    assert report.outcome is CANNOT_TELL
    assert "access denied (UnauthorizedOperation)" in as_text(report)


def test_a_finding_outranks_a_region_that_gave_no_answer() -> None:
    silent = Actual(unanswered={HERE: "throttled"})
    books = ledger(SUBMITTED, event("rejected", 1, [A]))

    assert judged(environment(ACTIVE), silent, books).outcome is FINDING


def test_an_environment_without_addresses_claims_nothing() -> None:
    assert judged(environment(), there(), ledger()).outcome is CANNOT_TELL


@pytest.mark.parametrize(("weight", "outcome"), [(FINDING, FINDING), (CANNOT_TELL, CANNOT_TELL)])
def test_a_way_out_without_an_address_counts_for_the_environment(weight: ExitCode, outcome: ExitCode) -> None:
    open_way = Actual(
        allocated=there(A).allocated,
        carrying=there(A).carrying,
        nameless=((weight, "rtb-1 sends ::/0 to eigw-1"),),
        asked=frozenset({HERE}),
    )
    report = judged(environment(ACTIVE), open_way, ledger(*APPROVED), proof(A, 2))

    assert report.outcome is outcome
    assert "rtb-1 sends ::/0 to eigw-1" in as_text(report)


ODD: dict[str, tuple[EgressAddress, Actual, tuple[Event, ...], dict[Pair, Proof], int]] = {
    "waiting for 11 business days": (ACTIVE, there(A), (SUBMITTED,), {}, 15),
    "approved for 19 days and never proven": (ACTIVE, there(A), APPROVED, {}, 20),
    "the last proof is 38 days old": (ACTIVE, there(A), APPROVED, proof(A, 2), 40),
    "does not enforce its list": (ACTIVE, there(A), (SUBMITTED,), proof(A, 1), 2),
    "no route leads traffic out through it": (ACTIVE, there(idle=(A,)), APPROVED, {}, 2),
    "declared a spare, but traffic can leave from it": (SPARE, there(A), APPROVED, {}, 2),
    "contradict each other": (
        ACTIVE,
        there(A),
        (SUBMITTED, event("rejected", 1, [A]), event("approved", 2, [A])),
        {},
        3,
    ),
}


@pytest.mark.parametrize("warning", ODD)
def test_what_is_odd_or_takes_too_long_is_a_warning(warning: str) -> None:
    deployed, actual, events, proofs, day = ODD[warning]
    report = judged(environment(deployed), actual, ledger(*events), proofs, START + timedelta(days=day))

    assert any(warning in found for found in only(report).warnings)
    assert f"warning: {only(report).warnings[0]}" in as_text(report)


def test_nothing_is_late_on_the_last_day_of_its_limit() -> None:
    ten_days_on = START + timedelta(days=14)
    assert only(judged(environment(ACTIVE), there(A), ledger(SUBMITTED), now=ten_days_on)).warnings == ()


@pytest.mark.parametrize(
    ("since", "now", "expected"),
    [
        ("2026-01-05T09:00", "2026-01-05T23:00", 0),
        ("2026-01-05T23:59", "2026-01-06T00:01", 1),
        ("2026-01-09T09:00", "2026-01-11T09:00", 0),
        ("2026-01-09T09:00", "2026-01-12T09:00", 1),
        ("2026-01-10T09:00", "2026-01-12T00:00", 1),
        ("2026-01-05T09:00", "2026-01-19T09:00", 10),
        ("2026-01-07T09:00", "2026-02-04T09:00", 20),
        ("2026-01-12T09:00", "2026-01-05T09:00", 0),
    ],
)
def test_weekends_are_no_business_days(since: str, now: str, expected: int) -> None:
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, now))

    assert business_days(start, end) == expected


def test_a_clock_that_runs_ahead_makes_no_negative_age() -> None:
    assert days(START, START - timedelta(hours=5)) == 0


def test_the_table_has_one_line_a_verdict_and_a_last_line_for_scripts() -> None:
    text = as_text(judged(environment(ACTIVE, declared(B)), there(A, B), ledger(*APPROVED)))

    assert text.splitlines()[-1] == (
        "result=finding environment=production rows=2 unsubmitted=1 unproven=1 warnings=0 exit=1"
    )
    assert sum(str(A) in line and AIR in line for line in text.splitlines()) == 1


@pytest.mark.parametrize("case", TABLE)
def test_the_json_form_keeps_to_its_published_schema(case: str) -> None:
    addresses, actual, events, *_ = TABLE[case]
    schema = json.loads(files("onboarding.allowlist").joinpath("status.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)

    document = as_document([judged(environment(*addresses), actual, ledger(*events), proof(A, 2))])
    jsonschema.validate(json.loads(json.dumps(document)), schema)
    assert document["environments"][0]["comparedWithAws"] is (actual is not None)


def test_prometheus_gets_one_status_per_address_and_escaped_labels() -> None:
    odd = environment(ACTIVE, merchants=['a"b\\c'])
    text = as_prometheus([judged(odd, there(A), ledger(), proof(A, 2, 'a"b\\c'))])

    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert 'merchant="a\\"b\\\\c"' in text
    assert sum(line.startswith("flexpay_egress_address_status{") for line in samples) == 1
    assert 'flexpay_egress_status_exit_code{environment="production"} 3' in samples
    assert text.endswith("\n")


def view(*, ipv6: bool = False, environment_tag: str | None = "production") -> RegionView:
    """One VPC with a NAT gateway for the declared subnet, and one for a subnet of somebody else."""
    routes = [Route("10.0.0.0/16", "local"), Route("0.0.0.0/0", "nat-1")]
    if ipv6:
        routes.append(Route("::/0", "eigw-1"))
    return RegionView(
        region="us-east-1",
        account_id="123456789012",
        allocations=(Allocation(A, "eipalloc-a"), Allocation(B, "eipalloc-b"), Allocation(C, "eipalloc-c")),
        gateways=(
            NatGateway("nat-1", "vpc-0a1", "subnet-p", "available", True, (GatewayAddress(A, "eipalloc-a"),)),
            NatGateway("nat-2", "vpc-0a1", "subnet-p", "available", True, (GatewayAddress(B, "eipalloc-b"),)),
            NatGateway("nat-3", "vpc-0a1", "subnet-p", "available", True, (GatewayAddress(C, "eipalloc-c"),)),
        ),
        route_tables=(
            RouteTable("rtb-1", "vpc-0a1", False, frozenset({"subnet-1"}), tuple(routes)),
            RouteTable("rtb-2", "vpc-0a1", True, frozenset(), (Route("0.0.0.0/0", "nat-2"),)),
        ),
        subnets=(
            Subnet("subnet-1", "vpc-0a1", "use1-az1", has_ipv6=ipv6),
            Subnet("subnet-2", "vpc-0a1", "use1-az2"),
        ),
        vpcs=(Vpc("vpc-0a1", (IPv4Network("10.0.0.0/16"),), environment=environment_tag),),
    )


def test_in_our_own_vpc_every_way_out_counts_and_an_idle_gateway_is_none() -> None:
    actual = actual_of(environment(ACTIVE), {HERE: view()}, {})

    assert actual.carrying.keys() == {A, B}
    assert actual.allocated == {A: "eipalloc-a", B: "eipalloc-b", C: "eipalloc-c"}


def test_in_somebody_elses_vpc_only_our_subnets_count() -> None:
    assert actual_of(environment(ACTIVE), {HERE: view(environment_tag=None)}, {}).carrying.keys() == {A}


def test_a_way_out_over_ipv6_has_no_address_to_list_and_is_a_finding() -> None:
    actual = actual_of(environment(ACTIVE), {HERE: view(ipv6=True)}, {})

    assert [weight for weight, _ in actual.nameless] == [FINDING]


def test_a_vpc_that_is_gone_is_a_finding() -> None:
    empty = RegionView(region="us-east-1", account_id="123456789012")

    assert [weight for weight, _ in actual_of(environment(ACTIVE), {HERE: empty}, {}).nameless] == [FINDING]


def test_aws_is_asked_once_per_account_and_region() -> None:
    two = Environment("production", (stack(ACTIVE), stack(declared(B))))

    assert places(two) == (HERE,)


class Counting(dict[Pair, Proof]):
    """Proofs that count how often they are looked up."""

    looked_up = 0

    def get(self, key: Pair, default: Proof | None = None) -> Proof | None:  # type: ignore[override]
        # dict.get is overloaded; this one form is what the reconciliation uses
        self.looked_up += 1
        return super().get(key, default)


@pytest.mark.parametrize("count", [200, 400, 2000])
def test_every_pair_is_judged_once_whatever_the_number(count: int) -> None:
    addresses = [IPv4Address(0xCB007200 + number) for number in range(count)]
    stacks = tuple(
        stack(*[declared(address, region=f"r-{part}") for address in addresses[part::50]], region=f"r-{part}")
        for part in range(50)
    )
    books = ledger(event("submitted", 0, addresses))
    proofs = Counting()

    report = reconcile(Environment("production", stacks), None, books, proofs, now=NOW)

    assert Counter(row.status for row in report.rows) == {Status.WAITING: count}
    assert proofs.looked_up == count


def test_a_next_step_that_rows_share_is_told_once_and_named_by_each_of_them() -> None:
    report = judged(environment(ACTIVE, declared(B)), there(A, B), ledger(event("submitted", 0, [B])))
    text = as_text(report)

    steps = {row.next_step for row in report.rows}
    assert len(steps) == 2
    assert all(text.count(step) == 1 for step in steps)
    for row in report.rows:
        (line,) = (line for line in text.splitlines() if str(row.address) in line and row.merchant in line)
        (number,) = re.findall(rf"{row.status}\s+(\d+)\s", line)
        assert f"next {number}: {row.next_step}" in text
    told = as_document([report])["environments"][0]["addresses"]
    assert [row["next"] for row in told] == [row.next_step for row in report.rows]
