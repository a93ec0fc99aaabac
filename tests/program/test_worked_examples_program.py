"""The component of how-to-extend registers what the page says, and the sandbox can make it."""

import warnings

import pulumi
import pytest

from sandbox.aws.provider.resources import TABLE
from stacks.labels import Labels
from tests.program.cloud import Cloud
from tests.unit.worked_examples import example

TOPIC = "aws:sns/topic:Topic"


@pytest.fixture
def cloud() -> Cloud:
    with warnings.catch_warnings():
        # pulumi_aws announces its own deprecations while a module is first used
        warnings.simplefilter("ignore", DeprecationWarning)
        component = example("resource").AlarmTopic
    cloud = Cloud()
    pulumi.runtime.set_mocks(cloud, project="flexpay-egress", stack="production", organization="organization")

    @pulumi.runtime.test  # type: ignore[untyped-decorator] # the SDK ships it without types
    def program() -> pulumi.Output[str]:
        made: pulumi.Output[str] = component(
            "verifier",
            {"labels": Labels("production", {"team": "payments"})},
            pulumi.ResourceOptions(transformations=[cloud.note]),
        ).arn
        return made

    program()
    return cloud


def test_the_component_names_tags_and_parents_its_child(cloud: Cloud) -> None:
    (topic,) = cloud.of_type(TOPIC).values()
    assert topic.inputs["name"] == "flexpay-production-alarms"
    assert topic.inputs["tags"]["flexpay:environment"] == "production"
    assert topic.inputs["tags"]["team"] == "payments"
    assert f"flexpay:index:AlarmTopic${TOPIC}::verifier-topic" in cloud.names


def test_the_sandbox_maps_every_input_of_it(cloud: Cloud) -> None:
    (topic,) = cloud.of_type(TOPIC).values()
    assert set(topic.inputs) <= set(TABLE[TOPIC].fields)
