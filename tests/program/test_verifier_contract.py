"""What the program hands to verifier functions is what their handler understands."""

import warnings

from onboarding.verification import cloud

with warnings.catch_warnings():
    # pulumi_aws announces its own deprecations while a module is first used
    warnings.simplefilter("ignore", DeprecationWarning)
    from stacks import verifier, verifier_schedule


def test_the_schedule_sends_a_request_of_the_protocol_that_is_deployed_with_it() -> None:
    """A function that refuses its schedule's event is noticed hours later, by an alarm."""
    assert cloud.to_request(verifier_schedule.EVENT) == cloud.Request(cloud.Action.SCHEDULED)


def test_the_function_outside_the_vpc_knows_that_it_is_the_control() -> None:
    """Another word, and it would take itself for a zone and ask for credentials."""
    assert verifier.CONTROL == cloud.CONTROL
