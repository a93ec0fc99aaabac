"""How fast `verify` is, next to a plain `requests` script that makes the same calls, and to the ideal.

The partner stand-in answers every call after 50 ms, and runs, like the AWS stand-in, in a process of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import requests

from benchmarks import k6
from benchmarks.cold import ROOT, taken
from benchmarks.figures import Benchmark, Figure, Result, Say, ratios
from onboarding.allowlist.ledger import Action, new_event
from onboarding.ledger_file import append, start

DELAY_SECONDS = 0.05
SOURCE = "127.70.0.1"
CONCURRENCY = 8
SOME = 20
"""Merchants of a usual environment, for the comparison with k6."""
LONGEST_CHAIN = 3  # token, incomplete order, order
AWS = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}

PLAIN = """
import json, sys
import boto3, requests
from requests.auth import HTTPBasicAuth

facts = json.load(open(sys.argv[1]))
merchant = facts["merchants"][0]
store = boto3.client("secretsmanager", region_name="us-east-1")
own = json.loads(store.get_secret_value(SecretId=merchant["secret"])["SecretString"])
session = requests.Session()
session.trust_env = False
session.verify = facts["ca"]
token_url = facts["url"] + "/api/auth/v1/oauth/token?grant_type=client_credentials"
order_url = facts["url"] + "/api/checkout/v1/orders"
for echo in facts["echo"]:
    session.get(echo, timeout=10)
basic = HTTPBasicAuth(own["client_id"], own["client_secret"])
token = session.post(token_url, auth=basic, timeout=10).json()["access_token"]
bearer = {"Authorization": "Bearer " + token}
assert session.post(order_url, json={"merchantConfig": {}}, headers=bearer, timeout=10).status_code == 400
assert session.post(order_url, json=merchant["order"], headers=bearer, timeout=10).status_code == 200
assert session.post(token_url, auth=HTTPBasicAuth("nobody", "n" * 20), timeout=10).status_code == 401
assert session.post(order_url, json={"merchantConfig": {}}, timeout=10).status_code == 401
"""


@contextmanager
def standin(*command: str) -> Iterator[dict[str, Any]]:
    """Run a stand-in in a process of its own; yields what it says about itself."""
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline() if process.stdout else "{}")
    finally:
        process.terminate()
        process.wait()


def post(url: str, body: Any) -> Any:
    """Post JSON to the desk."""
    answer = requests.post(url, json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def prepare(folder: Path, partner: dict[str, Any], aws: str, merchants: Sequence[str]) -> dict[str, Any]:
    """Register merchants, have them approved, store their credentials; returns what PLAIN needs.

    From then on this process's own environment leads to that AWS; ``patch.dict`` around it ends that.
    """
    os.environ |= AWS | {"AWS_ENDPOINT_URL": aws}
    store = boto3.client("secretsmanager", region_name="us-east-1")
    outputs: dict[str, Any] = {}
    for number, name in enumerate(merchants):
        integration = f"UP-{10000000 + number}-1"
        desk = f"{partner['desk']}/merchants"
        post(desk, {"name": name, "integrationId": integration, "legalEntity": "Acme"})
        post(f"{desk}/{name}/allow-list", {"addresses": [SOURCE, "127.0.0.1"]})
        secret = f"flexpay/bench/{name}"
        text = json.dumps(post(f"{desk}/{name}/credentials", {}))
        arn = store.create_secret(Name=secret, SecretString=text)["ARN"]
        outputs[name] = {
            "secretName": secret,
            "secretArn": arn,
            "integrationId": integration,
            "legalEntity": "Acme",
            "testOrder": "retail",
        }
    (folder / "outputs.json").write_text(
        json.dumps(
            {
                "contractVersion": 1,
                "environment": "bench",
                "region": "us-east-1",
                "accountId": "123456789012",
                "partner": {
                    "serverUrl": partner["url"],
                    "checkoutPrefix": "/api/checkout",
                    "orders": "test",
                    "caBundle": partner["ca"],
                    "echo": partner["echo"],
                },
                "contacts": {"legalEntity": "Acme", "owner": "o@acme.example", "security": "s@acme.example"},
                "vpcId": None,
                "egressAddresses": [
                    {
                        "slot": "use1-az1/1",
                        "zone": "use1-az1",
                        "address": SOURCE,
                        "allocationId": None,
                        "natGatewayId": None,
                        "role": "active",
                    }
                ],
                "privateSubnets": {},
                "routeTables": {},
                "merchants": outputs,
            }
        )
    )
    ledger = folder / "allowlist" / "bench.yaml"
    start(ledger, "bench")
    at = datetime.now(UTC) - timedelta(days=1)
    for action in (Action.SUBMITTED, Action.APPROVED):
        at += timedelta(hours=1)
        event = new_event(
            "bench",
            at=at,
            action=action,
            merchants=merchants,
            addresses=[IPv4Address(SOURCE)],
            reference="BENCH-1",
            actor="bench",
        )
        append(ledger, event)
    template = json.loads((ROOT / "onboarding/verification/orders/retail.json").read_text())
    prepared = [
        {
            "secret": about["secretName"],
            "order": template | {"integrationId": about["integrationId"], "externalId": "bench"},
        }
        for about in outputs.values()
    ]
    return {
        "aws": aws,
        "url": partner["url"],
        "ca": partner["ca"],
        "echo": partner["echo"],
        "merchants": prepared,
    }


def in_turns(rounds: int, *commands: Sequence[str]) -> list[list[float]]:
    """Return the seconds of each command, run in turns so that all meet the same machine.

    The first round is not counted: modules are compiled in it, as once on any machine.
    """
    met = [[taken(command).seconds for command in commands] for _ in range(rounds + 1)][1:]
    return [list(one) for one in zip(*met, strict=True)]


def measure(say: Say, *, count: int = 200, rounds: int = 5) -> Result:
    """Verify one merchant, some and many."""
    merchants = [f"merchant-{number:03}" for number in range(count)]
    say(f"preparing {count} merchants")
    found, about = k6.find(say)
    figures, notes = [], [] if found else [f"k6 was not compared: {about}."]
    with (
        patch.dict(os.environ),
        tempfile.TemporaryDirectory() as name,
        standin(
            "sandbox.flexpay", "--port", "0", "--latency", str(DELAY_SECONDS), "--state", f"{name}/partner"
        ) as partner,
        standin("sandbox.aws", "--port", "0") as aws,
    ):
        folder = Path(name)
        facts = prepare(folder, partner, aws["url"], merchants)
        (folder / "facts.json").write_text(json.dumps(facts))
        (folder / "plain.py").write_text(PLAIN)
        # what Go programs trust, and where the k6 script finds what it needs
        os.environ |= {"SSL_CERT_FILE": facts["ca"], "FACTS": f"{name}/facts.json"}
        verify = [sys.executable, "-m", "onboarding", "verify", "--outputs", f"{name}/outputs.json"]
        verify += ["-C", name, "--source-address", SOURCE, "--concurrency", str(CONCURRENCY)]
        plain = [sys.executable, f"{name}/plain.py", f"{name}/facts.json"]
        say("one merchant")
        others = [plain, *([k6.command(found, 1, CONCURRENCY)] if found else [])]
        ours, *theirs = in_turns(rounds, [*verify, "-m", merchants[0]], *others)
        what = "one merchant, all local checks"
        beside = "over a plain `requests` script"
        figures.append(Figure(what, ratios(ours, theirs[0]), at_most=1.5, beside=beside))
        if found:
            figures.append(Figure(what, ratios(ours, theirs[1]), beside=f"over {about}"))
            say(f"{SOME} merchants, also with k6")
            some = [*verify, *(part for one in merchants[:SOME] for part in ("-m", one))]
            ours, of_k6 = in_turns(rounds, some, k6.command(found, SOME, CONCURRENCY))
            figures.append(Figure(f"{SOME} merchants", ratios(ours, of_k6), beside=f"over {about}"))
        say(f"{count} merchants")
        many = [taken(verify) for _ in range(rounds // 2)]
    ideal = LONGEST_CHAIN * DELAY_SECONDS * count / CONCURRENCY
    say("--help")
    helping = [sys.executable, "-m", "onboarding", "--help"]
    helped = ratios(*in_turns(rounds, helping, [sys.executable, "-c", "import requests"]))
    figures += [
        Figure(
            f"{count} merchants",
            tuple(one.seconds / ideal for one in many),
            at_most=1.3,
            beside="over the ideal",
        ),
        Figure(f"{count} merchants, peak memory", tuple(one.megabytes for one in many), "MB", at_most=120),
        Figure("`flexpay-onboard --help`", helped, at_most=3, beside="over `import requests`"),
    ]
    return Result(tuple(figures), tuple(notes))


BENCHMARK = Benchmark(
    name="verify",
    title="Proving addresses and credentials",
    claim="A proof costs little more than the calls of which it consists, for one merchant and for hundreds.",
    how="cold processes; the partner stand-in answers every call after "
    f"{DELAY_SECONDS * 1000:.0f} ms. The script makes the same calls one after the other with `requests` and "
    f"boto3, and judges nothing. k6 makes them for {CONCURRENCY} merchants at once, as `verify` does, and "
    "judges nothing either. It is compiled and starts within the time of two calls, in which Python has not "
    "loaded the AWS SDK: it is shown to say by how much it stays ahead, and nothing is claimed of it. "
    f"The ideal is the calls of the longest chain ({LONGEST_CHAIN}), times that delay, times merchants, by "
    f"the {CONCURRENCY} that are verified at once.",
    measure=measure,
)
