"""Scheduled proofs: one schedule per zone's function, and alarms on what they report."""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple, TypedDict

import pulumi
from pulumi_aws import cloudwatch, iam, scheduler

from stacks import verifier_policies
from stacks.contract import VERIFIER_METRICS
from stacks.labels import Labels
from stacks.schema import IamSettings
from stacks.values import SCHEDULE

EVENT = {"protocol": 1, "action": "scheduled"}
"""What the functions are handed: all merchants, no order, nothing that must be refused."""
STALE_SECONDS = 300
"""A run that could not be started by then is left out; the next one is never far."""
HOUR_SECONDS = 3600
LONGEST_WINDOW_HOURS = 168
"""AWS: an alarm looks back seven days at most."""
_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}
_DAILY, _WEEKLY = 24.0, 168.0
_EVERY = frozenset({"*", "?"})


class Alarm(NamedTuple):
    """One alarm per zone."""

    label: str
    metric: str
    statistic: str
    comparison: str
    threshold: int
    missing: str
    """What an hour without a run counts as; ignore: the last run's verdict stands until the next."""
    runs: int
    """How many runs it waits for; 0: the latest hour with a run decides."""
    says: str


ALARMS = (
    Alarm(
        "proof-failed",
        "Failed",
        "Sum",
        "GreaterThanThreshold",
        0,
        "ignore",
        0,
        "merchants got no token or order call through; run flexpay-onboard verify",
    ),
    Alarm(
        "proof-missing",
        "Failed",
        "SampleCount",
        "LessThanThreshold",
        1,
        "breaching",
        2,
        "no scheduled run has reported; look at the function's log group",
    ),
    Alarm(
        "proof-outdated",
        "AllProven",
        "Maximum",
        "LessThanThreshold",
        1,
        "breaching",
        4,
        "no run has proven all merchants for a while; run flexpay-onboard verify",
    ),
)


def window_hours(schedule: str, runs: int) -> int:
    """Return the hours in which so many runs happen, at most what AWS looks back. Pure."""
    return max(1, min(LONGEST_WINDOW_HOURS, round(_hours_apart(schedule) * runs)))


def _hours_apart(schedule: str) -> float:
    """Return the hours between two runs; cron counts as daily, or as weekly where it leaves out days."""
    rate = re.fullmatch(SCHEDULE, schedule)
    if rate and rate[1]:
        return int(rate[1]) * _HOURS[rate[2]]
    _minute, _hour, *days, _year = schedule.removeprefix("cron(").removesuffix(")").split()
    return _DAILY if _EVERY.issuperset(days) else _WEEKLY


class ProofScheduleArgs(TypedDict):
    """What the schedule is made of."""

    schedule: str
    alarm_topic_arn: str | None
    functions: Mapping[str, pulumi.Output[str]]
    """Zone ID → ARN."""
    function_names: Mapping[str, str]
    """Zone ID → name, which is known before the function is there."""
    region: str
    account_id: str
    labels: Labels
    iam: IamSettings


class ProofSchedule(pulumi.ComponentResource):
    """Invokes every zone's function by the clock; nothing is ever repeated."""

    def __init__(
        self, name: str, args: ProofScheduleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flexpay:index:ProofSchedule", name, {}, opts)
        self._name = name
        self._args = args
        self._labels = args["labels"]
        self._inside = pulumi.ResourceOptions(parent=self)
        role, permission = self._role()
        for zone, arn in args["functions"].items():
            scheduler.Schedule(
                f"{name}-{zone}",
                name=self._labels.name(f"verifier-{zone}"),
                description=f"Proves the addresses of {self._labels.environment} from {zone}",
                schedule_expression=args["schedule"],
                flexible_time_window={"mode": "OFF"},
                target={
                    "arn": arn,
                    "role_arn": role.arn,
                    "input": json.dumps(EVENT),
                    "retry_policy": {
                        "maximum_retry_attempts": 0,
                        "maximum_event_age_in_seconds": STALE_SECONDS,
                    },
                },
                opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
            )
            if args["alarm_topic_arn"] is not None:
                for alarm in ALARMS:
                    self._alarm(zone, alarm, args["alarm_topic_arn"])
        self.register_outputs({})

    def _role(self) -> tuple[iam.Role, iam.RolePolicy]:
        args = self._args
        role = iam.Role(
            self._name,
            name=self._labels.name(f"{args['region']}-schedule"),
            path=args["iam"].path,
            permissions_boundary=args["iam"].permissions_boundary,
            description=f"Invokes the verifier functions of {self._labels.environment}",
            assume_role_policy=json.dumps(
                verifier_policies.trust("scheduler.amazonaws.com", args["account_id"])
            ),
            tags=self._labels.tags("verifier-schedule"),
            opts=self._inside,
        )
        arns = [
            verifier_policies.function_arn(args["account_id"], args["region"], named)
            for named in args["function_names"].values()
        ]
        policy = json.dumps(verifier_policies.scheduler(arns))
        return role, iam.RolePolicy(
            self._name, name="invoke", role=role.name, policy=policy, opts=self._inside
        )

    def _alarm(self, zone: str, alarm: Alarm, topic: str) -> None:
        part = f"verifier-{zone}-{alarm.label}"
        cloudwatch.MetricAlarm(
            f"{self._name}-{zone}-{alarm.label}",
            name=self._labels.name(part),
            alarm_description=f"Zone {zone} of {self._labels.environment}: {alarm.says}",
            namespace=VERIFIER_METRICS,
            metric_name=alarm.metric,
            dimensions={"Environment": self._labels.environment, "Zone": zone},
            statistic=alarm.statistic,
            period=HOUR_SECONDS,
            evaluation_periods=window_hours(self._args["schedule"], alarm.runs) if alarm.runs else 1,
            comparison_operator=alarm.comparison,
            threshold=alarm.threshold,
            treat_missing_data=alarm.missing,
            alarm_actions=[topic],
            ok_actions=[topic],
            tags=self._labels.tags(part),
            opts=self._inside,
        )
