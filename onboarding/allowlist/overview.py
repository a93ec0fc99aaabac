"""Pure: every environment at a glance, for a team that has several.

Holds no judgement of its own: verdicts, next steps and outcomes are those of the reconciliation.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from onboarding.allowlist.clocks import days, instant
from onboarding.allowlist.reconciliation import Report
from onboarding.allowlist.status_report import as_document, next_steps
from onboarding.deployment import EgressAddress, Environment, Stack
from onboarding.exit_codes import ExitCode, worst

OVERVIEW_VERSION = 1
ELSEWHERE = "declared by no stack"

Known = tuple[Environment, Report]
"""An environment and what the reconciliation says about it."""


def overview(known: Sequence[Known], at: datetime) -> dict[str, Any]:
    """Return all environments as JSON values, ordered by name; ``at`` is when they were looked at."""
    environments = [_environment(environment, report) for environment, report in known]
    return {
        "overviewVersion": OVERVIEW_VERSION,
        "at": instant(at),
        "exitCode": outcome(known).value,
        "result": outcome(known).word,
        "environments": sorted(environments, key=lambda one: str(one["environment"])),
    }


def outcome(known: Sequence[Known]) -> ExitCode:
    """Return the worst of all environments."""
    return worst(report.outcome for _, report in known)


def _environment(environment: Environment, report: Report) -> dict[str, Any]:
    (status,) = as_document([report])["environments"]
    rows = [
        said
        | {
            "ageDays": days(row.since, report.at) if row.since else None,
            "proofAgeDays": days(row.proof.proven_at, report.at) if row.proof else None,
        }
        for row, said in zip(report.rows, status["addresses"], strict=True)
    ]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    by_address: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_address.setdefault(row["address"], []).append(row)
    declared = {str(one.address) for one in environment.addresses}
    return {
        "environment": environment.name,
        "result": status["result"],
        "exitCode": status["exitCode"],
        "comparedWithAws": status["comparedWithAws"],
        "partner": environment.partner.server_url,
        "orders": environment.partner.orders.value,
        "merchants": [
            {"name": one.name, "legalEntity": one.legal_entity, "integrationId": one.integration_id}
            for one in environment.merchants.values()
        ],
        "counts": counts,
        "next": _next(report),
        "zones": [
            *(zone for stack in environment.stacks for zone in _zones(stack, by_address)),
            *_elsewhere({address: told for address, told in by_address.items() if address not in declared}),
        ],
        "waysOutWithoutAddress": status["waysOutWithoutAddress"],
        "unanswered": status["unanswered"],
    }


def _next(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "step": step,
            "result": rows[0].outcome.word,
            "about": [f"{row.address} for {row.merchant}" for row in rows],
        }
        for step, rows in next_steps(report).items()
    ]


def _zones(stack: Stack, rows: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    names = sorted({one.zone for one in stack.addresses} | set(stack.private_subnets))
    return [
        {
            "region": stack.region,
            "accountId": stack.account_id,
            "zone": zone,
            "leavesThrough": stack.egress_by_zone.get(zone),
            "addresses": [
                _address(one, rows.get(str(one.address), []))
                for one in sorted(stack.addresses, key=lambda one: one.slot)
                if one.zone == zone
            ],
        }
        for zone in names
    ]


def _address(one: EgressAddress, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "address": str(one.address),
        "slot": one.slot,
        "role": one.role.value,
        "allocationId": one.allocation_id,
        "natGatewayId": one.nat_gateway_id,
        "owner": one.owner,
        "merchants": rows,
    }


def _elsewhere(rows: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return addresses that a ledger or AWS names and no stack declares."""
    if not rows:
        return []
    return [
        {
            "region": None,
            "accountId": None,
            "zone": ELSEWHERE,
            "leavesThrough": None,
            "addresses": [
                {
                    "address": address,
                    "slot": None,
                    "role": None,
                    "allocationId": None,
                    "natGatewayId": None,
                    "owner": None,
                    "merchants": told,
                }
                for address, told in rows.items()
            ],
        }
    ]
