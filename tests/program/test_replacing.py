"""What would make the engine replace a deployed resource, secrets, keys and policies included."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.program.golden import BOUNDARY, NETWORK, REPLACING, TOPIC, replacing, replacing_of_all
from tests.program.run import deploy, stack_config

ECHO = "https://echo.example"
DEPLOYED: Mapping[str, Any] = {
    "partner": {"serverUrl": "https://partner.example", "orders": "test", "echo": [ECHO]},
    "network": {**NETWORK, "endpoints": ["kms", "s3"], "flowLogs": True},
    "verifier": {"enabled": True, "schedule": "rate(1 hour)", "alarmTopicArn": TOPIC},
    "iam": {"path": "/flexpay/"},
}
FIXED: Mapping[str, Mapping[str, Any]] = {
    "environment": {"environment": "staging"},
    "iam.path": {"iam": {"path": "/payments/"}},
    "network.cidr": {"network": {**DEPLOYED["network"], "cidr": "10.65.0.0/16"}},
}
"""Settings that replace; tests/program/test_state.py has them refused in a deployed stack."""
FREE: Mapping[str, Mapping[str, Any]] = {
    "contacts": {"contacts": {"legalEntity": "Other", "owner": "a@b.example", "security": "c@d.example"}},
    "egress, a spare": {
        "egress": {
            "addresses": {
                **{f"{zone}/1": {"role": "active"} for zone in NETWORK["zones"]},
                "use1-az1/2": {"role": "spare"},
            }
        }
    },
    "egress.mode": {"egress": {"mode": "single", "gatewayZone": "use1-az4"}},
    "iam.permissionsBoundary": {"iam": {**DEPLOYED["iam"], "permissionsBoundary": BOUNDARY}},
    "merchants": {
        "merchants": [
            {"name": name, "integrationId": f"UP-99345678-{number}", "legalEntity": "Other"}
            for number, name in enumerate(("acme-air", "acme-shop"))
        ]
    },
    "network.endpoints": {
        "network": {**DEPLOYED["network"], "endpoints": ["secretsmanager", "s3", "kms", "dynamodb"]}
    },
    "network.flowLogs": {"network": {**DEPLOYED["network"], "flowLogs": False}},
    "network.zones": {"network": {**DEPLOYED["network"], "zones": ["use1-az6", "use1-az1", "use1-az2"]}},
    "partner": {
        "partner": {
            "serverUrl": "https://other.example",
            "checkoutPrefix": "/other",
            "orders": "real",
            "echo": [ECHO, "https://second.example"],
        }
    },
    "protect": {"protect": False},
    "secrets": {
        "secrets": {
            "recoveryWindowDays": 7,
            "keyDeletionWindowDays": 7,
            "readers": ["arn:aws:iam::210987654321:role/checkout"],
        }
    },
    "tags": {"tags": {"team": "payments"}},
    "verifier": {
        "verifier": {
            "enabled": True,
            "control": False,
            "schedule": "rate(2 hours)",
            "alarmTopicArn": f"{TOPIC}-2",
        }
    },
}


def test_what_replaces_is_what_deployed_stacks_hold() -> None:
    """Another value replaces something, a protected policy for its description perhaps; see golden.py."""
    assert replacing_of_all() == REPLACING.read_text(encoding="utf-8")


def replaced(changed: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """Return the replacing inputs that change of resources that stay."""
    _, before = deploy(stack_config(**DEPLOYED))
    _, after = deploy(stack_config(**{**DEPLOYED, **changed}))
    was, now = replacing(before), replacing(after)
    kept = {(one.typ, one.name) for one in before.recorded} & {(one.typ, one.name) for one in after.recorded}
    return {key for key in was.keys() | now.keys() if key[:2] in kept and was.get(key) != now.get(key)}


@pytest.mark.parametrize("setting", FREE)
def test_a_setting_that_may_change_replaces_nothing(setting: str) -> None:
    assert replaced(FREE[setting]) == set()


@pytest.mark.parametrize("setting", FIXED)
def test_a_setting_that_is_fixed_would_replace(setting: str) -> None:
    """Were it not so, there would be no reason to refuse it."""
    assert replaced(FIXED[setting])


def test_every_setting_is_tried() -> None:
    tried = {setting for changed in (*FIXED.values(), *FREE.values()) for setting in changed}
    assert tried == known_settings()


def known_settings() -> set[str]:
    from stacks.schema import Settings

    return {str(field.alias or name) for name, field in Settings.model_fields.items()}
