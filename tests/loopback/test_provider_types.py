"""Every mapped resource type through its whole life against the AWS stand-in."""

from __future__ import annotations

import pytest

from sandbox.aws.provider.kinds import is_empty
from sandbox.aws.provider.resources import TABLE
from sandbox.aws.provider.values import plain
from tests.loopback.provider_cases import CASES, Case, Instead, World, nothing
from tests.loopback.provider_driver import Driver, ProviderError, Resource
from tests.loopback.provider_fixtures import driver, shared_driver, stand_in

__all__ = ["driver", "shared_driver", "stand_in"]

PREFIXES = {"namePrefix": "another-", "bucketPrefix": "another-"}
OF_ONE_VALUE = frozenset({"packageType"})
"""Replacing inputs of which only one value is mapped."""
REPLACED_BY_NOTHING = {
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation",
}


def test_there_is_a_case_for_every_type() -> None:
    assert CASES.keys() == TABLE.keys()


@pytest.mark.parametrize("kind", CASES)
def test_life_of(kind: str, driver: Driver) -> None:
    case, world = CASES[kind], World(driver)
    inputs = case.inputs(world)

    made = driver.create(kind, f"one-{world.tag}", inputs)
    assert made.id
    assert not driver.diff(made, inputs).changed, "a second up changes something"
    _is_as_asked(made)
    _refresh_finds_nothing(driver, made)
    _import_finds_it(driver, case, made)

    change = case.change(world)
    if change:
        wanted = inputs | change
        diff = driver.diff(made, wanted)
        assert not diff.replaces
        made = driver.update(made, wanted)
        _is_as_asked(made)
        assert not driver.diff(made, wanted).changed, "an update does not settle"
        _refresh_finds_nothing(driver, made)

    driver.delete(made)
    if not case.stays:
        assert driver.read(made) is None
        assert driver.import_(kind, "one", str(case.imports(made))) is None
    driver.delete(made)


def _is_as_asked(resource: Resource) -> None:
    fields = TABLE[resource.type].fields
    wrong = {
        name: (value, plain(resource.state.get(name)))
        for name, value in plain(resource.inputs).items()
        if not fields[name].same(value, plain(resource.state.get(name)))
    }
    assert not wrong
    if "arn" in TABLE[resource.type].outputs:
        assert str(resource["arn"]).startswith("arn:aws:")


def _refresh_finds_nothing(driver: Driver, made: Resource) -> None:
    refreshed = driver.read(made)
    assert refreshed is not None
    assert refreshed.id == made.id
    assert refreshed.inputs == made.inputs, "refresh reports drift"
    assert refreshed.state == made.state, "refresh reports drift"
    assert not driver.diff(refreshed, made.inputs).changed


def _import_finds_it(driver: Driver, case: Case, made: Resource) -> None:
    identifier = case.imports(made)
    if identifier is None:
        with pytest.raises(ProviderError, match="cannot be imported"):
            driver.import_(made.type, made.name, made.id)
        return
    imported = driver.import_(made.type, made.name, identifier)
    assert imported is not None
    assert imported.id == made.id
    diff = driver.diff(imported, made.inputs)
    assert diff.changed <= case.unseen, "an import does not know all inputs"
    fields = TABLE[made.type].fields
    known = {
        name for name, value in made.inputs.items() if not is_empty(plain(value)) and not fields[name].local
    }
    assert known - {"region"} <= imported.inputs.keys()


@pytest.mark.parametrize("kind", CASES)
def test_replacing_inputs_of(kind: str, driver: Driver) -> None:
    """Each input that replaces in the official provider does so alone; no other does."""
    case, world = CASES[kind], World(driver)
    inputs = case.inputs(world)
    others = case.replace(world) | {
        name: value for name, value in PREFIXES.items() if name in TABLE[kind].inputs
    }
    replacing = {name for name, field in TABLE[kind].inputs.items() if field.replaces}
    assert replacing - OF_ONE_VALUE == others.keys() - case.sometimes
    made = driver.create(kind, f"one-{world.tag}", inputs)
    for name, other in others.items():
        wanted = (
            inputs | {name: other.value, other.of: None}
            if isinstance(other, Instead)
            else inputs | {name: other}
        )
        diff = driver.diff(made, wanted)
        also = {other.of} if isinstance(other, Instead) else set()
        assert diff.replaces - also == {name}
        assert diff.details[name] in {"UPDATE_REPLACE", "ADD_REPLACE"}
    if TABLE[kind].regional:
        assert driver.diff(made, inputs | {"region": "eu-west-1"}).replaces == {"region"}
    driver.delete(made)


def test_a_vpc_gives_its_tenancy_up_in_place(driver: Driver) -> None:
    made = driver.create(
        "aws:ec2/vpc:Vpc", "one", {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "dedicated"}
    )
    wanted = {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "default"}
    assert not driver.diff(made, wanted).replaces
    assert driver.update(made, wanted)["instanceTenancy"] == "default"


def test_an_interface_endpoint_changes_its_names_in_place(driver: Driver) -> None:
    kind, world = "aws:ec2/vpcEndpoint:VpcEndpoint", World(driver)
    inputs = {
        "vpcId": world.vpc.id,
        "serviceName": "com.amazonaws.us-east-1.kms",
        "vpcEndpointType": "Interface",
        "subnetIds": [world.subnet().id],
    }
    made = driver.create(kind, "one", inputs)
    assert not driver.diff(made, inputs | {"privateDnsEnabled": True}).replaces


def test_the_main_association_moves_to_another_vpc_without_being_replaced(driver: Driver) -> None:
    kind = "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"
    world = World(driver)
    inputs = CASES[kind].inputs(world)
    made = driver.create(kind, "one", inputs)
    diff = driver.diff(made, inputs | {"vpcId": world.other_vpc.id})
    assert diff.changed == {"vpcId"}
    assert not diff.replaces


def test_every_type_is_put_through_each_replacement() -> None:
    assert {kind for kind in TABLE if CASES[kind].replace is nothing} == REPLACED_BY_NOTHING
