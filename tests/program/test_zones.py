"""Zones and slots are keyed by what they are: order and neighbours mean nothing."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.program.cloud import Cloud
from tests.program.run import deploy, stack_config

ZONES = [f"use1-az{number}" for number in range(1, 7)]
permutations = st.lists(st.sampled_from(ZONES), min_size=1, unique=True)


def registered(zones: list[str]) -> dict[str, Any]:
    _, cloud = deploy(stack_config(network={"cidr": "10.64.0.0/16", "zones": zones}))
    return by_urn(cloud)


def by_urn(cloud: Cloud) -> dict[str, Any]:
    return {f"{one.typ}::{one.name}": one.inputs for one in cloud.recorded if one.typ.startswith("aws:")}


@given(zones=permutations, added=st.sampled_from(ZONES), seed=st.randoms())
@settings(max_examples=6, deadline=None)
def test_adding_and_permuting_zones_changes_nothing_that_exists(
    zones: list[str], added: str, seed: Any
) -> None:
    before = registered(zones)
    shuffled = list({*zones, added})
    seed.shuffle(shuffled)
    after = registered(shuffled)
    assert {urn: after.get(urn) for urn in before} == before
    assert all(added in urn or added.replace("/", "-") in urn for urn in set(after) - set(before))


@given(zones=permutations)
@settings(max_examples=50, deadline=None)
def test_subnets_of_all_zones_are_disjoint(zones: list[str]) -> None:
    from ipaddress import IPv4Network
    from itertools import combinations

    from stacks.values import subnets_of

    for cidr in (IPv4Network("10.64.0.0/16"), IPv4Network("10.64.0.0/18")):
        made = [subnet for zone in zones for subnet in subnets_of(cidr, zone)]
        assert all(subnet.subnet_of(cidr) and subnet.prefixlen == 24 for subnet in made)
        assert not any(one.overlaps(other) for one, other in combinations(made, 2))
