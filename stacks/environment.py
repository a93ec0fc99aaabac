"""One environment in one region: network, egress and secrets store, and what they export."""

from typing import TypedDict, cast

import pulumi

from stacks.contract import CONTRACT_VERSION, StackOutputs, secret_name
from stacks.egress_plan import Approvals, EgressPlan, Found, Managed, plan_egress
from stacks.labels import Labels
from stacks.model import StackConfig
from stacks.network import Network
from stacks.secrets_store import SecretsStore
from stacks.static_egress import StaticEgress


class EnvironmentArgs(TypedDict):
    """What an environment is made of."""

    config: StackConfig


class Environment(pulumi.ComponentResource):
    """Everything one stack deploys."""

    outputs: StackOutputs
    """The contract; values are outputs of resources where AWS decides them."""

    def __init__(self, name: str, args: EnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self._config = args["config"]
        settings = self._config.settings
        plan = plan_egress(settings, Managed(), Found(), Approvals())
        super().__init__("flexpay:index:Environment", name, {}, opts)
        self._labels = Labels(settings.environment, settings.tags)
        self._inside = pulumi.ResourceOptions(parent=self)
        network = self._network()
        egress = StaticEgress(
            "egress",
            {
                "plan": plan,
                "public_subnets": network.public_subnets,
                "route_tables": network.route_tables,
                "internet_gateway": network.internet_gateway,
                "labels": self._labels,
                "protect": settings.protect,
                "alarm_topic_arn": settings.verifier.alarm_topic_arn,
            },
            self._inside,
        )
        store = self._store()
        self.outputs = self._contract(plan, network, egress, store)
        self.register_outputs({})

    def _network(self) -> Network:
        settings = self._config.settings
        return Network(
            "network",
            {
                "cidr": settings.network.own_cidr,
                "zones": settings.zones,
                "endpoints": settings.network.endpoints,
                "flow_logs": settings.network.flow_logs,
                "region": self._config.region,
                "account_id": self._config.account_id,
                "labels": self._labels,
                "iam": settings.iam,
                "protect": settings.protect,
            },
            self._inside,
        )

    def _store(self) -> SecretsStore:
        settings = self._config.settings
        return SecretsStore(
            "secrets",
            {
                "merchants": settings.merchants,
                "secrets": settings.secrets,
                "region": self._config.region,
                "account_id": self._config.account_id,
                "labels": self._labels,
                "iam": settings.iam,
                "protect": settings.protect,
            },
            self._inside,
        )

    def _contract(
        self, plan: EgressPlan, network: Network, egress: StaticEgress, store: SecretsStore
    ) -> StackOutputs:
        settings = self._config.settings
        return cast(
            StackOutputs,
            {
                "contractVersion": CONTRACT_VERSION,
                "environment": settings.environment,
                "region": self._config.region,
                "accountId": self._config.account_id,
                "partner": settings.partner.model_dump(mode="json", by_alias=True),
                "contacts": settings.contacts.model_dump(mode="json", by_alias=True),
                "vpcId": network.vpc_id,
                "egressAddresses": [
                    {
                        "slot": slot.slot,
                        "zone": slot.zone,
                        "address": egress.addresses[slot.slot].public_ip,
                        "allocationId": egress.addresses[slot.slot].allocation_id,
                        "natGatewayId": egress.gateways[slot.slot].id if slot.gateway else None,
                        "role": "active" if slot.active else "spare",
                    }
                    for slot in plan.slots
                ],
                "egressByZone": dict(plan.exits),
                "privateSubnets": dict(network.private_subnets),
                "routeTables": dict(network.route_tables),
                "merchants": {
                    merchant.name: {
                        "secretName": secret_name(settings.environment, merchant.name),
                        "secretArn": store.secret_arns[merchant.name],
                        "integrationId": merchant.integration_id,
                        "legalEntity": merchant.legal_entity,
                        "testOrder": merchant.test_order,
                    }
                    for merchant in settings.merchants
                },
                "kmsKeyArn": store.key_arn,
                "readerPolicyArn": store.reader_policy_arn,
                "verifierFunctions": {},
                "controlFunction": None,
                "proofBucket": None,
            },
        )
