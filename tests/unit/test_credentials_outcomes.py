"""What the credential commands say they did, and what they leave behind."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from onboarding.aws.secret_store import SecretStore
from onboarding.credentials import lifecycle, withdrawal, workflow
from onboarding.credentials.common import Summary
from onboarding.credentials.errors import LabelElsewhere
from onboarding.credentials.lifecycle import Outcome, StackResult, Vault
from onboarding.credentials.record import Basis, Record, proven, record_of, unproven
from onboarding.errors import Denied, Finding, InputError, ToolkitError, Waiting
from onboarding.exit_codes import ExitCode
from onboarding.flexpay.credentials import ClientCredentials
from tests.unit.credentials_world import ADDRESS, NAME, A, B, C, World
from tests.unit.secrets_client import MemoryClient, refused

HOUR = timedelta(hours=1)


pytestmark = pytest.mark.usefixtures("cheap_fingerprints")


def put(world: World, pair: ClientCredentials) -> Summary:
    return workflow.put(world.vaults(), NAME, pair, world.ground(), now=world.now)


def stage(world: World, pair: ClientCredentials) -> Summary:
    return workflow.stage(world.vaults(), NAME, pair, now=world.now)


def promote(world: World) -> Summary:
    return workflow.promote(world.vaults(), world.ground(), now=world.now)


def told(summary: Summary) -> tuple[Outcome, str]:
    (result,) = summary.results
    return result.outcome, result.note


def kept(client: MemoryClient) -> Iterator[str]:
    """Versions that the service must keep for a record of ours and nothing else."""
    for version, stored in client.versions.items():
        if stored.labels and not any(label.startswith("AWS") for label in stored.labels):
            yield version


STEPS: dict[str, Callable[[World], Any]] = {
    "another pair is staged": lambda world: stage(world, B),
    "and displaced": lambda world: stage(world, C),
    "the staged pair is given up": lambda world: withdrawal.discard(world.vaults()),
    "a pair is promoted": lambda world: (stage(world, B), promote(world)),
    "and taken back": lambda world: withdrawal.roll_back(world.vaults(), now=world.now),
    "another is put": lambda world: put(world, C),
    "the one before is retired": lambda world: withdrawal.retire(world.vaults(), now=world.now + 2 * HOUR),
}


def test_no_step_leaves_a_version_that_only_our_record_keeps() -> None:
    world = World()
    put(world, A)
    for name, step in STEPS.items():
        step(world)
        assert list(kept(world.only)) == [], name


def test_staging_says_what_it_displaced_and_that_a_first_pair_is_current() -> None:
    world = World()
    assert told(stage(world, A)) == (Outcome.STAGED, "the first version of a secret is current at once (AWS)")
    promote(world)
    assert told(stage(world, B)) == (Outcome.STAGED, "")
    since = world.only.versions[str(world.only.holder("AWSPENDING"))].created
    assert told(stage(world, C)) == (Outcome.STAGED, f"replaces what was staged since {since}")


def test_staging_again_writes_nothing() -> None:
    world = World()
    put(world, A)
    stage(world, B)
    world.only.calls.clear()
    assert told(stage(world, B)) == (Outcome.UNCHANGED, "already stored by an earlier run")
    assert "PutSecretValue" not in world.only.calls


def refusing(**_: Any) -> Any:
    raise refused("InternalServiceError")


def test_staging_names_the_next_step_only_where_every_stack_has_the_pair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(("eu-west-1", "us-east-1"))
    put(world, A)
    assert any("credentials promote" in note for note in stage(world, B).notes)
    monkeypatch.setattr(world.clients["us-east-1"], "put_secret_value", refusing)
    broken = stage(world, C)
    assert [result.outcome for result in broken.results] == [Outcome.STAGED, Outcome.FAILED]
    assert not any("credentials promote" in note for note in broken.notes)


def test_putting_says_that_nothing_was_promoted_where_a_stack_could_not_be_staged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(("eu-west-1", "us-east-1"))
    put(world, A)
    monkeypatch.setattr(world.clients["us-east-1"], "put_secret_value", refusing)
    broken = put(world, B)
    assert [result.outcome for result in broken.results] == [Outcome.STAGED, Outcome.FAILED]
    assert "not staged everywhere, so nothing was promoted; run the same command again" in broken.notes
    assert world.values("AWSCURRENT") == [A.to_json()] * 2


def test_promoting_what_is_current_changes_nothing_and_keeps_the_better_record() -> None:
    world = World()
    put(world, A)
    current = str(world.only.holder("AWSCURRENT"))

    def again(record: Record) -> tuple[Outcome, str, Basis | None]:
        (result,) = lifecycle.promote(lifecycle.look(world.vaults()), current, record)
        kept_record = record_of(SecretStore(world.only).state("x").current)
        return result.outcome, result.note, kept_record.basis if kept_record else None

    later = world.now + HOUR
    assert again(unproven(later, "drill")) == (Outcome.UNCHANGED, "already current", Basis.PROVEN)
    assert again(proven(later, ADDRESS)) == (Outcome.UNCHANGED, "already current", Basis.PROVEN)
    world.only.versions[current].labels = {"AWSCURRENT"}
    assert again(unproven(later, "drill")) == (Outcome.PROMOTED, "", Basis.UNPROVEN)
    assert again(unproven(later, "again")) == (Outcome.UNCHANGED, "already current", Basis.UNPROVEN)
    assert again(proven(later, ADDRESS)) == (Outcome.PROMOTED, "", Basis.PROVEN)


class Overtaken(SecretStore):
    """A store in which somebody else moves a label at the moment before we do."""

    def __init__(self, client: MemoryClient, label: str, to: str) -> None:
        super().__init__(client)
        self._memory, self._label, self._to = client, label, to

    def move(self, secret_id: str, label: str, *, to: str | None, source: str | None) -> None:
        if label == self._label:
            self._memory._give(label, self._to)
        super().move(secret_id, label, to=to, source=source)


@pytest.mark.parametrize(
    ("label", "error"),
    [("AWSCURRENT", "another operator was faster"), ("AWSPENDING", "a label moved meanwhile")],
)
def test_whoever_is_overtaken_in_the_very_move_is_told(label: str, error: str) -> None:
    world = World()
    for pair in (A, C):
        put(world, pair)
    stage(world, B)
    theirs = str(world.only.holder("AWSPREVIOUS"))
    (vault,) = world.vaults()
    raced = Vault(vault.stack, vault.region, vault.secret_id, Overtaken(world.only, label, theirs))
    summary = workflow.promote([raced], world.ground(), now=world.now)
    (result,) = summary.results
    assert result.outcome is Outcome.FAILED
    assert error in result.note
    assert isinstance(result.error, Finding if label == "AWSCURRENT" else LabelElsewhere)
    assert world.only.holder(label) == theirs


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([], ExitCode.HOLDS),
        ([Finding("refused")], ExitCode.FINDING),
        ([Denied("no permission")], ExitCode.CANNOT_TELL),
        # a session that ran out half-way, after something was changed
        ([InputError("no credentials")], ExitCode.CANNOT_TELL),
        ([InputError("no credentials"), Finding("refused")], ExitCode.FINDING),
    ],
)
def test_the_worst_stack_decides_and_a_late_input_error_is_a_missing_answer(
    errors: list[ToolkitError], code: ExitCode
) -> None:
    fine = StackResult("production", "us-east-1", Outcome.PROMOTED)
    broken = [StackResult("production", "us-east-1", Outcome.FAILED, error=error) for error in errors]
    assert lifecycle.exit_code([fine, *broken, StackResult("p", "r", Outcome.NOT_REACHED)]) is code


def test_half_of_a_pair_is_enough_to_be_known_from_another_environment() -> None:
    other = World()
    put(other, A)
    (elsewhere,) = other.vaults()
    same_id = ClientCredentials(A.client_id, B.client_secret)
    same_secret = ClientCredentials(B.client_id, A.client_secret)
    for pair in (same_id, same_secret):
        assert workflow.look_alike(pair, [("staging", elsewhere)]) == "staging"


@pytest.mark.parametrize(("minutes", "warned"), [(9.9, True), (10.0, False)])
def test_writing_is_frequent_within_ten_minutes(minutes: float, warned: bool) -> None:
    world = World()
    put(world, A)
    (version,) = world.only.versions.values()
    summary = workflow.stage(world.vaults(), NAME, B, now=version.created + timedelta(minutes=minutes))
    assert any("10 minutes" in note for note in summary.notes) == warned


def test_caches_have_run_out_at_the_very_end_of_their_time() -> None:
    world = World()
    put(world, A)
    put(world, B)
    record = record_of(SecretStore(world.only).state("x").current)
    assert record
    with pytest.raises(Waiting):
        withdrawal.retire(world.vaults(), now=record.since + HOUR - timedelta(seconds=1))
    assert told(withdrawal.retire(world.vaults(), now=record.since + HOUR))[0] is Outcome.RETIRED


def test_a_pair_that_another_tool_made_current_counts_from_the_last_change_and_as_never_proven() -> None:
    world = World()
    put(world, A)
    put(world, B)
    for version in world.only.versions.values():
        version.labels = {label for label in version.labels if label.startswith("AWS")}
    with pytest.raises(Waiting):
        withdrawal.retire(world.vaults(), now=world.now + HOUR / 2)
    with pytest.raises(Finding, match="never proven"):
        withdrawal.retire(world.vaults(), now=world.now + 2 * HOUR)
    summary = withdrawal.retire(world.vaults(), unproven_reason="seen to work", now=world.now + 2 * HOUR)
    assert told(summary)[0] is Outcome.RETIRED


def test_the_partner_is_asked_to_revoke_nothing_while_a_stack_still_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(("eu-west-1", "us-east-1"))
    put(world, A)
    put(world, B)
    monkeypatch.setattr(world.clients["us-east-1"], "update_secret_version_stage", refusing)
    summary = withdrawal.retire(world.vaults(), now=world.now + 2 * HOUR)
    assert [result.outcome for result in summary.results] == [Outcome.RETIRED, Outcome.FAILED]
    assert summary.revocation is None


def test_stacks_without_a_version_in_common_are_not_taken_back() -> None:
    world = World(("eu-west-1", "us-east-1"))
    first, second = world.vaults()
    for vault, pairs in ((first, (A, B)), (second, (C, A))):
        for pair in pairs:
            workflow.put([vault], NAME, pair, world.ground(), now=world.now)
    before = world.values("AWSCURRENT")
    with pytest.raises(Finding, match="no one version to go back to"):
        withdrawal.roll_back(world.vaults(), now=world.now)
    assert world.values("AWSCURRENT") == before


def test_nothing_staged_says_what_is_current_and_since_when() -> None:
    world = World()
    with pytest.raises(InputError, match=r"^nothing is staged$"):
        promote(world)
    put(world, A)
    current = str(world.only.holder("AWSCURRENT"))
    with pytest.raises(
        InputError, match=rf"^nothing is staged; version {current} is current since 2026-03-01"
    ):
        promote(world)
