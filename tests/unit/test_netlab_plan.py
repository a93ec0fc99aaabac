"""From what AWS says to namespaces and commands, without a kernel."""

import json
import os
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from sandbox.netlab import kernel
from sandbox.netlab.judging import Seen, judge
from sandbox.netlab.lab import copy_partner, declared_by
from sandbox.netlab.plan import EGRESS, Declared, Plan, plan
from sandbox.netlab.view import LabError, NatGateway, Route, RouteTable, Subnet, View
from tests.conftest import cannot_run_here

GOLDEN = Path(__file__).with_name("netlab_three_zones.txt")
ZONES = ("use1-az1", "use1-az4", "use1-az6")
LOCAL = Route(IPv4Network("10.64.0.0/16"), "local")
ANYWHERE = IPv4Network("0.0.0.0/0")


def table(name: str, target: str, *subnets: str) -> RouteTable:
    return RouteTable(f"rtb-{name}", False, frozenset(subnets), (LOCAL, Route(ANYWHERE, target)))


def three_zones() -> View:
    """As the program deploys it: a gateway in each public subnet, a table for each private one."""
    private = tuple(
        Subnet(f"subnet-{zone}", IPv4Network(f"10.64.{4 * n}.0/24")) for n, zone in enumerate("abc")
    )
    public = tuple(
        Subnet(f"subnet-public-{zone}", IPv4Network(f"10.64.{100 + n}.0/24")) for n, zone in enumerate("abc")
    )
    return View(
        vpc="vpc-1",
        subnets=private + public,
        tables=(
            RouteTable("rtb-main", True, frozenset(), (LOCAL,)),
            table("public", "igw-1", *(subnet.id for subnet in public)),
            *(table(zone, f"nat-{zone}", f"subnet-{zone}") for zone in "abc"),
        ),
        gateways=tuple(
            NatGateway(f"nat-{zone}", f"subnet-public-{zone}", IPv4Address(f"127.0.{n + 1}.9"))
            for n, zone in enumerate("abc")
        ),
        internet_gateways=frozenset({"igw-1"}),
    )


DECLARED = tuple(
    Declared(zone, f"subnet-{letter}", IPv4Address(f"127.0.{n + 1}.9"))
    for n, (zone, letter) in enumerate(zip(ZONES, "abc", strict=True))
)


def planned(view: View) -> Plan:
    return plan(view, DECLARED, "lab")


def with_table(view: View, changed: RouteTable) -> View:
    return replace(view, tables=tuple(changed if one.id == changed.id else one for one in view.tables))


def default_route(made: Plan, name: str) -> str:
    """What is done about a namespace's default route."""
    begin = ("ip", "-n", f"lab-{name}", "route", "add")
    found = [
        " ".join(one.arguments[5:])
        for one in made.commands
        if one.arguments[:5] == begin and "default" in one.arguments
    ]
    assert len(found) <= 1
    return found[0] if found else ""


def links(made: Plan) -> set[tuple[str, str]]:
    """Pairs of namespaces with a cable between them, the one that sends first."""
    return {
        (one.arguments[5].removeprefix("lab-"), one.arguments[-1].removeprefix("lab-"))
        for one in made.commands
        if one.arguments[:3] == ("ip", "link", "add")
    }


def test_three_zones_become_exactly_these_commands() -> None:
    made = planned(three_zones())
    lines = [str(command).replace("\\n", "\n    ") for command in made.commands]
    assert "\n".join(lines) + "\n" == GOLDEN.read_text(encoding="utf-8")


def test_each_subnet_is_cabled_to_its_gateway_and_only_gateways_to_the_internet() -> None:
    assert links(planned(three_zones())) == {
        ("internet", "partner"),
        *((f"nat-{zone}", "internet") for zone in "abc"),
        *((f"subnet-{zone}", f"nat-{letter}") for zone, letter in zip(ZONES, "abc", strict=True)),
    }


def test_every_namespace_is_made_once_before_it_is_used_and_carries_the_prefix() -> None:
    made = planned(three_zones())
    added = [one.arguments[3] for one in made.commands if one.arguments[:3] == ("ip", "netns", "add")]
    assert tuple(added) == made.namespaces
    assert len(set(added)) == len(added) == 8
    assert all(name.startswith("lab-") for name in added)
    known: set[str] = set()
    for command in made.commands:
        known |= {command.arguments[3]} if command.arguments[:3] == ("ip", "netns", "add") else set()
        assert {word for word in command.arguments if word.startswith("lab-")} <= known


def test_allocated_addresses_are_translated_both_ways_and_others_stay() -> None:
    made = planned(three_zones())
    assert set(made.translation) == {item.address for item in DECLARED}
    assert all(there in EGRESS for there in made.translation.values())
    assert len(set(made.translation.values())) == 3
    assert [made.allocated(made.translation[item.address]) for item in DECLARED] == [
        item.address for item in DECLARED
    ]
    assert made.allocated(IPv4Address("203.0.113.7")) == IPv4Address("203.0.113.7")


def test_a_shared_gateway_gets_a_cable_from_both_subnets() -> None:
    made = planned(with_table(three_zones(), table("a", "nat-b", "subnet-a")))
    assert {sender for sender, receiver in links(made) if receiver == "nat-b"} == {
        "subnet-use1-az1",
        "subnet-use1-az4",
    }
    assert made.rows[0].address == IPv4Address("127.0.2.9")


@pytest.mark.parametrize("target", ["nat-gone", "igw-of-another-vpc", "tgw-1", ""])
def test_a_route_to_what_is_not_there_leads_nowhere(target: str) -> None:
    made = planned(with_table(three_zones(), table("a", target, "subnet-a")))
    assert default_route(made, "subnet-use1-az1") == "unreachable default"
    assert made.rows[0].address is None


def test_a_subnet_without_a_table_of_its_own_follows_the_main_one() -> None:
    made = planned(with_table(three_zones(), table("a", "nat-a")))
    assert default_route(made, "subnet-use1-az1") == ""
    assert made.rows[0].table == "rtb-main"


def test_a_gateway_in_the_subnet_that_it_serves_sends_nothing() -> None:
    view = three_zones()
    inside = tuple(replace(one, subnet="subnet-a") if one.id == "nat-a" else one for one in view.gateways)
    made = planned(replace(view, gateways=inside))
    assert default_route(made, "nat-a") == "unreachable default"
    assert ("nat-a", "internet") not in links(made)


def test_a_narrower_route_is_kept_beside_the_default_one() -> None:
    narrow = Route(IPv4Network("203.0.113.0/24"), "nat-b")
    split = replace(table("a", "nat-a", "subnet-a"), routes=(LOCAL, Route(ANYWHERE, "nat-a"), narrow))
    made = planned(with_table(three_zones(), split))
    assert {receiver for sender, receiver in links(made) if sender == "subnet-use1-az1"} == {"nat-a", "nat-b"}
    assert any("203.0.113.0/24" in one.arguments and "subnet-use1-az1" in str(one) for one in made.commands)


def test_only_translated_addresses_pass_the_internet_gateway() -> None:
    rules = planned(three_zones()).commands[-1]
    assert rules.arguments[3] == "lab-internet"
    assert "policy drop" in rules.given
    assert "ip saddr { 198.51.100.1, 198.51.100.2, 198.51.100.3 } accept" in rules.given
    without = planned(replace(three_zones(), gateways=())).commands[-1]
    assert "saddr" not in without.given


def test_more_gateways_than_the_range_has_addresses_are_refused() -> None:
    many = tuple(
        NatGateway(f"nat-{number}", "subnet-public-a", IPv4Address("127.1.0.1") + number)
        for number in range(255)
    )
    with pytest.raises(LabError, match="255 NAT gateways"):
        planned(replace(three_zones(), gateways=many))


def test_a_declared_subnet_that_does_not_exist_is_named() -> None:
    view = three_zones()
    with pytest.raises(LabError, match="subnet-a"):
        planned(replace(view, subnets=view.subnets[1:]))


OWNERS = {item.address: item.zone for item in DECLARED}


@pytest.mark.parametrize(
    ("seen", "right", "listed", "said"),
    [
        (Seen((DECLARED[0].address,) * 2, status=401), True, True, "as declared; the partner's list lets it"),
        (Seen((DECLARED[0].address,) * 2, status=403), True, False, "not on the partner's list"),
        (Seen((DECLARED[0].address,) * 2, status=503), True, None, "answered 503"),
        (Seen((DECLARED[0].address,), "timed out", 401), False, True, "seen by one echo only (timed out)"),
        (Seen((DECLARED[1].address,) * 2, status=401), False, True, "127.0.2.9 (the address of use1-az4)"),
        (Seen((IPv4Address("127.9.9.9"),) * 2), False, None, "127.9.9.9 (declared for no zone)"),
        (
            Seen((DECLARED[0].address, DECLARED[1].address)),
            False,
            None,
            "(the address of use1-az1) and",
        ),
        (Seen((), "timed out"), False, None, "no way out to the partner (timed out); declared is 127.0.1.9"),
    ],
)
def test_a_verdict_names_zone_and_what_was_found(
    seen: Seen, right: bool, listed: bool | None, said: str
) -> None:
    verdict = judge(DECLARED[0], seen, OWNERS)
    assert (verdict.right, verdict.listed) == (right, listed)
    assert verdict.fact.startswith("use1-az1: ")
    assert said in verdict.fact


def test_zones_are_declared_by_the_slot_that_they_leave_from() -> None:
    outputs = {
        "privateSubnets": {"z1": "subnet-1", "z2": "subnet-2"},
        "egressByZone": {"z1": "z1/2", "z2": "z1/2"},
        "egressAddresses": [
            {"slot": "z1/1", "address": "127.0.0.1"},
            {"slot": "z1/2", "address": "127.0.0.2"},
        ],
    }
    assert declared_by(outputs) == (
        Declared("z1", "subnet-1", IPv4Address("127.0.0.2")),
        Declared("z2", "subnet-2", IPv4Address("127.0.0.2")),
    )
    with pytest.raises(LabError, match="pulumi up"):
        declared_by({})


def test_the_partners_list_is_translated_in_a_copy_and_its_own_state_stays(tmp_path: Path) -> None:
    state = tmp_path / "partner"
    (state / "tls").mkdir(parents=True)
    (state / "tls" / "ca.pem").write_text("trust", encoding="utf-8")
    listed = [{"address": "127.0.1.9"}, {"address": "127.8.8.8"}]
    before = json.dumps({"ports": {"partner": 7}, "clients": ["kept"], "allowList": listed})
    (state / "state.json").write_text(before, encoding="utf-8")
    copy = copy_partner(state, tmp_path / "copy", planned(three_zones()).translation)
    book = json.loads((copy / "state.json").read_text(encoding="utf-8"))
    assert [one["address"] for one in book["allowList"]] == ["198.51.100.1", "127.8.8.8"]
    assert book["ports"] == {"partner": 7}
    assert book["clients"] == ["kept"]
    assert (copy / "tls" / "ca.pem").read_text(encoding="utf-8") == "trust"
    assert (copy / "state.json").stat().st_mode & 0o077 == 0
    assert (state / "state.json").read_text(encoding="utf-8") == before


def test_only_names_of_our_own_dead_processes_are_left_overs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "NAMESPACES", tmp_path / "netns")
    monkeypatch.setattr(kernel, "FILES", tmp_path / "files")
    monkeypatch.setattr(kernel, "FOLDERS", tmp_path / "folders")
    dead = f"flexpay-{os.getpid()}-1-1-internet"  # this number, but born at another time
    (tmp_path / "folders" / f"{dead}-partner").mkdir(parents=True)
    for name in (f"{kernel.prefix()}-1-internet", dead, "flexpay-other", "docker-1-2-3", "flexpay-x-1-y"):
        (tmp_path / "netns" / name).mkdir(parents=True)
    assert kernel.leftovers() == (dead, f"{dead}-partner")


def test_without_root_the_reason_is_given_and_ci_fails_instead_of_skipping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: f"/usr/sbin/{tool}")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "need root" in kernel.missing()
    monkeypatch.setattr("shutil.which", lambda tool: None)
    assert "nft (package nftables)" in kernel.missing()
    monkeypatch.setattr("sys.platform", "darwin")
    assert "darwin" in kernel.missing()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="darwin"):
        cannot_run_here(kernel.missing())
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="darwin"):
        cannot_run_here(kernel.missing())
