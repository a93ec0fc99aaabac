"""``flexpay-onboard guard``: files in, exit code and words out."""

import io
import json
from pathlib import Path

import pytest

from onboarding.allowlist.ledger_text import render
from onboarding.cli.run import run
from onboarding.exit_codes import ExitCode
from tests.unit.test_guard import TICKET, held, ledger, text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project folder whose ledger has every address of the documents' stacks approved."""
    (tmp_path / "allowlist").mkdir()
    return tmp_path


def approve(folder: Path, name: str) -> None:
    content = render(ledger(list(held(name).values())))
    (folder / "allowlist" / "sandbox.yaml").write_text(content, encoding="utf-8")


def preview(folder: Path, name: str) -> str:
    path = folder / f"{name}.json"
    path.write_text(text(name), encoding="utf-8")
    return str(path)


def test_a_safe_plan_passes_and_says_that_only_a_preview_was_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(folder, "tags")
    assert run(["guard", preview(folder, "tags"), "-C", str(folder)]) == ExitCode.HOLDS
    said = capsys.readouterr()
    assert said.out.startswith("pass: ")
    assert "a preview was judged" in said.err


def test_the_saved_plan_is_judged_with_its_preview(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    approve(folder, "tags")
    arguments = ["guard", preview(folder, "tags"), "--plan", preview(folder, "tags.plan"), "-C", str(folder)]
    assert run(arguments) == ExitCode.HOLDS
    assert "a preview was judged" not in capsys.readouterr().err


def test_the_plan_of_another_preview_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    approve(folder, "tags")
    arguments = ["guard", preview(folder, "tags"), "--plan", preview(folder, "nothing.plan")]
    assert run([*arguments, "-C", str(folder)]) == ExitCode.USAGE
    assert "not the plan of this preview" in capsys.readouterr().err


def test_a_file_that_is_no_saved_plan_is_named_and_not_the_preview(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(folder, "tags")
    other = folder / "other.json"
    other.write_text("{}", encoding="utf-8")
    arguments = ["guard", preview(folder, "tags"), "--plan", str(other), "-C", str(folder)]
    assert run(arguments) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said.startswith(f"error: {other}: it is not what `pulumi preview --save-plan` writes")
    assert "--save-plan plan.json" in said.partition("next:")[2]


def test_merchants_of_the_wrong_type_are_no_internal_error(folder: Path) -> None:
    approve(folder, "tags")
    raw = json.loads(text("tags"))
    raw["config"]["flexpay-egress:merchants"] = '[{"name": ["acme-air"]}]'
    path = folder / "odd.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    assert run(["guard", str(path), "-C", str(folder)]) in (ExitCode.HOLDS, ExitCode.FINDING)


def test_a_blocked_plan_names_address_ticket_and_way_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(folder, "import-id-of-spare")
    given = preview(folder, "import-id-of-spare")
    assert run(["guard", given, "-C", str(folder), "--json"]) == ExitCode.FINDING
    answer = json.loads(capsys.readouterr().out)
    assert (answer["guardVersion"], answer["verdict"], answer["judged"]) == (1, "block", "preview")
    (finding,) = answer["findings"]
    assert finding["reference"] == TICKET
    assert finding["address"] == str(held("import-id-of-spare")["use1-az1/2"])
    assert finding["wayOut"]
    assert run(["guard", given, "-C", str(folder)]) == ExitCode.FINDING
    assert f"[{TICKET}]" in capsys.readouterr().out


def test_a_preview_with_errors_is_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = preview(folder, "cidr-refused-by-program")
    assert run(["guard", given, "-C", str(folder)]) == ExitCode.FINDING
    assert "network.cidr" in capsys.readouterr().out


def test_addresses_without_a_ledger_cannot_be_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["guard", preview(folder, "nothing"), "-C", str(folder)]) == ExitCode.USAGE
    assert "there is no ledger here" in capsys.readouterr().err
    assert run(["guard", preview(folder, "first-roll-out"), "-C", str(folder)]) == ExitCode.HOLDS


def test_the_ledger_of_another_environment_is_refused(folder: Path) -> None:
    approve(folder, "nothing")
    path = folder / "allowlist" / "sandbox.yaml"
    given = text("nothing").replace(
        '"flexpay-egress:environment": "sandbox"', '"flexpay-egress:environment": "x"'
    )
    (folder / "other.json").write_text(given, encoding="utf-8")
    arguments = ["guard", str(folder / "other.json"), "--ledger", str(path)]
    assert run(arguments) == ExitCode.USAGE


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", ExitCode.CANNOT_TELL),
        (text("tags")[:-100], ExitCode.CANNOT_TELL),
        ("Previewing update", ExitCode.USAGE),
        ('{"sequence": 1}\n{"sequence": 2}\n', ExitCode.USAGE),
        ('{"version": 3, "deployment": {}}', ExitCode.USAGE),
        ("\xff", ExitCode.USAGE),
    ],
)
def test_what_is_no_whole_preview_never_passes(folder: Path, given: str, code: ExitCode) -> None:
    path = folder / "given.json"
    path.write_bytes(given.encode("latin-1"))
    assert run(["guard", str(path), "-C", str(folder)]) == code
    assert run(["guard", str(folder / "missing.json")]) == ExitCode.USAGE


@pytest.mark.parametrize(("at_a_terminal", "told"), [(True, 1), (False, 0)])
@pytest.mark.parametrize("arguments", [("guard",), ("overview", "--outputs", "-")])
def test_somebody_at_the_keyboard_is_told_what_is_awaited(
    arguments: tuple[str, ...],
    at_a_terminal: bool,
    told: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr("sys.stdin.isatty", lambda: at_a_terminal)
    assert run(arguments) in (ExitCode.USAGE, ExitCode.CANNOT_TELL)
    assert capsys.readouterr().err.count("from standard input; Ctrl-D ends it") == told
