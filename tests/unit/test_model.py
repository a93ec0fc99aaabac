"""What the settings accept, and what each refusal says."""

import json
from ipaddress import IPv4Network
from typing import Any

import pytest

from stacks.model import read_config
from stacks.schema import Settings
from stacks.values import subnets_of
from tests.stack_keys import stack_keys

SOURCE = "stacks/Pulumi.production.yaml"
ACCOUNT = "123456789012"


def values(**changed: Any) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "environment": "production",
        "partner": {"serverUrl": "https://partner.example", "orders": "test"},
        "contacts": {"legalEntity": "Acme, Inc.", "owner": "it@acme.example", "security": "sec@acme.example"},
        "merchants": [{"name": "acme-air", "integrationId": "UP-12345678-1", "legalEntity": "Acme Air"}],
        "network": {"cidr": "10.64.0.0/16", "zones": ["use1-az4", "use1-az1"]},
        **changed,
    }
    return {key: value for key, value in raw.items() if value is not None}


def keys(**changed: Any) -> dict[str, Any]:
    return stack_keys(values(**changed), region="us-east-1", account=ACCOUNT)


def settings(**changed: Any) -> Settings:
    return read_config({}, keys(**changed), source=SOURCE).settings


def complaint(**changed: Any) -> str:
    with pytest.raises(ValueError, match=SOURCE) as caught:
        settings(**changed)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{SOURCE}: ") for line in lines)
    return "\n".join(line.removeprefix(f"{SOURCE}: ") for line in lines)


def network(**changed: Any) -> dict[str, Any]:
    return {"network": {"cidr": "10.64.0.0/16", "zones": ["use1-az1", "use1-az4"], **changed}}


def test_slots_default_to_one_active_slot_per_zone() -> None:
    assert {slot: entry.role.value for slot, entry in settings().slots.items()} == {
        "use1-az1/1": "active",
        "use1-az4/1": "active",
    }


def test_the_order_of_zones_means_nothing() -> None:
    assert settings().zones == ["use1-az1", "use1-az4"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"environment": None}, "environment: required, but not set"),
        (
            {"environment": "Production"},
            "environment: must be 1 to 40 lower case letters, digits and inner hyphens",
        ),
        ({"environment": "e" * 31}, "environment: must be at most 30 characters"),
        ({"netwrok": {}}, "netwrok: unknown key; did you mean network? allowed here: contacts, egress,"),
        (
            {"partner": {"serverUrl": "http://x", "orders": "test"}},
            "partner.serverUrl: must be an https:// URL",
        ),
        ({"partner": {"serverUrl": "https://u:p@x", "orders": "test"}}, "without user, query or fragment"),
        (
            {"partner": {"serverUrl": "https://x:port", "orders": "test"}},
            "must be https://host[:port][/path]",
        ),
        (
            {"partner": {"serverUrl": "https://x", "orders": "maybe"}},
            "partner.orders: must be 'test' or 'real'",
        ),
        ({"partner": {"serverUrl": "https://x"}}, "partner.orders: required, but not set"),
        ({"merchants": []}, "merchants: List should have at least 1 item"),
        ({"merchants": [{"name": "a"}]}, "merchants.0.integrationId: required, but not set"),
        (network(zones=["us-east-1a"]), "network.zones.0: must be a zone ID such as use1-az1"),
        (network(zones=["use1-az1", "use1-az1"]), "network.zones: named twice: use1-az1"),
        (network(zones=[]), "network.zones: name at least one zone ID"),
        (network(zonez=[]), "network.zonez: unknown key; did you mean zones? allowed here: cidr, endpoints,"),
        (network(cidr="10.0.0.0/24"), "network.cidr: must be between /16 and /21"),
        (network(cidr="8.8.0.0/16"), "network.cidr: must lie in one of 10.0.0.0/8, 172.16.0.0/12,"),
        # Python calls these private, and AWS makes no VPC of them
        (network(cidr="127.0.0.0/16"), "network.cidr: must lie in one of"),
        (network(cidr="169.254.0.0/16"), "network.cidr: must lie in one of"),
        (network(cidr="240.0.0.0/16"), "network.cidr: must lie in one of"),
        (network(cidr=None), "network.cidr: required"),
        (network(cidr="10.0.0.0/21", zones=["use1-az4"]), "use1-az4: every zone owns the /21 of its number"),
        (
            network(endpoints=["sqs"]),
            "network.endpoints.0: must be 's3', 'dynamodb', 'secretsmanager' or 'kms'",
        ),
        (network(privateSubnets={"use1-az1": "subnet-0a1b2c3d"}), "privateSubnets: only together with vpcId"),
        (network(vpcId="vpc-0a1b2c3d"), "cidr, zones: not for an existing VPC (vpc-0a1b2c3d)"),
        ({"egress": {"mode": "regional"}}, "egress.mode: regional NAT gateways are not supported yet"),
        (
            {"egress": {"ipamPoolId": "x"}},
            "egress.ipamPoolId: addresses from IPAM pools are not supported yet",
        ),
        ({"egress": {"byoip": True}}, "pools of your own (BYOIP) are not supported yet"),
        ({"egress": {"mode": "single"}}, "egress.gatewayZone: mode single needs a zone"),
        ({"egress": {"gatewayZone": "use1-az1"}}, "egress.gatewayZone: only for mode single"),
        ({"egress": {"mode": "existing"}}, "egress.mode: existing goes with network.vpcId"),
        (
            {"egress": {"addresses": "eipalloc-1"}},
            "egress.addresses: must be a map of slots, in mode external",
        ),
        (
            {"egress": {"replace": ["use1-az1/2"]}},
            "egress.replace: use1-az1/2 is not a slot of egress.addresses",
        ),
        ({"egress": {"via": {"use1-az1": "use1-az1"}}}, "must lead to a zone with its own gateway"),
        ({"egress": {"via": {"use1-az1": "use1-az2"}}}, "names a zone that is not in network.zones"),
        (
            {"secrets": {"recoveryWindowDays": 3}},
            "secrets.recoveryWindowDays: must be 0, or 7 to 30 days (found 3)",
        ),
        ({"secrets": {"keyDeletionWindowDays": 0}}, "secrets.keyDeletionWindowDays: must be greater than"),
        (
            {"secrets": {"readers": ["arn:aws:iam::1:role/*"]}},
            "secrets.readers.0: must be a role ARN such as",
        ),
        (
            {"verifier": {"alarmTopicArn": "alarms"}},
            "verifier.alarmTopicArn: must be the ARN of an SNS topic",
        ),
        (
            {"verifier": {"schedule": "rate(0 hours)"}},
            "verifier.schedule: must be rate(N minutes|hours|days)",
        ),
        ({"verifier": {"schedule": "hourly"}}, "verifier.schedule: must be rate(N minutes|hours|days)"),
        ({"verifier": {"schedule": "cron(0 * * * *)"}}, "or cron(six fields)"),
        ({"iam": {"path": "payments"}}, "iam.path: must be an IAM path such as /payments/"),
        ({"tags": {"flexpay:slot": "x"}}, "tags: flexpay:slot: reserved"),
        ({"tags": {"Name": "x"}}, "tags: Name: reserved"),
        ({"protect": "perhaps"}, "protect: must be a valid boolean"),
    ],
)
def test_each_wrong_value_is_named_with_what_is_allowed(changed: dict[str, Any], says: str) -> None:
    assert says in complaint(**changed)


@pytest.mark.parametrize("cidr", ["10.64.0.0/16", "172.31.0.0/16", "192.168.0.0/16", "100.64.0.0/18"])
def test_a_vpc_may_lie_in_every_range_that_no_public_host_has(cidr: str) -> None:
    assert str(settings(**network(cidr=cidr)).network.cidr) == cidr


@pytest.mark.parametrize("schedule", ["rate(1 hour)", "rate(15 minutes)", "cron(0 6 ? * MON-FRI *)"])
def test_a_schedule_may_be_a_rate_or_a_clock(schedule: str) -> None:
    assert settings(verifier={"schedule": schedule}).verifier.schedule == schedule


@pytest.mark.parametrize(
    ("addresses", "says"),
    [
        ({"use1-az1/9": {"role": "active"}}, "egress.addresses.use1-az1/9: must be a slot"),
        ({"use1-az1": {"role": "active"}}, "egress.addresses.use1-az1: must be a slot"),
        ({"use1-az2/1": {"role": "active"}}, "slot use1-az2/1 is in a zone that network.zones does not name"),
        ({"use1-az1/1": {}}, "egress.addresses.use1-az1/1.role: required, but not set"),
        (
            {"use1-az1/1": {"rolle": "active"}},
            "egress.addresses.use1-az1/1.rolle: unknown key; did you mean role?",
        ),
        ({"use1-az1/1": {"role": "active", "allocation": "1"}}, "must be an ID such as eipalloc-0a1b2c3d"),
        (
            {"use1-az1/1": {"role": "active"}, "use1-az1/2": {"role": "active"}},
            "use1-az1/1 and use1-az1/2 are both active; several addresses on one gateway are not",
        ),
        (
            {
                "use1-az1/1": {"role": "active", "allocation": "eipalloc-0a1b2c3d"},
                "use1-az4/1": {"role": "active", "allocation": "eipalloc-0a1b2c3d"},
            },
            "eipalloc-0a1b2c3d is named by use1-az1/1 and use1-az4/1",
        ),
        (
            [{"address": "1.2.3.4", "owner": "x", "purpose": "y"}],
            "a list of {address, owner, purpose} in mode external",
        ),
    ],
)
def test_each_wrong_slot_is_named(addresses: Any, says: str) -> None:
    assert says in complaint(egress={"addresses": addresses})


def test_a_wrong_slot_is_not_told_what_an_external_address_would_need() -> None:
    said = complaint(egress={"addresses": {"use1-az1/1": {"role": "activ"}}})
    assert said.splitlines() == [
        "egress.addresses.use1-az1/1.role: must be 'active' or 'spare' (found \"activ\")"
    ]


def external(*addresses: str, **changed: Any) -> dict[str, Any]:
    declared = [{"address": address, "owner": "net", "purpose": "nat"} for address in addresses]
    return {"network": None, "egress": {"mode": "external", "addresses": declared}, **changed}


def test_mode_external_declares_and_makes_nothing() -> None:
    assert (settings(**external("18.204.0.66")).slots, settings(**external("18.204.0.66")).zones) == (
        {},
        [],
    )
    assert "must declare at least one address" in complaint(**external())
    assert "named twice: 18.204.0.66" in complaint(**external("18.204.0.66", "18.204.0.66"))
    assert "network: mode external makes no network" in complaint(**{**external("18.204.0.66"), **network()})
    assert "not a valid IPv4 address" in complaint(**external("2001:db8::1"))


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.1.2.3", "private (10.0.0.0/8, RFC 1918)"),
        ("172.16.0.1", "private (172.16.0.0/12, RFC 1918)"),
        ("192.168.1.1", "private (192.168.0.0/16, RFC 1918)"),
        ("100.64.0.1", "shared by a carrier's customers"),
        ("203.0.113.10", "for documentation only"),
    ],
)
def test_an_external_address_that_no_list_can_hold_is_refused(address: str, why: str) -> None:
    said = complaint(**external("18.204.0.66", address))
    assert said.startswith("egress.addresses.1.address: must be the public address that the NAT sends from")
    assert why in said
    assert said.endswith(f'(found "{address}")')


def test_an_external_address_of_this_machine_is_for_trying_things_out() -> None:
    (entry,) = settings(**external("127.44.200.1")).egress.external
    assert str(entry.address) == "127.44.200.1"


def test_mode_existing_needs_its_parts() -> None:
    both: dict[str, dict[str, Any]] = {"egress": {"mode": "existing"}, "network": {"vpcId": "vpc-0a1b2c3d"}}
    assert "privateSubnets: required with vpcId" in complaint(**both)
    both["network"] |= {"privateSubnets": {"use1-az1": "subnet-0a1b2c3d"}}
    assert "natGateways: required with vpcId" in complaint(**both)
    both["network"] |= {"natGateways": {"use1-az1": "nat-0a1b2c3d"}}
    assert settings(**both).slots == {}
    both["egress"] |= {"via": {"use1-az1": "use1-az1"}}
    assert "mode existing changes no route" in complaint(**both)


def test_all_wrong_keys_are_told_at_once() -> None:
    assert len(complaint(environment="X", protect="?", iam={"path": "x"}).splitlines()) == 3


@pytest.mark.parametrize("zone", [f"use1-az{number}" for number in range(1, 10)])
def test_a_zone_has_the_same_subnets_in_any_company(zone: str) -> None:
    public, private = subnets_of(IPv4Network("10.64.0.0/16"), zone)
    number = int(zone[-1])
    assert (str(public), str(private)) == (f"10.64.{8 * number - 8}.0/24", f"10.64.{8 * number - 4}.0/24")


class TestReadConfig:
    def test_parsed_yaml_and_the_engines_text_mean_the_same(self) -> None:
        parsed = keys(protect=False, secrets={"recoveryWindowDays": 7})
        text = {key: one if isinstance(one, str) else json.dumps(one) for key, one in parsed.items()}
        assert read_config({}, parsed, source=SOURCE) == read_config({}, text, source=SOURCE)

    def test_defaults_of_the_project_file_count_where_the_stack_says_nothing(self) -> None:
        project = {
            "config": {"protect": {"default": False}, "tags": {"type": "object", "default": {"a": "b"}}}
        }
        read = read_config(project, keys(), source=SOURCE).settings
        assert (read.protect, read.tags) == (False, {"a": "b"})
        assert read_config(project, keys(protect=True), source=SOURCE).settings.protect

    def test_keys_of_others_are_left_alone(self) -> None:
        config = keys() | {"aws:profile": "acme", "other:environment": "x"}
        assert read_config({}, config, source=SOURCE).region == "us-east-1"

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"aws:region": None}, "aws:region: not set; required in every stack"),
            ({"aws:region": "us-east-1a"}, 'aws:region: found "us-east-1a"'),
            ({"aws:allowedAccountIds": None}, "aws:allowedAccountIds: not set"),
            ({"aws:allowedAccountIds": []}, "exactly one account ID, quoted"),
            ({"aws:allowedAccountIds": [ACCOUNT, "210987654321"]}, "exactly one account ID, quoted"),
            ({"aws:allowedAccountIds": [123456789012]}, "aws:allowedAccountIds: found [123456789012]"),
            ({"aws:allowedAccountIds": ACCOUNT}, f"aws:allowedAccountIds: found {ACCOUNT}"),
            ({"aws:allowedAccountIds": '["12"]'}, 'aws:allowedAccountIds: found ["12"]'),
            ({"flexpay-egress:network": {"secure": "AAAB"}}, "network: is encrypted"),
            ({"flexpay-egress:network": "10.0.0.0/16"}, "network: must be a map or a list, not text"),
            ({"flexpay-egress:nets": "x"}, "nets: unknown key"),
        ],
    )
    def test_each_wrong_value_is_named(self, changed: dict[str, Any], says: str) -> None:
        config = {key: one for key, one in {**keys(), **changed}.items() if one is not None}
        with pytest.raises(ValueError, match=SOURCE) as caught:
            read_config({}, config, source=SOURCE)
        (line,) = str(caught.value).splitlines()
        assert says in line
