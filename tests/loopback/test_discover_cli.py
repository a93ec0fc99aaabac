"""``addresses`` as a user runs it: what AWS has, and the two changes to it."""

import json
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.loopback.aws_standin import REGION, Aws
from tests.loopback.toolkit import Said, Toolkit, toolkit

__all__ = ["toolkit"]


def approved(toolkit: Toolkit) -> None:
    toolkit.draft()
    toolkit.submit()
    toolkit.record("approved")


def spare(toolkit: Toolkit, slot: str = "use1-az1/2") -> dict[str, str]:
    address = toolkit.world.allocate(slot)
    toolkit.world.declare(slot, address, None, "spare")
    toolkit.deploy()
    return address


def undeclare(toolkit: Toolkit, ip: str) -> None:
    toolkit.world.addresses = [one for one in toolkit.world.addresses if one["address"] != ip]
    toolkit.deploy()


def held(aws: Aws) -> set[str]:
    return {one["PublicIp"] for one in aws.client("ec2").describe_addresses()["Addresses"]}


def test_discover_finds_every_address_of_a_deployed_environment(toolkit: Toolkit) -> None:
    said = toolkit.run("addresses", "discover", "--json")
    assert said.code == 0, said.err
    (vpc,) = said.json["vpcs"]
    assert vpc["addresses"] == sorted(toolkit.world.ips, key=lambda one: tuple(map(int, one.split("."))))
    assert len(vpc["exits"]) == len(toolkit.world.ips)
    assert all(one["kind"] == "nat-gateway" and one["zones"] for one in vpc["exits"])
    assert said.json["findings"] == []


def test_discover_works_on_any_vpc_without_a_stack(toolkit: Toolkit) -> None:
    said = toolkit.run("addresses", "discover", "--vpc", toolkit.world.vpc, "--region", REGION, stack=False)
    assert said.code == 0, said.err
    assert all(one in said.out for one in toolkit.world.ips)
    assert "rtb-" in said.out


def test_a_way_out_that_cannot_be_followed_makes_discover_end_with_4(toolkit: Toolkit) -> None:
    world = toolkit.world
    transit = world.ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    world.ec2.create_route(
        RouteTableId=world.tables["use1-az1"], DestinationCidrBlock="52.0.0.0/8", TransitGatewayId=transit
    )
    said = toolkit.run("addresses", "discover", "--vpc", world.vpc, "--region", REGION, stack=False)
    assert said.code == 4
    assert "cannot tell" in said.out


@pytest.mark.parametrize(
    ("arguments", "stack"),
    [
        (("--vpc", "vpc-0aaaaaaaaaaaaaaaa", "--region", REGION), False),
        (("--vpc", "vpc-0aaaaaaaaaaaaaaaa"), False),
        (("--environment", "sandbox"), False),
        (("--environment", "sandbox", "--region", REGION), True),
        ((), False),
        (("--vpc", "vpc-0aaaaaaaaaaaaaaaa", "--region", REGION), True),
        (("--region", REGION), True),
    ],
)
def test_discover_wants_one_thing_that_exists(
    toolkit: Toolkit, arguments: tuple[str, ...], stack: bool
) -> None:
    said = toolkit.run("addresses", "discover", *arguments, stack=stack)
    assert said.code == 2
    assert "next:" in said.err


def test_an_address_that_is_ours_and_not_in_the_outputs_is_listed_with_its_reason(toolkit: Toolkit) -> None:
    kept = toolkit.world.allocate("use1-az1/2")
    listed = toolkit.run("addresses", "list", "--json").json["addresses"]
    row = next(one for one in listed if one["address"] == kept["PublicIp"])
    assert (row["state"], row["slot"]) == ("retained", "use1-az1/2")
    assert "unused" in row["reason"]
    discovered = toolkit.run("addresses", "discover", "--json").json["retained"]
    assert [one["address"] for one in discovered] == [kept["PublicIp"]]


def test_what_a_stack_left_behind_is_listed_without_its_outputs(toolkit: Toolkit) -> None:
    toolkit.world.ec2.allocate_address(Domain="vpc")
    named = ("--environment", toolkit.world.environment, "--region", REGION)
    said = toolkit.run("addresses", "discover", "--json", *named, stack=False)
    assert said.code == 0, said.err
    assert {one["address"] for one in said.json["retained"]} == set(toolkit.world.ips)
    assert all(one["reason"] and one["slot"] for one in said.json["retained"])
    other = toolkit.run("addresses", "discover", "--environment", "other", "--region", REGION, stack=False)
    assert (other.code, "retained" in other.out) == (0, False)


def test_list_tells_standing_and_a_lost_address(toolkit: Toolkit) -> None:
    approved(toolkit)
    lost = spare(toolkit)
    toolkit.world.ec2.release_address(AllocationId=lost["AllocationId"])
    said = toolkit.run("addresses", "list")
    assert said.code == 1
    line = next(one for one in said.out.splitlines() if one.startswith(lost["PublicIp"]))
    assert "missing" in line
    assert "acme-air unsubmitted" in line
    assert "acme-air approved" in said.out


def recover(toolkit: Toolkit, address: str, slot: str = "use1-az1/2", *more: str) -> Said:
    return toolkit.run("addresses", "recover", address, "--slot", slot, *more)


def lost_address(toolkit: Toolkit) -> dict[str, str]:
    """Return an approved spare that somebody released."""
    address = spare(toolkit)
    approved(toolkit)
    toolkit.world.ec2.release_address(AllocationId=address["AllocationId"])
    return address


def test_a_released_address_comes_back_tagged_with_the_settings_that_adopt_it(
    toolkit: Toolkit, aws: Aws
) -> None:
    lost = lost_address(toolkit)
    said = recover(toolkit, lost["PublicIp"])
    assert said.code == 0, said.err
    (back,) = aws.client("ec2").describe_addresses(PublicIps=[lost["PublicIp"]])["Addresses"]
    assert {tag["Key"]: tag["Value"] for tag in back["Tags"]} == {
        "flexpay:environment": "staging",
        "flexpay:slot": "use1-az1/2",
    }
    entry = yaml.safe_load("config:\n" + said.out.partition("`pulumi up`:\n")[2])
    adopted = entry["config"]["flexpay-egress:egress"]["addresses"]["use1-az1/2"]
    assert adopted["allocation"] == back["AllocationId"]
    again = recover(toolkit, lost["PublicIp"])
    assert again.code == 0
    assert "still ours" in again.out
    assert back["AllocationId"] in again.out
    as_json = recover(toolkit, lost["PublicIp"], "use1-az1/2", "--json").json
    assert (as_json["allocationId"], as_json["slot"]) == (back["AllocationId"], "use1-az1/2")


def test_an_address_without_its_environments_tag_is_told_and_gets_it_back(toolkit: Toolkit, aws: Aws) -> None:
    address = spare(toolkit)
    approved(toolkit)
    undeclare(toolkit, address["PublicIp"])
    gone = [{"Key": "flexpay:environment"}]
    aws.client("ec2").delete_tags(Resources=[address["AllocationId"]], Tags=gone)
    listed = toolkit.run("addresses", "list", "--json").json["addresses"]
    (row,) = (one for one in listed if one["address"] == address["PublicIp"])
    assert row["state"] == "retained"
    assert "flexpay:environment" in row["reason"]
    discovered = toolkit.run("addresses", "discover")
    assert f"{address['PublicIp']:<15}  environment unknown" in discovered.out
    assert recover(toolkit, address["PublicIp"]).code == 0
    (back,) = aws.client("ec2").describe_addresses(PublicIps=[address["PublicIp"]])["Addresses"]
    assert {"Key": "flexpay:environment", "Value": "staging"} in back["Tags"]


def test_what_another_stack_holds_is_told_where_no_stack_is_named(toolkit: Toolkit, aws: Aws) -> None:
    address = spare(toolkit)
    approved(toolkit)
    mark = [{"Key": "flexpay:stack", "Value": "staging-old"}]
    aws.client("ec2").create_tags(Resources=[address["AllocationId"]], Tags=mark)
    where = ("--region", REGION, "--environment", "staging", "--slot", "use1-az1/2")
    said = toolkit.run("addresses", "recover", address["PublicIp"], *where, stack=False)
    assert said.code == 0, said.err
    assert "tagged for stack staging-old" in said.err


def test_a_lost_answer_never_makes_a_second_address(toolkit: Toolkit, aws: Aws) -> None:
    lost = lost_address(toolkit)
    before = held(aws)
    aws.control("POST", "faults", {"action": "AllocateAddress", "kind": "lost", "times": 1})
    assert recover(toolkit, lost["PublicIp"]).code == 4
    assert recover(toolkit, lost["PublicIp"]).code == 0
    assert held(aws) == before | {lost["PublicIp"]}


def test_too_late_is_said_and_what_to_do_then(toolkit: Toolkit, aws: Aws) -> None:
    approved(toolkit)
    before = held(aws)
    said = recover(toolkit, "52.1.2.3", "use1-az1/2", "--unapproved")
    assert said.code == 1
    assert "cannot be had back" in said.err
    assert "--remove 52.1.2.3" in said.err
    assert held(aws) == before


def test_the_quota_is_checked_before_anything_is_allocated(toolkit: Toolkit, aws: Aws) -> None:
    lost = lost_address(toolkit)
    aws.control("PUT", "limits", {"addresses": 2})
    aws.control("DELETE", "calls")
    said = recover(toolkit, lost["PublicIp"])
    assert said.code == 1
    assert "L-0263D0A3" in said.err
    assert not [one for one in aws.control("GET", "calls")["calls"] if one["action"] == "AllocateAddress"]


def test_an_address_that_was_never_approved_is_not_recovered_by_accident(toolkit: Toolkit) -> None:
    approved(toolkit)
    said = recover(toolkit, "52.1.2.3")
    assert said.code == 1
    assert "never approved" in said.err


def test_a_slot_that_is_filled_stays_filled(toolkit: Toolkit) -> None:
    lost = lost_address(toolkit)
    said = recover(toolkit, lost["PublicIp"], "use1-az1/1")
    assert said.code == 1
    assert toolkit.world.ips[0] in said.err


@pytest.mark.parametrize("arguments", [("nonsense", "use1-az1/2"), ("52.1.2.3", "first")])
def test_recover_refuses_what_is_no_address_or_slot(toolkit: Toolkit, arguments: tuple[str, str]) -> None:
    approved(toolkit)
    assert recover(toolkit, *arguments).code == 2


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (("--region", "eu-west-9"), "--region eu-west-9: no stack named here is there"),
        (("--environment", "other"), "--environment other: the outputs are those of staging"),
    ],
)
def test_what_contradicts_the_stack_is_refused_and_not_passed_over(
    toolkit: Toolkit, aws: Aws, other: tuple[str, str], reason: str
) -> None:
    lost = lost_address(toolkit)
    said = recover(toolkit, lost["PublicIp"], "use1-az1/2", *other)
    assert (said.code, said.out) == (2, "")
    assert reason in said.err
    assert lost["PublicIp"] not in held(aws)


def test_a_region_without_a_stack_is_no_place_from_which_an_address_is_gone(toolkit: Toolkit) -> None:
    toolkit.draft()
    said = release(toolkit, toolkit.world.ips[0], "--region", "eu-west-9")
    assert (said.code, said.out) == (2, "")


def test_outputs_on_standard_input_are_read_once(toolkit: Toolkit, monkeypatch: pytest.MonkeyPatch) -> None:
    toolkit.draft()
    given = TextIOWrapper(BytesIO(Path(toolkit.outputs).read_bytes()))
    monkeypatch.setattr("sys.stdin", given)
    arguments = ["addresses", "release", toolkit.world.ips[0], "--yes", "--outputs", "-"]
    said = toolkit.run(*arguments, stack=False)
    assert said.code == 1
    assert "still declares it" in said.err


def release(toolkit: Toolkit, address: str, *more: str) -> Said:
    return toolkit.run("addresses", "release", address, "--yes", *more)


def test_an_approved_address_is_never_released(toolkit: Toolkit, aws: Aws) -> None:
    address = spare(toolkit)
    approved(toolkit)
    undeclare(toolkit, address["PublicIp"])
    said = release(toolkit, address["PublicIp"])
    assert said.code == 1
    assert "acme-air: approved" in said.err
    assert "acme-shop: approved" in said.err
    assert address["PublicIp"] in held(aws)


def test_a_retired_address_is_released_once_and_a_second_time_is_no_error(toolkit: Toolkit, aws: Aws) -> None:
    address = spare(toolkit)
    approved(toolkit)
    toolkit.record("retired", "--address", address["PublicIp"])
    declared = release(toolkit, address["PublicIp"])
    assert declared.code == 1
    assert "pulumi state unprotect" in declared.err
    assert address["PublicIp"] in held(aws)
    undeclare(toolkit, address["PublicIp"])
    said = release(toolkit, address["PublicIp"], "--json")
    assert said.code == 0, said.err
    assert (said.json["released"], said.json["allocationId"]) == (
        address["PublicIp"],
        address["AllocationId"],
    )
    assert address["PublicIp"] not in held(aws)
    assert "nothing to release" in release(toolkit, address["PublicIp"]).out
    assert release(toolkit, address["PublicIp"], "--json").json["allocationId"] is None


def test_one_merchant_in_another_environments_ledger_is_enough_to_keep_it(toolkit: Toolkit, aws: Aws) -> None:
    address = spare(toolkit)
    approved(toolkit)
    toolkit.record("retired", "--address", address["PublicIp"])
    undeclare(toolkit, address["PublicIp"])
    other = toolkit.folder / "other.json"
    other.write_text(json.dumps(toolkit.world.outputs | {"environment": "production"}))
    folder = ["-C", str(toolkit.folder), "--outputs", str(other)]
    start = ["--undeclared", "-m", "acme-air", "-a", address["PublicIp"]]
    (toolkit.folder / "allowlist" / "production.yaml").write_text(
        (toolkit.folder / "allowlist" / "staging.yaml")
        .read_text()
        .split("events:")[0]
        .replace("staging", "production")
        + "events: []\n"
    )
    from onboarding.cli.run import run

    submitted = ["allowlist", "record", "submitted", "-r", "FPX-9", "--actor", "kim", *start, *folder]
    assert run(submitted) == 0
    said = release(toolkit, address["PublicIp"])
    assert said.code == 1
    assert "production: acme-air: waiting" in said.err
    assert address["PublicIp"] in held(aws)


def test_an_attached_address_and_a_strangers_are_not_released(toolkit: Toolkit, aws: Aws) -> None:
    toolkit.draft()
    stranger = toolkit.world.ec2.allocate_address(Domain="vpc")["PublicIp"]
    assert "not tagged" in release(toolkit, stranger).err
    attached = release(toolkit, toolkit.world.ips[0])
    assert "attached" in attached.err
    assert (attached.code, {stranger, toolkit.world.ips[0]} <= held(aws)) == (1, True)


def test_without_ledgers_nothing_is_released(toolkit: Toolkit, aws: Aws, tmp_path: Path) -> None:
    address = spare(toolkit)
    said = release(toolkit, address["PublicIp"])
    assert said.code == 2
    assert "ledger" in said.err
    assert address["PublicIp"] in held(aws)


def test_without_a_terminal_a_release_wants_its_yes(
    toolkit: Toolkit, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    toolkit.draft()
    address = toolkit.world.allocate("use1-az1/2")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    said = toolkit.run("addresses", "release", address["PublicIp"])
    assert said.code == 2
    assert "--yes" in said.err
    assert address["PublicIp"] in held(aws)


def test_every_command_speaks_json(toolkit: Toolkit) -> None:
    lost = lost_address(toolkit)
    found: Any = recover(toolkit, lost["PublicIp"], "use1-az1/2", "--json").json
    assert found["address"] == lost["PublicIp"]
    assert found["allocationId"].startswith("eipalloc-")
