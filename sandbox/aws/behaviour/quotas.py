"""Quotas: what the account may have, told the same everywhere."""

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.account_attributes import AccountAttributes
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.resources.default_quotas.vpc import VPC_DEFAULT_QUOTAS
from moto.servicequotas.responses import ServiceQuotasResponse

from sandbox.aws.behaviour.rules import Rules
from sandbox.aws.conditions import CONDITIONS

RULES = Rules()

ADDRESSES = "L-0263D0A3"


def quotas_of(service: str, region: str, account: str) -> list[dict[str, Any]]:
    """Return a service's quotas as ListServiceQuotas shows them; NoSuchResource for other services."""
    if service == "vpc":
        listed = VPC_DEFAULT_QUOTAS
    elif service == "ec2":
        listed = [
            {
                "Adjustable": True,
                "GlobalQuota": False,
                "QuotaCode": ADDRESSES,
                "QuotaName": "EC2-VPC Elastic IPs",
                "ServiceCode": "ec2",
                "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
                "Unit": "None",
                "Value": float(CONDITIONS.address_limit),
            }
        ]
    else:
        raise NoSuchResource
    return [
        {**quota, "QuotaArn": f"arn:aws:servicequotas:{region}:{account}:{service}/{quota['QuotaCode']}"}
        for quota in listed
    ]


@RULES.replaces(ServiceQuotasBackend)
def get_service_quota(original: Any, self: Any, service_code: str, quota_code: str) -> dict[str, Any]:
    """Know the quota of Elastic IP addresses too: ec2 L-0263D0A3."""
    for quota in quotas_of(service_code, self.region_name, self.account_id):
        if quota["QuotaCode"] == quota_code:
            return quota
    raise NoSuchResource


@RULES.replaces(ServiceQuotasResponse)
def list_service_quotas(original: Any, self: Any) -> str:
    """List a service's quotas with the values that hold in this account (ListServiceQuotas)."""
    service = str(json.loads(self.body).get("ServiceCode"))
    return json.dumps({"Quotas": quotas_of(service, self.region, self.current_account)})


@RULES.replaces(AccountAttributes)
def describe_account_attributes(original: Any, self: Any) -> ActionResult:
    """Answer with the attributes asked for, and the address limit that is in force."""
    shown: Any = original(self).result
    limit = [{"AttributeValue": str(CONDITIONS.address_limit)}]
    wanted = self._get_param("AttributeNames", [])
    attributes = [
        {**item, "AttributeValues": limit} if item["AttributeName"].endswith("max-elastic-ips") else item
        for item in shown["AccountAttributes"]
        if not wanted or item["AttributeName"] in wanted
    ]
    return ActionResult({"AccountAttributes": attributes})
