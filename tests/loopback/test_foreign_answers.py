"""What a proxy or a login page says in the place of AWS is not taken for an answer."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from onboarding.aws.clients import Clients
from onboarding.aws.errors import asking_aws
from onboarding.errors import CannotTell
from tests.loopback.aws_standin import Aws
from tests.loopback.toolkit import log_in

PAGE = b"<!DOCTYPE html>\n<html><body>Sign in to the network</body></html>"
BODIES = {
    "page": PAGE,
    "bare page": b"<html>blocked</html>",
    "nothing": b"",
    "list": b"[]",
    "text": b"OK",
    "not UTF-8": b"\xff\xfe\x00",
    "cut JSON": b'{"ARN": "arn:aws:s',
    "cut XML": b"<?xml version='1.0'?><DescribeAddressesResponse><addr",
    "deep": b"[" * 100_000,
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "secretsmanager": lambda client: client.describe_secret(SecretId="x"),
    "ec2": lambda client: client.describe_addresses(),
    "sts": lambda client: client.get_caller_identity(),
    "iam": lambda client: client.list_roles(),
    "s3": lambda client: client.list_objects_v2(Bucket="proofs"),
    "lambda": lambda client: client.get_function_configuration(FunctionName="x"),
    "kms": lambda client: client.describe_key(KeyId="x"),
    "service-quotas": lambda client: client.list_service_quotas(ServiceCode="ec2"),
}


class _Portal(BaseHTTPRequestHandler):
    body = b""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def portal() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Portal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("body", BODIES)
def test_a_success_that_aws_did_not_give_is_cannot_tell(
    portal: str, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Portal, "body", BODIES[body])
    for name, value in {"ENDPOINT_URL": portal, "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    clients = Clients()
    for service, call in CALLS.items():
        with pytest.raises(CannotTell) as told, asking_aws("it", permission="x"):
            call(clients.client(service, "us-east-1", attempts=1))
        assert told.value.hint
        assert "Sign in" not in told.value.diagnostics()


def test_what_aws_says_passes(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(aws, monkeypatch)
    clients = Clients()

    def client(service: str) -> Any:
        return clients.client(service, "us-east-1", attempts=1)

    client("s3").create_bucket(Bucket="empty")
    client("s3").put_object(Bucket="empty", Key="a", Body=b"<html>")
    assert client("s3").get_object(Bucket="empty", Key="a")["Body"].read() == b"<html>"
    assert client("s3").list_objects_v2(Bucket="empty", Prefix="none").get("Contents", []) == []
    assert client("sts").get_caller_identity()["Account"]
    assert client("ec2").describe_addresses()["Addresses"] == []
    made = client("secretsmanager").create_secret(Name="x")
    client("secretsmanager").tag_resource(SecretId=made["ARN"], Tags=[])
    assert client("secretsmanager").describe_secret(SecretId="x")["ARN"] == made["ARN"]
    client("cloudwatch").put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}])
