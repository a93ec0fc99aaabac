import json

from stacks.contract import StackOutputs
from tests.program.cloud import address_of
from tests.program.run import deploy, stack_config


def test_outputs_hold_exactly_the_contract() -> None:
    outputs, _ = deploy(stack_config())
    required = StackOutputs.__required_keys__
    assert required <= set(outputs) <= required | StackOutputs.__optional_keys__
    json.dumps(outputs)


def test_every_zone_leaves_through_the_address_of_its_own_slot() -> None:
    outputs, _ = deploy(stack_config())
    assert {one["slot"]: one["address"] for one in outputs["egressAddresses"]} == {
        "use1-az1/1": address_of("egress-use1-az1-1"),
        "use1-az4/1": address_of("egress-use1-az4-1"),
    }
    assert outputs["egressByZone"] == {"use1-az1": "use1-az1/1", "use1-az4": "use1-az4/1"}
    assert {one["role"] for one in outputs["egressAddresses"]} == {"active"}
