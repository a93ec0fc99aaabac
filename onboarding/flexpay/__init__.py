"""Client for the partner's APIs: tokens, orders and what their answers mean.

For applications: ``FlexPayAuth`` and ``open_session``. Loaded when first used, because the
package is also imported where ``requests`` is not needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onboarding.flexpay.auth import FlexPayAuth
    from onboarding.flexpay.credentials import ClientCredentials
    from onboarding.flexpay.errors import PartnerRefused, PartnerUnusable
    from onboarding.flexpay.tokens import Token, request_token
    from onboarding.flexpay.transport import open_session

_HOMES = {
    "ClientCredentials": "credentials",
    "FlexPayAuth": "auth",
    "PartnerRefused": "errors",
    "PartnerUnusable": "errors",
    "Token": "tokens",
    "open_session": "transport",
    "request_token": "tokens",
}

__all__ = [
    "ClientCredentials",
    "FlexPayAuth",
    "PartnerRefused",
    "PartnerUnusable",
    "Token",
    "open_session",
    "request_token",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
