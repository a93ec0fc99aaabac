"""Types that hold no address: what the official provider does with them beyond its schema."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.aws import server
from tests.loopback.provider_cases import CASES, World, code, policy
from tests.loopback.provider_driver import Driver, ProviderError, Resource
from tests.loopback.provider_fixtures import driver, shared_driver, stand_in

__all__ = ["driver", "shared_driver", "stand_in"]

ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
BUCKET = "aws:s3/bucket:Bucket"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
FUNCTION = "aws:lambda/function:Function"
KEY = "aws:kms/key:Key"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
QUEUE = "aws:sqs/queue:Queue"
ROLE = "aws:iam/role:Role"
SECRET = "aws:secretsmanager/secret:Secret"
SECRET_POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy"
TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
HTTPS = {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/8"]}


@pytest.fixture
def world(driver: Driver) -> World:
    return World(driver)


def client(driver: Driver, service: str) -> Any:
    return driver.servicer._clients.get(service, "us-east-1")


def actions_since(stand_in: server.Running, last: int) -> list[str]:
    return [call["action"] for call in stand_in.record.listed(after=last)]


def now(stand_in: server.Running) -> int:
    return max((call["number"] for call in stand_in.record.listed()), default=0)


def made(world: World, kind: str, **more: Any) -> Resource:
    return world.driver.create(kind, f"one-{world.tag}", CASES[kind].inputs(world) | more)


class TestReplacement:
    def test_an_attachment_always_goes_before_its_replacement(self, world: World) -> None:
        """The new one may be the same pair of role and policy, which the old one's end would take apart."""
        attached = made(world, ATTACHMENT)
        diff = world.driver.diff(attached, attached.inputs | {"role": world.role(2).id})
        assert diff.replaces == {"role"}
        assert diff.delete_first

    @pytest.mark.parametrize("kind", ["aws:lambda/permission:Permission", TOPIC_POLICY, SECRET_POLICY])
    def test_others_without_a_name_are_made_first(self, world: World, kind: str) -> None:
        there = made(world, kind)
        (name, value), *_ = CASES[kind].replace(world).items()
        diff = world.driver.diff(there, there.inputs | {name: value})
        assert diff.replaces
        assert not diff.delete_first

    def test_another_name_replaces_and_no_prefix_any_more_does_not(self, world: World) -> None:
        inputs = {k: v for k, v in CASES[ROLE].inputs(world).items() if k != "name"}
        prefixed = world.driver.create(ROLE, "prefixed", inputs | {"namePrefix": "flexpay-"})
        assert prefixed["name"].startswith("flexpay-")
        assert not world.driver.diff(prefixed, inputs | {"name": prefixed["name"]}).changed
        assert world.driver.diff(prefixed, inputs).replaces == {"name"}


class TestMadeUpNames:
    @pytest.mark.parametrize(("kind", "longest"), [(BUCKET, 63), (QUEUE, 80), (TOPIC, 80), (FUNCTION, 64)])
    def test_one_that_does_not_fit_is_refused_and_never_cut(
        self, driver: Driver, world: World, kind: str, longest: int
    ) -> None:
        inputs = {k: v for k, v in CASES[kind].inputs(world).items() if k not in ("name", "bucket")}
        fits = "n" * (longest - len("-1a2b3c4"))
        driver.check(kind, fits, inputs)
        with pytest.raises(
            ProviderError, match=f"'n+-' plus 7 random chars is longer than maximum length {longest}"
        ):
            driver.check(kind, f"{fits}n", inputs)

    def test_that_of_a_bucket_is_in_small_letters(self, driver: Driver) -> None:
        assert str(driver.check(BUCKET, "Proofs", {})["bucket"]).startswith("proofs-")


class TestTakenAway:
    """What is Optional and Computed stays as it is when the program no longer asks for it."""

    def test_a_queue_keeps_its_dead_letters(self, world: World) -> None:
        target = f'{{"deadLetterTargetArn": "{world.queue(2)["arn"]}", "maxReceiveCount": 3}}'
        queue = made(world, QUEUE, redrivePolicy=target)
        without = {name: value for name, value in queue.inputs.items() if name != "redrivePolicy"}
        assert not world.driver.diff(queue, without).changed

    @pytest.mark.parametrize("direction", ["ingress", "egress"])
    def test_the_default_group_keeps_its_rules_unless_none_are_asked_for(
        self, world: World, direction: str
    ) -> None:
        there = made(world, DEFAULT_GROUP, **{direction: [HTTPS]})
        without = {name: value for name, value in there.inputs.items() if name != direction}
        assert not world.driver.diff(there, without).changed
        assert world.driver.diff(there, without | {direction: []}).changed == {direction}

    def test_a_function_keeps_the_hash_of_its_code(self, world: World) -> None:
        function = made(world, FUNCTION, sourceCodeHash="abc")
        without = {name: value for name, value in function.inputs.items() if name != "sourceCodeHash"}
        assert not world.driver.diff(function, without).changed
        assert world.driver.diff(function, without | {"code": code("x = 1")}).changed == {"code"}


class TestPolicies:
    def test_whether_a_secret_may_be_public_is_told_to_aws(
        self, world: World, stand_in: server.Running
    ) -> None:
        there, last = made(world, SECRET_POLICY), now(stand_in)
        wanted = there.inputs | {"blockPublicPolicy": True}
        diff = world.driver.diff(there, wanted)
        assert diff.changed == {"blockPublicPolicy"}
        assert not diff.replaces
        world.driver.update(there, wanted)
        assert "PutResourcePolicy" in actions_since(stand_in, last)

    def test_a_secrets_policy_that_was_taken_away_is_put_back_in_place(self, world: World) -> None:
        there = made(world, SECRET_POLICY)
        client(world.driver, "secretsmanager").delete_resource_policy(SecretId=there.id)
        refreshed = world.driver.read(there)
        assert refreshed is not None
        diff = world.driver.diff(refreshed, there.inputs)
        assert diff.changed == {"policy"}
        assert not diff.replaces
        world.driver.update(refreshed, there.inputs)
        found = client(world.driver, "secretsmanager").get_resource_policy(SecretId=there.id)
        assert found["ResourcePolicy"] == there.inputs["policy"]

    def test_a_secrets_policy_goes_with_its_secret(self, world: World) -> None:
        there = made(world, SECRET_POLICY)
        world.driver.delete(world.secret())
        assert world.driver.read(there) is None
        world.driver.delete(there)

    def test_a_topics_policy_that_was_reset_is_put_back_in_place(self, world: World) -> None:
        there = made(world, TOPIC_POLICY)
        world.driver.delete(there)
        refreshed = world.driver.read(there)
        assert refreshed is not None
        assert "SNS:Receive" in refreshed["policy"]
        diff = world.driver.diff(refreshed, there.inputs)
        assert diff.changed == {"policy"}
        assert not diff.replaces

    def test_a_key_by_its_id_is_another_value_than_by_its_arn(self, world: World) -> None:
        """The official provider compares the texts; the secret is updated, never replaced."""
        there = made(world, SECRET)
        diff = world.driver.diff(there, there.inputs | {"kmsKeyId": world.key().id})
        assert diff.changed == {"kmsKeyId"}
        assert not diff.replaces


def test_the_order_of_lifecycle_rules_counts(world: World) -> None:
    one = {"status": "Enabled", "filter": {"prefix": "a/"}, "expiration": {"days": 1}}
    rules = [{"id": "a", **one}, {"id": "b", **one}]
    there = made(world, LIFECYCLE, rules=rules)
    assert not world.driver.diff(there, there.inputs | {"rules": rules}).changed
    assert world.driver.diff(there, there.inputs | {"rules": rules[::-1]}).changed == {"rules"}


def test_a_key_is_enabled_before_anything_else_changes_and_disabled_after(
    world: World, stand_in: server.Running
) -> None:
    there = made(world, KEY)
    off = there.inputs | {"isEnabled": False, "description": "off"}
    last = now(stand_in)
    there = world.driver.update(there, off)
    calls = [one for one in actions_since(stand_in, last) if one in ("DisableKey", "UpdateKeyDescription")]
    assert calls == ["UpdateKeyDescription", "DisableKey"]
    last = now(stand_in)
    world.driver.update(there, there.inputs | {"isEnabled": True, "description": "on"})
    calls = [one for one in actions_since(stand_in, last) if one in ("EnableKey", "UpdateKeyDescription")]
    assert calls == ["EnableKey", "UpdateKeyDescription"]


class TestDelete:
    @pytest.mark.parametrize("versioning", ["Enabled", "Suspended"])
    def test_a_bucket_with_something_in_it_goes_only_by_force(self, world: World, versioning: str) -> None:
        kept, s3 = made(world, BUCKET), client(world.driver, "s3")
        s3.put_bucket_versioning(Bucket=kept.id, VersioningConfiguration={"Status": "Enabled"})
        for body in (b"1", b"2"):
            s3.put_object(Bucket=kept.id, Key="proof", Body=body)
        s3.delete_object(Bucket=kept.id, Key="proof")
        # a stack that gives the bucket up suspends its versioning first
        s3.put_bucket_versioning(Bucket=kept.id, VersioningConfiguration={"Status": versioning})
        with pytest.raises(ProviderError, match="BucketNotEmpty"):
            world.driver.delete(kept)
        forced = world.driver.update(kept, kept.inputs | {"forceDestroy": True})
        world.driver.delete(forced)
        assert world.driver.read(forced) is None

    def test_force_counts_once_it_is_in_the_state(self, world: World) -> None:
        kept, s3 = made(world, BUCKET), client(world.driver, "s3")
        s3.put_object(Bucket=kept.id, Key="proof", Body=b"1")
        asked = Resource(kept.type, kept.name, kept.id, kept.inputs | {"forceDestroy": True}, kept.state)
        with pytest.raises(ProviderError, match="BucketNotEmpty"):
            world.driver.delete(asked)

    def test_a_function_is_waited_for_until_it_is_gone(self, world: World, stand_in: server.Running) -> None:
        function, last = made(world, FUNCTION), now(stand_in)
        world.driver.delete(function)
        assert actions_since(stand_in, last) == ["DeleteFunction", "GetFunction"]

    def test_a_secret_in_its_recovery_window_blocks_its_name(self, world: World) -> None:
        named = {"name": f"flexpay/x/{world.tag}", "recoveryWindowInDays": 7}
        secret = world.driver.create(SECRET, "one", named)
        world.driver.delete(secret)
        assert world.driver.read(secret) is None
        with pytest.raises(ProviderError, match="scheduled for deletion"):
            world.driver.create(SECRET, "two", named)

    def test_a_role_goes_with_its_attachments_only_by_force(self, world: World) -> None:
        role, iam = made(world, ROLE), client(world.driver, "iam")
        iam.attach_role_policy(RoleName=role.id, PolicyArn=world.managed_policy()["arn"])
        iam.put_role_policy(RoleName=role.id, PolicyName="p", PolicyDocument=policy("s3:GetObject"))
        with pytest.raises(ProviderError, match="DeleteConflict"):
            world.driver.delete(role)
        forced = world.driver.update(role, role.inputs | {"forceDetachPolicies": True})
        world.driver.delete(forced)
        assert world.driver.read(forced) is None

    def test_a_policy_that_somebody_uses_does_not_go(self, world: World) -> None:
        attached = made(world, ATTACHMENT)
        with pytest.raises(ProviderError, match="DeleteConflict"):
            world.driver.delete(world.managed_policy())
        world.driver.delete(attached)
        world.driver.delete(world.managed_policy())
