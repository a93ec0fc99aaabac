"""What a stack exports, in the shape of the contract; what AWS decides stays an output of its resource."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pulumi

from stacks import policies
from stacks.contract import CONTRACT_VERSION, StackOutputs, secret_name
from stacks.decisions import Decisions
from stacks.egress_plan import SlotPlan
from stacks.existing import ExistingNetwork
from stacks.model import StackConfig
from stacks.network import Network
from stacks.schema import PartnerSettings, Settings
from stacks.secrets_store import SecretsStore
from stacks.static_egress import StaticEgress

if TYPE_CHECKING:
    from stacks.verifier import Verifier


class Parts(NamedTuple):
    """The components of a stack; None: it has no such part."""

    network: Network | None
    egress: StaticEgress | None
    store: SecretsStore
    verifier: "Verifier | None"


def outputs_of(config: StackConfig, decisions: Decisions, parts: Parts) -> StackOutputs:
    """Return everything that the stack exports."""
    settings = config.settings
    found: Network | ExistingNetwork | None = parts.network or decisions.existing
    return cast(
        StackOutputs,  # with outputs of resources in place of some values
        {
            "contractVersion": CONTRACT_VERSION,
            "environment": settings.environment,
            "region": config.region,
            "accountId": config.account_id,
            "partner": partner(settings.partner),
            "contacts": settings.contacts.model_dump(mode="json", by_alias=True),
            "vpcId": found.vpc_id if found else None,
            "privateSubnets": dict(found.private_subnets) if found else {},
            "routeTables": dict(found.route_tables) if found else {},
            "egressAddresses": [*_external(settings), *_by_slot(decisions, parts.egress)],
            "egressByZone": dict(decisions.exits),
            "merchants": _merchants(settings, parts.store),
            "kmsKeyArn": parts.store.key_arn,
            "readerPolicyArn": parts.store.reader_policy_arn,
            **_for_other_accounts(config, parts.store.key_arn),
            "verifierFunctions": dict(parts.verifier.functions) if parts.verifier else {},
            "controlFunction": parts.verifier.control if parts.verifier else None,
            "proofBucket": parts.verifier.proof_bucket if parts.verifier else None,
        },
    )


def partner(settings: PartnerSettings) -> dict[str, Any]:
    """Return where the partner is reached, as PartnerOutput."""
    return settings.model_dump(mode="json", by_alias=True)


def _external(settings: Settings) -> list[dict[str, Any]]:
    return [
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
        for entry in sorted(settings.egress.external, key=lambda entry: entry.address)
    ]


def _by_slot(decisions: Decisions, egress: StaticEgress | None) -> list[dict[str, Any]]:
    """Return the addresses of this account, sorted by slot."""
    addresses = {slot.slot: _managed(slot, egress) for slot in decisions.plan.slots if egress}
    used = {zone for zone in decisions.existing.exits.values() if zone} if decisions.existing else set()
    for slot, gateway in decisions.gateways.items():
        addresses[slot] = {
            "slot": slot,
            "zone": gateway.zone,
            "address": str(gateway.address),
            "allocationId": gateway.allocation_id,
            "natGatewayId": gateway.gateway_id,
            "role": "active" if gateway.zone in used else "spare",
        }
    return [addresses[slot] for slot in sorted(addresses)]


def _managed(slot: SlotPlan, egress: StaticEgress) -> dict[str, Any]:
    return {
        "slot": slot.slot,
        "zone": slot.zone,
        "address": egress.addresses[slot.slot].public_ip,
        "allocationId": egress.addresses[slot.slot].allocation_id,
        "natGatewayId": egress.gateways[slot.slot].id if slot.gateway else None,
        "role": "active" if slot.active else "spare",
    }


def _merchants(settings: Settings, store: SecretsStore) -> dict[str, Any]:
    return {
        merchant.name: {
            "secretName": secret_name(settings.environment, merchant.name),
            "secretArn": store.secret_arns[merchant.name],
            "integrationId": merchant.integration_id,
            "legalEntity": merchant.legal_entity,
            "testOrder": merchant.test_order,
        }
        for merchant in settings.merchants
    }


def _for_other_accounts(config: StackConfig, key_arn: pulumi.Output[str]) -> Mapping[str, Any]:
    """Return the reader policy for the owners of readers' roles elsewhere; nothing where all are ours."""
    region, account = config.region, config.account_id
    environment, readers = config.settings.environment, config.settings.secrets.readers
    if all(policies.account_of(role) == account for role in readers):
        return {}
    return {
        "readerPolicyDocument": key_arn.apply(
            lambda arn: json.dumps(policies.reader_policy(account, region, environment, arn))
        )
    }
