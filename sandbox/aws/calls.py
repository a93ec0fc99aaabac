"""What an HTTP request to the stand-in means as an AWS call. No state, nothing of moto's."""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

ACCOUNT = "123456789012"
REGION = "us-east-1"
READ_ONLY = ("Describe", "Get", "List", "Head", "Lookup", "Batch", "Simulate", "Search", "Filter", "Validate")
SIGNING_NAMES = {
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
}


@dataclass(frozen=True)
class Call:
    """One AWS call, as its caller meant it."""

    service: str
    """boto3's name of the service: ec2, secretsmanager, lambda."""
    action: str
    """The operation as in IAM: AllocateAddress. For a request that means none: ``GET /path``."""
    region: str
    account: str
    """The account whose credentials signed it."""
    access_key: str
    protocol: str
    """ec2, query, json, rest-json or rest-xml: how answers and errors are written."""
    path: str
    """Path of the request, decoded; it means something for the REST protocols."""
    parameters: Mapping[str, str]
    """Parameters of the ec2 protocol, which carries no secrets but UserData; empty for the others."""

    @property
    def changes(self) -> bool:
        """Whether the call may change something."""
        return not only_reads(self.action) and self.parameters.get("DryRun") != "true"


def only_reads(action: str) -> bool:
    """Tell whether an operation changes nothing."""
    return action.startswith((*READ_ONLY, "GET ", "HEAD ", "OPTIONS "))


def read_body(environ: dict[str, Any]) -> bytes:
    """Return the request's body and leave it in ``environ`` to be read again."""
    if environ.get("wsgi.input_terminated") or environ.get("HTTP_TRANSFER_ENCODING"):
        body: bytes = environ["wsgi.input"].read()
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def identify(
    environ: Mapping[str, Any],
    body: bytes,
    *,
    route: Callable[[str, Mapping[str, Any]], str | None],
    account_of: Callable[[str], str],
) -> Call:
    """Tell which call a signed request is.

    ``route`` names the operation of a REST request (service, environ), or None; ``account_of`` the
    account of an access key.
    """
    access_key, region, signed_for = credential_scope(environ)
    service = SIGNING_NAMES.get(signed_for, signed_for)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    form = _form(environ, body)
    parameters: dict[str, str] = {}
    if form.get("Action", "").startswith("AssumeRoleWith"):
        service = "sts"  # these two are not signed: a token of another issuer is what they bring
    if target:
        action, protocol = target.rpartition(".")[2], "json"
    elif "Action" in form:
        action = form["Action"]
        protocol = "ec2" if service == "ec2" else "query"
        if protocol == "ec2":
            parameters = {k: v for k, v in form.items() if k not in {"Action", "Version", "UserData"}}
    else:
        action = route(service, environ) or f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}"
        protocol = "rest-xml" if service == "s3" else "rest-json"
    return Call(
        service=service,
        action=action,
        region=region,
        account=account_of(access_key),
        access_key=access_key,
        protocol=protocol,
        path=str(environ.get("PATH_INFO", "")),
        parameters=parameters,
    )


def credential_scope(environ: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return access key id, region and service of the signature; empty and defaults when unsigned."""
    signed = re.search(r"Credential=([^/]*)/\d+/([^/]+)/([^/]+)/aws4_request", _authorization(environ))
    return (signed[1], signed[2], signed[3].lower()) if signed else ("", REGION, "")


def own_account(access_key: str) -> str | None:
    """Return the account that a key of twelve digits is the root key of; None for any other key."""
    return access_key if re.fullmatch(r"\d{12}", access_key) else None


def is_root(access_key: str) -> bool:
    """Tell whether a key stands for its account's root: twelve digits, or ``sandbox``."""
    return access_key == "sandbox" or own_account(access_key) is not None


def _authorization(environ: Mapping[str, Any]) -> str:
    if header := environ.get("HTTP_AUTHORIZATION"):
        return str(header)
    query = parse_qs(str(environ.get("QUERY_STRING", "")))  # a presigned address
    return f"Credential={query['X-Amz-Credential'][0]}" if "X-Amz-Credential" in query else ""


def _form(environ: Mapping[str, Any], body: bytes) -> dict[str, str]:
    sent = parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
    if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        sent |= parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in sent.items()}
