"""Adapter: stack outputs, from ``pulumi stack output --json`` or a file, into plain values.

Readers ignore unknown fields (a newer program may export more), and refuse an unknown contract
version by name.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from onboarding.allowlist.ledger import NAME
from onboarding.deployment import (
    STACK,
    Contacts,
    EgressAddress,
    Environment,
    Merchant,
    Orders,
    Partner,
    Role,
    Stack,
    gather,
)
from onboarding.errors import CannotTell, InputError
from onboarding.files import read_standard_input, read_text
from stacks.contract import CONTRACT_VERSION

ENGINE_TIMEOUT_SECONDS = 120
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]+")


class _Lenient(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


def _known_as(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("must be 1 to 40 lower case letters, digits and inner hyphens")
    return name


def _in_aws(region: str) -> str:
    if not _REGION.fullmatch(region):
        raise ValueError("must be a region such as us-east-1")
    return region


def _to_be_split(url: str) -> str:
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise ValueError("must be https://host[:port][/path]") from None
    return url


# what files, hosts and calls are named after is looked at here; whether a URL may be called is for `verify`
Name = Annotated[str, AfterValidator(_known_as)]
Region = Annotated[str, AfterValidator(_in_aws)]
Url = Annotated[str, AfterValidator(_to_be_split)]


class _Partner(_Lenient):
    server_url: Url
    checkout_prefix: str
    orders: Orders
    ca_bundle: str | None = None
    echo: tuple[Url, ...] = ()


class _Contacts(_Lenient):
    legal_entity: str
    owner: str
    security: str


class _Merchant(_Lenient):
    secret_name: str
    secret_arn: str
    integration_id: str
    legal_entity: str
    test_order: str = "retail"


class _Address(_Lenient):
    slot: str
    zone: str
    address: IPv4Address
    role: Role
    # the engine leaves out what is null
    allocation_id: str | None = None
    nat_gateway_id: str | None = None
    owner: str | None = None
    purpose: str | None = None


class _Outputs(_Lenient):
    contract_version: int
    environment: Name
    region: Region
    account_id: str
    partner: _Partner
    contacts: _Contacts
    vpc_id: str | None = None
    egress_addresses: tuple[_Address, ...]
    egress_by_zone: dict[str, str | None] = {}
    private_subnets: dict[str, str]
    route_tables: dict[str, str]
    merchants: dict[Name, _Merchant]
    kms_key_arn: str | None = None
    reader_policy_arn: str | None = None
    verifier_functions: dict[str, str] = {}
    control_function: str | None = None
    proof_bucket: str | None = None


def parse_outputs(text: str, *, source: str) -> Stack:
    """Parse one stack's outputs.

    ``source`` names the stack or file in messages. Raises InputError with every wrong field.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{source}: not JSON: {error}", hint="pass what `pulumi stack output --json` prints"
        ) from error
    if not isinstance(raw, Mapping) or "contractVersion" not in raw:
        raise InputError(
            f"{source}: contractVersion: missing, so these are not the outputs of a flexpay-egress stack",
            hint="run `pulumi up` on the stack first, then `pulumi stack output --json`",
        )
    if raw["contractVersion"] != CONTRACT_VERSION:
        raise InputError(
            f"{source}: contractVersion: found {raw['contractVersion']!r}; "
            f"this toolkit reads {CONTRACT_VERSION}",
            hint="use the flexpay-onboard of the same release as the program that deployed the stack",
        )
    try:
        return _to_stack(_Outputs.model_validate(raw), source)
    except ValidationError as error:
        lines = [
            f"{source}: {'.'.join(str(part) for part in item['loc'])}: {_reason(item)}"
            for item in error.errors()
        ]
        raise InputError(
            "\n".join(lines), hint="export the outputs again; do not edit them by hand"
        ) from None


def _reason(item: Mapping[str, Any]) -> str:
    text, given = str(item["msg"]).removeprefix("Value error, "), item["input"]
    return f"{text} (found {json.dumps(given)})" if isinstance(given, str | int | float | bool) else text


def _to_stack(outputs: _Outputs, source: str) -> Stack:
    return Stack(
        source=source,
        environment=outputs.environment,
        region=outputs.region,
        account_id=outputs.account_id,
        partner=Partner(**outputs.partner.model_dump()),
        contacts=Contacts(**outputs.contacts.model_dump()),
        vpc_id=outputs.vpc_id,
        addresses=tuple(
            EgressAddress(**address.model_dump(), region=outputs.region, account_id=outputs.account_id)
            for address in outputs.egress_addresses
        ),
        private_subnets=outputs.private_subnets,
        route_tables=outputs.route_tables,
        merchants={
            name: Merchant(name=name, **merchant.model_dump()) for name, merchant in outputs.merchants.items()
        },
        kms_key_arn=outputs.kms_key_arn,
        reader_policy_arn=outputs.reader_policy_arn,
        verifier_functions=outputs.verifier_functions,
        control_function=outputs.control_function,
        proof_bucket=outputs.proof_bucket,
        egress_by_zone=outputs.egress_by_zone,
    )


def read_file(path: str) -> Stack:
    """Read outputs from a file, or from standard input for ``-``."""
    hint = "pass a file with what `pulumi stack output --json` prints"
    if path == "-":
        return parse_outputs(read_standard_input(hint=hint), source="standard input")
    return parse_outputs(read_text(Path(path), hint=hint), source=path)


def read_stack(name: str, directory: Path) -> Stack:
    """Ask the engine for a stack's outputs; it needs the stack's backend, but no AWS access."""
    command = [
        "pulumi",
        "stack",
        "output",
        "--json",
        "--stack",
        name,
        "--cwd",
        str(directory),
        "--non-interactive",
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ENGINE_TIMEOUT_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise InputError(
            "pulumi is not on PATH", hint="install the pulumi CLI, or pass --outputs FILE"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CannotTell(
            f"stack {name}: `pulumi stack output` gave no answer in {ENGINE_TIMEOUT_SECONDS} s",
            hint="check the state backend, or pass --outputs FILE",
        ) from error
    if done.returncode != 0:
        raise InputError(
            f"stack {name}: `pulumi stack output` failed: {done.stderr.strip() or 'no reason given'}",
            hint="check the name with `pulumi stack ls` and that you are logged in to its backend",
        )
    return parse_outputs(done.stdout, source=f"{STACK}{name}")


def environments(stacks: Sequence[Stack]) -> list[Environment]:
    """Group stacks by environment; contradictions between them are an InputError."""
    try:
        return gather(stacks)
    except ValueError as error:
        raise InputError(str(error), hint="deploy the stacks from the same settings") from error
