"""The partner as a process: what it prints, what survives a restart, how it ends."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import client as http_client
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.flexpay import __main__ as command
from sandbox.flexpay import standalone
from sandbox.flexpay.book import Book
from sandbox.flexpay.calls import Call
from sandbox.flexpay.certificates import Certificates
from sandbox.flexpay.desk_client import call
from sandbox.flexpay.files import NotOurs, write_private
from sandbox.flexpay.log import one_line
from sandbox.flexpay.server import Partner, PortTaken, running
from tests.loopback.partner_client import LISTED, MERCHANT, ORDERS, an_order, bearer, order_call, token_call
from tests.loopback.partner_client import call as http

ROOT = Path(__file__).parents[2]


@contextmanager
def process(module: str, *arguments: str, cwd: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=cwd,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


def greeting(child: subprocess.Popen[str]) -> str:
    said = ""
    while "Ctrl-C" not in said:
        line = first_line(child)
        assert line, f"ended after: {said}"
        said += line
    return said


def end(child: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    started = time.monotonic()
    child.send_signal(number)
    out, err = child.communicate(timeout=10)
    assert time.monotonic() - started < 2
    return child.returncode, out, err


def test_it_prints_one_json_line_and_ends_quickly_when_told(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with process("sandbox.flexpay", "--state", str(state), "--merchant", ":".join(MERCHANT)) as child:
        addresses = json.loads(first_line(child))
        assert set(addresses) == {"url", "echo", "desk", "ca"}
        assert Path(addresses["ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
        assert [one["name"] for one in call(addresses["desk"], "GET", "/state")["merchants"]] == [MERCHANT[0]]
        assert end(child, signal.SIGTERM) == (0, "", "")
    with process("sandbox.flexpay", "--state", str(state)) as child:
        assert json.loads(first_line(child)) == addresses
        assert end(child, signal.SIGINT) == (0, "", "")


def test_everything_but_tokens_survives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "state", merchants=[MERCHANT]) as partner:
        before = partner.addresses()
        trust = partner.ca.read_bytes()
        partner.allow("acme-air", LISTED)
        client, gone = partner.issue("acme-air"), partner.issue("acme-air")
        partner.revoke(gone[0])
        token = str(token_call(partner, client).json["access_token"])
        order = order_call(partner, token).json
    with running(tmp_path / "state") as partner:
        assert partner.addresses() == before
        assert partner.ca.read_bytes() == trust
        assert order_call(partner, token).status == 401
        assert token_call(partner, gone).status == 401
        fresh = str(token_call(partner, client).json["access_token"])
        assert http(partner, "GET", f"{ORDERS}/{order['id']}", headers=bearer(fresh)).json == order


def test_state_is_for_its_owner_only(tmp_path: Path) -> None:
    with running(tmp_path / "state", merchants=[MERCHANT]) as partner:
        partner.allow("acme-air", LISTED)
        partner.issue("acme-air")
        partner.book.add_order("acme-air", an_order(), 0.0)
        modes = {
            one.relative_to(tmp_path).as_posix(): one.stat().st_mode & 0o777 for one in tmp_path.rglob("*")
        }
    assert modes.pop("state") == modes.pop("state/tls") == 0o700
    assert modes
    assert set(modes.values()) == {0o600}


def test_a_port_asked_for_is_taken_or_refused(tmp_path: Path) -> None:
    with running() as one:
        port = int(one.url.rpartition(":")[2])
        with pytest.raises(PortTaken, match=f"port {port}"), running(port=port):
            pass
        assert command.main(["--port", str(port), "--state", str(tmp_path / "state")]) == 2
    with running(port=port) as again:
        assert again.url.endswith(f":{port}")


def test_a_kept_port_that_was_taken_moves_and_says_so(tmp_path: Path) -> None:
    with running(tmp_path / "state") as partner:
        port = int(partner.desk.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), running(tmp_path / "state") as partner:
        assert partner.moved_ports == ["desk"]
        assert not partner.desk.endswith(f":{port}")


def test_one_folder_serves_one_partner(tmp_path: Path) -> None:
    with running(tmp_path / "state"), pytest.raises(NotOurs, match="in use by another"):
        Partner(tmp_path / "state")


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear reader")
    mode = tmp_path.stat().st_mode
    with pytest.raises(NotOurs, match="not empty"):
        Partner(tmp_path)
    assert tmp_path.stat().st_mode == mode


@pytest.mark.parametrize("content", ["{", "[]", '{"stateVersion": 99}', '{"stateVersion": 1}'])
def test_state_that_cannot_be_read_is_named_and_kept(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_private(tmp_path / "state.json", content)
    assert command.main(["--state", str(tmp_path)]) == 2
    assert "state.json is not readable" in capsys.readouterr().err
    assert (tmp_path / "state.json").read_text() == content


@pytest.mark.parametrize("content", ["nonsense\n", "[]\n", '{"order": 5}\n'])
def test_orders_that_cannot_be_read_are_named_and_kept(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Book(tmp_path / "state").close()
    journal = tmp_path / "state" / "orders.jsonl"
    write_private(journal, content)
    assert command.main(["--state", str(tmp_path / "state")]) == 2
    assert "orders.jsonl is not readable" in capsys.readouterr().err
    assert journal.read_text() == content


@pytest.mark.parametrize("content", ["{", "[]", '{"client_id": "x"}'])
def test_credentials_that_cannot_be_read_are_named_and_kept(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Book(tmp_path / "state").close()
    kept = tmp_path / "state" / "credentials.json"
    write_private(kept, content)
    assert standalone.main(["--state", str(tmp_path / "state")]) == 2
    assert "credentials.json is not readable" in capsys.readouterr().err
    assert kept.read_text() == content


def test_an_order_half_written_by_a_crash_is_forgotten(tmp_path: Path) -> None:
    book = Book(tmp_path / "state")
    whole = book.add_order("acme-air", an_order(), 0.0)
    book.close()
    journal = tmp_path / "state" / "orders.jsonl"
    with journal.open("ab") as handle:
        handle.write(b'{"merchant": "acme-a')
    book = Book(tmp_path / "state")
    later = book.add_order("acme-air", an_order(), 0.0)
    book.close()
    book = Book(tmp_path / "state")
    assert set(book.orders) == {whole, later}
    book.close()


def test_the_clock_stays_where_it_was_moved(tmp_path: Path) -> None:
    with running(tmp_path / "state", merchants=[MERCHANT]) as partner:
        partner.advance(86_400)
        partner.allow("acme-air", LISTED)
        client = partner.issue("acme-air")
    with running(tmp_path / "state") as partner:
        assert token_call(partner, client).status == 200


@pytest.mark.parametrize("content", ["{", "[]", '{"names": []}'])
def test_what_is_kept_about_certificates_is_named_when_it_cannot_be_read(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Certificates(tmp_path / "state" / "tls")
    write_private(tmp_path / "state" / "tls" / "certificates.json", content)
    assert command.main(["--state", str(tmp_path / "state")]) == 2
    assert "certificates.json is not readable" in capsys.readouterr().err


def test_trust_outlives_the_certificate(tmp_path: Path) -> None:
    authority = Certificates(tmp_path / "tls").ca.read_bytes()
    server = (tmp_path / "tls" / "server.pem").read_bytes()
    Certificates(tmp_path / "tls")
    assert (tmp_path / "tls" / "server.pem").read_bytes() == server
    facts = tmp_path / "tls" / "certificates.json"
    facts.write_text(re.sub(r'"notAfter": "\d{4}', '"notAfter": "2020', facts.read_text()))
    assert Certificates(tmp_path / "tls").ca.read_bytes() == authority
    assert (tmp_path / "tls" / "server.pem").read_bytes() != server
    Certificates(tmp_path / "tls", names=["partner.example"])
    assert Certificates(tmp_path / "tls").ca.read_bytes() == authority


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--merchant", "acme"], "is not NAME:INTEGRATION-ID:LEGAL-ENTITY"),
        (["--port", "many"], "invalid int value"),
        (["--port", "99999"], "port must be 0-65535"),
        (["--latency", "-1"], "latencySeconds"),
        (["--prefix", "api/checkout"], "'api/checkout' does not begin with a slash"),
        (["--bind", "203.0.113.1"], "error: no port on 203.0.113.1: "),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: Any = command.main(arguments)
    except SystemExit as left:
        code = left.code
    assert code == 2
    assert re.search(expected, capsys.readouterr().err)


def test_developers_get_a_partner_that_works_at_once(tmp_path: Path) -> None:
    state = tmp_path / "alone"
    with process("sandbox.flexpay.standalone", "--state", str(state), "--allow", LISTED) as child:
        welcome = greeting(child)
        lines = [line for line in welcome.splitlines() if line.strip()]
        shell = "\n".join(lines[lines.index("A token, then an order:") + 1 :][:4])
        done = subprocess.run(["bash", "-euc", shell], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        order_id = json.loads(done.stdout)["id"]
        client = json.loads((state / "credentials.json").read_text())
        assert client["client_id"] in welcome
        assert client["client_secret"] not in welcome
        code, out, err = end(child, signal.SIGINT)
        assert (code, err) == (0, "")
        assert f"order {order_id}" in out
        assert "Orders created: 1." in out
        assert client["client_secret"] not in out
        assert {one.stat().st_mode & 0o777 for one in state.iterdir() if one.is_file()} == {0o600}
    with process("sandbox.flexpay.standalone", "--state", str(state)) as child:
        again = greeting(child)
        assert again.splitlines()[:6] == welcome.splitlines()[:6]
        assert json.loads((state / "credentials.json").read_text()) == client
        end(child, signal.SIGTERM)


def test_a_reader_that_went_away_costs_no_caller_an_answer(tmp_path: Path) -> None:
    state = tmp_path / "alone"
    with process("sandbox.flexpay.standalone", "--state", str(state)) as child:
        greeting(child)
        assert child.stdout is not None
        child.stdout.close()
        desk = json.loads((state / "state.json").read_text())["ports"]["desk"]
        partner = call(f"http://127.0.0.1:{desk}", "GET", "/state")
        trust = ssl.create_default_context(cafile=partner["ca"])
        for _ in range(2):
            caller = http_client.HTTPSConnection(urlsplit(partner["url"]).netloc, timeout=5, context=trust)
            with closing(caller):
                caller.request("GET", "/nowhere")
                assert caller.getresponse().status == 404
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        assert (child.stderr.read(), child.wait(10)) == ("", 0)


def test_what_a_caller_makes_up_stays_on_its_line() -> None:
    made_up = Call(
        0.0, "partner", LISTED, "unknown", "GET", "/a\n\x1b[31m\ud800é", 404, notes=("body.\r\ud800",)
    )
    first, second = one_line(made_up).split("\n")
    assert first.endswith(r"GET /a\n\x1b[31m\ud800é  404")
    assert second.strip() == r"body.\r\ud800"


def test_the_desks_answer_that_cannot_be_written_is_no_traceback(tmp_path: Path) -> None:
    with running(tmp_path / "state", merchants=[MERCHANT]), Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sandbox.flexpay", "desk", "--state", str(tmp_path / "state"), "state"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr == "error: the desk did it, its answer was not written: No space left on device\n"
