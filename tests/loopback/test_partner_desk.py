"""The reviewer desk over http and from the command line: review, decisions, credentials, switches."""

import http.server
import io
import json
import math
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.flexpay import desk_client
from sandbox.flexpay.desk_client import SaysNo
from sandbox.flexpay.server import Partner, running
from sandbox.flexpay.submission import COVERS, digest
from tests.loopback.partner_client import LISTED, MERCHANT, STRANGER, token_call

SHOP = ("acme-shop", "UP-87654321-9", "Acme Shop Inc.")
SOMEBODY = {"name": "new", "integrationId": "UP-1234-1", "legalEntity": "New Inc."}
ADDRESSES = ("127.0.10.1", "127.0.10.2", "127.0.10.3")


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running(merchants=[MERCHANT, SHOP]) as one:
        yield one


def ask(partner: Partner, method: str, path: str, value: Any = None) -> Any:
    return desk_client.call(partner.desk, method, path, value)


def package(
    partner: Partner,
    revision: int = 1,
    changes: dict[str, dict[str, str]] | None = None,
    approved: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """Return a sound submission; ``changes`` is address → merchant → change."""
    wanted = changes or {one: {"acme-air": "add", "acme-shop": "add"} for one in ADDRESSES}
    port = int(partner.url.rpartition(":")[2])
    document = {
        "submissionVersion": 1,
        "submission": f"sandbox-rev-{revision}",
        "revision": revision,
        "environment": "sandbox",
        "createdAt": "2026-01-01T00:00:00Z",
        "merchants": [
            {"name": name, "integrationId": identity, "legalEntity": entity}
            for name, identity, entity in (MERCHANT, SHOP)
        ],
        "contacts": {"legalEntity": "Acme", "owner": "ops@acme.example", "security": "soc@acme.example"},
        "destination": {"serverUrl": partner.url, "hosts": ["localhost"], "ports": [port]},
        "addresses": [_entry(address, asked) for address, asked in wanted.items()],
        "previous": {"approvedFor": approved} if approved else None,
        "established": {"stacks": ["sandbox"], "calls": [], "at": "2026-01-01T00:00:00Z"},
        "incomplete": [],
        "notes": [],
        "tickets": [],
    }
    return {**document, "digest": {"algorithm": "sha-256", "value": digest(document), "covers": COVERS}}


def _entry(address: str, asked: dict[str, str]) -> dict[str, Any]:
    wanted = set(asked.values())
    return {
        "address": address,
        "zone": "use1-az1",
        "accountId": "123456789012",
        "allocationId": "eipalloc-1",
        "role": "active",
        "dedicated": True,
        "purpose": "checkout servers",
        "change": "add" if "add" in wanted else "remove" if wanted == {"remove"} else "keep",
        "changeFor": asked,
    }


def test_the_whole_way_from_submission_to_a_token(partner: Partner) -> None:
    with pytest.raises(SaysNo, match="no address is approved yet"):
        ask(partner, "POST", "/merchants/acme-air/credentials")
    submission = ask(partner, "POST", "/submissions", package(partner))
    assert submission["status"] == "waiting"
    assert partner.book.approved_for("acme-air") == frozenset()
    decided = ask(partner, "POST", f"/submissions/{submission['id']}/approve", {"ticket": "FP-1"})
    assert decided["status"] == "approved"
    issued = ask(partner, "POST", "/merchants/acme-air/credentials")
    client = (issued["client_id"], issued["client_secret"])
    for address in ADDRESSES:
        assert token_call(partner, client, source=address).status == 200
    assert token_call(partner, client, source=STRANGER).status == 403


def test_a_part_may_be_approved(partner: Partner) -> None:
    submission = ask(partner, "POST", "/submissions", package(partner))
    body = {"ticket": "FP-1", "addresses": [ADDRESSES[0]], "merchants": ["acme-shop"]}
    decided = ask(partner, "POST", f"/submissions/{submission['id']}/approve", body)
    assert decided["status"] == "partially approved"
    assert partner.book.approved_for("acme-shop") == {ADDRESSES[0]}
    assert partner.book.approved_for("acme-air") == frozenset()


def test_a_rejection_leaves_the_list_as_it_was(partner: Partner) -> None:
    submission = ask(partner, "POST", "/submissions", package(partner))
    body = {"ticket": "FP-1", "reason": "the security contact does not answer"}
    decided = ask(partner, "POST", f"/submissions/{submission['id']}/reject", body)
    assert decided["status"] == "rejected"
    assert decided["decisions"][0]["reason"] == body["reason"]
    assert partner.book.allowed == {}


def test_the_next_revision_keeps_adds_and_removes_per_merchant(partner: Partner) -> None:
    first, second, third = ADDRESSES
    changes = {first: {"acme-air": "add", "acme-shop": "add"}, second: {"acme-air": "add"}}
    one = ask(partner, "POST", "/submissions", package(partner, 1, changes))
    ask(partner, "POST", f"/submissions/{one['id']}/approve", {"ticket": "FP-1"})
    approved = {"acme-air": [first, second], "acme-shop": [first]}
    changes = {
        first: {"acme-air": "remove", "acme-shop": "keep"},
        second: {"acme-air": "keep"},
        third: {"acme-air": "add", "acme-shop": "add"},
    }
    two = ask(partner, "POST", "/submissions", package(partner, 2, changes, approved))
    ask(partner, "POST", f"/submissions/{two['id']}/approve", {"ticket": "FP-2"})
    assert partner.book.approved_for("acme-air") == {second, third}
    assert partner.book.approved_for("acme-shop") == {first, third}
    assert partner.book.allowed[first]["acme-shop"].ticket == "FP-1"


def test_an_undecided_revision_is_superseded_by_the_next(partner: Partner) -> None:
    one = ask(partner, "POST", "/submissions", package(partner, 1))
    ask(partner, "POST", "/submissions", package(partner, 2))
    with pytest.raises(SaysNo, match="superseded"):
        ask(partner, "POST", f"/submissions/{one['id']}/approve", {"ticket": "FP-1"})


def test_the_same_revision_is_not_taken_twice(partner: Partner) -> None:
    ask(partner, "POST", "/submissions", package(partner))
    with pytest.raises(SaysNo, match="not newer than revision 1"):
        ask(partner, "POST", "/submissions", package(partner))
    assert len(ask(partner, "GET", "/submissions")) == 1


def test_what_comes_back_is_not_kept(partner: Partner) -> None:
    spoiled = package(partner)
    spoiled["environment"] = "production"
    with pytest.raises(SaysNo) as refused:
        ask(partner, "POST", "/submissions", spoiled)
    assert len(refused.value.reasons) == 3  # the digest, the environment, and the name that goes with it
    assert ask(partner, "GET", "/submissions") == []
    ask(partner, "POST", "/submissions", package(partner))


@pytest.mark.parametrize(
    ("method", "path", "value", "reason"),
    [
        ("POST", "/submissions/SUB-9/approve", {"ticket": "FP-1"}, "SUB-9 is not known"),
        ("POST", "/submissions/ID/approve", {"ticket": " "}, "ticket must be a non-empty string"),
        ("POST", "/submissions/ID/approve", {}, "ticket is missing"),
        ("POST", "/submissions/ID/approve", {"ticket": "F", "colour": 1}, "colour is not known"),
        ("POST", "/submissions/ID/approve", {"ticket": "F", "addresses": ["1.2.3.4"]}, "not part of"),
        ("POST", "/submissions/ID/approve", {"ticket": "F", "merchants": []}, "at least one merchant"),
        ("POST", "/submissions/ID/reject", {"ticket": "FP-1"}, "reason is missing"),
        ("POST", "/merchants/acme-boats/credentials", None, "acme-boats is not known"),
        (
            "POST",
            "/merchants/acme-air/allow-list",
            {"addresses": ["10.0.0.0/8"]},
            "'10.0.0.0/8' is not an IPv4",
        ),
        ("POST", "/merchants/acme-air/allow-list", {"addresses": "127.0.0.1"}, "addresses must be an array"),
        (
            "POST",
            "/merchants/acme-air/allow-list",
            {"addresses": [5]},
            "addresses must be an array of non-empty",
        ),
        ("POST", "/merchants/acme-air/allow-list", {"addresses": [LISTED], "ticket": 5}, "ticket must be a"),
        ("POST", "/submissions/ID/approve", {"ticket": "F", "addresses": 5}, "addresses must be an array"),
        ("POST", "/merchants", SOMEBODY | {"verticals": "air"}, "verticals must be an array"),
        (
            "POST",
            "/merchants",
            SOMEBODY | {"limits": {"min_price": "abc"}},
            "limits.min_price: 'abc' is not an",
        ),
        (
            "POST",
            "/merchants",
            SOMEBODY | {"limits": {"max_price": "NaN"}},
            "limits.max_price: 'NaN' is not an",
        ),
        (
            "POST",
            "/merchants",
            {"name": "x", "integrationId": SHOP[1], "legalEntity": "X"},
            "already belongs",
        ),
        (
            "POST",
            "/merchants",
            {"name": "x", "integrationId": "y", "legalEntity": "X", "limits": {"a": 1}},
            "limits.a is not known",
        ),
        ("DELETE", "/credentials/nobody", None, "nobody is not known"),
        ("POST", "/switches", {"statsu": 1}, "unknown keys statsu"),
        ("PATCH", "/switches", {"refusal": "x"}, "refusal"),
        ("DELETE", "/switches/fault-7", None, "fault-7 is not known"),
        ("GET", "/nowhere", None, "no such route"),
        ("POST", "/clock", {"advanceSeconds": 1e300}, "clock cannot be moved by 1e.300 s"),
        ("POST", "/clock", {"advanceSeconds": math.nan}, "the body is not JSON: NaN is not JSON"),
        ("POST", "/clock", {"advanceSeconds": "60"}, "advanceSeconds: '60' is not a number"),
        ("POST", "/clock", {"advanceSeconds": True}, "advanceSeconds: True is not a number"),
        ("PATCH", "/switches", {"propagationSeconds": math.inf}, "Infinity is not JSON"),
        ("PATCH", "/switches", {"gated": ""}, "gated: '' is not possible"),
        ("PATCH", "/switches", {"gated": 5}, "gated: 5 is not possible"),
        ("PATCH", "/switches", {"gated": [["token"]]}, "gated: .* is not possible"),
        ("POST", "/merchants", SOMEBODY | {"limits": [1]}, "limits must be an object"),
        ("POST", "/merchants", SOMEBODY | {"limits": {"minPrice": "1"}}, "limits.minPrice is not known"),
        ("POST", "/merchants", SOMEBODY | {"limits": {"min_price": None}}, "limits.min_price: None is not"),
    ],
)
def test_the_desk_says_what_is_wrong(
    partner: Partner, method: str, path: str, value: Any, reason: str
) -> None:
    submission = ask(partner, "POST", "/submissions", package(partner))
    with pytest.raises(SaysNo, match=reason):
        ask(partner, method, path.replace("ID", submission["id"]), value)
    state = ask(partner, "GET", "/state")
    assert (state["submissions"], state["allowList"]["acme-air"]) == ([submission], [])
    assert abs(partner.clock.offset) < 1


def test_switches_and_clock_are_within_reach_of_other_processes(partner: Partner) -> None:
    ask(partner, "POST", "/merchants/acme-air/allow-list", {"addresses": [LISTED]})
    client = partner.issue("acme-air")
    fault = ask(partner, "POST", "/switches", {"endpoint": "token", "status": 503})
    assert token_call(partner, client).status == 503
    assert ask(partner, "GET", "/switches")["faults"][fault["id"]]["status"] == 503
    ask(partner, "DELETE", f"/switches/{fault['id']}")
    ask(partner, "PATCH", "/switches", {"refusal": "403-envelope", "enforce": False})
    assert token_call(partner, client, source=STRANGER).status == 200
    before = partner.clock.now()
    ask(partner, "POST", "/clock", {"advanceSeconds": 60})
    assert partner.clock.now() >= before + 60
    calls = ask(partner, "GET", "/calls")
    assert [(one["endpoint"], one["peer"], one["status"]) for one in calls] == [
        ("token", LISTED, 503),
        ("token", STRANGER, 200),
    ]
    ask(partner, "DELETE", "/calls")
    assert ask(partner, "GET", "/calls") == []


class SomethingElse(http.server.BaseHTTPRequestHandler):
    """A program that is no desk."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.rpartition("/")[2] == "calls") * 200 or 404)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("listing", ["calls", "state"])
def test_what_is_no_desk_is_told(listing: str, capsys: pytest.CaptureFixture[str]) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), SomethingElse) as server:
        threading.Thread(target=server.handle_request).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert desk_client.main(["--desk", url, listing]) == 2
    assert f"{url} is no reviewer desk: its answer is not JSON" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "code"), [(b"220 mail\r\n", 2), (b"", 4)])
def test_a_port_that_speaks_otherwise_is_told(
    answer: bytes, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve() -> None:
        sock, _ = listening.accept()
        with sock:
            sock.recv(4096)
            sock.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert desk_client.main(["--desk", url, "state"]) == code
    assert capsys.readouterr().err.startswith("error: ")


def test_a_desk_that_nobody_serves_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert desk_client.main(["--desk", url, "state"]) == 4
    assert f"error: no desk answers at {url}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["issue", "--merchant", "acme air"], 1, "- acme air is not known"),
        (["approve", "SUB/1?x", "--ticket", "FP-1"], 1, "no such route"),
        (["switch", "--fault", "{x"], 2, "error: --fault is not JSON: "),
        (["switch", "enforce"], 2, "error: enforce: a setting is NAME=VALUE"),
    ],
)
def test_what_was_typed_wrongly_is_not_taken_for_another_program(
    partner: Partner, arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk_client.main(["--desk", partner.desk, *arguments]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("kept", ["{", "[]", '{"ports": {}}'])
def test_a_state_folder_without_a_desk_is_named(
    tmp_path: Path, kept: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state.json").write_text(kept)
    assert desk_client.main(["--state", str(tmp_path), "state"]) == 2
    assert f"{tmp_path}/state.json is not readable" in capsys.readouterr().err


def test_nothing_the_desk_shows_or_keeps_holds_a_secret(tmp_path: Path) -> None:
    with running(tmp_path / "state", merchants=[MERCHANT]) as partner:
        partner.allow("acme-air", LISTED)
        client = partner.issue("acme-air")
        token = token_call(partner, client).json["access_token"]
        shown = json.dumps([ask(partner, "GET", path) for path in ("/state", "/calls", "/submissions")])
        kept = "".join(one.read_text() for one in (tmp_path / "state").rglob("*") if one.is_file())
        for secret in (client[1], token):
            assert secret not in shown
            assert secret not in kept


def test_the_desk_explains_itself(partner: Partner) -> None:
    connection_help = call_plain(partner.desk)
    assert "/submissions/ID/approve" in connection_help


def call_plain(url: str) -> str:
    from urllib.request import urlopen

    with urlopen(url) as answer:  # noqa: S310 - our own desk
        text: str = answer.read().decode()
        return text


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = desk_client.main(arguments)
    shown = capsys.readouterr()
    return code, json.loads(shown.out) if shown.out else None, shown.err


def test_the_command_line_does_what_the_desk_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    with running(state, merchants=[SHOP]) as partner:
        desk = ["--state", str(state)]
        identity = ["--name", MERCHANT[0], "--integration-id", MERCHANT[1], "--legal-entity", MERCHANT[2]]
        assert run(capsys, *desk, "register", *identity)[0] == 0
        code, _, reasons = run(capsys, *desk, "issue", "--merchant", "acme-air")
        assert (code, reasons) == (
            1,
            "- acme-air: no address is approved yet; credentials are issued after the security review\n",
        )
        document = tmp_path / "submission.json"
        document.write_text(json.dumps(package(partner)))
        code, submission, _ = run(capsys, *desk, "submit", str(document))
        assert code == 0
        code, _, reasons = run(capsys, *desk, "submit", str(document))
        assert code == 1
        assert "not newer than revision 1" in reasons
        one = ["--address", ADDRESSES[0], "--merchant", "acme-air"]
        assert run(capsys, *desk, "approve", submission["id"], "--ticket", "FP-1", *one)[0] == 0
        code, client, _ = run(capsys, *desk, "issue", "--merchant", "acme-air")
        assert code == 0
        assert (
            token_call(partner, (client["client_id"], client["client_secret"]), source=ADDRESSES[0]).status
            == 200
        )
        assert run(capsys, *desk, "switch", "refusal=reset", "enforce=false")[1]["enforce"] is False
        assert run(capsys, *desk, "switch", "--fault", '{"status": 500}')[0] == 0
        assert run(capsys, *desk, "switch", "--sound")[1]["faults"] == {}
        assert run(capsys, *desk, "calls")[1][0]["endpoint"] == "token"
        assert run(capsys, *desk, "revoke", client["client_id"])[0] == 0
        approved = {"acme-air": [ADDRESSES[0]]}
        changes = {ADDRESSES[0]: {"acme-air": "keep"}, ADDRESSES[1]: {"acme-air": "add"}}
        raw = json.dumps(package(partner, 2, changes, approved)).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        code, submission, _ = run(capsys, *desk, "submit", "-")
        assert code == 0
        reject = ["reject", submission["id"], "--ticket", "FP-2", "--reason", "no"]
        assert run(capsys, *desk, *reject)[1]["status"] == "rejected"
        assert len(run(capsys, *desk, "submissions")[1]) == 2
    code, _, error = run(capsys, *desk, "state")
    assert (code, error.startswith("error: ")) == (4, True)
    code, _, error = run(capsys, "--state", str(tmp_path / "elsewhere"), "state")
    assert (code, "does not exist" in error) == (2, True)
