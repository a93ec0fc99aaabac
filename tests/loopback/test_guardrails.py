"""The service control policy of docs/guardrails, as far as the stand-in's enforcement goes.

A service control policy is not known to the stand-in; its statements are attached as an identity
policy beside one that allows everything, where a deny weighs the same.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.loopback.aws_standin import Aws, code_of
from tests.loopback.test_aws_standin_iam import Role, allow

PAGE = Path(__file__).parents[2] / "docs" / "guardrails"
POLICY: dict[str, Any] = json.loads((PAGE / "keep-approved-addresses.json").read_text(encoding="utf-8"))
DENIED = "UnauthorizedOperation"
SLOT = {"Key": "flexpay:slot", "Value": "use1-az1/1"}
ENVIRONMENT = {"Key": "flexpay:environment", "Value": "production"}
TAGS = [SLOT, ENVIRONMENT, {"Key": "team", "Value": "payments"}]
KEEPER, DEPLOY = "flexpay-address-keeper", "flexpay-deploy"


@pytest.fixture
def strict(aws: Aws) -> Aws:
    aws.control("PUT", "iam", {"enforce": True})
    return aws


def ec2_of(aws: Aws, role: str) -> Any:
    return Role(aws, role, allow("*"), *POLICY["Statement"]).client("ec2")


def address(aws: Aws, *tags: dict[str, str]) -> str:
    more = [{"ResourceType": "elastic-ip", "Tags": list(tags)}] if tags else []
    made: str = aws.client("ec2").allocate_address(Domain="vpc", TagSpecifications=more)["AllocationId"]
    return made


@pytest.mark.parametrize("role", ["administrator", DEPLOY])
def test_only_the_keeper_releases_an_address_of_a_slot(strict: Aws, role: str) -> None:
    kept = address(strict, *TAGS)
    assert code_of(ec2_of(strict, role).release_address, AllocationId=kept) == DENIED
    ec2_of(strict, KEEPER).release_address(AllocationId=kept)


@pytest.mark.parametrize("role", ["administrator", DEPLOY])
def test_only_the_keeper_hands_an_address_of_a_slot_to_another_account(strict: Aws, role: str) -> None:
    offer = {"AllocationId": address(strict, *TAGS), "TransferAccountId": "210987654321"}
    assert code_of(ec2_of(strict, role).enable_address_transfer, **offer) == DENIED
    ec2_of(strict, KEEPER).enable_address_transfer(**offer)


def test_an_address_of_nobody_may_be_released(strict: Aws) -> None:
    ec2_of(strict, "administrator").release_address(AllocationId=address(strict))


@pytest.mark.parametrize("role", ["administrator", DEPLOY])
@pytest.mark.parametrize("tag", [SLOT, ENVIRONMENT])
def test_the_tags_by_which_it_is_found_stay(strict: Aws, role: str, tag: dict[str, str]) -> None:
    kept, ec2 = address(strict, *TAGS), ec2_of(strict, role)
    assert code_of(ec2.delete_tags, Resources=[kept], Tags=[{"Key": tag["Key"]}]) == DENIED
    assert code_of(ec2.create_tags, Resources=[kept], Tags=[tag | {"Value": "other"}]) == DENIED


def test_all_tags_at_once_stay_too(strict: Aws) -> None:
    kept = address(strict, *TAGS)
    assert code_of(ec2_of(strict, "administrator").delete_tags, Resources=[kept]) == DENIED


def test_other_tags_change_as_before(strict: Aws) -> None:
    kept, ec2 = address(strict, *TAGS), ec2_of(strict, DEPLOY)
    ec2.create_tags(Resources=[kept], Tags=[{"Key": "team", "Value": "checkout"}])
    ec2.delete_tags(Resources=[kept], Tags=[{"Key": "team"}])


def test_the_deploy_role_allocates_tags_and_adopts(strict: Aws) -> None:
    ec2 = ec2_of(strict, DEPLOY)
    made = ec2.allocate_address(
        Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": TAGS}]
    )
    assert made["AllocationId"]
    ec2.create_tags(Resources=[address(strict)], Tags=TAGS)


def test_an_address_of_a_slot_is_attached_to_nothing_but_a_gateway(strict: Aws) -> None:
    kept = address(strict, *TAGS)
    _, subnet = strict.network()
    card = strict.client("ec2").create_network_interface(SubnetId=subnet)["NetworkInterface"]
    attach = {"AllocationId": kept, "NetworkInterfaceId": card["NetworkInterfaceId"]}
    assert code_of(ec2_of(strict, "administrator").associate_address, **attach) == DENIED


def test_a_gateway_is_deleted_by_the_deploy_role_and_by_nobody_else(strict: Aws) -> None:
    gateway, _ = strict.gateway()
    strict.client("ec2").create_tags(Resources=[gateway], Tags=[ENVIRONMENT])
    administrator = ec2_of(strict, "administrator")
    assert code_of(administrator.delete_nat_gateway, NatGatewayId=gateway) == DENIED
    ec2_of(strict, DEPLOY).delete_nat_gateway(NatGatewayId=gateway)


def test_a_default_route_is_moved_by_the_deploy_role_and_by_nobody_else(strict: Aws) -> None:
    root = strict.client("ec2")
    gateway, _ = strict.gateway()
    table = root.create_route_table(VpcId=strict.network()[0])["RouteTable"]["RouteTableId"]
    root.create_tags(Resources=[table], Tags=[ENVIRONMENT])
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    root.create_route(**route, NatGatewayId=gateway)
    administrator, deploy = ec2_of(strict, "administrator"), ec2_of(strict, DEPLOY)
    assert code_of(administrator.replace_route, **route, NatGatewayId=gateway) == DENIED
    assert code_of(administrator.delete_route, **route) == DENIED
    deploy.replace_route(**route, NatGatewayId=gateway)


def test_the_policy_fits_where_it_is_attached() -> None:
    text = json.dumps(POLICY, separators=(",", ":"))
    assert len(text) <= 5120, "the size limit of a service control policy"
    for statement in POLICY["Statement"]:
        assert statement["Effect"] == "Deny"
        assert statement["Sid"] in (PAGE / "README.md").read_text(encoding="utf-8")
