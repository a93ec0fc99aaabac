"""The settings of one stack: every key, type, default and rule, as one tree of pydantic models.

Keys are camelCase, as in the file; attributes are snake_case. Unknown keys are refused, because a
misspelt key must not become a silent default. Over 300 lines, because the settings are one tree
and read best as one page.
"""

import re
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from onboarding.allowlist.addresses import classify
from stacks.values import (
    LARGEST_VPC_PREFIX,
    SCHEDULE,
    VPC_RANGES,
    ZONE_SPACE_PREFIX,
    Allocation,
    EnvironmentName,
    HttpsUrl,
    IamPath,
    IntegrationId,
    Name,
    NatGatewayId,
    PolicyArn,
    RoleArn,
    Slot,
    SubnetId,
    Text,
    TopicArn,
    UrlPath,
    VpcId,
    ZoneId,
    slot_zone,
    zone_number,
)


class Strict(BaseModel):
    """Base: camelCase keys, unknown keys refused, immutable once read."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class PartnerSettings(Strict):
    """Where the partner is reached."""

    server_url: HttpsUrl = Field(description="where Flex Pay's API is; there is no default on purpose")
    checkout_prefix: UrlPath = Field(default="/api/checkout", description="path before /v1/orders")
    orders: Literal["test", "real"] = Field(
        description="what an accepted order means here; `real` must be said out loud"
    )
    ca_bundle: Text | None = Field(
        default=None,
        description="PEM file relative to the project folder; without it the public authorities count",
    )
    echo: list[HttpsUrl] = Field(
        default=[],
        description="https services of independent operators that answer with the caller's address",
    )


class ContactsSettings(Strict):
    """Who answers for the submission."""

    legal_entity: Text = Field(description="company that hands in the list")
    owner: Text = Field(description="team or person who answers questions about it")
    security: Text = Field(description="security contact")


class MerchantSettings(Strict):
    """One merchant; credentials are issued, and addresses reviewed, for each."""

    name: Name = Field(description="part of the secret's name")
    integration_id: IntegrationId = Field(description="`integrationId` of its orders, given by Flex Pay")
    legal_entity: Text = Field(description="company the credentials are issued to")
    test_order: Text = Field(
        default="retail",
        description="`retail` or `air` (shipped), or a JSON template relative to the project folder",
    )


class Endpoint(StrEnum):
    """AWS services that private subnets may reach without the NAT gateway."""

    S3 = "s3"
    DYNAMODB = "dynamodb"
    SECRETSMANAGER = "secretsmanager"
    KMS = "kms"


class NetworkSettings(Strict):
    """A VPC of our own (cidr, zones), or an existing one by ID, which is never changed."""

    cidr: IPv4Network | None = Field(
        default=None, description="range of the VPC, /16 to /21; each zone owns the /21 of its number"
    )
    zones: list[ZoneId] = Field(default=[], description="zone IDs; their order means nothing")
    endpoints: list[Endpoint] = Field(default=[], description="AWS services reached without the NAT gateways")
    flow_logs: bool = Field(default=False, description="log all flows of the VPC, kept for 90 days")
    vpc_id: VpcId | None = Field(default=None, description="mode existing: the VPC")
    public_subnets: dict[ZoneId, SubnetId] = Field(default={}, description="mode existing: by zone ID")
    private_subnets: dict[ZoneId, SubnetId] = Field(default={}, description="mode existing: by zone ID")
    nat_gateways: dict[ZoneId, NatGatewayId] = Field(default={}, description="mode existing: by zone ID")

    @property
    def existing(self) -> bool:
        """Tell whether the network is somebody else's and must not be touched."""
        return self.vpc_id is not None

    @property
    def own_cidr(self) -> IPv4Network:
        """The range of a VPC of our own; settings without one were refused where a VPC is made."""
        if self.cidr is None:
            raise LookupError("this network is not ours and has no range here")
        return self.cidr

    @field_validator("cidr")
    @classmethod
    def _room(cls, cidr: IPv4Network | None) -> IPv4Network | None:
        if cidr is not None and not LARGEST_VPC_PREFIX <= cidr.prefixlen <= ZONE_SPACE_PREFIX:
            raise ValueError(f"must be between /{LARGEST_VPC_PREFIX} and /{ZONE_SPACE_PREFIX}")
        if cidr is not None and not any(cidr.subnet_of(allowed) for allowed in VPC_RANGES):
            inside = ", ".join(map(str, VPC_RANGES))
            raise ValueError(f"must lie in one of {inside}, e.g. 10.64.0.0/16; the partner never sees it")
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
            for key in ("private_subnets", "nat_gateways"):
                if not getattr(self, key):
                    raise ValueError(f"{to_camel(key)}: required with vpcId, e.g. {{use1-az1: …}}")
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
                needed = ZONE_SPACE_PREFIX - (zone_number(zone) - 1).bit_length()
                raise ValueError(
                    f"cidr {cidr} is too small for {zone}: every zone owns the /{ZONE_SPACE_PREFIX} of its "
                    f"number, so zone number {zone_number(zone)} needs at least a /{needed}"
                )


class AddressRole(StrEnum):
    """Whether a slot carries traffic."""

    ACTIVE = "active"
    SPARE = "spare"


class SlotSettings(Strict):
    """One permanent slot."""

    allocation: Allocation | None = Field(
        default=None, description="an existing allocation to adopt; without it, AWS picks the address once"
    )
    role: AddressRole = Field(description="`active`: carries its zone's traffic; `spare`: waits")


class ExternalAddress(Strict):
    """An address of a NAT that somebody else runs."""

    address: IPv4Address = Field(description="public IPv4 address")
    owner: Text = Field(description="who runs the NAT")
    purpose: Text = Field(description="why calls come from it")

    @field_validator("address")
    @classmethod
    def _can_be_submitted(cls, address: IPv4Address) -> IPv4Address:
        if reason := classify(address).refused:
            raise ValueError(f"must be the public address that the NAT sends from, and this one is {reason}")
        return address


class EgressMode(StrEnum):
    """Who makes the gateways, and how many."""

    PER_ZONE = "per-zone"
    SINGLE = "single"
    EXISTING = "existing"
    EXTERNAL = "external"


SLOTS_TAG, EXTERNAL_TAG = "<slots>", "<external>"
"""Mark in error locations which of the two shapes of ``egress.addresses`` was read."""


def _shape(value: Any) -> str | None:
    if isinstance(value, dict):
        return SLOTS_TAG
    return EXTERNAL_TAG if isinstance(value, list) else None


Addresses = Annotated[
    Annotated[dict[Slot, SlotSettings], Tag(SLOTS_TAG)] | Annotated[list[ExternalAddress], Tag(EXTERNAL_TAG)],
    Discriminator(
        _shape,
        custom_error_type="addresses_shape",
        custom_error_message="must be a map of slots, in mode external a list of {address, owner, purpose}",
    ),
]


class EgressSettings(Strict):
    """The addresses, and the gateways that use them."""

    mode: EgressMode = Field(
        default=EgressMode.PER_ZONE,
        description=(
            "`per-zone`: a gateway in every zone; `single`: one for all; `existing`: gateways of an existing "
            "VPC; `external`: NAT outside this account"
        ),
    )
    addresses: Addresses | None = Field(
        default=None,
        description=(
            "slots `<zone-id>/<n>`, each `{allocation, role}`; in mode external a list of declared "
            "addresses. Absent: slot 1 of every zone, active"
        ),
    )
    gateway_zone: ZoneId | None = Field(
        default=None, description="mode single: the zone that holds the one gateway"
    )
    replace: list[Slot] = Field(
        default=[],
        description="slots whose gateway the next `up` may replace or give up; never their address",
    )
    via: dict[ZoneId, ZoneId] = Field(
        default={},
        description="zone without an attached address of its own: zone through whose gateway it leaves",
    )
    elsewhere: list[IPv4Address] = Field(
        default=[],
        description=(
            "approved addresses of this environment that other stacks hold; asked for when a stack that "
            "manages nothing yet is started beside them"
        ),
    )

    @property
    def external(self) -> list[ExternalAddress]:
        """Return the declared addresses of mode external."""
        return self.addresses if isinstance(self.addresses, list) else []

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if isinstance(self.addresses, list):
            shown = [str(entry.address) for entry in self.addresses]
            if repeated := sorted({address for address in shown if shown.count(address) > 1}):
                raise ValueError(f"addresses: named twice: {', '.join(repeated)}")
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

    recovery_window_days: int = Field(
        default=30,
        description="days in which a deleted secret can be restored: 7 to 30, or 0 for none (AWS limits)",
    )
    key_deletion_window_days: Annotated[int, Field(ge=7, le=30)] = Field(
        default=30, description="days in which the key's deletion can be cancelled: 7 to 30 (AWS limits)"
    )
    readers: list[RoleArn] = Field(default=[], description="roles that may read, also of other accounts")

    @field_validator("recovery_window_days")
    @classmethod
    def _window(cls, days: int) -> int:
        if days != 0 and not 7 <= days <= 30:
            raise ValueError("must be 0, or 7 to 30 days")
        return days


class VerifierSettings(Strict):
    """Functions that prove the addresses from inside."""

    enabled: bool = Field(default=False, description="deploy a function per zone")
    control: bool = Field(
        default=True,
        description="also a function outside the VPC, which shows that other addresses are refused",
    )
    schedule: Text | None = Field(
        default=None,
        description="EventBridge Scheduler expression, e.g. `rate(1 hour)`; absent: only on demand",
    )
    alarm_topic_arn: TopicArn | None = Field(
        default=None, description="SNS topic for alarms of gateways and proofs; absent: no alarms"
    )

    @field_validator("schedule")
    @classmethod
    def _expression(cls, schedule: str | None) -> str | None:
        if schedule is not None and not re.fullmatch(SCHEDULE, schedule):
            raise ValueError("must be rate(N minutes|hours|days) or cron(six fields), e.g. `rate(1 hour)`")
        return schedule


class IamSettings(Strict):
    """House rules for every role and policy that is created."""

    permissions_boundary: PolicyArn | None = Field(default=None, description="put on every role")
    path: IamPath = Field(
        default="/", description="of every role and policy; fixed once the stack is deployed"
    )


class Settings(Strict):
    """Everything one stack is configured with."""

    environment: EnvironmentName = Field(
        description="name of the environment, e.g. production; part of secret, role and ledger names"
    )
    partner: PartnerSettings = Field(description="where Flex Pay is reached, and whether orders are real")
    contacts: ContactsSettings = Field(description="who answers for the submission")
    merchants: list[MerchantSettings] = Field(
        min_length=1, description="one entry per merchant; credentials and review are per merchant"
    )
    network: NetworkSettings = Field(
        default_factory=NetworkSettings, description="a VPC of our own, or an existing one"
    )
    egress: EgressSettings = Field(default_factory=EgressSettings, description="addresses and gateways")
    secrets: SecretsSettings = Field(default_factory=SecretsSettings, description="the secrets store")
    verifier: VerifierSettings = Field(
        default_factory=VerifierSettings, description="functions that prove the addresses from inside"
    )
    iam: IamSettings = Field(default_factory=IamSettings, description="house rules for every role and policy")
    tags: dict[Text, str] = Field(default={}, description="put on everything that can carry tags")
    protect: bool = Field(
        default=True,
        description="refuse plans that would delete what holds or carries an address, or the store",
    )

    @property
    def zones(self) -> list[str]:
        """The zones of the stack, sorted; order in the file means nothing."""
        return sorted(self.network.private_subnets if self.network.existing else self.network.zones)

    @property
    def slots(self) -> dict[str, SlotSettings]:
        """Every slot whose address belongs to the stack, sorted; none in mode external."""
        addresses = self.egress.addresses
        if isinstance(addresses, dict):
            return dict(sorted(addresses.items()))
        if addresses is not None or self.network.existing:
            return {}
        default = SlotSettings(role=AddressRole.ACTIVE)
        return {f"{zone}/1": default for zone in self.zones}

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
                "a map of slots in every other mode"
            )
        if mode is EgressMode.EXTERNAL:
            return self._nothing_of_ours()
        if (mode is EgressMode.EXISTING) != self.network.existing:
            raise ValueError("egress.mode: existing goes with network.vpcId, and every other mode without it")
        if mode is not EgressMode.EXISTING and self.network.cidr is None:
            raise ValueError(
                "network.cidr: required, e.g. 10.64.0.0/16, unless egress.mode is existing or external"
            )
        if not self.zones:
            raise ValueError("network.zones: name at least one zone ID, e.g. [use1-az1, use1-az2]")
        self._slots_fit()
        self._routes_fit(mode)
        return self

    @model_validator(mode="after")
    def _proofs_can_be_made(self) -> Self:
        if self.verifier.enabled and self.egress.mode is EgressMode.EXTERNAL:
            raise ValueError("verifier.enabled: mode external has no subnet to put a function into")
        if self.verifier.enabled and self.verifier.schedule and not self.partner.echo:
            raise ValueError(
                "verifier.schedule: needs partner.echo: nobody else looks where a scheduled call leaves from"
            )
        return self

    def _nothing_of_ours(self) -> Self:
        if not self.egress.external:
            raise ValueError("egress.addresses: mode external must declare at least one address")
        if self.network.model_fields_set:
            raise ValueError("network: mode external makes no network; take these settings out")
        for key in ("gateway_zone", "replace", "via"):
            if getattr(self.egress, key):
                raise ValueError(f"egress.{to_camel(key)}: mode external has no gateways of ours")
        return self

    def _slots_fit(self) -> None:
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

    def _routes_fit(self, mode: EgressMode) -> None:
        active = {slot_zone(slot) for slot, entry in self.slots.items() if entry.role is AddressRole.ACTIVE}
        if mode is EgressMode.EXISTING:
            for key in ("via", "replace"):
                if getattr(self.egress, key):
                    raise ValueError(f"egress.{key}: mode existing changes no route and no gateway")
        for zone, through in self.egress.via.items():
            if {zone, through} - set(self.zones):
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
