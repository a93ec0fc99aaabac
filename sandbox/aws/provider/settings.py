"""The provider's own configuration: parsed strictly, accounts checked before anything is done."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .lifecycle import TagRules
from .values import UNKNOWN, plain

HARMLESS = frozenset(
    {
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "s3UsePathStyle",
    }
)
"""Settings of the official provider that change nothing here: who calls is asked all the same."""

MAPPED = HARMLESS | {
    "allowedAccountIds",
    "defaultTags",
    "forbiddenAccountIds",
    "ignoreTags",
    "maxRetries",
    "region",
}
ACCOUNT_DIGITS = 12
DEFAULT_RETRIES = 3
"""The official provider tries 25 times; nobody waits that long for a stand-in."""
IGNORED = frozenset({"version", "pluginDownloadURL", "__internal", "__defaults"})


@dataclass(frozen=True)
class Settings:
    """What `aws:*` configuration asks for. No region means that of the AWS_* environment."""

    region: str
    allowed_accounts: tuple[str, ...] = ()
    forbidden_accounts: tuple[str, ...] = ()
    tags: TagRules = field(default_factory=TagRules)
    max_retries: int = DEFAULT_RETRIES


def problems(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with provider configuration; unknown values are left for later."""
    found = [
        (key, f"provider setting that the sandbox provider does not map; mapped: {', '.join(sorted(MAPPED))}")
        for key in config
        if key not in MAPPED | IGNORED
    ]
    if not found:
        try:
            parse({key: value for key, value in config.items() if value is not UNKNOWN} | {"region": "x"})
        except ValueError as error:
            key, _, reason = str(error).partition(": ")
            found.append((key, reason))
    return found


def parse(config: Mapping[str, Any]) -> Settings:
    """Return the settings; raises ValueError `key: reason`. Nested values arrive as JSON in strings."""
    values = {key: _unpacked(key, plain(value)) for key, value in config.items() if key not in IGNORED}
    unmapped = sorted(values.keys() - MAPPED)
    if unmapped:
        raise ValueError(f"{unmapped[0]}: provider setting that the sandbox provider does not map")
    region = values.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ValueError("region: missing; set aws:region")
    return Settings(
        region=str(region),
        allowed_accounts=_accounts("allowedAccountIds", values.get("allowedAccountIds")),
        forbidden_accounts=_accounts("forbiddenAccountIds", values.get("forbiddenAccountIds")),
        tags=_tag_rules(values.get("defaultTags"), values.get("ignoreTags")),
        max_retries=_retries(values.get("maxRetries")),
    )


_PACKED = (
    frozenset({"allowedAccountIds", "defaultTags", "forbiddenAccountIds", "ignoreTags", "maxRetries"})
    | HARMLESS
)


def _unpacked(key: str, value: Any) -> Any:
    if key not in _PACKED or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(f"{key}: not valid JSON") from None


def _retries(value: Any) -> int:
    if value is None:
        return DEFAULT_RETRIES
    if type(value) is not int or value < 0:
        raise ValueError("maxRetries: expected a whole number, 0 or more")
    return value


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key}: expected a list of strings")
    return tuple(value)


def _accounts(key: str, value: Any) -> tuple[str, ...]:
    """Return account ids; one written without quotes in a stack file arrives as a number."""
    if isinstance(value, list):
        value = [f"{item:0{ACCOUNT_DIGITS}d}" if type(item) is int else item for item in value]
    return _texts(key, value)


def _tag_rules(defaults: Any, ignored: Any) -> TagRules:
    for key, value, known in (
        ("defaultTags", defaults, {"tags"}),
        ("ignoreTags", ignored, {"keys", "keyPrefixes"}),
    ):
        if value is not None and (not isinstance(value, dict) or value.keys() - known):
            raise ValueError(f"{key}: expected an object with {', '.join(sorted(known))}")
    tags = (defaults or {}).get("tags") or {}
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise ValueError("defaultTags: tags must map strings to strings")
    rules = ignored or {}
    return TagRules(
        defaults=tags,
        ignored=frozenset(_texts("ignoreTags", rules.get("keys"))),
        ignored_prefixes=_texts("ignoreTags", rules.get("keyPrefixes")),
    )


def account_problem(settings: Settings, account: str) -> str | None:
    """Return why this account may not be used, worded like the official provider, or None."""
    if account in settings.forbidden_accounts:
        return f"AWS account ID not allowed: {account} (forbidden: {', '.join(settings.forbidden_accounts)})"
    if settings.allowed_accounts and account not in settings.allowed_accounts:
        return f"AWS account ID not allowed: {account} (allowed: {', '.join(settings.allowed_accounts)})"
    return None
