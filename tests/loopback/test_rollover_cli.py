"""``rollover`` as a user runs it, against the AWS stand-in."""

import pytest

from tests.loopback.toolkit import Toolkit, toolkit

__all__ = ["toolkit"]


@pytest.fixture
def listed(toolkit: Toolkit) -> Toolkit:
    """The environment with every address approved."""
    assert toolkit.draft().code == 0
    toolkit.submit()
    toolkit.record("approved")
    return toolkit


def test_at_rest_nothing_is_under_way_and_a_named_slot_says_how_to_begin(listed: Toolkit) -> None:
    bare = listed.run("rollover")
    assert bare.code == 0, bare.err
    assert "no change of address is under way" in bare.out
    named = listed.run("rollover", "--slot", "use1-az1/1")
    assert named.code == 3
    assert "use1-az1/2: { role: spare }" in named.out
    assert listed.run("rollover", "--slot", "use1-az1/1", "--check", "allocate").code == 0
    early = listed.run("rollover", "--slot", "use1-az1/1", "--check", "attach")
    assert (early.code, early.out) == (3, "")
    assert "first allocate" in early.err


def test_traffic_that_moved_to_an_unapproved_address_is_a_finding(listed: Toolkit) -> None:
    world = listed.world
    address = world.allocate("use1-az1/2")
    nat = world.nat(world.public["use1-az1"], address["AllocationId"])
    world.ec2.replace_route(
        RouteTableId=world.tables["use1-az1"], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat
    )
    world.addresses[0]["role"] = "spare"
    world.declare("use1-az1/2", address, nat)
    listed.deploy()
    said = listed.run("rollover", "--json")
    assert said.code == 1
    (move,) = said.json["moves"]
    assert (move["old"]["slot"], move["new"]["slot"]) == ("use1-az1/1", "use1-az1/2")
    assert address["PublicIp"] in move["problems"][0]["reason"]
    assert f"back to {world.ips[0]}" in listed.run("rollover").out


def test_an_address_that_was_left_behind_is_found_by_its_tags(listed: Toolkit) -> None:
    left = listed.world.allocate("use1-az1/3")["PublicIp"]
    said = listed.run("rollover", "--slot", "use1-az1/3", "--json")
    (move,) = said.json["moves"]
    assert move["old"]["address"] == left
    assert move["due"] == "release"
    assert listed.run("addresses", "release", left, "--yes").code == 0
    after = listed.run("rollover", "--slot", "use1-az1/3")
    assert after.code == 0
    assert "nothing is left to do" in after.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--check", "attach"), "--slot"),
        (("--to", "use1-az1/2"), "--slot"),
        (("--slot", "use1-az1"), "not a slot"),
        (("--slot", "use1-az1/1", "--check", "move"), "not a step"),
        (("--slot", "use1-az1/1", "--to", "use1-az4/1"), "another slot"),
        (("--slot", "use1-az9/1"), "use1-az9"),
    ],
)
def test_wrong_usage_is_refused_by_name(listed: Toolkit, arguments: tuple[str, ...], word: str) -> None:
    said = listed.run("rollover", *arguments)
    assert (said.code, said.out) == (2, "")
    assert word in said.err


def test_a_slot_that_is_not_declared_cannot_be_told_without_aws(listed: Toolkit) -> None:
    assert listed.run("rollover", "--slot", "use1-az1/3", "--offline").code == 4
