"""What put, stage and promote decide."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from onboarding.aws.secret_store import SecretStore
from onboarding.credentials import withdrawal, workflow
from onboarding.credentials.errors import SecretDeleted, SecretMissing
from onboarding.credentials.lifecycle import Outcome
from onboarding.credentials.proof import NotBehindEgress
from onboarding.credentials.record import Basis, record_of
from onboarding.errors import CannotTell, Finding, InputError, Waiting
from tests.unit.credentials_world import NAME, A, B, C, World
from tests.unit.secrets_client import MemoryClient, Stored

pytestmark = pytest.mark.usefixtures("cheap_fingerprints")


def put(world: World, pair: object, **options: object) -> object:
    ground = world.ground(**{key: options.pop(key) for key in ("approved", "unproven") if key in options})  # type: ignore[arg-type]
    return workflow.put(world.vaults(), NAME, pair, ground, now=world.now, **options)  # type: ignore[arg-type]


def basis(client: MemoryClient) -> Basis | None:
    record = record_of(SecretStore(client).state("x").current)
    return record.basis if record else None


# storing


def test_a_proven_pair_becomes_current_and_the_record_says_from_where() -> None:
    world = World()
    summary = workflow.put(world.vaults(), NAME, A, world.ground(), now=world.now)
    assert world.prover.proved == [A.client_id]
    assert world.only.value_at("AWSCURRENT") == A.to_json()
    assert world.only.value_at("AWSPENDING") is None
    assert summary.record
    assert summary.record.detail == "203.0.113.10"
    assert basis(world.only) is Basis.PROVEN


def test_going_back_to_an_earlier_pair_really_ends_with_it() -> None:
    world = World()
    for pair in (A, B, A, B, A):
        put(world, pair)
        assert world.only.value_at("AWSCURRENT") == pair.to_json()
    assert len(world.only.versions) == 5


def test_going_back_works_for_a_caller_who_may_not_read() -> None:
    world = World()
    world.only.may_read = False
    for pair in (A, B, A):
        summary = workflow.put(world.vaults(), NAME, pair, world.ground(), now=world.now)
        assert world.only.value_at("AWSCURRENT") == pair.to_json()
    assert any("cannot compare" in note for note in summary.notes)


def test_storing_what_is_current_writes_nothing() -> None:
    world = World()
    put(world, A)
    before = list(world.only.calls)
    summary = workflow.put(world.vaults(), NAME, A, world.ground(), now=world.now)
    assert [result.outcome for result in summary.results] == [Outcome.UNCHANGED]
    assert not {"PutSecretValue", "UpdateSecretVersionStage"} & set(world.only.calls[len(before) :])
    assert world.prover.proved == [A.client_id]


def test_a_repetition_is_recognised_without_reading() -> None:
    world = World()
    world.only.may_read = False
    put(world, A)
    put(world, B)
    put(world, B)
    assert len(world.only.versions) == 2


def test_a_pair_that_another_tool_stored_is_compared_by_reading() -> None:
    world = World()
    world.only.versions["f" * 32] = Stored(A.to_json(), world.now, {"AWSCURRENT"})
    assert "current already" in put(world, A).notes[0]  # type: ignore[attr-defined]
    world.only.may_read = False
    assert any("cannot compare" in note for note in put(world, A).notes)  # type: ignore[attr-defined]


def test_version_ids_say_nothing_about_the_pair_to_those_who_do_not_have_it() -> None:
    world = World()
    put(world, A)
    other = World()
    workflow.put(other.vaults(), "flexpay/production/other", A, other.ground(), now=other.now)
    assert set(world.only.versions) != set(other.only.versions)


# proof


def test_a_refused_pair_is_not_stored_at_all() -> None:
    world = World()
    put(world, A)
    world.prover.refusal = Finding("401")
    before = dict(world.only.versions)
    with pytest.raises(Finding):
        put(world, B)
    assert world.only.versions == before


def test_while_the_partner_gives_no_answer_nothing_is_stored() -> None:
    world = World()
    world.prover.refusal = CannotTell("time-out")
    with pytest.raises(CannotTell):
        put(world, A)
    assert world.only.versions == {}


def test_a_host_outside_the_egress_has_to_say_so() -> None:
    world = World()
    world.prover.behind = False
    with pytest.raises(NotBehindEgress):
        put(world, A)
    assert world.only.versions == {}
    summary = put(world, A, unproven="partner's network is being moved")
    assert world.prover.proved == []
    assert summary.record.detail == "partner's network is being moved"  # type: ignore[attr-defined]
    assert basis(world.only) is Basis.UNPROVEN


def test_a_first_pair_may_come_before_the_approval_and_says_so() -> None:
    world = World()
    summary = put(world, A, approved=False)
    assert any("not approved" in note for note in summary.notes)  # type: ignore[attr-defined]
    assert basis(world.only) is Basis.UNPROVEN
    assert world.prover.proved == []


def test_a_second_pair_needs_proof_even_before_the_approval() -> None:
    world = World()
    put(world, A, approved=False)
    world.prover.behind = False
    with pytest.raises(NotBehindEgress):
        put(world, B, approved=False)
    assert world.only.value_at("AWSCURRENT") == A.to_json()


def test_storing_an_unproven_pair_again_after_the_approval_proves_it() -> None:
    world = World()
    put(world, A, approved=False)
    summary = put(world, A)
    assert basis(world.only) is Basis.PROVEN
    assert summary.record.basis is Basis.PROVEN  # type: ignore[attr-defined]
    assert len(world.only.versions) == 1


# staging and promotion


def test_staging_leaves_what_is_current_alone() -> None:
    world = World()
    put(world, A)
    workflow.stage(world.vaults(), NAME, B, now=world.now)
    assert world.only.value_at("AWSCURRENT") == A.to_json()
    assert world.only.value_at("AWSPENDING") == B.to_json()


def test_promotion_proves_the_staged_pair_and_keeps_the_old_one_for_the_way_back() -> None:
    world = World()
    put(world, A)
    workflow.stage(world.vaults(), NAME, B, now=world.now)
    workflow.promote(world.vaults(), world.ground(), now=world.now)
    assert world.prover.proved == [A.client_id, B.client_id]
    assert world.only.value_at("AWSCURRENT") == B.to_json()
    assert world.only.value_at("AWSPREVIOUS") == A.to_json()
    assert world.only.value_at("AWSPENDING") is None


@pytest.mark.parametrize("trouble", [Finding("401"), CannotTell("time-out")])
def test_without_a_token_nothing_is_promoted(trouble: Finding | CannotTell) -> None:
    world = World()
    put(world, A)
    workflow.stage(world.vaults(), NAME, B, now=world.now)
    world.prover.refusal = trouble
    with pytest.raises(type(trouble)):
        workflow.promote(world.vaults(), world.ground(), now=world.now)
    assert world.only.value_at("AWSCURRENT") == A.to_json()
    assert world.only.value_at("AWSPENDING") == B.to_json()


def test_promotion_without_proof_reads_no_value() -> None:
    world = World()
    put(world, A)
    workflow.stage(world.vaults(), NAME, B, now=world.now)
    world.only.calls.clear()
    workflow.promote(world.vaults(), world.ground(unproven="drill"), now=world.now)
    assert "GetSecretValue" not in world.only.calls
    assert world.only.value_at("AWSCURRENT") == B.to_json()


def test_nothing_staged_is_wrong_usage() -> None:
    world = World()
    put(world, A)
    with pytest.raises(InputError, match="nothing is staged"):
        workflow.promote(world.vaults(), world.ground(), now=world.now)


def test_a_pair_staged_in_one_region_only_is_not_promoted() -> None:
    world = World(("eu-west-1", "us-east-1"))
    put(world, A)
    workflow.stage(world.vaults()[:1], NAME, B, now=world.now)
    with pytest.raises(Finding, match="us-east-1"):
        workflow.promote(world.vaults(), world.ground(), now=world.now)
    assert world.values("AWSCURRENT") == [A.to_json()] * 2


def test_different_pairs_staged_in_different_regions_are_not_promoted() -> None:
    world = World(("eu-west-1", "us-east-1"))
    put(world, A)
    workflow.stage(world.vaults()[:1], NAME, B, now=world.now)
    workflow.stage(world.vaults()[1:], NAME, C, now=world.now)
    with pytest.raises(Finding, match="different pairs"):
        workflow.promote(world.vaults(), world.ground(), now=world.now)


def test_a_region_that_is_added_later_gets_the_same_version() -> None:
    world = World(("us-east-1",))
    put(world, A)
    world.clients["eu-west-1"] = MemoryClient()
    put(world, A)
    first, second = world.clients.values()
    assert set(first.versions) == set(second.versions)
    assert world.values("AWSCURRENT") == [A.to_json()] * 2


def test_the_first_staged_pair_is_current_at_once_and_recorded_as_unproven() -> None:
    world = World()
    summary = workflow.stage(world.vaults(), NAME, A, now=world.now)
    assert "current at once" in summary.results[0].note
    assert basis(world.only) is Basis.UNPROVEN
    workflow.promote(world.vaults(), world.ground(), now=world.now)
    assert basis(world.only) is Basis.PROVEN
    assert world.only.value_at("AWSPENDING") is None


def test_records_do_not_keep_old_versions_alive() -> None:
    world = World()
    for pair in (A, B, C, A, B):
        put(world, pair)
    labelled = [item for item in world.only.versions.values() if item.labels]
    assert len(labelled) == 2


def test_two_promotions_in_one_second_each_keep_their_record() -> None:
    world = World()
    moment = world.now
    for pair in (A, B, A):
        workflow.put(world.vaults(), NAME, pair, world.ground(), now=moment)
        assert world.only.value_at("AWSCURRENT") == pair.to_json()
        assert basis(world.only) is Basis.PROVEN


# the state of the secret


def test_a_secret_marked_for_deletion_is_restored_on_request_only() -> None:
    world = World()
    world.only.deleted_at = datetime(2026, 4, 1, tzinfo=UTC)
    with pytest.raises(SecretDeleted, match="2026-04-01"):
        put(world, A)
    put(world, A, restore=True)
    assert world.only.value_at("AWSCURRENT") == A.to_json()


def test_a_secret_that_is_not_there_is_named() -> None:
    world = World()
    world.only.missing = True
    with pytest.raises(SecretMissing, match="acme-air"):
        put(world, A)


def test_a_secret_with_automatic_rotation_is_left_alone() -> None:
    world = World()
    world.only.rotation = True
    with pytest.raises(Finding, match="rotation"):
        put(world, A)
    assert world.only.versions == {}


def test_writing_too_often_is_a_warning_and_goes_through() -> None:
    world = World()
    put(world, A)
    summary = put(world, B)
    assert any("10 minutes" in note for note in summary.notes)  # type: ignore[attr-defined]
    assert world.only.value_at("AWSCURRENT") == B.to_json()
    world.only.now += timedelta(minutes=11)
    assert not put(world, C).notes  # type: ignore[attr-defined]


def test_versions_on_later_pages_are_seen() -> None:
    world = World()
    world.only.page_size = 2
    for pair in (A, B, C, A, B, C):
        put(world, pair)
        assert world.only.value_at("AWSCURRENT") == pair.to_json()


# other environments


def test_the_same_client_in_another_environment_is_found_where_it_may_be_read() -> None:
    world, other = World(), World()
    put(other, A)
    (elsewhere,) = other.vaults()
    assert workflow.look_alike(A, [("staging", elsewhere)]) == "staging"
    assert workflow.look_alike(B, [("staging", elsewhere)]) is None
    other.only.may_read = False
    assert workflow.look_alike(A, [("staging", elsewhere)]) is None
    other.only.may_read, other.only.missing = True, True
    assert workflow.look_alike(A, [("staging", replace(elsewhere))]) is None
    assert world.only.versions == {}


# the way back and the way out


def test_rollback_makes_the_previous_pair_current_and_twice_is_once() -> None:
    world = World()
    put(world, A)
    put(world, B)
    withdrawal.roll_back(world.vaults(), now=world.now)
    assert world.only.value_at("AWSCURRENT") == A.to_json()
    summary = withdrawal.roll_back(world.vaults(), now=world.now)
    assert world.only.value_at("AWSCURRENT") == A.to_json()
    assert [result.outcome for result in summary.results] == [Outcome.UNCHANGED]


def test_rollback_needs_no_permission_to_read() -> None:
    world = World()
    put(world, A)
    put(world, B)
    world.only.may_read = False
    withdrawal.roll_back(world.vaults(), now=world.now)
    assert world.only.value_at("AWSCURRENT") == A.to_json()


def test_after_a_rollback_the_pair_can_be_put_again() -> None:
    world = World()
    put(world, A)
    put(world, B)
    withdrawal.roll_back(world.vaults(), now=world.now)
    put(world, B)
    assert world.only.value_at("AWSCURRENT") == B.to_json()
    withdrawal.roll_back(world.vaults(), now=world.now)
    assert world.only.value_at("AWSCURRENT") == A.to_json()


def test_there_is_no_way_back_from_the_first_pair() -> None:
    world = World()
    put(world, A)
    with pytest.raises(InputError, match="no previous version"):
        withdrawal.roll_back(world.vaults(), now=world.now)


def test_retiring_waits_until_caches_have_run_out() -> None:
    world = World()
    put(world, A)
    put(world, B)
    moment = world.now
    with pytest.raises(Waiting, match="caches"):
        withdrawal.retire(world.vaults(), now=moment + timedelta(seconds=3500))
    assert world.only.value_at("AWSPREVIOUS") == A.to_json()
    summary = withdrawal.retire(world.vaults(), now=moment + timedelta(seconds=3601))
    assert world.only.value_at("AWSPREVIOUS") is None
    assert world.only.value_at("AWSCURRENT") == B.to_json()
    assert summary.revocation
    assert summary.revocation.tail == A.client_id[-4:]


def test_the_cache_time_counts_from_the_promotion_and_not_from_the_storing() -> None:
    world = World()
    put(world, A)
    workflow.stage(world.vaults(), NAME, B, now=world.now)
    later = world.now + timedelta(days=3)
    workflow.promote(world.vaults(), world.ground(), now=later)
    with pytest.raises(Waiting):
        withdrawal.retire(world.vaults(), now=later + timedelta(minutes=59))
    withdrawal.retire(world.vaults(), now=later + timedelta(minutes=61))


def test_the_only_proven_pair_is_not_given_up_for_an_unproven_one() -> None:
    world = World()
    put(world, A)
    put(world, B, unproven="drill")
    with pytest.raises(Finding, match="never proven"):
        withdrawal.retire(world.vaults(), cache_seconds=0, now=world.now)
    withdrawal.retire(world.vaults(), cache_seconds=0, unproven_reason="verified by hand", now=world.now)
    assert world.only.value_at("AWSPREVIOUS") is None


def test_a_pair_that_never_had_a_successor_is_not_asked_to_be_revoked() -> None:
    world = World()
    put(world, A)
    assert withdrawal.retire(world.vaults(), cache_seconds=0, now=world.now).revocation is None


def test_a_repeated_retirement_still_tells_what_to_ask_of_the_partner() -> None:
    world = World()
    put(world, A)
    put(world, B)
    withdrawal.retire(world.vaults(), cache_seconds=0, now=world.now)
    again = withdrawal.retire(world.vaults(), cache_seconds=0, now=world.now)
    assert again.revocation
    assert again.revocation.until


def test_giving_up_the_staged_pair_leaves_what_is_current() -> None:
    world = World()
    put(world, A)
    workflow.stage(world.vaults(), NAME, B, now=world.now)
    summary = withdrawal.discard(world.vaults())
    assert world.only.value_at("AWSPENDING") is None
    assert world.only.value_at("AWSCURRENT") == A.to_json()
    assert summary.revocation
    assert summary.revocation.staged
