"""One environment in one region: network, egress and secrets store, and what they export."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, cast

import pulumi

from stacks import policies
from stacks.adoption import Refused, adoptions
from stacks.contract import CONTRACT_VERSION, StackOutputs, secret_name
from stacks.egress_plan import EgressPlan, SlotPlan, owned_by, plan_egress
from stacks.existing import ExistingNetwork, Gateway, look_existing, slots_of
from stacks.fixed import refuse_moves
from stacks.labels import EGRESS, NETWORK, SECRETS, VERIFIER, Labels
from stacks.lookups import gather, read_managed
from stacks.model import StackConfig
from stacks.network import Network
from stacks.schema import EgressMode
from stacks.secrets_store import SecretsStore
from stacks.static_egress import StaticEgress

if TYPE_CHECKING:
    from stacks.verifier import Verifier

PROJECT = Path(__file__).resolve().parent.parent
"""The project folder, which holds Pulumi.yaml, stacks/ and allowlist/."""


class EnvironmentArgs(TypedDict):
    """What an environment is made of."""

    config: StackConfig


class Decisions(NamedTuple):
    """Everything that was decided before anything is registered."""

    plan: EgressPlan
    existing: ExistingNetwork | None = None
    gateways: Mapping[str, Gateway] = {}
    """Mode existing: slot → gateway that leaves from its address."""


def decide(config: StackConfig, project: Path) -> Decisions:
    """Look at state, AWS and ledger, and decide. Raises Refused with every reason."""
    settings = config.settings
    managed = read_managed()
    refuse_moves(config, managed)
    if settings.egress.mode is EgressMode.EXTERNAL:
        return Decisions(EgressPlan())
    facts = gather(settings, managed, project)
    if settings.egress.mode is not EgressMode.EXISTING:
        return Decisions(plan_egress(settings, facts))
    network = look_existing(settings)
    gateways = slots_of(settings, facts, network)
    carrying = frozenset(gateway.allocation_id for gateway in gateways.values())
    slots = tuple(
        SlotPlan(
            slot,
            one.allocation_id if one else None,
            gateway=False,
            planned=False,
            active=False,
            owned=owned_by(slot, facts),
        )
        for slot, one in adoptions(settings, facts, carrying=carrying).items()
    )
    return Decisions(EgressPlan(slots), network, gateways)


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
        verifier = (
            self._verifier(decisions, network, egress, store) if self._settings.verifier.enabled else None
        )
        self.outputs = cast(
            StackOutputs,
            {
                **self._identity(),
                **_network_outputs(network, decisions.existing),
                **self._egress_outputs(decisions, egress),
                **self._store_outputs(store),
                "verifierFunctions": dict(verifier.functions) if verifier else {},
                "controlFunction": verifier.control if verifier else None,
                "proofBucket": verifier.proof_bucket if verifier else None,
            },
        )
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
                "partner": self._identity()["partner"],
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

    def _identity(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "contractVersion": CONTRACT_VERSION,
            "environment": settings.environment,
            "region": self._config.region,
            "accountId": self._config.account_id,
            "partner": settings.partner.model_dump(mode="json", by_alias=True),
            "contacts": settings.contacts.model_dump(mode="json", by_alias=True),
        }

    def _egress_outputs(self, decisions: Decisions, egress: StaticEgress | None) -> dict[str, Any]:
        external = [
            {
                "slot": f"external/{entry.address}",
                "zone": "external",
                "address": str(entry.address),
                "allocationId": None,
                "natGatewayId": None,
                "role": "active",
                "owner": entry.owner,
                "purpose": entry.purpose,
            }
            for entry in sorted(self._settings.egress.external, key=lambda entry: entry.address)
        ]
        used = {zone for zone in decisions.existing.exits.values() if zone} if decisions.existing else set()
        given = {
            slot: {
                "slot": slot,
                "zone": gateway.zone,
                "address": str(gateway.address),
                "allocationId": gateway.allocation_id,
                "natGatewayId": gateway.gateway_id,
                "role": "active" if gateway.zone in used else "spare",
            }
            for slot, gateway in decisions.gateways.items()
        }
        ours = {slot.slot: _address_output(slot, egress) for slot in decisions.plan.slots if egress}
        addresses = ours | given
        by_zone = {gateway.zone: slot for slot, gateway in decisions.gateways.items()}
        exits = (
            {zone: by_zone.get(through or "") for zone, through in decisions.existing.exits.items()}
            if decisions.existing
            else dict(decisions.plan.exits or {})
        )
        return {
            "egressAddresses": [*external, *(addresses[slot] for slot in sorted(addresses))],
            "egressByZone": exits,
        }

    def _store_outputs(self, store: SecretsStore) -> dict[str, Any]:
        environment, region, account = (
            self._settings.environment,
            self._config.region,
            self._config.account_id,
        )
        foreign: dict[str, Any] = {}
        if any(policies.account_of(role) != account for role in self._settings.secrets.readers):
            foreign["readerPolicyDocument"] = store.key_arn.apply(
                lambda arn: json.dumps(policies.reader_policy(account, region, environment, arn))
            )
        return {
            "merchants": {
                merchant.name: {
                    "secretName": secret_name(environment, merchant.name),
                    "secretArn": store.secret_arns[merchant.name],
                    "integrationId": merchant.integration_id,
                    "legalEntity": merchant.legal_entity,
                    "testOrder": merchant.test_order,
                }
                for merchant in self._settings.merchants
            },
            "kmsKeyArn": store.key_arn,
            "readerPolicyArn": store.reader_policy_arn,
            **foreign,
        }


def _network_outputs(network: Network | None, existing: ExistingNetwork | None) -> dict[str, Any]:
    found: Network | ExistingNetwork | None = network or existing
    return {
        "vpcId": found.vpc_id if found else None,
        "privateSubnets": dict(found.private_subnets) if found else {},
        "routeTables": dict(found.route_tables) if found else {},
    }


def _address_output(slot: SlotPlan, egress: StaticEgress) -> dict[str, Any]:
    return {
        "slot": slot.slot,
        "zone": slot.zone,
        "address": egress.addresses[slot.slot].public_ip,
        "allocationId": egress.addresses[slot.slot].allocation_id,
        "natGatewayId": egress.gateways[slot.slot].id if slot.gateway else None,
        "role": "active" if slot.active else "spare",
    }
