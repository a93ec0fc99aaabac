"""The lookup `aws.iam.get_policy_document`: it asks nobody, and writes JSON as the official provider does."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from .aws import Aws
from .kinds import TEXT, TEXTS, Field, ListOf, Record, SetOf

_STATEMENT_LISTS = {
    "actions": "Action",
    "notActions": "NotAction",
    "resources": "Resource",
    "notResources": "NotResource",
}


def _one_or_all(values: list[str]) -> Any:
    """Return the only item of a list of one, else all of them, the way the official provider writes it."""
    return values[0] if len(values) == 1 else sorted(values, reverse=True)


def _with_variables(values: list[str]) -> list[str]:
    """Return values with AWS's variables, which programs write ``&{…}``: ``${…}`` is Terraform's own."""
    return [value.replace("&{", "${") for value in values]


def _principals(given: list[Mapping[str, Any]]) -> Any:
    if any(item["type"] == "*" for item in given):
        return "*"
    merged: dict[str, list[str]] = {}
    for item in given:
        merged.setdefault(item["type"], []).extend(_with_variables(item["identifiers"]))
    return {kind: _one_or_all(identifiers) for kind, identifiers in merged.items()}


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": given["sid"]} if given.get("sid") else {}
    statement["Effect"] = given.get("effect") or "Allow"
    for name, key in _STATEMENT_LISTS.items():
        if given.get(name):
            values = given[name] if key.endswith("Action") else _with_variables(given[name])
            statement[key] = _one_or_all(values)
    for name, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(name):
            statement[key] = _principals(given[name])
    conditions: dict[str, dict[str, list[str]]] = {}
    for item in given.get("conditions") or ():
        values = _with_variables(item["values"])
        conditions.setdefault(item["test"], {}).setdefault(item["variable"], []).extend(values)
    if conditions:
        statement["Condition"] = {
            test: {variable: _one_or_all(values) for variable, values in variables.items()}
            for test, variables in conditions.items()
        }
    return statement


def policy_document(_aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of some statements, and its checksum as id; no two may have one Sid."""
    sids = [item["sid"] for item in args.get("statements") or () if item.get("sid")]
    if twice := sorted({sid for sid in sids if sids.count(sid) > 1}):
        raise ValueError(f"writing IAM Policy Document: duplicate Sid ({twice[0]})")
    document: dict[str, Any] = {"Version": args.get("version") or "2012-10-17"}
    if args.get("policyId"):
        document["Id"] = args["policyId"]
    document["Statement"] = [_statement(item) for item in args.get("statements") or ()]
    text = json.dumps(document, indent=2)
    return {
        "id": str(zlib.crc32(text.encode())),
        "json": text,
        "minifiedJson": json.dumps(document, separators=(",", ":")),
    }


_PRINCIPAL = Field(
    SetOf(Record({"identifiers": Field(TEXTS, required=True), "type": Field(TEXT, required=True)}))
)
_STATEMENT = Record(
    {
        **{name: Field(TEXTS) for name in _STATEMENT_LISTS},
        "conditions": Field(
            SetOf(
                Record(
                    {
                        "test": Field(TEXT, required=True),
                        "values": Field(TEXTS, required=True),
                        "variable": Field(TEXT, required=True),
                    }
                )
            )
        ),
        "effect": Field(TEXT, allowed=("Allow", "Deny")),
        "notPrincipals": _PRINCIPAL,
        "principals": _PRINCIPAL,
        "sid": Field(TEXT),
    }
)
STATEMENTS = Field(ListOf(_STATEMENT))
"""What the lookup takes as `statements`."""
