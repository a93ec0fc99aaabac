"""What holds for every resource type: strictness, secrets, previews, failures half-way, tags, lookups."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from sandbox.aws import server
from sandbox.aws.faults import Fault, Kind
from sandbox.aws.provider import invokes
from sandbox.aws.provider.values import UNKNOWN, Secret, decode, encode, plain
from tests.loopback.provider_cases import TRUST, World
from tests.loopback.provider_driver import ACCOUNT, Driver, ProviderError
from tests.loopback.provider_fixtures import driver, shared_driver, stand_in

__all__ = ["driver", "shared_driver", "stand_in"]

VPC = "aws:ec2/vpc:Vpc"
EIP = "aws:ec2/eip:Eip"
NAT = "aws:ec2/natGateway:NatGateway"
ROLE = "aws:iam/role:Role"
SECRET = "aws:secretsmanager/secret:Secret"


@pytest.fixture
def faults(stand_in: server.Running) -> Iterator[Any]:
    yield stand_in.faults
    stand_in.faults.clear()


@pytest.fixture
def ec2(driver: Driver) -> Any:
    return driver.servicer._clients.get("ec2", "us-east-1")


class TestStrictness:
    def test_a_type_that_is_not_mapped_is_named(self, driver: Driver) -> None:
        with pytest.raises(ProviderError, match="aws:ec2/vpnGateway:VpnGateway is not mapped"):
            driver.create("aws:ec2/vpnGateway:VpnGateway", "one", {})

    def test_an_input_that_is_not_mapped_is_named(self, driver: Driver) -> None:
        with pytest.raises(
            ProviderError, match="ipamPoolId: input of aws:ec2/eip:Eip that the sandbox provider"
        ):
            driver.create(EIP, "one", {"ipamPoolId": "ipam-pool-1"})

    def test_a_nested_input_that_is_not_mapped_is_named(self, driver: Driver) -> None:
        routes = [{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1", "localGatewayId": "lgw-1"}]
        with pytest.raises(ProviderError, match=r"routes\[0\].localGatewayId: not mapped"):
            driver.create("aws:ec2/routeTable:RouteTable", "one", {"vpcId": "vpc-1", "routes": routes})

    @pytest.mark.parametrize(
        ("inputs", "complaint"),
        [
            ({"cidrBlock": 10}, "cidrBlock: expected an address range such as 10.0.0.0/16, got a number"),
            ({"cidrBlock": "10.0.0.1/16"}, "cidrBlock: expected an address range"),
            (
                {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": "true"},
                "enableDnsSupport: expected true or false",
            ),
            ({"cidrBlock": "10.0.0.0/16", "tags": {"A": 1}}, r"tags.A: expected a string, got a number"),
            ({"cidrBlock": "10.0.0.0/16", "instanceTenancy": "host"}, "expected one of default, dedicated"),
            ({}, "cidrBlock: aws:ec2/vpc:Vpc requires it"),
        ],
    )
    def test_a_value_of_the_wrong_kind_is_named(
        self, driver: Driver, inputs: dict[str, Any], complaint: str
    ) -> None:
        with pytest.raises(ProviderError, match=complaint):
            driver.check(VPC, "one", inputs)

    def test_a_route_needs_exactly_one_target(self, driver: Driver) -> None:
        route = {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"}
        with pytest.raises(ProviderError, match="exactly one target; given: none"):
            driver.check("aws:ec2/route:Route", "one", route)
        with pytest.raises(ProviderError, match="exactly one target; given: gatewayId, natGatewayId"):
            driver.check(
                "aws:ec2/route:Route", "one", route | {"natGatewayId": "nat-1", "gatewayId": "igw-1"}
            )

    def test_a_lookup_that_is_not_mapped_is_named(self, driver: Driver) -> None:
        with pytest.raises(ProviderError, match="aws:ec2/getAmi:getAmi is not mapped"):
            driver.invoke("aws:ec2/getAmi:getAmi")
        with pytest.raises(ProviderError, match="ids: argument of aws:ec2/getEips:getEips"):
            driver.invoke("aws:ec2/getEips:getEips", ids=["eipalloc-1"])


class TestImport:
    @pytest.mark.parametrize(
        ("kind", "identifier"),
        [
            (EIP, "eipalloc-0123456789abcdef0"),
            (NAT, "nat-0123456789abcdef0"),
            (VPC, "vpc-0123456789abcdef0"),
            ("aws:ec2/subnet:Subnet", "subnet-0123456789abcdef0"),
            ("aws:ec2/route:Route", "rtb-0123456789abcdef0_0.0.0.0/0"),
            ("aws:ec2/routeTableAssociation:RouteTableAssociation", "subnet-1/rtb-1"),
            ("aws:kms/key:Key", "11111111-2222-3333-4444-555555555555"),
            (SECRET, "arn:aws:secretsmanager:us-east-1:123456789012:secret:nobody-AAAAAA"),
            (ROLE, "nobody"),
            ("aws:lambda/permission:Permission", "nobody/statement"),
        ],
    )
    def test_an_id_that_does_not_exist_is_no_resource(
        self, driver: Driver, kind: str, identifier: str
    ) -> None:
        assert driver.import_(kind, "one", identifier) is None

    @pytest.mark.parametrize("identifier", ["rtb-1", "rtb-1_", "rtb-1_0.0.0.0/0_x"])
    def test_an_id_of_the_wrong_form_says_which_form_is_right(self, driver: Driver, identifier: str) -> None:
        with pytest.raises(ProviderError, match="expected ROUTETABLEID_DESTINATION"):
            driver.import_("aws:ec2/route:Route", "one", identifier)

    def test_ids_have_the_official_form(self, driver: Driver) -> None:
        world = World(driver)
        route = driver.create(
            "aws:ec2/route:Route",
            "one",
            {
                "routeTableId": world.table().id,
                "destinationCidrBlock": "0.0.0.0/0",
                "gatewayId": world.gateway.id,
            },
        )
        assert route.id == f"r-{world.table().id}1080289494"
        other = driver.import_("aws:ec2/route:Route", "one", f"{world.table().id}_0.0.0.0/0@us-east-1")
        assert other is not None
        assert other.id == route.id


class TestPreview:
    def test_only_what_aws_decides_is_unknown(self, driver: Driver) -> None:
        planned = driver.preview_create(NAT, "one", {"subnetId": UNKNOWN, "allocationId": "eipalloc-1"})
        assert planned["subnetId"] is UNKNOWN
        assert planned["publicIp"] is UNKNOWN
        assert planned["privateIp"] is UNKNOWN
        assert planned["allocationId"] == "eipalloc-1"
        assert planned["connectivityType"] == "public"

    def test_an_unknown_replacing_input_is_a_replacement(self, driver: Driver) -> None:
        world = World(driver)
        diff = driver.diff(world.nat(), {"subnetId": world.subnet().id, "allocationId": UNKNOWN})
        assert diff.replaces == {"allocationId"}
        assert diff.details == {"allocationId": "UPDATE_REPLACE"}

    def test_nothing_is_made(self, driver: Driver, stand_in: server.Running, ec2: Any) -> None:
        before = len(ec2.describe_addresses()["Addresses"])
        driver.preview_create(EIP, "one", {"domain": "vpc"})
        assert len(ec2.describe_addresses()["Addresses"]) == before

    def test_a_preview_of_an_update_keeps_what_will_not_change(self, driver: Driver) -> None:
        made = driver.create(EIP, "one", {"domain": "vpc", "tags": {"Slot": "1"}})
        planned = driver.update(made, {"domain": "vpc", "tags": {"Slot": UNKNOWN}}, preview=True)
        assert planned.state["publicIp"] == made.state["publicIp"]
        assert planned.state["tags"] == {"Slot": UNKNOWN}
        assert planned.state["tagsAll"] == {"Slot": UNKNOWN}


class TestSecrets:
    def test_a_secret_input_is_a_secret_output(self, driver: Driver) -> None:
        inputs = {"description": Secret("hush"), "recoveryWindowInDays": 0}
        made = driver.create(SECRET, "hushed", inputs)
        assert made.state["description"] == Secret("hush")
        assert not isinstance(made.state["name"], Secret)
        refreshed = driver.read(made)
        assert refreshed is not None
        assert refreshed.state["description"] == Secret("hush")
        assert refreshed.inputs["description"] == Secret("hush")
        assert not driver.diff(made, inputs).changed
        driver.delete(made)

    def test_a_secret_among_tags_makes_all_tags_secret(self, driver: Driver) -> None:
        made = driver.create(EIP, "one", {"domain": "vpc", "tags": {"Slot": Secret("1")}})
        assert made.state["tags"] == Secret({"Slot": "1"})

    def test_an_error_does_not_tell(self, driver: Driver) -> None:
        inputs = {"name": Secret("canary-5151"), "assumeRolePolicy": TRUST}
        driver.create(ROLE, "one", inputs)
        with pytest.raises(ProviderError) as caught:
            driver.create(ROLE, "two", inputs)
        assert "EntityAlreadyExists" in str(caught.value)
        assert "[secret]" in str(caught.value)
        assert "canary" not in str(caught.value)


def test_the_record_says_for_which_resource_a_call_was_made(driver: Driver, stand_in: server.Running) -> None:
    last = max((call["number"] for call in stand_in.record.listed()), default=0)
    made = driver.create("aws:ec2/eip:Eip", "recorded", {"domain": "vpc"})
    driver.invoke("aws:ec2/getEips:getEips")
    *ours, looked = stand_in.record.listed(after=last)
    assert ours[0]["action"] == "AllocateAddress"
    assert {call["resource"] for call in ours} == {made.urn}
    assert (looked["action"], looked["resource"]) == ("DescribeAddresses", None)


class TestHalfWay:
    def test_what_was_made_is_handed_back_and_the_next_update_finishes_it(
        self, driver: Driver, faults: Any, ec2: Any
    ) -> None:
        world = World(driver)
        faults.order(
            Fault("AttachInternetGateway", Kind.ERROR, times=1, code="Client.Oops", message="not now")
        )
        inputs = {"vpcId": world.vpc.id, "tags": {"Name": "half"}}
        with pytest.raises(
            ProviderError, match=r"^ec2:AttachInternetGateway: Client.Oops: not now$"
        ) as caught:
            driver.create("aws:ec2/internetGateway:InternetGateway", "half", inputs)
        half = caught.value.half
        assert list(half.reasons) == [str(caught.value)]
        assert decode(half.inputs) == inputs
        assert "vpcId" not in decode(half.properties)

        made = driver.import_("aws:ec2/internetGateway:InternetGateway", "half", half.id)
        assert made is not None
        made.state = decode(half.properties)
        assert driver.diff(made, inputs).changed == {"vpcId"}
        assert driver.update(made, inputs)["vpcId"] == world.vpc.id
        found = ec2.describe_internet_gateways(Filters=[{"Name": "tag:Name", "Values": ["half"]}])
        assert len(found["InternetGateways"]) == 1

    def test_an_update_after_a_failure_looks_again_at_what_is_there(
        self, driver: Driver, faults: Any
    ) -> None:
        """Nothing differs from the state that was handed back, but AWS is not there yet."""
        world = World(driver)
        made = world.gateway
        driver.servicer._clients.get("ec2", "us-east-1").detach_internet_gateway(
            InternetGatewayId=made.id, VpcId=world.vpc.id
        )
        assert driver.update(made, {"vpcId": world.vpc.id})["vpcId"] == world.vpc.id
        refreshed = driver.read(made)
        assert refreshed is not None
        assert refreshed["vpcId"] == world.vpc.id

    def test_a_gateway_that_fails_says_why_and_stays_in_the_state(self, driver: Driver) -> None:
        world = World(driver)
        with pytest.raises(
            ProviderError, match=r"waiting for NAT gateway nat-.*: Gateway.NotAttached"
        ) as caught:
            driver.create(NAT, "one", {"subnetId": world.subnet().id, "allocationId": world.address().id})
        assert caught.value.half.id.startswith("nat-")

    def test_a_call_that_fails_at_once_leaves_nothing(self, driver: Driver, faults: Any) -> None:
        faults.order(
            Fault("AllocateAddress", Kind.ERROR, times=1, code="AddressLimitExceeded", message="too many")
        )
        with pytest.raises(
            ProviderError, match=r"^ec2:AllocateAddress: AddressLimitExceeded: too many$"
        ) as caught:
            driver.create(EIP, "one", {"domain": "vpc"})
        assert caught.value.half is None


class TestDrift:
    def test_what_vanished_is_gone(self, driver: Driver, ec2: Any) -> None:
        made = driver.create(EIP, "one", {"domain": "vpc"})
        ec2.release_address(AllocationId=made.id)
        assert driver.read(made) is None
        driver.delete(made)

    def test_a_route_moved_by_hand_is_seen_and_moved_back(self, driver: Driver, ec2: Any) -> None:
        world = World(driver)
        wanted = {
            "routeTableId": world.table().id,
            "destinationCidrBlock": "0.0.0.0/0",
            "natGatewayId": world.nat().id,
        }
        made = driver.create("aws:ec2/route:Route", "one", wanted)
        ec2.replace_route(
            RouteTableId=world.table().id, DestinationCidrBlock="0.0.0.0/0", GatewayId=world.gateway.id
        )
        refreshed = driver.read(made)
        assert refreshed is not None
        diff = driver.diff(refreshed, wanted)
        assert diff.details == {"natGatewayId": "ADD", "gatewayId": "DELETE"}
        assert not diff.replaces
        assert driver.update(refreshed, wanted)["natGatewayId"] == world.nat().id

    def test_a_tag_added_by_hand_is_seen_unless_ignored(
        self, driver: Driver, stand_in: server.Running, ec2: Any
    ) -> None:
        made = driver.create(EIP, "one", {"domain": "vpc", "tags": {"Slot": "1"}})
        ec2.create_tags(Resources=[made.id], Tags=[{"Key": "cost:team", "Value": "x"}])
        refreshed = driver.read(made)
        assert refreshed is not None
        assert driver.diff(refreshed, made.inputs).details == {'tags["cost:team"]': "DELETE"}
        tolerant = Driver(ignoreTags='{"keyPrefixes": ["cost:"]}')
        seen = tolerant.read(made)
        assert seen is not None
        assert seen["tags"] == {"Slot": "1"}
        assert not tolerant.diff(refreshed, made.inputs).changed
        tolerant.update(made, {"domain": "vpc", "tags": {"Slot": "2"}})
        (address,) = ec2.describe_addresses(AllocationIds=[made.id])["Addresses"]
        assert {tag["Key"]: tag["Value"] for tag in address["Tags"]} == {"Slot": "2", "cost:team": "x"}

    def test_changes_the_program_asked_to_ignore_are_ignored(self, driver: Driver) -> None:
        made = driver.create(EIP, "one", {"domain": "vpc", "tags": {"Slot": "1"}})
        wanted = {"domain": "vpc", "tags": {"Slot": "2"}}
        assert driver.diff(made, wanted).changed == {"tags"}
        assert not driver.diff(made, wanted, ignore=("tags",)).changed


class TestSettings:
    def test_default_tags_are_on_everything_and_lose_to_own_ones(self, driver: Driver) -> None:
        tagging = Driver(defaultTags='{"tags": {"Owner": "platform", "Env": "sandbox"}}')
        made = tagging.create(EIP, "one", {"domain": "vpc", "tags": {"Env": "mine"}})
        assert made["tagsAll"] == {"Owner": "platform", "Env": "mine"}
        assert not tagging.diff(made, {"domain": "vpc", "tags": {"Env": "mine"}}).changed
        retagging = Driver(defaultTags='{"tags": {"Owner": "payments"}}')
        diff = retagging.diff(made, {"domain": "vpc", "tags": {"Env": "mine"}})
        assert diff.details == {"tags.Owner": "UPDATE"}

    @pytest.mark.parametrize(
        ("setting", "value", "said"),
        [("allowedAccountIds", "210987654321", "allowed"), ("forbiddenAccountIds", ACCOUNT, "forbidden")],
    )
    def test_the_wrong_account_is_refused_by_both_names(
        self, driver: Driver, setting: str, value: str, said: str
    ) -> None:
        with pytest.raises(
            ProviderError, match=rf"^AWS account ID not allowed: {ACCOUNT} \({said}: {value}\)$"
        ):
            Driver(**{setting: f'["{value}"]'})

    def test_another_region_is_another_world(self, driver: Driver) -> None:
        there = driver.create(VPC, "one", {"cidrBlock": "10.0.0.0/16", "region": "eu-west-1"})
        assert there["region"] == "eu-west-1"
        assert ":eu-west-1:" in there["arn"]
        assert driver.read(there) is not None
        assert driver.import_(VPC, "one", there.id) is None
        assert driver.import_(VPC, "one", f"{there.id}@eu-west-1") is not None
        driver.delete(there)

    def test_no_stand_in_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        with pytest.raises(
            ProviderError, match=r"^sts:GetCallerIdentity: EndpointConnectionError: "
        ) as caught:
            Driver(maxRetries="0")
        assert "\n" not in str(caught.value)


class TestNames:
    def test_a_name_of_ones_own_is_deleted_before_its_replacement(self, driver: Driver) -> None:
        named = driver.create(ROLE, "named", {"name": "flexpay-named", "assumeRolePolicy": TRUST})
        assert driver.diff(named, {**named.inputs, "path": "/x/"}).delete_first
        unnamed = driver.create(ROLE, "unnamed", {"assumeRolePolicy": TRUST})
        assert unnamed["name"].startswith("unnamed-")
        assert len(unnamed["name"]) == len("unnamed-") + 7
        assert not driver.diff(unnamed, {"assumeRolePolicy": TRUST, "path": "/x/"}).delete_first

    def test_a_made_up_name_stays_and_an_own_one_that_is_taken_away_does_not(self, driver: Driver) -> None:
        unnamed = driver.create(ROLE, "kept", {"assumeRolePolicy": TRUST})
        assert not driver.diff(unnamed, {"assumeRolePolicy": TRUST}).changed
        named = driver.create(ROLE, "own", {"name": "my-own", "assumeRolePolicy": TRUST})
        assert driver.diff(named, {"assumeRolePolicy": TRUST}).replaces == {"name"}


def test_many_at_once_get_an_address_each(driver: Driver) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda n: driver.create(EIP, f"e{n}", {"domain": "vpc"}), range(32)))
    assert len({item.id for item in made}) == 32
    assert len({item["publicIp"] for item in made}) == 32


class TestLookups:
    @pytest.fixture
    def world(self, driver: Driver) -> World:
        return World(driver)

    def test_who_and_where(self, driver: Driver) -> None:
        assert driver.invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == ACCOUNT
        assert driver.invoke("aws:index/getRegion:getRegion")["region"] == "us-east-1"
        assert driver.invoke("aws:index/getPartition:getPartition")["dnsSuffix"] == "amazonaws.com"

    def test_zones(self, driver: Driver) -> None:
        zones = driver.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", state="available")
        assert zones["names"] == sorted(zones["names"])
        assert len(zones["names"]) == len(zones["zoneIds"]) >= 3
        zone = driver.invoke("aws:index/getAvailabilityZone:getAvailabilityZone", zoneId="use1-az1")
        assert zone["networkBorderGroup"] == "us-east-1"
        assert zone["name"] == f"us-east-1{zone['nameSuffix']}"

    def test_an_address_by_tag_and_by_itself(self, driver: Driver) -> None:
        made = driver.create(EIP, "one", {"domain": "vpc", "tags": {"Slot": "lookup"}})
        found = driver.invoke("aws:ec2/getEips:getEips", tags={"Slot": "lookup"})
        assert found["allocationIds"] == [made.id]
        assert found["publicIps"] == [made["publicIp"]]
        one = driver.invoke("aws:ec2/getElasticIp:getElasticIp", publicIp=made["publicIp"])
        assert (one["id"], one["tags"]) == (made.id, {"Slot": "lookup"})
        with pytest.raises(ProviderError, match="no matching EC2 EIP found"):
            driver.invoke("aws:ec2/getElasticIp:getElasticIp", id="eipalloc-0123456789abcdef0")

    def test_the_network(self, driver: Driver, world: World) -> None:
        nat, table = world.nat(), world.table()
        assert driver.invoke("aws:ec2/getVpc:getVpc", id=world.vpc.id)["cidrBlock"] == "10.0.0.0/16"
        subnet = driver.invoke("aws:ec2/getSubnet:getSubnet", id=world.subnet().id)
        assert subnet["vpcId"] == world.vpc.id
        subnets = driver.invoke(
            "aws:ec2/getSubnets:getSubnets", filters=[{"name": "vpc-id", "values": [world.vpc.id]}]
        )
        assert subnets["ids"] == [world.subnet().id]
        assert driver.invoke("aws:ec2/getNatGateways:getNatGateways", vpcId=world.vpc.id)["ids"] == [nat.id]
        gateway = driver.invoke("aws:ec2/getNatGateway:getNatGateway", subnetId=world.subnet().id)
        assert (gateway["publicIp"], gateway["state"]) == (nat["publicIp"], "available")
        found = driver.invoke("aws:ec2/getRouteTable:getRouteTable", routeTableId=table.id)
        assert found["routes"] == [
            {
                "cidrBlock": "10.0.0.0/16",
                "gatewayId": "local",
                "natGatewayId": "",
                "transitGatewayId": "",
                "vpcPeeringConnectionId": "",
            }
        ]

        by_subnet = [{"name": "association.subnet-id", "values": [world.subnet().id]}]
        assert driver.invoke("aws:ec2/getRouteTables:getRouteTables", filters=by_subnet)["ids"] == []
        every = driver.invoke("aws:ec2/getRouteTables:getRouteTables", vpcId=world.vpc.id)["ids"]
        assert table.id in every

    def test_a_quota(self, driver: Driver) -> None:
        found = driver.invoke(
            "aws:servicequotas/getServiceQuota:getServiceQuota", serviceCode="vpc", quotaCode="L-F678F1CE"
        )
        assert found["value"] == 5

    def test_a_policy_document(self, driver: Driver) -> None:
        found = driver.invoke(
            "aws:iam/getPolicyDocument:getPolicyDocument",
            statements=[
                {
                    "sid": "Read",
                    "actions": ["s3:GetObject"],
                    "resources": ["a", "b/&{aws:username}"],
                    "principals": [{"type": "AWS", "identifiers": [ACCOUNT]}],
                    "conditions": [{"test": "StringLike", "variable": "aws:SourceVpc", "values": ["&{x}"]}],
                }
            ],
        )
        assert json.loads(found["json"]) == {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Read",
                    "Effect": "Allow",
                    "Action": "s3:GetObject",
                    "Resource": ["b/${aws:username}", "a"],
                    "Principal": {"AWS": ACCOUNT},
                    "Condition": {"StringLike": {"aws:SourceVpc": "${x}"}},
                }
            ],
        }
        with pytest.raises(ProviderError, match=r"statements\[0\].action: not mapped"):
            driver.invoke("aws:iam/getPolicyDocument:getPolicyDocument", statements=[{"action": "x"}])
        with pytest.raises(ProviderError, match=r"duplicate Sid \(Read\)"):
            driver.invoke("aws:iam/getPolicyDocument:getPolicyDocument", statements=[{"sid": "Read"}] * 2)

    def test_every_mapped_lookup_is_tried_here(self) -> None:
        text = Path(__file__).read_text(encoding="utf-8")
        assert [token for token in invokes.TABLE if token not in text] == []


def test_values_survive_the_wire_in_a_real_answer(driver: Driver) -> None:
    """What the engine stores after a create is exactly what it sends back for the next operation."""
    made = driver.create(EIP, "one", {"domain": "vpc", "tags": {"Slot": Secret("1")}})
    assert plain(decode(encode(made.state))) == plain(made.state)


def test_the_sdk_reads_the_same_address(driver: Driver, stand_in: server.Running) -> None:
    made = driver.create(EIP, "one", {"domain": "vpc"})
    client: Any = botocore.session.Session().create_client(
        "ec2", region_name="us-east-1", endpoint_url=stand_in.url
    )
    (found,) = client.describe_addresses(AllocationIds=[made.id])["Addresses"]
    assert found["PublicIp"] == made["publicIp"]
