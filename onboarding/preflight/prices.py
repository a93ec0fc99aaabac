"""List prices, for the fixed monthly cost; traffic comes on top.

Source: aws.amazon.com/vpc/pricing, /secrets-manager/pricing, /kms/pricing and /privatelink/pricing
for us-east-1, without tax or discount, as of AS_OF. Other regions cost more.
"""

AS_OF = "2026-09-20"
REGION = "us-east-1"
HOURS_PER_MONTH = 730
GATEWAY_HOUR_USD = 0.045
ADDRESS_HOUR_USD = 0.005
"""Every public IPv4 address, in use or not, since 2024-02-01."""
ENDPOINT_HOUR_USD = 0.01
"""An interface endpoint, for each zone; gateway endpoints (S3, DynamoDB) are free."""
SECRET_MONTH_USD = 0.40
KEY_MONTH_USD = 1.00
CONNECTIONS_PER_ADDRESS = 55_000
"""Simultaneous connections from one NAT gateway address to one destination (VPC guide, NAT gateways)."""


def monthly_usd(*, gateways: int, addresses: int, interface_endpoints: int, secrets: int, keys: int) -> float:
    """Return the fixed monthly cost; ``interface_endpoints`` counts each zone of each endpoint."""
    hourly = (
        gateways * GATEWAY_HOUR_USD + addresses * ADDRESS_HOUR_USD + interface_endpoints * ENDPOINT_HOUR_USD
    )
    return hourly * HOURS_PER_MONTH + secrets * SECRET_MONTH_USD + keys * KEY_MONTH_USD
