"""The settings of one stack, as pydantic models: every key, type, default and rule in one place.

Imported by ``settings`` (which reads pulumi.Config) and by ``flexpay-onboard preflight`` (which
reads the YAML file itself), so it knows nothing of pulumi. Keys are camelCase, as in the file;
attributes are snake_case. Unknown keys are refused, because a misspelt key must not become a
silent default. Over 300 lines, because the settings are one tree and read best as one page.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

SUBNET_PREFIX = 24
"""Both subnets of a zone are /24: room for 251 addresses each, AWS keeps five."""
ZONE_SPACE_PREFIX = 21
"""Each zone owns one /21 of the VPC, chosen by its number, so that no zone moves another's subnets."""
LARGEST_VPC_PREFIX = 16
"""AWS limit: a VPC is at most a /16."""
SLOTS_PER_ZONE = 8


def _https(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise ValueError(f"{url!r} is not an https:// URL; credentials are never sent over plain http")
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{url!r} must be https://host[:port][/path], without user, query or fragment")
    return url.rstrip("/")


def _path(prefix: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", prefix):
        raise ValueError(f"{prefix!r} must be a path such as /api/checkout, without a trailing slash")
    return prefix


HttpsUrl = Annotated[str, AfterValidator(_https)]
UrlPath = Annotated[str, AfterValidator(_path)]
ZoneId = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,5}[0-9]?-az[1-9]$")]
"""An availability zone ID such as use1-az1: the same place in every account, unlike a zone name."""
Slot = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,5}[0-9]?-az[1-9]/[1-8]$")]
Allocation = Annotated[str, StringConstraints(pattern=r"^eipalloc-[0-9a-f]{8,17}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
"""Part of secret and IAM names: lower case, digits and inner hyphens, at most 40 characters."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$")]
PolicyArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+$")
]


class Strict(BaseModel):
    """Base: camelCase keys, unknown keys refused, immutable once read."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=False,
        extra="forbid",
        frozen=True,
        strict=False,
        hide_input_in_errors=False,
    )


class PartnerSettings(Strict):
    """Where the partner is reached."""

    server_url: HttpsUrl
    checkout_prefix: UrlPath = "/api/checkout"
    orders: Literal["test", "real"]
    """What an accepted order means here. No default: production must be said out loud."""
    ca_bundle: Text | None = None
    """PEM file relative to the project folder; null trusts the public authorities."""
    echo: list[HttpsUrl] = []
    """https services of independent operators that answer with the caller's address."""


class ContactsSettings(Strict):
    """Who answers for the submission."""

    legal_entity: Text
    owner: Text
    security: Text


class MerchantSettings(Strict):
    """One merchant; credentials are issued, and addresses reviewed, for each."""

    name: Name
    integration_id: Annotated[str, StringConstraints(pattern=r"^UP-[0-9]{4,12}-[0-9]{1,4}$")]
    legal_entity: Text
    test_order: Text = "retail"
    """``retail`` or ``air`` (shipped), or a JSON template relative to the project folder."""


class Endpoint(StrEnum):
    """AWS services that private subnets may reach without the NAT gateway."""

    S3 = "s3"
    DYNAMODB = "dynamodb"
    SECRETSMANAGER = "secretsmanager"
    KMS = "kms"


class NetworkSettings(Strict):
    """A VPC of our own (cidr, zones), or an existing one by ID."""

    cidr: IPv4Network | None = None
    zones: list[ZoneId] = []
    endpoints: list[Endpoint] = []
    flow_logs: bool = False
    vpc_id: Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]{8,17}$")] | None = None
    public_subnets: dict[ZoneId, str] = {}
    private_subnets: dict[ZoneId, str] = {}
    nat_gateways: dict[ZoneId, str] = {}

    @property
    def existing(self) -> bool:
        """Tell whether the network is somebody else's and must not be touched."""
        return self.vpc_id is not None

    @property
    def own_cidr(self) -> IPv4Network:
        """The range of a VPC of our own; the settings were refused without it where one is made."""
        if self.cidr is None:
            raise LookupError("this network is not ours and has no range here")
        return self.cidr

    @field_validator("cidr")
    @classmethod
    def _room(cls, cidr: IPv4Network | None) -> IPv4Network | None:
        if cidr is not None and not LARGEST_VPC_PREFIX <= cidr.prefixlen <= ZONE_SPACE_PREFIX:
            raise ValueError(f"{cidr} must be between /{LARGEST_VPC_PREFIX} and /{ZONE_SPACE_PREFIX}")
        return cidr

    @field_validator("zones", "endpoints")
    @classmethod
    def _no_repeats(cls, values: list[Any]) -> list[Any]:
        if repeated := sorted({str(value) for value in values if values.count(value) > 1}):
            raise ValueError(f"named twice: {', '.join(repeated)}")
        return values

    @model_validator(mode="after")
    def _either_ours_or_existing(self) -> Self:
        if self.existing:
            if ours := [key for key in ("cidr", "zones", "endpoints", "flow_logs") if getattr(self, key)]:
                named = ", ".join(to_camel(key) for key in ours)
                raise ValueError(f"{named}: not for an existing VPC ({self.vpc_id}); it is never changed")
            return self
        for key in ("public_subnets", "private_subnets", "nat_gateways"):
            if getattr(self, key):
                raise ValueError(f"{to_camel(key)}: only together with vpcId")
        if self.cidr is not None:
            self._fits(self.cidr)
        return self

    def _fits(self, cidr: IPv4Network) -> None:
        room = 2 ** (ZONE_SPACE_PREFIX - cidr.prefixlen)
        for zone in self.zones:
            if zone_number(zone) > room:
                raise ValueError(
                    f"cidr {cidr} is too small for {zone}: zone number {zone_number(zone)} needs the "
                    f"{zone_number(zone)}th /{ZONE_SPACE_PREFIX}, and there is room for {room}"
                )


class AddressRole(StrEnum):
    """Whether a slot carries traffic."""

    ACTIVE = "active"
    SPARE = "spare"


class SlotSettings(Strict):
    """One permanent slot."""

    allocation: Allocation | None = None
    """An existing allocation to adopt; without it, AWS picks the address once."""
    role: AddressRole


class ExternalAddress(Strict):
    """An address of a NAT that somebody else runs."""

    address: IPv4Address
    owner: Text
    purpose: Text


class EgressMode(StrEnum):
    """Who makes the gateways, and how many."""

    PER_ZONE = "per-zone"
    SINGLE = "single"
    EXISTING = "existing"
    EXTERNAL = "external"


class EgressSettings(Strict):
    """The addresses, and the gateways that use them."""

    mode: EgressMode = EgressMode.PER_ZONE
    addresses: dict[Slot, SlotSettings] | list[ExternalAddress] | None = None
    """Slots, or declared addresses in mode external; absent: slot 1 of every zone, active."""
    gateway_zone: ZoneId | None = None
    """Mode single: the zone that holds the one gateway."""
    replace: list[Slot] = []
    """Slots whose gateway may be replaced or removed by the next ``up``; never their address."""
    via: dict[ZoneId, ZoneId] = {}
    """Zones without a gateway of their own → zone through whose gateway they leave."""

    def slots(self, zones: list[str]) -> dict[str, SlotSettings]:
        """Return every slot of the stack, sorted; empty in mode external."""
        if isinstance(self.addresses, list):
            return {}
        if self.addresses is None:
            default = SlotSettings.model_validate({"role": AddressRole.ACTIVE})
            return {f"{zone}/1": default for zone in sorted(zones)}
        return dict(sorted(self.addresses.items()))

    @property
    def external(self) -> list[ExternalAddress]:
        """Return the declared addresses of mode external."""
        return self.addresses if isinstance(self.addresses, list) else []

    @model_validator(mode="after")
    def _allocations_once(self) -> Self:
        if isinstance(self.addresses, dict):
            seen: dict[str, str] = {}
            for slot, entry in sorted(self.addresses.items()):
                if entry.allocation and entry.allocation in seen:
                    raise ValueError(
                        f"addresses: {entry.allocation} is named by {seen[entry.allocation]} and {slot}; "
                        "an allocation fills exactly one slot"
                    )
                if entry.allocation:
                    seen[entry.allocation] = slot
        return self


class SecretsSettings(Strict):
    """The secrets store."""

    recovery_window_days: int = 30
    """Days in which a deleted secret can be restored: 7 to 30, or 0 for at once (AWS limits)."""
    key_deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    readers: list[RoleArn] = []
    """Roles that may read, also of other accounts."""

    @field_validator("recovery_window_days")
    @classmethod
    def _window(cls, days: int) -> int:
        if days != 0 and not 7 <= days <= 30:
            raise ValueError(f"{days} must be 0 or between 7 and 30 days")
        return days


class VerifierSettings(Strict):
    """Functions that prove the addresses from inside."""

    enabled: bool = False
    control: bool = True
    """Also deploy the function outside the VPC that shows that other addresses are refused."""
    schedule: Text | None = None
    """EventBridge Scheduler expression, e.g. ``rate(1 hour)``; null: only on demand."""
    alarm_topic_arn: Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:")] | None = None


class IamSettings(Strict):
    """House rules for every role and policy that is created."""

    permissions_boundary: PolicyArn | None = None
    path: Annotated[str, StringConstraints(pattern=r"^/([\w+=,.@-]+/)*$")] = "/"


class Settings(Strict):
    """Everything one stack is configured with."""

    environment: Name
    partner: PartnerSettings
    contacts: ContactsSettings
    merchants: list[MerchantSettings] = Field(min_length=1)
    network: NetworkSettings = NetworkSettings()
    egress: EgressSettings = EgressSettings()
    secrets: SecretsSettings = SecretsSettings()
    verifier: VerifierSettings = VerifierSettings()
    iam: IamSettings = IamSettings()
    tags: dict[Text, str] = {}
    protect: bool = True

    @property
    def zones(self) -> list[str]:
        """The zones of the stack, sorted; order in the file means nothing."""
        return sorted(self.network.private_subnets if self.network.existing else self.network.zones)

    @property
    def slots(self) -> dict[str, SlotSettings]:
        """Every slot of the stack, sorted."""
        return self.egress.slots(self.zones)

    @field_validator("merchants")
    @classmethod
    def _merchants_once(cls, merchants: list[MerchantSettings]) -> list[MerchantSettings]:
        names = [merchant.name for merchant in merchants]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"named twice: {', '.join(repeated)}")
        return merchants

    @field_validator("tags")
    @classmethod
    def _tags_are_free(cls, tags: dict[str, str]) -> dict[str, str]:
        if taken := sorted(
            key for key in tags if key.lower().startswith(("aws:", "flexpay:")) or key == "Name"
        ):
            raise ValueError(f"{', '.join(taken)}: reserved; addresses are found again by these tags")
        return tags

    @model_validator(mode="after")
    def _one_story(self) -> Self:
        mode = self.egress.mode
        if isinstance(self.egress.addresses, list) != (mode is EgressMode.EXTERNAL):
            raise ValueError(
                "egress.addresses: a list of {address, owner, purpose} in mode external and only there; "
                "a map of <zone-id>/<n> in every other mode"
            )
        if mode is EgressMode.EXTERNAL:
            if not self.egress.external:
                raise ValueError("egress.addresses: mode external must declare at least one address")
            return self
        if (mode is EgressMode.EXISTING) != self.network.existing:
            raise ValueError("egress.mode existing goes with network.vpcId, and every other mode without it")
        if mode is not EgressMode.EXISTING and self.network.cidr is None:
            raise ValueError(
                "network.cidr: required, e.g. 10.64.0.0/16, unless egress.mode is existing or external"
            )
        if not self.zones:
            raise ValueError("network.zones: name at least one zone ID, e.g. [use1-az1, use1-az2]")
        self._slots_fit(mode)
        return self

    def _slots_fit(self, mode: EgressMode) -> None:
        zones = set(self.zones)
        for slot in [*self.slots, *self.egress.replace]:
            if slot_zone(slot) not in zones:
                raise ValueError(f"egress: slot {slot} is in a zone that network.zones does not name")
        for slot in self.egress.replace:
            if slot not in self.slots:
                raise ValueError(f"egress.replace: {slot} is not a slot of egress.addresses")
        active: dict[str, str] = {}
        for slot, entry in self.slots.items():
            if entry.role is AddressRole.ACTIVE and slot_zone(slot) in active:
                raise ValueError(
                    f"egress.addresses: {active[slot_zone(slot)]} and {slot} are both active; several "
                    "addresses on one gateway are not supported yet, so one of them must be spare"
                )
            if entry.role is AddressRole.ACTIVE:
                active[slot_zone(slot)] = slot
        self._routes_fit(mode, zones, set(active))

    def _routes_fit(self, mode: EgressMode, zones: set[str], active: set[str]) -> None:
        for zone, through in self.egress.via.items():
            if {zone, through} - zones:
                raise ValueError(f"egress.via: {zone}: {through} names a zone that is not in network.zones")
            if zone == through or through in self.egress.via:
                raise ValueError(f"egress.via: {zone}: {through} must lead to a zone with its own gateway")
            if through not in active:
                raise ValueError(f"egress.via: {through} has no active address")
        if mode is EgressMode.SINGLE:
            if self.egress.gateway_zone not in active:
                raise ValueError("egress.gatewayZone: mode single needs a zone that has an active address")
            if self.egress.via:
                raise ValueError("egress.via: mode single already sends all zones through egress.gatewayZone")
        elif self.egress.gateway_zone is not None:
            raise ValueError("egress.gatewayZone: only for mode single")


def zone_number(zone: str) -> int:
    """Return the number at the end of a zone ID: 4 for use1-az4."""
    return int(zone.rpartition("-az")[2])


def slot_zone(slot: str) -> str:
    """Return the zone of a slot: use1-az4 for use1-az4/1."""
    return slot.partition("/")[0]


def subnets_of(cidr: IPv4Network, zone: str) -> tuple[IPv4Network, IPv4Network]:
    """Return the public and the private /24 of a zone.

    They depend on the zone's number alone, so that adding, removing or permuting zones moves
    nothing. The public one comes first in the zone's /21; the private one fills its upper half.
    """
    space = list(cidr.subnets(new_prefix=ZONE_SPACE_PREFIX))[zone_number(zone) - 1]
    lower, upper = space.subnets(prefixlen_diff=1)
    return next(lower.subnets(new_prefix=SUBNET_PREFIX)), next(upper.subnets(new_prefix=SUBNET_PREFIX))


def read_settings(raw: Mapping[str, Any], *, source: str) -> Settings:
    """Validate the project's config values of one stack.

    ``raw`` maps keys without namespace (``environment``, ``network`` …) to parsed values;
    ``source`` names the file for messages. Raises ValueError with one line per wrong key: where,
    what is wrong and what is allowed.
    """
    try:
        return Settings.model_validate(dict(raw))
    except ValidationError as error:
        lines = [f"{source}: {_place(item['loc'])}{_reason(item)}" for item in error.errors()]
        raise ValueError("\n".join(dict.fromkeys(lines))) from None


PROJECT = "flexpay-egress"
"""Name of the project in Pulumi.yaml, and so the namespace of every setting."""
_PLAIN = frozenset({"environment", "protect"})


class StackConfig(NamedTuple):
    """One stack's settings, and the region and account that they are for."""

    settings: Settings
    region: str
    account_id: str


def read_config(project: Mapping[str, Any], stack_config: Mapping[str, Any], *, source: str) -> StackConfig:
    """Merge the project's defaults with one stack's ``config`` map and validate both.

    ``project`` is the parsed Pulumi.yaml (its ``config`` schema gives the defaults; an empty map
    means that they are merged already), ``stack_config`` maps full keys
    (``flexpay-egress:network``, ``aws:region``) to values, either parsed or as the text or JSON
    in which the engine hands them on. ``source`` names the stack's file for messages. Raises
    ValueError with one line per wrong key.
    """
    values: dict[str, Any] = {
        name: entry["default"]
        for name, entry in project.get("config", {}).items()
        if isinstance(entry, Mapping) and "default" in entry
    }
    problems: list[str] = []
    for key, value in stack_config.items():
        name = key.removeprefix(f"{PROJECT}:")
        if name == key:
            continue
        try:
            values[name] = _parsed(name, value)
        except ValueError as error:
            problems.append(f"{source}: {key}: {error}")
    region = stack_config.get("aws:region")
    if not isinstance(region, str) or not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", region):
        problems.append(f"{source}: aws:region: {_shown(region)}; required in every stack, e.g. us-east-1")
    try:
        accounts = _parsed("allowedAccountIds", stack_config.get("aws:allowedAccountIds"))
    except ValueError:
        accounts = stack_config["aws:allowedAccountIds"]
    account = str(accounts[0]) if isinstance(accounts, list) and len(accounts) == 1 else ""
    if not re.fullmatch(r"[0-9]{12}", account):
        problems.append(
            f"{source}: aws:allowedAccountIds: {_shown(accounts)}; required in every stack, exactly one "
            'quoted account ID of twelve digits, e.g. ["123456789012"]: with credentials of another account '
            "a refresh would empty the state"
        )
    try:
        settings = read_settings(values, source=source)
    except ValueError as error:
        raise ValueError("\n".join([*problems, str(error)])) from None
    if problems:
        raise ValueError("\n".join(problems))
    return StackConfig(settings, str(region), account)


def _parsed(name: str, value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"secure"}:
        raise ValueError(
            "encrypted; settings are not secret and are read without the engine, so write it in plain"
        )
    if name in _PLAIN or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(f"{value!r} must be a map or a list, not text") from None


def _shown(value: Any) -> str:
    return "not set" if value is None else f"found {value!r}"


def _place(loc: tuple[int | str, ...]) -> str:
    # pydantic adds the union member it tried to the location; users know only their own keys
    shown = [str(part) for part in loc if not str(part).startswith(("dict[", "list["))]
    return f"{'.'.join(shown)}: " if shown else ""


def _reason(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown key; see the configuration reference in README.md"
    if item["type"] == "missing":
        return "required, but not set"
    text = str(item["msg"]).removeprefix("Value error, ")
    given = item.get("input")
    return f"{text} (found {given!r})" if isinstance(given, str | int | float | bool) else text
