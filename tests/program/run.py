"""Runs the program against a cloud of mocks, as the engine would."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime.settings import get_monitor

from tests.program.cloud import ACCOUNT, EIP, ENVIRONMENT, REGION, Cloud, Held
from tests.stack_keys import PROJECT, stack_keys

STACK = "production"


def stack_config(**changed: Any) -> dict[str, Any]:
    """Return a valid config map as in a stack file; keyword arguments replace settings, None removes them."""
    settings: dict[str, Any] = {
        "environment": ENVIRONMENT,
        "partner": {"serverUrl": "https://partner.example", "orders": "test"},
        "contacts": {"legalEntity": "Acme, Inc.", "owner": "it@acme.example", "security": "sec@acme.example"},
        "merchants": [{"name": "acme-air", "integrationId": "UP-12345678-1", "legalEntity": "Acme Air"}],
        "network": {"cidr": "10.64.0.0/16", "zones": ["use1-az1", "use1-az4"]},
        **changed,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    return stack_keys(given, region=REGION, account=ACCOUNT)


def deploy(config: Mapping[str, Any], cloud: Cloud | None = None) -> tuple[dict[str, Any], Cloud]:
    """Run the program once; return its resolved outputs and what was registered.

    Values go in the way the engine hands them on: text as it is, everything else as JSON.
    """
    from stacks.environment import Environment
    from stacks.settings import read_stack_settings

    cloud = cloud or Cloud()
    pulumi.runtime.set_mocks(cloud, project=PROJECT, stack=STACK, organization="organization")
    cloud.watch(get_monitor())
    pulumi.runtime.set_all_config(
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    )
    outputs: dict[str, Any] = {}

    @pulumi.runtime.test  # type: ignore[untyped-decorator] # the SDK ships it without types
    def program() -> pulumi.Output[None]:
        environment = Environment(
            "environment",
            {"config": read_stack_settings()},
            pulumi.ResourceOptions(transformations=[cloud.note]),
        )
        return pulumi.Output.from_input(dict(environment.outputs)).apply(outputs.update)

    program()
    return outputs, cloud


def urns() -> dict[str, Any]:
    """Return URN → {type, outputs} of the last run."""
    monitor: Any = get_monitor()
    return {
        urn: {"type": str(kept.urn).split("::")[2].split("$")[-1], "outputs": dict(kept.state)}
        for urn, kept in monitor.resources.items()
        if "pulumi:pulumi:Stack" not in urn
    }


def next_cloud(outputs: Mapping[str, Any], cloud: Cloud) -> Cloud:
    """Return the cloud that the next update of the same stack finds."""
    held = dict(cloud.held)
    for one in cloud.of_type(EIP).values():
        slot = one.inputs["tags"]["flexpay:slot"]
        (shown,) = (entry for entry in outputs["egressAddresses"] if entry["slot"] == slot)
        used = "eni-ours" if shown["natGatewayId"] else None
        held[shown["allocationId"]] = Held(shown["address"], slot, interface=used)
    return Cloud(held=held, outputs=outputs, state=urns())
