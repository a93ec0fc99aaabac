"""preflight's judgements: from settings and facts to results, nothing asked."""

import copy
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from onboarding.allowlist.network_view import RegionView, Vpc
from onboarding.errors import InputError
from onboarding.exit_codes import ExitCode
from onboarding.preflight.checks import judge
from onboarding.preflight.key_policy import lockout
from onboarding.preflight.prices import monthly_usd
from onboarding.preflight.settings_file import read_stack_settings
from onboarding.preflight.values import (
    Facts,
    Key,
    Outcome,
    Permissions,
    Result,
    Unknown,
    Zone,
    exit_code,
)
from stacks.model import StackConfig, read_config
from tests.stack_keys import stack_keys
from tests.unit.network_world import ACCOUNT, OURS, REGION, SPARE, allocation, region

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Any] = {
    "environment": "production",
    "partner": {"serverUrl": "https://api.flexpay.example", "orders": "real"},
    "contacts": {"legalEntity": "Acme", "owner": "a@acme.example", "security": "s@acme.example"},
    "merchants": [{"name": "acme-air", "integrationId": "UP-12345678-1", "legalEntity": "Acme Air"}],
    "network": {"cidr": "10.64.0.0/16", "zones": ["use1-az1", "use1-az2"]},
}
ROOT_MAY = {
    "Sid": "Root",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}


def config(**changes: Any) -> StackConfig:
    raw = copy.deepcopy(SETTINGS) | changes
    return read_config({}, stack_keys(raw, region=REGION, account=ACCOUNT), source="test")


EMPTY = RegionView(REGION, ACCOUNT)


def facts(**changes: Any) -> Facts:
    made = Facts(
        account=ACCOUNT,
        network=EMPTY,
        zones=tuple(Zone(f"use1-az{n}", f"us-east-1{n}", "availability-zone", REGION, True) for n in (1, 2)),
        address_quota=5,
        gateway_quota=5,
        vpc_quota=5,
        deleted_secrets={},
        key=None,
        permissions=Permissions(frozenset({"ec2:AllocateAddress"})),
        releasable=None,
    )
    return replace(made, **changes)


def result(id_: str, settings: StackConfig | None = None, **changes: Any) -> Result:
    results = judge(settings or config(), facts(**changes))
    return next(one for one in results if one.id == id_)


def test_an_empty_account_with_room_stands_in_nobodys_way() -> None:
    results = judge(config(), facts())
    assert exit_code(results) is ExitCode.HOLDS
    assert {one.outcome for one in results} <= {Outcome.PASS, Outcome.SKIP}
    assert len({one.id for one in results}) == len(results)


def test_another_account_ends_the_judgement_at_once() -> None:
    (only,) = judge(config(), facts(account="999999999999"))
    assert only.outcome is Outcome.FAIL
    assert ACCOUNT in only.found


@pytest.mark.parametrize(
    ("quota", "used", "outcome"),
    [(2, 0, Outcome.PASS), (1, 0, Outcome.FAIL), (5, 3, Outcome.PASS), (5, 4, Outcome.FAIL)],
)
def test_addresses_must_fit_the_quota_all_at_once(quota: int, used: int, outcome: Outcome) -> None:
    others = tuple(allocation(IPv4Address(int(SPARE) + n), None, environment=None) for n in range(used))
    found = result("quota-addresses", network=replace(EMPTY, allocations=others), address_quota=quota)
    assert found.outcome is outcome
    assert f"{used} of {quota} used, 2 more needed" in found.found


def test_what_is_deployed_already_needs_no_more_quota() -> None:
    full = facts(network=region(), address_quota=2, gateway_quota=1, vpc_quota=1)
    outcomes = {one.id: one.outcome for one in judge(config(), full)}
    assert {outcomes[f"quota-{kind}"] for kind in ("addresses", "gateways", "vpcs")} == {Outcome.PASS}


def test_a_move_to_a_spare_needs_room_for_both_gateways() -> None:
    """The old gateway stays until its slot is taken off egress.replace."""
    here = region()
    there = replace(here, allocations=(*here.allocations, allocation(SPARE, "use1-az1/2")))
    in_zone = replace(there, subnets=(replace(there.subnets[0], id="subnet-public"), *there.subnets[1:]))
    moving = {
        "addresses": {
            "use1-az1/1": {"role": "spare"},
            "use1-az1/2": {"role": "active"},
            "use1-az2/1": {"role": "active"},
        },
        "replace": ["use1-az1/1"],
    }
    found = result("quota-gateways", config(egress=moving), network=in_zone, gateway_quota=2)
    assert found.outcome is Outcome.FAIL
    assert "would get 1 more" in found.found


def test_a_zone_full_of_other_peoples_gateways_is_named() -> None:
    others = replace(
        region(),
        allocations=(),
        vpcs=(Vpc("vpc-0aaaaaaa", (IPv4Network("10.0.0.0/16"),)),),
    )
    found = result("quota-gateways", network=others, gateway_quota=2)
    assert found.outcome is Outcome.FAIL
    assert "use1-az1 has 2" in found.found


@pytest.mark.parametrize(
    ("zone", "word"),
    [
        (None, "not a zone"),
        (Zone("use1-az2", "x", "local-zone", "us-east-1-bos-1", True), "local-zone"),
        (Zone("use1-az2", "x", "availability-zone", REGION, False), "not opted in"),
        (Zone("use1-az2", "x", "availability-zone", "us-east-1-x", True), "network border group"),
    ],
)
def test_a_zone_that_cannot_hold_a_gateway_is_refused(zone: Zone | None, word: str) -> None:
    first = Zone("use1-az1", "us-east-1a", "availability-zone", REGION, True)
    found = result("zones", zones=(first, zone) if zone else (first,))
    assert found.outcome is Outcome.FAIL
    assert "use1-az2" in found.found
    assert word in found.found


ADOPTED = config(
    egress={
        "addresses": {
            "use1-az1/1": {"role": "active", "allocation": f"eipalloc-{int(SPARE):017x}"},
            "use1-az2/1": {"role": "active"},
        }
    }
)


@pytest.mark.parametrize(
    ("held", "word"),
    [
        (None, "not in account"),
        (allocation(SPARE, "use1-az1/1", environment="staging"), "environment staging"),
        (allocation(SPARE, "use1-az2/1"), "slot use1-az2/1"),
        (replace(allocation(SPARE, None), border_group="us-east-1-bos-1"), "border group"),
        (replace(allocation(SPARE, None), association_id="assoc-1", interface_id="eni-5"), "eni-5"),
    ],
)
def test_an_allocation_that_cannot_be_adopted_is_refused_before_up(held: Any, word: str) -> None:
    view = replace(EMPTY, allocations=(held,) if held else ())
    found = result("adopted-addresses", ADOPTED, network=view)
    assert found.outcome is Outcome.FAIL
    assert word in found.found


def test_a_free_allocation_and_one_on_our_own_gateway_can_be_adopted() -> None:
    free = replace(EMPTY, allocations=(allocation(SPARE, None, environment=None),))
    assert result("adopted-addresses", ADOPTED, network=free).outcome is Outcome.PASS
    ours = config(
        egress={
            "addresses": {
                f"use1-az{n}/1": {"role": "active", "allocation": f"eipalloc-{int(one):017x}"}
                for n, one in enumerate(OURS, 1)
            }
        }
    )
    assert result("adopted-addresses", ours, network=region()).outcome is Outcome.PASS


def test_an_overlapping_range_is_a_warning_and_names_the_vpc() -> None:
    other = Vpc("vpc-0bbbbbbb", (IPv4Network("10.64.128.0/20"),), name="shop")
    found = result("network-overlap", network=replace(EMPTY, vpcs=(other,)))
    assert found.outcome is Outcome.WARN
    assert "vpc-0bbbbbbb (shop) 10.64.128.0/20" in found.found


def test_a_blocked_secret_name_comes_with_the_command_that_restores_it() -> None:
    name = "flexpay/production/acme-air"
    found = result("secret-names", deleted_secrets={name: datetime(2026, 11, 1, tzinfo=UTC)})
    assert found.outcome is Outcome.FAIL
    assert f"restore-secret --secret-id {name}" in found.next


@pytest.mark.parametrize(("allowed", "outcome"), [(True, Outcome.WARN), (False, Outcome.PASS)])
def test_being_able_to_release_an_approved_address_is_a_warning(allowed: bool, outcome: Outcome) -> None:
    assert result("release-denied", releasable=(SPARE, allowed)).outcome is outcome


def test_missing_permissions_fail_and_unknown_ones_are_cannot_tell_by_name() -> None:
    denied = Permissions(denied=frozenset({"kms:CreateKey"}), unknown={"iam:CreatePolicy": "no answer"})
    unknown = replace(denied, denied=frozenset())
    assert "kms:CreateKey" in result("permissions", permissions=denied).found
    assert result("permissions", permissions=denied).outcome is Outcome.FAIL
    assert result("permissions", permissions=unknown).outcome is Outcome.CANNOT_TELL
    assert "iam:CreatePolicy (no answer)" in result("permissions", permissions=unknown).found


@pytest.mark.parametrize(
    "question",
    [
        "network",
        "zones",
        "address_quota",
        "gateway_quota",
        "vpc_quota",
        "deleted_secrets",
        "key",
        "permissions",
        "releasable",
        "account",
    ],
)
def test_a_question_without_an_answer_is_cannot_tell_and_exit_4(question: str) -> None:
    results = judge(config(), facts(**{question: Unknown("throttled")}))
    assert [one.found for one in results if one.outcome is Outcome.CANNOT_TELL] == ["throttled"]
    assert exit_code(results) is ExitCode.CANNOT_TELL


def test_a_failure_outranks_what_could_not_be_told() -> None:
    results = judge(config(), facts(zones=(), address_quota=Unknown("x")))
    assert exit_code(results) is ExitCode.FINDING


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([ROOT_MAY], ""),
        (ROOT_MAY, ""),
        ([{**ROOT_MAY, "Action": ["kms:Describe*", "kms:Put*"]}], ""),
        ([{**ROOT_MAY, "Principal": {"AWS": ACCOUNT}}], ""),
        ([{**ROOT_MAY, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/deploy"}}], "no statement"),
        ([{**ROOT_MAY, "Action": "kms:Decrypt"}], "no statement"),
        ([{**ROOT_MAY, "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}], "no statement"),
        ([{**ROOT_MAY, "Principal": {"AWS": "arn:aws:iam::999999999999:root"}}], "no statement"),
        (
            [ROOT_MAY, {**ROOT_MAY, "Effect": "Deny", "Sid": "Stop", "Principal": "*"}],
            "statement Stop denies",
        ),
        ([{**ROOT_MAY, "Action": None, "NotAction": "kms:Decrypt"}], ""),
        (
            [
                ROOT_MAY,
                {
                    "Sid": "AllBut",
                    "Effect": "Deny",
                    "NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/gone"},
                    "Action": "kms:*",
                },
            ],
            "statement AllBut denies",
        ),
        ([], "no statement"),
    ],
)
def test_a_key_nobody_could_get_back_is_noticed(statements: Any, reason: str) -> None:
    found = lockout({"Statement": statements}, ACCOUNT)
    assert found.startswith(reason)
    assert bool(found) is bool(reason)


def test_a_denial_under_a_condition_is_a_warning_with_the_statements_name() -> None:
    denial = {
        "Sid": "OnlyOneRole",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "kms:*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/gone"}},
    }
    found = result("key-policy", key=Key("k-1", "Enabled", {"Statement": [ROOT_MAY, denial]}))
    assert found.outcome is Outcome.WARN
    assert "OnlyOneRole" in found.found
    assert found.next


@pytest.mark.parametrize(
    ("state", "command"), [("PendingDeletion", "cancel-key-deletion"), ("Disabled", "enable-key")]
)
def test_a_key_that_is_going_away_is_a_failure_with_the_way_back(state: str, command: str) -> None:
    found = result("key-policy", key=Key("k-1", state, {"Statement": [ROOT_MAY]}))
    assert found.outcome is Outcome.FAIL
    assert command in found.next


def test_cost_and_capacity_follow_the_settings() -> None:
    assert "55,000" in result("capacity").found
    assert "110,000 in all" in result("capacity").found
    assert "alarmTopicArn is not set" in result("capacity").found
    told = config(verifier={"alarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:oncall"})
    assert "alarm" not in result("capacity", told).found
    # two gateways and addresses, one key and one secret
    assert f"{2 * (32.85 + 3.65) + 1.00 + 0.40:.2f} USD" in result("cost").found
    single = config(egress={"mode": "single", "gatewayZone": "use1-az1"})
    assert result("capacity", single).outcome is Outcome.WARN
    assert f"{32.85 + 2 * 3.65 + 1.40:.2f} USD" in result("cost", single).found


def test_prices_add_up_to_the_published_monthly_figures() -> None:
    assert round(monthly_usd(gateways=1, addresses=1, interface_endpoints=0, secrets=0, keys=0), 2) == 36.50
    assert round(monthly_usd(gateways=0, addresses=0, interface_endpoints=2, secrets=0, keys=0), 2) == 14.60


def test_external_addresses_need_neither_network_nor_zones() -> None:
    external = config(
        network={},
        egress={
            "mode": "external",
            "addresses": [{"address": "18.204.0.66", "owner": "Hosting AG", "purpose": "NAT"}],
        },
    )
    results = judge(external, facts(network=Unknown("x"), zones=Unknown("x"), address_quota=Unknown("x")))
    assert exit_code(results) is ExitCode.HOLDS
    assert {one.id for one in results if one.outcome is Outcome.SKIP} >= {"network", "zones", "capacity"}


EXISTING = config(
    network={
        "vpcId": "vpc-0aaaaaaa",
        "publicSubnets": {"use1-az1": "subnet-0aaaaaa1"},
        "privateSubnets": {"use1-az1": "subnet-0aaaaaa2"},
        "natGateways": {"use1-az1": "nat-0aaaaaaa"},
    },
    egress={"mode": "existing"},
)


def test_an_existing_network_is_looked_up_by_id() -> None:
    found = result("network", EXISTING, network=region())
    assert found.outcome is Outcome.FAIL
    assert "subnet-0aaaaaa2" in found.found
    assert "nat-0aaaaaaa" in found.found


def project(folder: Path, text: str, stack: str = "production") -> Path:
    (folder / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (folder / "stacks").mkdir(exist_ok=True)
    (folder / "stacks" / f"Pulumi.{stack}.yaml").write_text(text)
    return folder


SHIPPED = (ROOT / "stacks" / "Pulumi.production.yaml").read_text()


def test_the_shipped_settings_are_read_without_the_engine(tmp_path: Path) -> None:
    found = read_stack_settings("acme/flexpay-egress/production", project(tmp_path, SHIPPED))
    assert (found.region, found.account_id) == ("us-east-1", "123456789012")
    assert found.settings.protect, "defaults of Pulumi.yaml count"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("config: [", "not YAML"),
        ("config:\n  a: 1\n  a: 2\n", "stands twice"),
        ("- a\n", "must be a map"),
        ("config: text\n", "must be a map of settings"),
        ("config: {}\n", "aws:region"),
        ("config:\n  day: 2026-13-45\n", "not YAML"),
        ("config:\n  5: text\n", "5: is no text"),
        ('config:\n  flexpay-egress:network: "' + "[" * 100_000 + '"\n', "network: must be a map or a list"),
        (SHIPPED.replace("cidr", "cidrr"), "cidrr"),
        (SHIPPED.replace("us-east-1", "nowhere"), "aws:region"),
    ],
)
def test_hand_spoiled_settings_are_one_error_naming_the_file(tmp_path: Path, text: str, word: str) -> None:
    folder = project(tmp_path, text)
    with pytest.raises(InputError, match=word) as refused:
        read_stack_settings("production", folder)
    assert "Pulumi.production.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [("config: [1]\n", "config: must be a map"), ("stackConfigDir: [stacks]\n", "stackConfigDir: must be")],
)
def test_a_hand_spoiled_project_file_is_named(tmp_path: Path, text: str, word: str) -> None:
    folder = project(tmp_path, SHIPPED)
    (folder / "Pulumi.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"Pulumi\.yaml: {word}"):
        read_stack_settings("production", folder)


def test_an_unknown_stack_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Pulumi\.staging\.yaml") as refused:
        read_stack_settings("staging", project(tmp_path, SHIPPED))
    assert "production" in refused.value.hint
