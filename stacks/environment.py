"""One environment in one region: network, egress and secrets store, and what they export."""

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import pulumi

from stacks.adoption import Refused
from stacks.contract import StackOutputs
from stacks.decisions import Decisions, decide
from stacks.egress_plan import EgressPlan
from stacks.existing import ExistingNetwork
from stacks.labels import EGRESS, NETWORK, SECRETS, VERIFIER, Labels
from stacks.model import StackConfig
from stacks.network import Network
from stacks.outputs import Parts, outputs_of, partner
from stacks.secrets_store import SecretsStore
from stacks.static_egress import StaticEgress

if TYPE_CHECKING:
    from stacks.verifier import Verifier

PROJECT = Path(__file__).resolve().parent.parent
"""The project folder, which holds Pulumi.yaml, stacks/ and allowlist/."""


class EnvironmentArgs(TypedDict):
    """What an environment is made of."""

    config: StackConfig


class Environment(pulumi.ComponentResource):
    """Everything one stack deploys. Raises pulumi.RunError before registering what cannot be."""

    outputs: StackOutputs
    """The contract; values are outputs of resources where AWS decides them."""

    def __init__(self, name: str, args: EnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self._config = args["config"]
        self._settings = self._config.settings
        try:
            decisions = decide(self._config, PROJECT)
        except Refused as refused:
            raise pulumi.RunError(f"nothing was changed\n{refused}") from None
        for warning in decisions.plan.warnings:
            pulumi.log.warn(warning)
        super().__init__("flexpay:index:Environment", name, {}, opts)
        self._labels = Labels(self._settings.environment, self._settings.tags)
        self._inside = pulumi.ResourceOptions(parent=self)
        network = self._network() if decisions.plan.exits is not None else None
        egress = self._egress(decisions.plan, network)
        store = self._store()
        enabled = self._settings.verifier.enabled
        verifier = self._verifier(decisions, network, egress, store) if enabled else None
        self.outputs = outputs_of(self._config, decisions, Parts(network, egress, store, verifier))
        self.register_outputs({})

    def _network(self) -> Network:
        settings = self._settings
        return Network(
            NETWORK,
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

    def _egress(self, plan: EgressPlan, network: Network | None) -> StaticEgress | None:
        if network is None and not plan.slots:
            return None
        return StaticEgress(
            EGRESS,
            {
                "plan": plan,
                "public_subnets": network.public_subnets if network else {},
                "route_tables": network.route_tables if network else {},
                "internet_gateway": network.internet_gateway if network else None,
                "labels": self._labels,
                "protect": self._settings.protect,
                "alarm_topic_arn": self._settings.verifier.alarm_topic_arn,
            },
            self._inside,
        )

    def _store(self) -> SecretsStore:
        return SecretsStore(
            SECRETS,
            {
                "merchants": self._settings.merchants,
                "secrets": self._settings.secrets,
                "region": self._config.region,
                "account_id": self._config.account_id,
                "labels": self._labels,
                "iam": self._settings.iam,
                "protect": self._settings.protect,
            },
            self._inside,
        )

    def _verifier(
        self,
        decisions: Decisions,
        network: Network | None,
        egress: StaticEgress | None,
        store: SecretsStore,
    ) -> "Verifier":
        """Put a function into every zone that has a way out."""
        from stacks.verifier import Verifier  # noqa: PLC0415 - half a second that others need not pay

        addresses: dict[str, pulumi.Input[str]] = {}
        if decisions.existing:
            by_zone = {gateway.zone: str(gateway.address) for gateway in decisions.gateways.values()}
            addresses |= {zone: by_zone[via] for zone, via in decisions.existing.exits.items() if via}
        elif egress:
            exits = decisions.plan.exits or {}
            addresses |= {zone: egress.addresses[slot].public_ip for zone, slot in exits.items() if slot}
        found: Network | ExistingNetwork | None = network or decisions.existing
        assert found is not None  # noqa: S101 - the settings refuse a verifier without a network
        return Verifier(
            VERIFIER,
            {
                "settings": self._settings.verifier,
                "project": PROJECT,
                "partner": partner(self._settings.partner),
                "merchants": sorted(merchant.name for merchant in self._settings.merchants),
                "vpc_id": found.vpc_id,
                "subnets": {zone: found.private_subnets[zone] for zone in addresses},
                "addresses": addresses,
                "key_arn": store.key_arn,
                "region": self._config.region,
                "account_id": self._config.account_id,
                "labels": self._labels,
                "iam": self._settings.iam,
            },
            self._inside,
        )
