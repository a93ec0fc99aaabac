"""The Python of docs/use-from-your-service.md runs, against both stand-ins."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.flexpay.server import running
from tests.loopback.aws_standin import Aws

PAGE = Path(__file__).parents[2] / "docs" / "use-from-your-service.md"
MERCHANT, INTEGRATION = "acme-shop", "UP-12345678-2"


def example() -> str:
    found = re.search(r"<!-- run by [^>]*-->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    return found.group(1)


def test_the_python_example_places_an_order(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sandbox")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with running() as partner:
        partner.register(MERCHANT, INTEGRATION)
        partner.allow(MERCHANT, "127.0.0.1")
        client_id, secret = partner.issue(MERCHANT)
        made = aws.client("secretsmanager").create_secret(
            Name="flexpay/production/acme-shop",
            SecretString=json.dumps({"client_id": client_id, "client_secret": secret}),
        )
        names: dict[str, Any] = {
            "SERVER_URL": partner.url,
            "SECRET_ID": made["ARN"],
            "CA_BUNDLE": partner.ca,
        }
        exec(compile(example(), str(PAGE), "exec"), names)  # noqa: S102 - the page is ours
        template = Path(__file__).parents[2] / "onboarding/verification/orders/retail.json"
        order = json.loads(template.read_text()) | {"integrationId": INTEGRATION}
        assert names["create_order"](order)["id"]
        assert names["create_order"](order)["id"]
        assert float(names["monthly_payment"](order)) > 0
        assert len(partner.calls.of("token")) == 1
        with pytest.raises(ValueError, match="not eligible: MIN_PRICE"):
            names["create_order"](order | {"price": "1.00"})
        names["session"].close()
