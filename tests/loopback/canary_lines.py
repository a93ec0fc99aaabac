"""Lines of the canary table that belong to one command each: ``command: variant``.

Every line stores a pair first. In "wrong login" the second pair's secret is the AWS secret key, and in
"not encrypted" the pair itself is pasted where its encrypted form belongs.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.loopback.canaries import Watch
from tests.loopback.credentials_world import MERCHANT, NAME, SOURCE, pair_json
from tests.loopback.test_credentials_cli import answered
from tests.loopback.verify_world import Ran, onboard, sources

Pair = tuple[str, str]
Run = Callable[[Watch, Pair, Pair], list[tuple[Ran, int]]]
Before = Callable[[Watch, Pair], None]
ROOT = Path(__file__).resolve().parents[2]


def nothing(watch: Watch, pair: Pair) -> None:
    """Leave everything in order."""


def wrong_login(watch: Watch, pair: Pair) -> None:
    watch.desk.aws.control("PUT", "iam", {"enforce": True})
    watch.desk.login("AKIAIOSFODNN7EXAMPLE", pair[1])


def aws_fails(watch: Watch, pair: Pair) -> None:
    for action in ("DescribeSecret", "DescribeAddresses", "GetCallerIdentity"):
        watch.desk.aws.control("POST", "faults", {"action": action, "kind": "error", "times": 50})


def broken_ledger(watch: Watch, pair: Pair) -> None:
    ledger = watch.desk.world.ledger
    ledger.write_text("ledgerVersion: 1\nenvironment: sandbox\nevents: [{\n")


def partner_down(watch: Watch, pair: Pair) -> None:
    outputs = Path(watch.desk.outputs()[0])
    content = json.loads(outputs.read_text())
    content["partner"]["serverUrl"] = "https://localhost:9"
    outputs.write_text(json.dumps(content))


def spoiled_store(watch: Watch, pair: Pair) -> None:
    """Have somebody store a text that is no pair of credentials, by other means."""
    client = watch.desk.client("secretsmanager")
    client.put_secret_value(SecretId=NAME, SecretString=f"{pair[0]}={pair[1]}")
    watch.texts.clear()  # what the client of this test logged is not the product's


def staged(watch: Watch, pair: Pair) -> None:
    assert watch.desk.run("stage", stdin=pair_json(pair)).code == 0


def staged_then(last: Before) -> Before:
    def before(watch: Watch, pair: Pair) -> None:
        staged(watch, pair)
        last(watch, pair)

    return before


def replaced(watch: Watch, pair: Pair) -> None:
    assert watch.desk.run("put", *SOURCE, stdin=pair_json(pair)).code == 0


def line(command: str, *arguments: str, code: int, before: Before = nothing, stack: bool = True) -> Run:
    """Return a run of a command after a pair was stored, and after ``before``."""

    def run(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
        stored = watch.desk.run("put", *SOURCE, stdin=pair_json(first))
        before(watch, second)
        folder = str(watch.desk.world.folder)
        named = [part.replace("FOLDER", folder) for part in arguments]
        common = watch.desk.common() if stack else ["-C", folder]
        return [(stored, 0), (onboard(*command.split(), *common, *named, "--verbose"), code)]

    return run


def handed_in(command: str, *, code: int, before: Before = nothing) -> Run:
    """Return a run of a command that is given a pair."""

    def run(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
        before(watch, second)
        return [(watch.desk.run(command, "--verbose", stdin=pair_json(first)), code)]

    return run


def settings(watch: Watch, pair: Pair) -> None:
    """Give the project settings, as preflight reads them."""
    folder = watch.desk.world.folder
    (folder / "stacks").mkdir()
    for name in ("Pulumi.yaml", "stacks/Pulumi.production.yaml"):
        (folder / name).write_text((ROOT / name).read_text())


def spoiled_settings(watch: Watch, pair: Pair) -> None:
    settings(watch, pair)
    path = watch.desk.world.folder / "stacks" / "Pulumi.production.yaml"
    path.write_text(f"{path.read_text()}\n  flexpay-egress:clientSecret: misplaced\n")


def plan(watch: Watch, pair: Pair) -> None:
    (watch.desk.world.folder / "preview.json").write_text(json.dumps({"config": {}, "steps": []}))


def spoiled_plan(watch: Watch, pair: Pair) -> None:
    path = watch.desk.world.folder / "preview.json"
    path.write_text('{"steps": [{"op": "same"')


def descriptor(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    ran = []
    for text, code in ((pair_json(first), 0), (f"{second[0]} {second[1]}", 2)):
        reader, writer = os.pipe()
        os.write(writer, text.encode())
        os.close(writer)
        try:
            ran.append((watch.desk.run("put", *SOURCE, "--fd", str(reader), "--verbose"), code))
        finally:
            os.close(reader)
    return ran


def prompt(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    """Type a pair that belongs together, and one that does not, on a terminal."""
    return [(_typed(watch, first), 0), (_typed(watch, (first[0], second[1])), 1)]


def _typed(watch: Watch, pair: Pair) -> Ran:
    watch.ran.append("credentials put, as a process of its own")
    master, slave = os.openpty()
    command = [sys.executable, "-m", "onboarding", "credentials", "put", "-m", MERCHANT, "--verbose"]
    child = subprocess.Popen(
        [*command, *SOURCE, *watch.desk.common()],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = ""
    for question, typed in zip(("client ID: ", "client secret: "), pair, strict=True):
        while question not in shown:
            shown += os.read(master, 4096).decode()
        os.write(master, f"{typed}\n".encode())
    with contextlib.suppress(OSError):  # how a terminal ends when its last program is gone
        while part := os.read(master, 4096):
            shown += part.decode("utf-8", "replace")
    os.close(master)
    return Ran(child.wait(timeout=30), shown, "")


def exchange(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    asked = watch.desk.run("request")
    answer = answered(watch.desk, asked.stdout, first)
    spoiled = f"{answer[:40]}{second[1]}{answer[40:]}"
    refused = watch.desk.run("receive", "--verbose", stdin=spoiled)
    return [(asked, 0), (refused, refused.code), (watch.desk.run("receive", "--verbose", stdin=answer), 0)]


def plain_answer(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    """Paste the pair itself where the encrypted answer belongs."""
    watch.desk.run("request")
    return [(watch.desk.run("receive", "--verbose", stdin=pair_json(first)), 2)]


def unreadable_key(watch: Watch, first: Pair, second: Pair) -> list[tuple[Ran, int]]:
    wrong_login(watch, second)
    return [(watch.desk.run("request", "--verbose"), 4)]


M = ("--merchant", MERCHANT)
LINES: dict[str, Run] = {
    "addresses discover: no such VPC": line("addresses discover", code=1),
    "addresses discover: wrong login": line("addresses discover", code=4, before=wrong_login),
    "addresses list: in order": line("addresses list", code=1),
    "addresses list: broken ledger": line("addresses list", code=2, before=broken_ledger),
    "addresses recover: not a slot": line("addresses recover", "127.60.0.1", "--slot", "somewhere", code=2),
    "addresses recover: AWS fails": line(
        "addresses recover", "127.60.0.1", "--slot", "use1-az1/1", code=4, before=aws_fails
    ),
    "addresses release: not ours": line("addresses release", "127.60.0.1", "--yes", code=0),
    "addresses release: wrong login": line(
        "addresses release", "127.60.0.1", "--yes", code=4, before=wrong_login
    ),
    "allowlist check: in order": line("allowlist check", code=0),
    "allowlist check: broken ledger": line("allowlist check", code=2, before=broken_ledger),
    "allowlist draft: AWS fails": line("allowlist draft", "--out", "FOLDER/r", code=4, before=aws_fails),
    "allowlist draft: broken ledger": line(
        "allowlist draft", "--out", "FOLDER/r", code=2, before=broken_ledger
    ),
    "allowlist history: in order": line("allowlist history", code=0),
    "allowlist history: broken ledger": line("allowlist history", code=2, before=broken_ledger),
    "allowlist record: in order": line(
        "allowlist record", "retired", "-r", "T-9", "-a", "127.60.0.3", code=0
    ),
    "allowlist record: broken ledger": line(
        "allowlist record", "submitted", "-r", "T-9", code=2, before=broken_ledger
    ),
    "allowlist status: offline": line("allowlist status", "--offline", code=0),
    "allowlist status: wrong login": line("allowlist status", code=4, before=wrong_login),
    "credentials put: prompt": prompt,
    "credentials put: descriptor": descriptor,
    "credentials put: wrong login": handed_in("put", code=4, before=wrong_login),
    "credentials stage: AWS fails": handed_in("stage", code=4, before=aws_fails),
    "credentials stage: in order": handed_in("stage", code=0),
    "credentials promote: partner down": line(
        "credentials promote", *M, *SOURCE, code=4, before=staged_then(partner_down)
    ),
    "credentials promote: wrong login": line(
        "credentials promote", *M, *SOURCE, code=4, before=staged_then(wrong_login)
    ),
    "credentials rollback: in order": line("credentials rollback", *M, code=0, before=replaced),
    "credentials rollback: AWS fails": line("credentials rollback", *M, code=4, before=aws_fails),
    "credentials retire: too early": line("credentials retire", *M, code=3, before=replaced),
    "credentials retire: wrong login": line("credentials retire", *M, code=4, before=wrong_login),
    "credentials status: wrong login": line("credentials status", *M, code=4, before=wrong_login),
    "credentials status: AWS fails": line("credentials status", *M, code=4, before=aws_fails),
    "credentials request: exchanged": exchange,
    "credentials request: wrong login": unreadable_key,
    "credentials receive: exchanged": exchange,
    "credentials receive: not encrypted": plain_answer,
    "guard: no steps": line("guard", "FOLDER/preview.json", code=4, before=plan, stack=False),
    "guard: damaged plan": line("guard", "FOLDER/preview.json", code=4, before=spoiled_plan, stack=False),
    "overview: offline": line("overview", "--offline", "--html", "FOLDER/o.html", code=0),
    "overview: broken ledger": line("overview", code=2, before=broken_ledger),
    "preflight: as the root user": line(
        "preflight", "-s", "production", code=4, before=settings, stack=False
    ),
    "preflight: unknown setting": line(
        "preflight", "-s", "production", code=2, before=spoiled_settings, stack=False
    ),
    "rollover: offline": line("rollover", "--offline", code=0),
    "rollover: wrong login": line("rollover", code=4, before=wrong_login),
    "verify: partner down": line("verify", *sources(), code=4, before=partner_down),
    "verify: wrong login": line("verify", *sources(), code=4, before=wrong_login),
    "verify: broken ledger": line("verify", *sources(), code=2, before=broken_ledger),
}
