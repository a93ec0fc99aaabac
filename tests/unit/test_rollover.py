from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address

import pytest

from onboarding.allowlist.actual import Actual
from onboarding.allowlist.ledger import Event
from onboarding.allowlist.network_view import Allocation
from onboarding.allowlist.reconciliation import reconcile
from onboarding.allowlist.rollover import move_of, outcome, under_way
from onboarding.allowlist.rollover_guide import instructions
from onboarding.allowlist.rollover_move import Move, State, Step, World
from onboarding.allowlist.rollover_report import as_document, as_text
from onboarding.deployment import EgressAddress
from onboarding.exit_codes import ExitCode
from onboarding.proof import Order, Origin, Proof
from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT
from tests.unit.ledger_world import AIR, RAIL, START, A, B, C, declared, environment, event, ledger, stack

HERE = ("123456789012", "us-east-1")
OLD_SLOT, NEW_SLOT = "use1-az1/1", "use1-az1/2"
OLD_LISTED = (event("submitted", 0, [A]), event("approved", 1, [A]))
NEW_SUBMITTED = (*OLD_LISTED, event("submitted", 2, [B]))
NEW_LISTED = (*NEW_SUBMITTED, event("approved", 3, [B]))
OLD_RETIRED = (*NEW_LISTED, event("retired", 6, [A]))


def old(role: str = "active", *, gateway: bool = True) -> EgressAddress:
    return replace(declared(A, role, slot=OLD_SLOT), nat_gateway_id="nat-old" if gateway else None)


def new(role: str = "spare", *, gateway: bool = False) -> EgressAddress:
    return replace(declared(B, role, slot=NEW_SLOT), nat_gateway_id="nat-new" if gateway else None)


def world(
    addresses: Sequence[EgressAddress],
    events: Sequence[Event] = OLD_LISTED,
    *,
    carrying: Sequence[IPv4Address] | None = None,
    proven: Sequence[IPv4Address] = (A,),
    left: Sequence[IPv4Address] = (),
    merchants: Sequence[str] = (AIR,),
    aws: str = "answers",
    lost: Sequence[IPv4Address] = (),
) -> World:
    """Return an environment; unless told otherwise AWS has what the outputs say, plus what is ``left``."""
    deployed = environment(*addresses, merchants=merchants)
    routes = carrying if carrying is not None else [one.address for one in deployed.active_addresses]
    allocated = [one.address for one in deployed.addresses if one.address not in lost] + list(left)
    actual: Actual | None = Actual(
        allocated={one: f"eipalloc-{int(one):08x}" for one in allocated},
        carrying=dict.fromkeys(routes, "rtb-1 sends 0.0.0.0/0 to a gateway"),
        asked=frozenset({HERE}),
    )
    if aws == "silent":
        actual = Actual(unanswered={HERE: "ec2:DescribeAddresses is denied"})
    if aws == "offline":
        actual = None
    proofs = {
        (name, one): Proof(
            "production", name, one, START + timedelta(days=4), Origin.FUNCTION, Order.PROVEN, "z", "run"
        )
        for one in proven
        for name in merchants
    }
    books = ledger(*events)
    tags = {TAG_ENVIRONMENT: "production", TAG_SLOT: OLD_SLOT}
    return World(
        environment=deployed,
        report=reconcile(deployed, actual, books, proofs, now=START + timedelta(days=7)),
        ledger=books,
        every_ledger=[books],
        left={"us-east-1": [Allocation(one, f"eipalloc-{int(one):08x}", tags=tags) for one in left]},
    )


def the_move(known: World) -> Move:
    move = move_of(known, OLD_SLOT)
    assert move
    return move


def due(move: Move) -> Step | None:
    return move.current.step if move.current else None


WAY = {
    "nothing begun": (world([old()]), Step.ALLOCATE),
    "a spare is allocated": (world([old(), new()]), Step.SUBMIT),
    "it is under review": (world([old(), new()], NEW_SUBMITTED), Step.APPROVAL),
    "it is approved": (world([old(), new()], NEW_LISTED), Step.ATTACH),
    "the route has moved": (world([old("spare"), new("active", gateway=True)], NEW_LISTED), Step.VERIFY),
    "a call was let in": (
        world([old("spare"), new("active", gateway=True)], NEW_LISTED, proven=[A, B]),
        Step.DETACH,
    ),
    "the old gateway is gone": (
        world([old("spare", gateway=False), new("active", gateway=True)], NEW_LISTED, proven=[A, B]),
        Step.RETIRE,
    ),
    "the partner has removed it": (
        world([old("spare", gateway=False), new("active", gateway=True)], OLD_RETIRED, proven=[A, B]),
        Step.DROP,
    ),
    "the stack has forgotten it": (
        world([new("active", gateway=True)], OLD_RETIRED, proven=[A, B], left=[A]),
        Step.RELEASE,
    ),
}


@pytest.mark.parametrize(("known", "step"), WAY.values(), ids=WAY)
class TestOnTheWay:
    def test_one_step_is_due_and_every_one_before_it_is_done(self, known: World, step: Step) -> None:
        move = the_move(known)
        assert due(move) is step
        states = [stage.state for stage in move.stages]
        reached = [stage.step for stage in move.stages].index(step)
        assert states[:reached] == [State.DONE] * reached
        assert states[reached] is (State.WAITING if step is Step.APPROVAL else State.DUE)
        assert set(states[reached + 1 :]) <= {State.LATER, State.DONE}
        assert move.outcome is ExitCode.WAITING

    def test_no_other_step_may_be_taken(self, known: World, step: Step) -> None:
        move = the_move(known)
        allowed = [one for one in Step if move.refusal(one) is None]
        assert allowed == ([] if step is Step.APPROVAL else [step])

    def test_the_report_names_the_step_and_how_to_take_it(self, known: World, step: Step) -> None:
        move = the_move(known)
        text = as_text(known, [move])
        assert f"next, {step}" in text
        assert all(line in text for line in instructions(move, step))
        (said,) = as_document(known, [move])["moves"]
        assert said["due"] == step
        assert said["instructions"] == list(instructions(move, step))


def test_the_bare_command_finds_every_move_from_the_first_spare_on() -> None:
    found = {name: [due(move) for move in under_way(known)] for name, (known, _) in WAY.items()}
    at_rest = {"nothing begun", "it is approved", "the old gateway is gone"}
    assert {name for name, steps in found.items() if not steps} == at_rest
    assert all(found[name] == [step] for name, (_, step) in WAY.items() if name not in at_rest)


def test_at_the_end_nothing_is_left_of_it() -> None:
    known = world([new("active", gateway=True)], OLD_RETIRED, proven=[B])
    assert move_of(known, OLD_SLOT) is None
    assert under_way(known) == []
    assert outcome(known, []) is ExitCode.HOLDS


@pytest.mark.parametrize("events", [OLD_LISTED, NEW_SUBMITTED], ids=["never submitted", "under review"])
def test_traffic_from_an_unapproved_address_is_out_of_order_and_names_the_way_back(
    events: Sequence[Event],
) -> None:
    known = world([old("spare"), new("active", gateway=True)], events)
    (move,) = under_way(known)
    assert move.outcome is ExitCode.FINDING
    assert outcome(known, [move]) is ExitCode.FINDING
    assert all(move.refusal(step) is not None for step in Step)
    text = as_text(known, [move])
    assert f"back to {A}" in text
    assert f"replace: [{NEW_SLOT}]" in text


def test_there_is_no_way_back_to_an_address_that_the_partner_took_off_its_list() -> None:
    known = world([old("spare"), new("active", gateway=True)], [*OLD_LISTED, event("retired", 2, [A])])
    (move,) = under_way(known)
    assert move.outcome is ExitCode.FINDING
    assert "back to" not in as_text(known, [move])


def test_there_is_no_way_back_to_an_address_whose_gateway_is_gone() -> None:
    known = world([old("spare", gateway=False), new("active", gateway=True)], OLD_LISTED)
    move = the_move(known)
    assert move.outcome is ExitCode.FINDING
    assert "back to" not in as_text(known, [move])


@pytest.mark.parametrize("name", ["a call was let in", "it is approved"])
def test_in_order_no_way_back_is_told(name: str) -> None:
    known, _ = WAY[name]
    assert "back to" not in as_text(known, [the_move(known)])


def test_an_address_retired_while_it_carries_traffic_is_out_of_order() -> None:
    known = world([old(), new()], [*NEW_LISTED, event("retired", 4, [A])])
    assert the_move(known).outcome is ExitCode.FINDING
    assert ExitCode.FINDING in [move.outcome for move in under_way(known)]


def test_an_address_released_before_its_removal_was_confirmed_is_out_of_order() -> None:
    known = world([old("spare", gateway=False), new("active", gateway=True)], NEW_LISTED, proven=[A, B])
    assert known.report.actual
    gone = replace(known.report.actual, allocated={B: f"eipalloc-{int(B):08x}"})
    report = reconcile(known.environment, gone, known.ledger, {}, now=known.report.at)
    assert the_move(replace(known, report=report)).outcome is ExitCode.FINDING


def test_every_merchant_counts() -> None:
    both = [
        event("submitted", 0, [A], [AIR, RAIL]),
        event("approved", 1, [A], [AIR, RAIL]),
        event("submitted", 2, [B], [AIR, RAIL]),
        event("approved", 3, [B], [AIR]),
    ]
    known = world([old(), new()], both, merchants=[AIR, RAIL])
    move = the_move(known)
    assert due(move) is Step.APPROVAL
    assert move.current
    assert RAIL in move.current.fact
    assert AIR not in move.current.fact


def test_another_environments_ledger_keeps_an_address_from_release() -> None:
    known, _ = WAY["the stack has forgotten it"]
    other = replace(ledger(*OLD_LISTED), environment="staging")
    move = the_move(replace(known, every_ledger=[known.ledger, other]))
    assert due(move) is Step.RETIRE
    assert move.refusal(Step.RELEASE) is not None


def test_a_refused_new_address_is_a_finding_with_its_reason() -> None:
    refused = [*NEW_SUBMITTED, event("rejected", 3, [B], note="wrong legal entity")]
    (move,) = under_way(world([old(), new()], refused))
    assert move.outcome is ExitCode.FINDING
    assert "wrong legal entity" in move.problems[0][0]


class TestWhatAwsSays:
    def test_a_route_that_did_not_move_leaves_attach_due(self) -> None:
        move = the_move(world([old("spare"), new("active", gateway=True)], NEW_LISTED, carrying=[A]))
        assert due(move) is Step.ATTACH
        assert "discover" in "\n".join(instructions(move, Step.ATTACH))

    def test_silence_is_cannot_tell_and_never_done(self) -> None:
        known = world([old("spare"), new("active", gateway=True)], NEW_LISTED, aws="silent")
        move = the_move(known)
        assert move.current
        assert (move.current.step, move.current.state) == (Step.ATTACH, State.UNKNOWN)
        assert move.outcome is ExitCode.CANNOT_TELL
        assert outcome(known, []) is ExitCode.CANNOT_TELL
        assert as_text(known, []).splitlines()[-1] == "result=cannot-tell moves=0 exit=4"

    def test_without_asking_the_last_step_stays_open(self) -> None:
        known = world(
            [old("spare", gateway=False), new("active", gateway=True)],
            OLD_RETIRED,
            proven=[A, B],
            aws="offline",
        )
        move = the_move(known)
        assert due(move) is Step.DROP
        assert move.stages[-1].state is State.LATER


def test_a_zone_without_an_attached_address_goes_the_first_half_only() -> None:
    growing = replace(declared(C, "spare", slot="use1-az4/1"), zone="use1-az4")
    (move,) = under_way(world([old(), growing]))
    assert (move.old, due(move)) == (None, Step.SUBMIT)
    assert move.stages[-1].step is Step.VERIFY


def test_an_address_run_by_somebody_else_is_not_ours_to_move() -> None:
    external = replace(declared(B, slot=f"external/{B}"), zone="external")
    assert under_way(world([old(), external], NEW_LISTED)) == []


def test_what_no_stack_declares_waits_for_no_other_address() -> None:
    known = world([new("active", gateway=True)], OLD_RETIRED, proven=[], left=[A])
    assert due(the_move(known)) is Step.RELEASE
    assert the_move(known).stages[0].step is Step.DETACH


def test_a_zone_that_no_stack_has_and_a_slot_of_another_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="use1-az9"):
        move_of(world([old()]), "use1-az9/1")
    with pytest.raises(ValueError, match="use1-az4/1"):
        move_of(world([old(), new()]), OLD_SLOT, "use1-az4/1")


def test_a_new_address_gets_a_slot_that_neither_stack_nor_aws_uses() -> None:
    known = world([replace(old(), slot=NEW_SLOT)], left=[C])
    move = move_of(known, NEW_SLOT, OLD_SLOT)
    assert move
    assert move.free_slot == "use1-az1/3"


def test_a_list_is_handed_in_for_every_region_of_the_environment() -> None:
    known = world([old(), new()])
    second = replace(stack(declared(C, region="eu-west-1"), region="eu-west-1"), source="stack production.eu")
    first = replace(known.environment.stacks[0], source="stack production")
    both = replace(known.environment, stacks=(second, first))
    move = the_move(replace(known, environment=both))
    text = "\n".join(instructions(move, Step.SUBMIT))
    assert "-s production.eu -s production " in text
    assert "--stack production " in "\n".join(instructions(move, Step.ATTACH))


def test_a_stack_that_is_named_in_full_is_edited_in_its_own_file() -> None:
    move = the_move(world([old(), new()], NEW_LISTED))
    full = replace(move.stack, source="stack acme/flexpay-egress/production")
    told = "\n".join(instructions(replace(move, stack=full, stacks=(full,)), Step.ATTACH))
    assert "in stacks/Pulumi.production.yaml exchange the roles" in told
    assert "--stack acme/flexpay-egress/production" in told
    assert "Pulumi.acme" not in told


def test_an_active_address_that_is_lost_begins_a_move_to_the_best_spare() -> None:
    (move,) = under_way(world([old(), new()], NEW_LISTED, lost=[A]))
    assert (move.old and move.old.address, move.new and move.new.address) == (A, B)


def spare(address: IPv4Address, number: int) -> EgressAddress:
    made = declared(address, "spare", slot=f"use1-az1/{number}")
    return replace(made, nat_gateway_id=None)


@pytest.mark.parametrize(
    ("events", "lost", "best"),
    [
        (OLD_LISTED, [], C),  # the partner knows neither: the lower slot
        (NEW_SUBMITTED, [], B),
        (NEW_LISTED, [], B),
        (NEW_LISTED, [B], C),
        (OLD_LISTED, [C], B),
    ],
)
def test_of_several_spares_the_one_furthest_on_its_way_is_taken(
    events: Sequence[Event], lost: Sequence[IPv4Address], best: IPv4Address
) -> None:
    move = move_of(world([old(), spare(C, 2), spare(B, 3)], events, lost=lost), OLD_SLOT)
    assert move
    assert move.new
    assert move.new.address == best


def test_what_carries_traffic_or_was_retired_is_no_spare() -> None:
    retired = (*NEW_LISTED, event("retired", 6, [B]))
    move = move_of(world([old(), new()], retired), OLD_SLOT)
    assert move
    assert move.new is None


def test_a_spare_that_was_retired_is_to_go() -> None:
    retired = (*NEW_LISTED, event("retired", 6, [B]))
    (move,) = under_way(world([old(), new()], retired))
    assert (move.old and move.old.address, move.new and move.new.address) == (B, A)


def test_a_slot_that_was_never_approved_is_where_its_zone_moves_to() -> None:
    move = move_of(world([old(), new()]), NEW_SLOT)
    assert move
    assert (move.old and move.old.slot, move.new and move.new.slot) == (OLD_SLOT, NEW_SLOT)


def test_an_approved_spare_by_name_is_what_goes() -> None:
    move = move_of(world([old(), new()], NEW_LISTED), NEW_SLOT)
    assert move
    assert (move.old and move.old.slot, move.new and move.new.slot) == (NEW_SLOT, OLD_SLOT)


def test_of_a_free_slot_of_a_known_zone_nothing_is_left() -> None:
    assert move_of(world([old()]), "use1-az1/7") is None
    empty = world([old()])
    assert move_of(empty, f"{next(iter(empty.environment.stacks[0].private_subnets))}/7") is None


def test_a_slot_does_not_move_to_itself() -> None:
    with pytest.raises(ValueError, match="not another slot"):
        move_of(world([old(), new()]), OLD_SLOT, OLD_SLOT)


def test_what_is_left_belongs_to_the_stack_that_has_its_zone() -> None:
    known = world([old()], left=[B])
    first = known.environment.stacks[0]
    second = replace(
        first, source="stack production.b", addresses=(), private_subnets={"use1-az4": "subnet-4"}
    )
    both = replace(known, environment=replace(known.environment, stacks=(first, second)))
    found = [(move.stack.source, move.old and move.old.address) for move in under_way(both)]
    assert (first.source, B) in found
    assert all(source != "stack production.b" for source, _ in found)
