"""Facts that go in, results that come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Any

from onboarding.allowlist.network_view import RegionView
from onboarding.exit_codes import ExitCode, worst


@dataclass(frozen=True)
class Unknown:
    """A question that got no usable answer."""

    why: str


@dataclass(frozen=True)
class Zone:
    """One availability zone, local zone or wavelength zone."""

    id: str
    name: str
    kind: str
    border_group: str
    opted_in: bool


@dataclass(frozen=True)
class Key:
    """The key behind the environment's alias."""

    id: str
    state: str
    policy: Mapping[str, Any]


@dataclass(frozen=True)
class Permissions:
    """What AWS said about actions of the caller."""

    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    unknown: Mapping[str, str] | None = None
    """Action → why AWS does not say."""


@dataclass(frozen=True)
class Facts:
    """Everything AWS was asked, each answer on its own."""

    account: str | Unknown
    network: RegionView | Unknown
    zones: tuple[Zone, ...] | Unknown
    address_quota: int | Unknown
    gateway_quota: int | Unknown
    """NAT gateways per zone."""
    vpc_quota: int | Unknown
    deleted_secrets: Mapping[str, datetime | None] | Unknown
    """Name → when its deletion was asked for, for secrets that wait to be deleted."""
    key: Key | Unknown | None
    """None: there is no such key yet."""
    permissions: Permissions | Unknown
    releasable: tuple[IPv4Address, bool] | Unknown | None
    """An approved address, and whether the caller may release it; None: nothing is approved yet."""


class Outcome(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - the outcome, not a password
    WARN = "warn"
    FAIL = "fail"
    CANNOT_TELL = "cannot-tell"
    SKIP = "skip"


@dataclass(frozen=True)
class Result:
    """One check's answer."""

    id: str
    outcome: Outcome
    found: str
    """What was found, in one sentence."""
    next: str = ""
    """What to do; empty where nothing is to be done."""


_CODES = {Outcome.FAIL: ExitCode.FINDING, Outcome.CANNOT_TELL: ExitCode.CANNOT_TELL}


def exit_code(results: list[Result]) -> ExitCode:
    """Weigh results: a failure outranks what could not be told; warnings and skips do not count."""
    ran = [result for result in results if result.outcome is not Outcome.SKIP]
    return worst(_CODES.get(result.outcome, ExitCode.HOLDS) for result in ran)
