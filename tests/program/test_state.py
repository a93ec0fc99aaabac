"""The second update of a stack, and what the program asks before it registers anything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.program.cloud import EIP, NAT, ROUTE, Cloud, Held, address_of
from tests.program.run import deploy, next_cloud, stack_config

ZONES = {"cidr": "10.64.0.0/16", "zones": ["use1-az1", "use1-az4"]}


def imports(cloud: Cloud) -> dict[str, str]:
    """Name → ID of the addresses that the engine is told to import."""
    told = {name: options.import_ for (kind, name), options in cloud.options.items() if kind == EIP}
    return {name: str(identity) for name, identity in told.items() if identity}


def in_state(cloud: Cloud) -> dict[str, str]:
    """Name → allocation ID of the addresses that a state has."""
    return {
        urn.rpartition("::")[2]: one["outputs"]["allocationId"]
        for urn, one in cloud.state.items()
        if one["type"] == EIP
    }


def test_the_second_update_registers_the_same_and_asks_aws_once() -> None:
    outputs, first = deploy(stack_config())
    deployed = next_cloud(outputs, first)
    again, second = deploy(stack_config(), deployed)
    assert again == outputs
    assert second.names == first.names
    # its own ID is no import to the engine, unless the state has only read it
    assert imports(first) == {}
    assert imports(second) == in_state(deployed)
    assert len(in_state(deployed)) == 2
    assert [token for token in second.asked if token.startswith("aws:")] == ["aws:ec2/getEips:getEips"]


@pytest.mark.parametrize("zones", [["use1-az1"], [f"use1-az{number}" for number in range(1, 7)]], ids=len)
def test_the_first_update_asks_aws_two_questions_for_any_number_of_zones(zones: list[str]) -> None:
    _, cloud = deploy(stack_config(network=ZONES | {"zones": zones}))
    assert [token for token in cloud.asked if token.startswith("aws:")] == [
        "aws:ec2/getEips:getEips",
        "aws:index/getAvailabilityZones:getAvailabilityZones",
    ]


def test_a_lost_state_finds_its_addresses_by_their_tags() -> None:
    outputs, first = deploy(stack_config())
    kept = {key: replace(one, interface=None) for key, one in next_cloud(outputs, first).held.items()}
    again, second = deploy(stack_config(), Cloud(held=kept))
    assert imports(second) == in_state(next_cloud(outputs, first))
    assert again["egressAddresses"] == outputs["egressAddresses"]


def test_an_address_on_a_gateway_that_the_stack_lost_is_refused() -> None:
    outputs, first = deploy(stack_config())
    with pytest.raises(pulumi.RunError, match="in use by eni-ours"):
        deploy(stack_config(), Cloud(held=next_cloud(outputs, first).held))


def test_an_update_that_broke_off_before_it_had_outputs_is_simply_finished() -> None:
    outputs, first = deploy(stack_config())
    unfinished = replace(next_cloud(outputs, first), outputs={})
    again, second = deploy(stack_config(), unfinished)
    assert imports(second) == in_state(unfinished)
    assert again == outputs


def without_gateway(cloud: Cloud, name: str) -> Cloud:
    """Return the state of an update that was killed while AWS made a gateway."""
    kept = {urn: one for urn, one in cloud.state.items() if not (one["type"] == NAT and urn.endswith(name))}
    return replace(cloud, state=kept, outputs={})


def test_a_gateway_that_a_killed_update_left_is_taken_over() -> None:
    outputs, first = deploy(stack_config())
    killed = without_gateway(next_cloud(outputs, first), "egress-use1-az1-1")
    again, second = deploy(stack_config(), replace(killed, left_gateways={"use1-az1/1": ("nat-left",)}))
    imported = {name: one.import_ for (kind, name), one in second.options.items() if kind == NAT}
    assert imported == {"egress-use1-az1-1": "nat-left", "egress-use1-az4-1": None}
    assert again["egressAddresses"][0]["natGatewayId"] == "nat-left"


def test_a_killed_update_that_had_made_no_gateway_makes_one() -> None:
    outputs, first = deploy(stack_config())
    again, second = deploy(stack_config(), without_gateway(next_cloud(outputs, first), "egress-use1-az1-1"))
    assert not [name for (kind, name), one in second.options.items() if kind == NAT and one.import_]
    assert again == outputs


def test_two_gateways_with_the_tags_of_one_slot_are_refused_by_name() -> None:
    outputs, first = deploy(stack_config())
    killed = without_gateway(next_cloud(outputs, first), "egress-use1-az1-1")
    with pytest.raises(pulumi.RunError, match=r"use1-az1/1: 2 NAT gateways carry its tags: nat-a, nat-b"):
        deploy(stack_config(), replace(killed, left_gateways={"use1-az1/1": ("nat-a", "nat-b")}))


def test_a_new_slot_of_a_deployed_zone_takes_only_an_address_that_fits_it() -> None:
    outputs, first = deploy(stack_config())
    second = next_cloud(outputs, first)
    second.held["eipalloc-0000000a"] = Held("198.18.0.1", "use1-az1/2", group="us-east-1-bos-1")
    addresses = {slot: {"role": role} for slot, role in (("use1-az1/1", "active"), ("use1-az1/2", "spare"))}
    with pytest.raises(pulumi.RunError, match=r"use1-az1/2: eipalloc-0000000a .* network border group"):
        deploy(stack_config(egress={"addresses": {**addresses, "use1-az4/1": {"role": "active"}}}), second)


def test_moving_to_a_spare_keeps_every_resource_and_updates_one_route() -> None:
    def roles(first: str, second: str, **more: Any) -> dict[str, Any]:
        addresses = {
            "use1-az1/1": {"role": first},
            "use1-az1/2": {"role": second},
            "use1-az4/1": {"role": "active"},
        }
        return stack_config(egress={"addresses": addresses, **more})

    outputs, before = deploy(roles("active", "spare"))
    moved, during = deploy(roles("spare", "active", replace=["use1-az1/1"]), next_cloud(outputs, before))
    assert before.names < during.names
    assert set(during.of_type(NAT)) - set(before.of_type(NAT)) == {"egress-use1-az1-2"}
    routes = during.of_type(ROUTE)
    changed = [name for name, one in before.of_type(ROUTE).items() if routes[name].inputs != one.inputs]
    assert changed == ["egress-use1-az1"]
    assert not during.options[NAT, "egress-use1-az1-1"].protect
    assert moved["egressByZone"]["use1-az1"] == "use1-az1/2"
    assert {one["slot"]: one["role"] for one in moved["egressAddresses"]} == {
        "use1-az1/1": "spare",
        "use1-az1/2": "active",
        "use1-az4/1": "active",
    }
    after, ended = deploy(roles("spare", "active"), next_cloud(moved, during))
    assert set(during.of_type(NAT)) - set(ended.of_type(NAT)) == {"egress-use1-az1-1"}
    assert after["egressByZone"] == moved["egressByZone"]


def test_refusals_come_before_anything_is_registered() -> None:
    cloud = Cloud(held={f"eipalloc-0000000{n}": Held(f"198.18.0.{n}", "use1-az1/1") for n in (1, 2)})
    with pytest.raises(pulumi.RunError, match="2 addresses carry its tags"):
        deploy(stack_config(), cloud)
    assert cloud.recorded == []


def test_an_address_of_another_stack_is_not_taken_over_by_its_tags() -> None:
    cloud = Cloud(held={"eipalloc-0000000a": Held("198.18.0.1", "use1-az1/1", stack="production-east")})
    with pytest.raises(pulumi.RunError, match=r"use1-az1/1: eipalloc-0000000a .* stack production-east"):
        deploy(stack_config(), cloud)
    assert cloud.recorded == []
    _, adopted = deploy(stack_config(), Cloud(held={"eipalloc-0000000a": Held("198.18.0.1", "use1-az1/1")}))
    assert adopted.of_type(EIP)["egress-use1-az1-1"].resource_id == "eipalloc-0000000a"


def test_an_allocation_of_another_border_group_is_refused() -> None:
    cloud = Cloud(held={"eipalloc-0000000a": Held("198.18.0.1", environment=None, group="us-east-1-bos-1")})
    named = {"use1-az1/1": {"role": "active", "allocation": "eipalloc-0000000a"}}
    with pytest.raises(pulumi.RunError, match="network border group"):
        deploy(stack_config(egress={"addresses": named}), cloud)


def test_a_zone_that_holds_no_gateway_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match="use1-az4: a local-zone holds no NAT gateway"):
        deploy(stack_config(), Cloud(zone_types={"use1-az4": "local-zone"}))


def test_the_ledger_decides_whether_a_new_zone_is_attached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, datetime
    from ipaddress import IPv4Address

    from onboarding import ledger_file
    from onboarding.allowlist.ledger import Action, new_event
    from stacks import environment

    monkeypatch.setattr(environment, "PROJECT", tmp_path)
    outputs, first = deploy(stack_config(network={**ZONES, "zones": ["use1-az1"]}))
    ledger = tmp_path / "allowlist" / "production.yaml"
    ledger_file.start(ledger, "production")

    def record(action: Action, address: str) -> None:
        event = new_event(
            "production",
            at=datetime(2026, 1, 1, 0, len(ledger_file.read_ledger(ledger).events), tzinfo=UTC),
            action=action,
            merchants=["acme-air"],
            addresses=[IPv4Address(address)],
            reference="FP-1",
            actor="test",
        )
        ledger_file.append(ledger, event)

    for action in (Action.SUBMITTED, Action.APPROVED):
        record(action, outputs["egressAddresses"][0]["address"])
    grown, second = deploy(stack_config(network=ZONES), next_cloud(outputs, first))
    assert grown["egressByZone"] == {"use1-az1": "use1-az1/1", "use1-az4": None}
    assert set(second.of_type(NAT)) == {"egress-use1-az1-1"}
    new = grown["egressAddresses"][1]
    assert (new["address"], new["natGatewayId"], new["role"]) == (
        address_of("egress-use1-az4-1"),
        None,
        "spare",
    )
    for action in (Action.SUBMITTED, Action.APPROVED):
        record(action, new["address"])
    attached, _ = deploy(stack_config(network=ZONES), next_cloud(grown, second))
    assert attached["egressByZone"] == {"use1-az1": "use1-az1/1", "use1-az4": "use1-az4/1"}


def test_a_broken_ledger_stops_the_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stacks import environment

    monkeypatch.setattr(environment, "PROJECT", tmp_path)
    (tmp_path / "allowlist").mkdir()
    (tmp_path / "allowlist" / "production.yaml").write_text("ledgerVersion: 1\nevents: [", encoding="utf-8")
    with pytest.raises(pulumi.RunError, match=r"production\.yaml"):
        deploy(stack_config())


def test_wrong_settings_are_one_message_that_names_file_and_key() -> None:
    cloud = Cloud()
    config = stack_config(network={"cidr": "10.64.0.0/16", "zonez": []}, egres={}) | {
        "aws:allowedAccountIds": []
    }
    with pytest.raises(pulumi.RunError) as caught:
        deploy(config, cloud)
    for part in (
        "stacks/Pulumi.production.yaml: network.zonez: unknown key; did you mean zones?",
        "egres: unknown key; did you mean egress?",
        "aws:allowedAccountIds: found []",
    ):
        assert part in str(caught.value)
    assert (cloud.recorded, cloud.asked) == ([], [])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"flexpay-egress:environment": "staging"},
            "environment: staging, but this stack was deployed with production",
        ),
        ({"aws:region": "eu-west-1"}, "aws:region: eu-west-1, but this stack was deployed with us-east-1"),
        ({"aws:allowedAccountIds": ["210987654321"]}, "aws:allowedAccountIds: 210987654321, but"),
        (
            {"flexpay-egress:network": {**ZONES, "cidr": "10.65.0.0/16"}},
            r"network.cidr: 10.65.0.0/16, but the VPC has 10.64.0.0/16",
        ),
        (
            {"flexpay-egress:iam": {"path": "/payments/"}},
            "iam.path: /payments/, but this stack was deployed with /, and IAM moves nothing",
        ),
    ],
)
def test_a_deployed_stack_stays_what_it_is(changed: dict[str, Any], says: str) -> None:
    outputs, first = deploy(stack_config())
    second = next_cloud(outputs, first)
    with pytest.raises(pulumi.RunError, match=says):
        deploy(stack_config() | changed, second)
    assert second.recorded == []
