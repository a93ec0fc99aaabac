"""The stand-in's EC2 does what AWS does where it matters to egress addresses."""

import time
from typing import Any

from tests.loopback.aws_standin import Aws, code_of


def state_of(ec2: Any, gateway: str) -> str:
    return str(ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["State"])


def address_of(ec2: Any, allocation: str) -> Any:
    return ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]


def test_a_gateway_is_pending_until_its_time_has_come(aws: Aws) -> None:
    aws.control("PUT", "latency", {"overrides": {"nat-gateway-available": 0.5}})
    gateway, _ = aws.gateway()
    ec2 = aws.client("ec2")
    assert state_of(ec2, gateway) == "pending"
    time.sleep(0.5)
    assert state_of(ec2, gateway) == "available"


def test_a_latency_of_zero_ends_the_waits_that_are_under_way(aws: Aws) -> None:
    aws.control("PUT", "latency", {"overrides": {"nat-gateway-available": 3000, "nat-gateway-deleted": 3000}})
    (one, _), (other, _) = aws.gateway(), aws.gateway()
    ec2 = aws.client("ec2")
    ec2.delete_nat_gateway(NatGatewayId=other)
    assert (state_of(ec2, one), state_of(ec2, other)) == ("pending", "deleting")
    aws.control("PUT", "latency", {})
    assert (state_of(ec2, one), state_of(ec2, other)) == ("available", "deleted")


def test_a_deleted_gateway_keeps_its_address_until_it_is_gone(aws: Aws) -> None:
    aws.control("PUT", "latency", {"overrides": {"nat-gateway-deleted": 0.5}})
    gateway, allocation = aws.gateway()
    ec2 = aws.client("ec2")
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    assert state_of(ec2, gateway) == "deleting"
    assert "AssociationId" in address_of(ec2, allocation)
    assert code_of(ec2.release_address, AllocationId=allocation) == "InvalidIPAddress.InUse"
    time.sleep(0.5)
    assert "AssociationId" not in address_of(ec2, allocation)
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    assert state_of(ec2, gateway) == "deleted"
    assert code_of(ec2.delete_nat_gateway, NatGatewayId=gateway) == "NatGatewayNotFound"


def test_an_address_of_a_deleted_gateway_serves_a_new_one(aws: Aws) -> None:
    gateway, allocation = aws.gateway()
    ec2 = aws.client("ec2")
    subnet = ec2.describe_nat_gateways()["NatGateways"][0]["SubnetId"]
    again = {"SubnetId": subnet, "AllocationId": allocation}
    assert code_of(ec2.create_nat_gateway, **again) == "Resource.AlreadyAssociated"
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    made = ec2.create_nat_gateway(**again)["NatGateway"]
    assert made["NatGatewayAddresses"][0]["PublicIp"] == address_of(ec2, allocation)["PublicIp"]


def test_a_gateway_is_made_once_though_its_request_comes_twice(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    asked = {"SubnetId": aws.network()[1], "AllocationId": allocation, "ClientToken": "once"}
    aws.control("POST", "faults", {"action": "CreateNatGateway", "kind": "lost", "times": 1})
    assert code_of(ec2.create_nat_gateway, **asked) == "InternalError"
    made = ec2.create_nat_gateway(**asked)["NatGateway"]["NatGatewayId"]
    assert [one["NatGatewayId"] for one in ec2.describe_nat_gateways()["NatGateways"]] == [made]


def test_no_route_leads_to_a_gateway_that_is_not_there(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    gateway, _ = aws.gateway()
    (described,) = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
    table = ec2.create_route_table(VpcId=described["VpcId"])["RouteTable"]["RouteTableId"]
    default = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    unknown = "nat-0123456789abcdef0"
    assert code_of(ec2.create_route, **default, NatGatewayId=unknown) == "InvalidNatGatewayID.NotFound"
    ec2.create_route(**default, NatGatewayId=gateway)
    assert code_of(ec2.replace_route, **default, NatGatewayId=unknown) == "InvalidNatGatewayID.NotFound"
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert gateway in [route.get("NatGatewayId") for route in routes]
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    ec2.delete_route(**default)
    assert code_of(ec2.create_route, **default, NatGatewayId=gateway) == "InvalidNatGatewayID.NotFound"


def test_a_gateway_fails_without_an_internet_gateway(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation)["NatGateway"]["NatGatewayId"]
    failed = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]
    assert (failed["State"], failed["FailureCode"]) == ("failed", "Gateway.NotAttached")
    assert "AssociationId" not in address_of(ec2, allocation)
    assert code_of(ec2.create_nat_gateway, SubnetId=subnet) == "MissingParameter"


def test_an_address_is_handed_to_the_account_it_was_offered_to(aws: Aws) -> None:
    ours, theirs = aws.client("ec2"), aws.client("ec2", key="210987654321")
    tagged = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "slot", "Value": "use1-az1/1"}]}]
    made = ours.allocate_address(Domain="vpc", TagSpecifications=tagged)
    address, allocation = made["PublicIp"], made["AllocationId"]
    assert code_of(theirs.accept_address_transfer, Address=address) == "InvalidAddress.NotFound"
    offered = ours.enable_address_transfer(AllocationId=allocation, TransferAccountId="210987654321")
    assert offered["AddressTransfer"]["AddressTransferStatus"] == "pending"
    assert address_of(ours, allocation)["PublicIp"] == address
    third = aws.client("ec2", key="333333333333")
    assert code_of(third.accept_address_transfer, Address=address) == "InvalidAddress.NotFound"
    taken = theirs.accept_address_transfer(Address=address)["AddressTransfer"]
    assert (taken["PublicIp"], taken["AddressTransferStatus"]) == (address, "accepted")
    found = address_of(theirs, taken["AllocationId"])
    assert (found.get("Tags", []), found["NetworkBorderGroup"]) == ([], "us-east-1")
    assert ours.describe_addresses()["Addresses"] == []
    assert code_of(ours.allocate_address, Domain="vpc", Address=address) == "InvalidAddress.NotFound"
    assert code_of(theirs.accept_address_transfer, Address=address) == "InvalidAddress.NotFound"


def test_an_address_in_use_is_offered_and_cannot_be_accepted(aws: Aws) -> None:
    gateway, allocation = aws.gateway()
    ours, theirs = aws.client("ec2"), aws.client("ec2", key="210987654321")
    ours.enable_address_transfer(AllocationId=allocation, TransferAccountId="210987654321")
    wanted = {"Address": address_of(ours, allocation)["PublicIp"]}
    assert code_of(theirs.accept_address_transfer, **wanted) == "InvalidTransfer.AddressAssociated"
    ours.delete_nat_gateway(NatGatewayId=gateway)
    aws.control("PUT", "limits", {"addresses": 0})
    assert code_of(theirs.accept_address_transfer, **wanted) == "AddressLimitExceeded"
    aws.control("PUT", "limits", {"addresses": 1})
    tags = [{"Key": "slot", "Value": "use1-az1/1"}]
    theirs.accept_address_transfer(**wanted, TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags}])
    assert theirs.describe_addresses()["Addresses"][0]["Tags"] == tags


def test_gateways_are_found_by_tag_and_unknown_ones_are_refused(aws: Aws) -> None:
    gateway, _ = aws.gateway()
    ec2 = aws.client("ec2")
    ec2.create_tags(Resources=[gateway], Tags=[{"Key": "slot", "Value": "use1-az1/1"}])
    for value, expected in (("use1-az1/1", [gateway]), ("other", [])):
        found = ec2.describe_nat_gateways(Filter=[{"Name": "tag:slot", "Values": [value]}])["NatGateways"]
        assert [item["NatGatewayId"] for item in found] == expected
    assert [
        g["NatGatewayId"]
        for g in ec2.describe_nat_gateways(Filter=[{"Name": "tag-key", "Values": ["slot"]}])["NatGateways"]
    ] == [gateway]
    assert code_of(ec2.describe_nat_gateways, NatGatewayIds=["nat-0"]) == "NatGatewayNotFound"
    wrong = [{"Name": "colour", "Values": ["red"]}]
    assert code_of(ec2.describe_nat_gateways, Filter=wrong) == "InvalidParameterValue"


def test_the_interface_of_a_gateway_can_be_told_from_others(aws: Aws) -> None:
    gateway, _ = aws.gateway()
    (interface,) = aws.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    assert interface["InterfaceType"] == "nat_gateway"
    assert gateway in interface["Description"]


def test_a_gateways_address_cannot_be_taken_away_from_it(aws: Aws) -> None:
    _, allocation = aws.gateway()
    ec2 = aws.client("ec2")
    association = address_of(ec2, allocation)["AssociationId"]
    assert code_of(ec2.disassociate_address, AssociationId=association) == "AuthFailure"
    assert code_of(ec2.release_address, AllocationId=allocation) == "InvalidIPAddress.InUse"


def test_only_a_released_address_comes_back_and_only_once(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    first = ec2.allocate_address(Domain="vpc")
    assert code_of(ec2.allocate_address, Address=first["PublicIp"]) == "InvalidAddress.NotFound"
    assert code_of(ec2.allocate_address, Address="127.9.9.9") == "InvalidAddress.NotFound"
    ec2.release_address(AllocationId=first["AllocationId"])
    again = ec2.allocate_address(Address=first["PublicIp"])
    assert again["PublicIp"] == first["PublicIp"]
    assert again["AllocationId"] != first["AllocationId"]
    assert code_of(ec2.allocate_address, Address=first["PublicIp"]) == "InvalidAddress.NotFound"


def test_another_account_cannot_recover_our_address(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    address = ec2.allocate_address(Domain="vpc")
    ec2.release_address(AllocationId=address["AllocationId"])
    stranger = aws.client("ec2", key="210987654321")
    assert code_of(stranger.allocate_address, Address=address["PublicIp"]) == "InvalidAddress.NotFound"


def test_the_address_limit_is_enforced_and_told_the_same_everywhere(aws: Aws) -> None:
    ec2, quotas = aws.client("ec2"), aws.client("service-quotas")
    aws.control("PUT", "limits", {"addresses": 2})
    for _ in range(2):
        ec2.allocate_address(Domain="vpc")
    assert code_of(ec2.allocate_address, Domain="vpc") == "AddressLimitExceeded"
    named = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-0263D0A3")["Quota"]
    listed = quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]
    (attribute,) = ec2.describe_account_attributes(AttributeNames=["vpc-max-elastic-ips"])[
        "AccountAttributes"
    ]
    assert named["Value"] == 2
    assert [quota["Value"] for quota in listed if quota["QuotaCode"] == "L-0263D0A3"] == [2]
    assert attribute["AttributeValues"] == [{"AttributeValue": "2"}]
    assert quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-FE5A380F")["Quota"]["Value"] == 5
    unknown = {"ServiceCode": "ec2", "QuotaCode": "L-00000000"}
    assert code_of(quotas.get_service_quota, **unknown) == "NoSuchResourceException"


def test_an_address_keeps_its_network_border_group(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    usual = ec2.allocate_address(Domain="vpc")
    local = ec2.allocate_address(Domain="vpc", NetworkBorderGroup="us-east-1-bos-1")
    shown = {a["AllocationId"]: a["NetworkBorderGroup"] for a in ec2.describe_addresses()["Addresses"]}
    assert usual["NetworkBorderGroup"] == "us-east-1"
    assert local["NetworkBorderGroup"] == "us-east-1-bos-1"
    assert shown == {usual["AllocationId"]: "us-east-1", local["AllocationId"]: "us-east-1-bos-1"}
    assert code_of(ec2.allocate_address, NetworkBorderGroup="mars") == "InvalidParameterValue"


def test_zones_say_whether_they_can_hold_our_addresses(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    usual = ec2.describe_availability_zones()["AvailabilityZones"]
    every = ec2.describe_availability_zones(AllAvailabilityZones=True)["AvailabilityZones"]
    (one,) = ec2.describe_availability_zones(ZoneIds=["use1-az1"])["AvailabilityZones"]
    assert {zone["NetworkBorderGroup"] for zone in usual} == {"us-east-1"}
    assert {zone["OptInStatus"] for zone in usual} == {"opt-in-not-required"}
    assert one["GroupName"] == "us-east-1-zg-1"
    local = [zone for zone in every if zone["ZoneType"] == "local-zone"]
    assert {zone["OptInStatus"] for zone in local} == {"not-opted-in"}
    assert "us-east-1-bos-1" in {zone["NetworkBorderGroup"] for zone in local}
    assert code_of(ec2.describe_availability_zones, ZoneIds=["use1-az99"]) == "InvalidParameterValue"
    filters = [{"Name": "zone-id", "Values": ["use1-az2"]}]
    (found,) = ec2.describe_availability_zones(Filters=filters)["AvailabilityZones"]
    assert found["ZoneId"] == "use1-az2"


def test_what_is_in_use_cannot_be_deleted(aws: Aws) -> None:
    aws.gateway()
    ec2 = aws.client("ec2")
    vpc = ec2.describe_nat_gateways()["NatGateways"][0]["VpcId"]
    subnet = ec2.describe_nat_gateways()["NatGateways"][0]["SubnetId"]
    (internet,) = [g for g in ec2.describe_internet_gateways()["InternetGateways"] if g["Attachments"]]
    detach = {"InternetGatewayId": internet["InternetGatewayId"], "VpcId": vpc}
    assert code_of(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    assert code_of(ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    gateway = ec2.describe_nat_gateways()["NatGateways"][0]["NatGatewayId"]
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    ec2.delete_subnet(SubnetId=subnet)
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.detach_internet_gateway(**detach)
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


def test_an_interface_endpoint_takes_its_time_to_come_and_to_go(aws: Aws) -> None:
    later = {"interface-endpoint-available": 0.4, "interface-endpoint-deleted": 0.4}
    aws.control("PUT", "latency", {"overrides": later})
    vpc, subnet = aws.network()
    ec2 = aws.client("ec2")
    service = "com.amazonaws.us-east-1.secretsmanager"
    wanted = {"VpcId": vpc, "ServiceName": service, "VpcEndpointType": "Interface", "SubnetIds": [subnet]}
    endpoint = ec2.create_vpc_endpoint(**wanted)["VpcEndpoint"]["VpcEndpointId"]

    def state() -> str:
        return str(ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"])

    assert state() == "pending"
    time.sleep(0.4)
    assert state() == "available"
    further = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.200.0/24")["Subnet"]["SubnetId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=[further])
    assert state() == "pending"
    time.sleep(0.4)
    assert state() == "available"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert state() == "deleting"
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    time.sleep(0.4)
    assert state() == "deleted"


def test_a_function_in_a_vpc_is_pending_at_first(aws: Aws) -> None:
    aws.control("PUT", "latency", {"overrides": {"vpc-function-active": 0.4}})
    _, subnet = aws.network()
    functions = aws.client("lambda")
    trust = "{}"
    role = aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = {"Runtime": "python3.12", "Handler": "h.h", "Role": role, "Code": {"ZipFile": b"x"}}
    inside = {"VpcConfig": {"SubnetIds": [subnet], "SecurityGroupIds": []}}
    assert functions.create_function(FunctionName="inside", **code, **inside)["State"] == "Pending"
    assert functions.create_function(FunctionName="outside", **code)["State"] == "Active"
    time.sleep(0.4)
    assert functions.get_function(FunctionName="inside")["Configuration"]["State"] == "Active"
