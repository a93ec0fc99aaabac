"""Which addresses may be handed in, and when one may be given up."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.allowlist.addresses import classify, is_internet_destination
from onboarding.allowlist.ledger import Ledger
from onboarding.allowlist.releasing import obstacles
from onboarding.cli.addresses_parts import slot_entry
from tests.unit.ledger_world import AIR, RAIL, A, B, event, ledger
from tests.unit.network_world import allocation

HELD = allocation(A, "use1-az1/1")


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("0.0.0.1", "no host"),
        ("10.255.255.255", "RFC 1918"),
        ("172.16.0.1", "RFC 1918"),
        ("172.31.255.255", "RFC 1918"),
        ("192.168.1.1", "RFC 1918"),
        ("100.64.0.1", "RFC 6598"),
        ("100.127.255.255", "RFC 6598"),
        ("169.254.169.254", "link-local"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.7", "documentation"),
        ("203.0.113.10", "documentation"),
        ("198.19.255.255", "benchmarks"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
    ],
)
def test_what_the_partner_can_never_see_is_refused_with_its_source(address: str, word: str) -> None:
    verdict = classify(IPv4Address(address))
    assert verdict.refused
    assert word in verdict.refused


@pytest.mark.parametrize(
    "address", ["9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0"]
)
def test_the_neighbours_of_refused_ranges_are_accepted(address: str) -> None:
    assert classify(IPv4Address(address)).refused is None


def test_a_loopback_address_is_accepted_and_said_to_be_one() -> None:
    verdict = classify(IPv4Address("127.3.4.5"))
    assert verdict.refused is None
    assert verdict.note
    assert "this machine only" in verdict.note


@given(st.integers(0, 2**32 - 1))
def test_no_accepted_address_but_loopback_is_unknown_to_the_internet(number: int) -> None:
    address = IPv4Address(number)
    verdict = classify(address)
    if verdict.refused is None and not address.is_loopback:
        assert address.is_global


@pytest.mark.parametrize(
    ("destination", "reaches"),
    [
        ("0.0.0.0/0", True),
        ("0.0.0.0/1", True),
        ("10.0.0.0/7", True),
        ("10.1.0.0/16", False),
        ("192.168.0.0/16", False),
        ("52.0.0.0/8", True),
    ],
)
def test_only_a_route_wholly_inside_private_space_cannot_reach_the_internet(
    destination: str, reaches: bool
) -> None:
    assert is_internet_destination(IPv4Network(destination)) is reaches


RETIRED = (
    event("submitted", 0, [A]),
    event("approved", 1, [A], reference="FPX-2"),
    event("retired", 2, [A], reference="FPX-3"),
)


def test_an_address_retired_for_everybody_may_be_released() -> None:
    assert obstacles(A, HELD, [ledger(*RETIRED)]) == []


@pytest.mark.parametrize("until", [1, 2])
def test_an_address_somebody_waits_for_or_is_let_in_from_is_kept(until: int) -> None:
    (reason,) = obstacles(A, HELD, [ledger(*RETIRED[:until])])
    assert AIR in reason


def test_one_merchant_who_is_still_let_in_is_enough_to_keep_it() -> None:
    books = ledger(*RETIRED, event("submitted", 0, [A], [RAIL]), event("approved", 1, [A], [RAIL]))
    (reason,) = obstacles(A, HELD, [books])
    assert RAIL in reason


def test_a_ledger_of_another_environment_counts_as_well() -> None:
    other = Ledger(
        "staging",
        tuple(
            event(action, day, [A], environment="staging")
            for action, day in (("submitted", 0), ("approved", 1))
        ),
    )
    (reason,) = obstacles(A, HELD, [ledger(*RETIRED), other])
    assert reason.startswith("staging")


def test_an_address_that_was_only_ever_rejected_may_be_released() -> None:
    assert obstacles(A, HELD, [ledger(event("submitted", 0, [A]), event("rejected", 1, [A]))]) == []


def test_an_approval_that_was_taken_back_still_needs_its_removal_confirmed() -> None:
    books = ledger(event("submitted", 0, [A]), event("approved", 1, [A]), event("rejected", 2, [A]))
    (reason,) = obstacles(A, HELD, [books])
    assert "record retired" in reason


def test_what_is_said_about_another_address_keeps_nobody_from_giving_up_this_one() -> None:
    books = ledger(*RETIRED, event("submitted", 0, [B]), event("approved", 1, [B]))
    assert obstacles(A, HELD, [books]) == []


def test_a_standing_that_two_branches_tell_differently_has_to_be_settled_first() -> None:
    rejected = event("rejected", 1, [A])
    for later in ([], [event("approved", 2, [A])], [event("approved", 2, [A]), event("retired", 3, [A])]):
        reasons = obstacles(A, HELD, [ledger(event("submitted", 0, [A]), rejected, *later)])
        disputed = [one for one in reasons if f"disputed by event {rejected.id}" in one]
        assert len(disputed) == (len(later) == 1)


def test_attached_and_foreign_addresses_are_never_released() -> None:
    attached = replace(HELD, association_id="eipassoc-1", interface_id="eni-1")
    foreign = replace(HELD, tags={})
    assert "eni-1" in obstacles(A, attached, [])[0]
    assert "eipassoc-1" in obstacles(A, replace(attached, interface_id=None), [])[0]
    assert "not tagged" in obstacles(A, foreign, [])[0]


def test_the_slot_entry_can_be_pasted_into_the_settings() -> None:
    import yaml

    pasted = yaml.safe_load("config:\n" + slot_entry("use1-az1/2", "eipalloc-0a1b2c3d"))
    assert pasted["config"]["flexpay-egress:egress"]["addresses"] == {
        "use1-az1/2": {"role": "spare", "allocation": "eipalloc-0a1b2c3d"}
    }
