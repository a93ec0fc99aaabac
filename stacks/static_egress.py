"""The addresses that a partner lets in, and what makes traffic leave from them."""

from collections.abc import Mapping
from typing import NamedTuple, NotRequired, TypedDict

import pulumi
from pulumi_aws import cloudwatch, ec2

from stacks.contract import TAG_STACK
from stacks.egress_plan import EgressPlan, SlotPlan
from stacks.labels import Labels, key
from stacks.protection import Kind, options
from stacks.values import ANYWHERE

NAT_NAMESPACE = "AWS/NATGateway"
ALARM_PERIOD_SECONDS = 300


class Alarm(NamedTuple):
    """One alarm per gateway: a count that must stay zero."""

    metric: str
    label: str
    periods: int
    """How many periods in a row it must be above zero."""
    says: str


ALARMS = (
    Alarm(
        "ErrorPortAllocation",
        "port-allocation",
        1,
        "connections were refused; an address carries at most 55,000 to one partner endpoint",
    ),
    Alarm(
        "PacketsDropCount",
        "packets-dropped",
        3,
        "packets were dropped for 15 minutes; if calls fail too, look at the AWS Health Dashboard",
    ),
)


class StaticEgressArgs(TypedDict):
    """What the egress is made of."""

    plan: EgressPlan
    public_subnets: Mapping[str, pulumi.Input[str]]
    """Zone ID → subnet in which the zone's gateways stand."""
    route_tables: Mapping[str, pulumi.Input[str]]
    """Zone ID → route table of the zone's private subnet."""
    internet_gateway: pulumi.Resource | None
    """What a NAT gateway needs before it can be made; None where none is made."""
    labels: Labels
    protect: bool
    alarm_topic_arn: NotRequired[str | None]


class StaticEgress(pulumi.ComponentResource):
    """Addresses by slot, a gateway for each that is attached, and one default route per zone.

    Nothing is keyed by position or role: permuting zones changes nothing, and moving a zone's
    traffic to another slot updates one route in place.
    """

    addresses: Mapping[str, ec2.Eip]
    """By slot."""
    gateways: Mapping[str, ec2.NatGateway]
    """By slot; only those that are attached."""

    def __init__(self, name: str, args: StaticEgressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flexpay:index:StaticEgress", name, {}, opts)
        self._name = name
        self._args = args
        self._labels = args["labels"]
        plan = args["plan"]
        self.addresses = {slot.slot: self._address(slot) for slot in plan.slots}
        self.gateways = {slot.slot: self._gateway(slot) for slot in plan.slots if slot.gateway}
        for zone, exit_slot in (plan.exits or {}).items():
            if exit_slot is not None:
                self._default_route(zone, exit_slot)
        self.register_outputs({"addresses": {slot: one.public_ip for slot, one in self.addresses.items()}})

    def _address(self, slot: SlotPlan) -> ec2.Eip:
        return ec2.Eip(
            f"{self._name}-{key(slot.slot)}",
            domain="vpc",
            tags=self._labels.tags(f"egress-{slot.slot}", slot=slot.slot) | {TAG_STACK: pulumi.get_stack()},
            # what the state has is named by its own ID: that changes nothing, and where the state only
            # read it (`.get`) the engine takes it back instead of making another in its place
            opts=options(
                Kind.ADDRESS, protect=self._args["protect"], parent=self, adopt=slot.adopt or slot.owned
            ),
        )

    def _gateway(self, slot: SlotPlan) -> ec2.NatGateway:
        attached = self._args["internet_gateway"]
        gateway = ec2.NatGateway(
            f"{self._name}-{key(slot.slot)}",
            allocation_id=self.addresses[slot.slot].allocation_id,
            subnet_id=self._args["public_subnets"][slot.zone],
            connectivity_type="public",
            tags=self._labels.tags(f"egress-{slot.slot}", slot=slot.slot),
            opts=options(
                Kind.GATEWAY,
                protect=self._args["protect"],
                planned=slot.planned,
                parent=self,
                adopt=slot.adopt_gateway,
                # AWS fails a public gateway whose VPC has no internet gateway attached yet
                depends_on=[attached] if attached is not None else None,
            ),
        )
        topic = self._args.get("alarm_topic_arn")
        if topic is not None:
            for alarm in ALARMS:
                self._alarm(slot, gateway, alarm, topic)
        return gateway

    def _alarm(self, slot: SlotPlan, gateway: ec2.NatGateway, alarm: Alarm, topic: str) -> None:
        part = f"egress-{slot.slot}-{alarm.label}"
        cloudwatch.MetricAlarm(
            f"{self._name}-{key(slot.slot)}-{alarm.label}",
            name=self._labels.name(part),
            alarm_description=f"NAT gateway of slot {slot.slot}: {alarm.says}",
            namespace=NAT_NAMESPACE,
            metric_name=alarm.metric,
            dimensions={"NatGatewayId": gateway.id},
            statistic="Sum",
            period=ALARM_PERIOD_SECONDS,
            evaluation_periods=alarm.periods,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            treat_missing_data="notBreaching",
            alarm_actions=[topic],
            ok_actions=[topic],
            tags=self._labels.tags(part),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _default_route(self, zone: str, exit_slot: str) -> None:
        ec2.Route(
            f"{self._name}-{zone}",
            route_table_id=self._args["route_tables"][zone],
            destination_cidr_block=ANYWHERE,
            nat_gateway_id=self.gateways[exit_slot].id,
            opts=options(Kind.ROUTING, protect=self._args["protect"], parent=self),
        )
