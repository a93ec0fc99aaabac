"""AWS error answers in the protocol of the call that they answer."""

import json
import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sandbox.aws.calls import Call

REQUEST_ID = "00000000-0000-4000-8000-000000000000"

THROTTLED = {
    "ec2": ("RequestLimitExceeded", 503),
    "query": ("Throttling", 400),
    "json": ("ThrottlingException", 400),
    "rest-json": ("TooManyRequestsException", 429),
    "rest-xml": ("SlowDown", 503),
}
"""Code and status with which each protocol's services refuse callers that are too fast."""

BROKEN = {
    "ec2": ("InternalError", 500),
    "query": ("InternalFailure", 500),
    "json": ("InternalServiceError", 500),
    "rest-json": ("ServiceException", 500),
    "rest-xml": ("InternalError", 500),
}
"""Code and status of a failure inside AWS."""


CREATED = {
    "AcceptAddressTransfer": "allocationId",
    "AllocateAddress": "allocationId",
    "AssociateAddress": "associationId",
    "AssociateRouteTable": "associationId",
    "CreateInternetGateway": "internetGatewayId",
    "CreateNatGateway": "natGatewayId",
    "CreateRouteTable": "routeTableId",
    "CreateSecurityGroup": "groupId",
    "CreateSubnet": "subnetId",
    "CreateVpc": "vpcId",
    "CreateVpcEndpoint": "vpcEndpointId",
}
"""Element of an EC2 answer that names what the operation made."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def error_answer(call: Call, code: str, status: int, message: str) -> Answer:
    """Return an error as the SDKs of this call's protocol read it."""
    if call.protocol in ("json", "rest-json"):
        content_type = "application/x-amz-json-1.1" if call.protocol == "json" else "application/json"
        text = json.dumps({"__type": code, "message": message, "Message": message})
        return _answer(status, content_type, text, ("x-amzn-errortype", code))
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if call.protocol == "ec2":
        text = (
            f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
        )
    elif call.protocol == "rest-xml":
        text = f"<Error>{error}<RequestId>{REQUEST_ID}</RequestId></Error>"
    else:
        side = "Sender" if status < 500 else "Receiver"
        text = (
            f"<ErrorResponse><Error><Type>{side}</Type>{error}</Error>"
            f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        )
    return _answer(status, "text/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}')


def json_answer(status: int, value: object) -> Answer:
    """Return a JSON document of the stand-in's own controls."""
    return _answer(status, "application/json", json.dumps(value, indent=2) + "\n")


def error_code(answer: Answer) -> str | None:
    """Return the AWS error code of an answer; None when it is none."""
    if answer.status < 400:
        return None
    for name, value in answer.headers:
        if name.lower() == "x-amzn-errortype":
            return value.partition(":")[0]
    text = answer.body.decode("utf-8", "replace")
    found = re.search(r"<Code>([^<]+)</Code>", text) or re.search(r'"__type": *"(?:[^"#]*#)?([^"]+)"', text)
    return found[1] if found else str(answer.status)


def created_id(call: Call, answer: Answer) -> str | None:
    """Return the identifier of what an EC2 call made; None when it made nothing or is not listed."""
    element = CREATED.get(call.action)
    if call.protocol != "ec2" or element is None or answer.status != 200:
        return None
    found = re.search(rf"<{element}>([^<]+)</{element}>", answer.body.decode("utf-8", "replace"))
    return found[1] if found else None


def _answer(status: int, content_type: str, text: str, *headers: tuple[str, str]) -> Answer:
    body = text.encode()
    return Answer(
        status,
        (
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", REQUEST_ID),
            *headers,
        ),
        body,
    )
