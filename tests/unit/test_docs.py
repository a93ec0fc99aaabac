"""What the documents claim: commands, options, files, headings, exit codes and proofs exist."""

import re
import shlex
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer

from onboarding.cli.app import app
from onboarding.exit_codes import ExitCode
from sandbox.__main__ import app as sandbox

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").rglob("*.md"))]
TOOLKIT = "flexpay-onboard"
SANDBOX = "python -m sandbox"
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
ASKED_FOR = ("list of server IP", "merchant and per environment", "grant type in the query", "Bearer")
ALSO_ASKED_FOR = ("let in", "30 minutes", "share secrets securely", "store secrets securely")


def commands(text: str, name: str) -> Iterator[list[str]]:
    """Return the words after every mention of a program, in code blocks and inline."""
    blocks = [match[3] for match in FENCE.finditer(text)]
    spans = [" ".join(one.split()) for one in INLINE.findall(FENCE.sub("", text))]
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    for line in [*lines, *spans]:
        for part in re.split(r"\|\||&&|[|;>]", line.partition(" # ")[0]):
            before, found, after = part.partition(name)
            if found and not before.rstrip().endswith(("/", ".")) and after[:1] in ("", " "):
                try:
                    yield shlex.split(after)
                except ValueError:
                    # a quotation goes on in the next line
                    yield after.split()


def problem(program: typer.Typer, words: list[str]) -> str | None:
    """Say what the command tree does not have; None when all of it exists."""
    command: Any = typer.main.get_command(program)
    path: list[str] = []
    while words and hasattr(command, "commands"):
        if not re.fullmatch(r"[a-z]+(-[a-z]+)*", words[0]):
            break
        path.append(words.pop(0))
        if path[-1] not in command.commands:
            return f"{' '.join(path)} is not a command"
        command = command.commands[path[-1]]
    needed = [one for one in command.params if one.required and one.param_type_name == "option"]
    if len(words) > 1 and "…" not in words:  # else the command is only spoken of
        for option in needed:
            if not {word.partition("=")[0] for word in words} & {*option.opts}:
                return f"{' '.join(path)} needs {option.opts[0]}"
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    known |= set(command.context_settings.get("help_option_names", ())) | {"-h", "--help"}
    for word in words:
        option = word.partition("=")[0] if word.startswith("--") else word
        if re.fullmatch(r"--?[A-Za-z][\w-]*", option) and option not in known:
            return f"{' '.join(path)} has no option {option}"
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    if arguments and words and re.fullmatch("[a-z]+", words[0]):
        choices = arguments[0].type_descriptor.annotation
        if (
            isinstance(choices, type)
            and issubclass(choices, Enum)
            and words[0] not in {str(one.value) for one in choices}
        ):
            return f"{' '.join(path)} does not take {words[0]}"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
@pytest.mark.parametrize(
    ("name", "program"), [(TOOLKIT, app), (SANDBOX, sandbox)], ids=["toolkit", "sandbox"]
)
def test_every_command_and_option_exists(document: Path, name: str, program: typer.Typer) -> None:
    found = [(words, problem(program, [*words])) for words in commands(document.read_text("utf-8"), name)]
    assert [f"{name} {' '.join(words)}: {what}" for words, what in found if what] == []


def test_the_search_for_commands_finds_them() -> None:
    block = f"{TOOLKIT} allowlist \\\n  draw -s x | {TOOLKIT} alowlist"
    text = f"`{TOOLKIT} verify --sources`\n```sh\n{block}\n```\n"
    found = [problem(app, words) for words in commands(text, TOOLKIT)]
    assert found == [
        "allowlist draw is not a command",
        "alowlist is not a command",
        "verify has no option --sources",
    ]
    assert problem(app, ["addresses", "recover", "192.0.2.1", "-s", "x"]) == "addresses recover needs --slot"
    assert problem(app, ["allowlist", "record", "approve"]) is not None
    assert len(list(commands(README.read_text("utf-8"), TOOLKIT))) >= 10


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        named = {word for words in commands(text, "make") for word in words[:1] if word.isalpha()}
        assert named <= targets, document


def headings(document: Path) -> set[str]:
    """Return the anchors that readers' programs make of the headings."""
    text = FENCE.sub("", document.read_text("utf-8"))
    lines = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(FENCE.sub("", document.read_text("utf-8"))):
        if target.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name) if name else document
        assert path.exists(), f"{target}: no such file"
        if anchor:
            assert anchor in headings(path), f"{target}: no such heading"


def test_the_exit_codes_are_those_of_the_program() -> None:
    section = README.read_text("utf-8").partition("## Exit codes")[2].partition("\n## ")[0]
    rows = {
        int(code): text.strip() for code, text in re.findall(r"^\| (\d+) \| (.+) \|$", section, re.MULTILINE)
    }
    assert set(rows) == {code.value for code in ExitCode}
    for code in (ExitCode.FINDING, ExitCode.WAITING, ExitCode.CANNOT_TELL, ExitCode.INTERRUPTED):
        word = {"INTERRUPTED": "interrupted"}.get(code.name, code.name.lower().replace("_", " "))
        assert word in rows[code.value], f"{code.value} is {word}"


def test_what_the_partner_asks_for_is_proven_by_tests_that_exist() -> None:
    section = README.read_text("utf-8").partition("## What the partner asks for")[2].partition("\n## ")[0]
    rows = [row.split("|")[1:4] for row in section.splitlines() if row.startswith("| ")][2:]
    for phrase in (*ASKED_FOR, *ALSO_ASKED_FOR):
        assert sum(phrase in row[0] for row in rows) == 1, phrase
    for asked, _, proof in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", proof)
        assert named, f"{asked.strip()}: no test is named"
        for file, test in named:
            assert re.search(rf"^def {test}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE), (file, test)


def test_files_that_are_named_exist() -> None:
    for document in DOCUMENTS:
        for name in re.findall(
            r"`((?:stacks|onboarding|sandbox|tests|docs)/[\w./-]+\.(?:py|md|json|yaml))`",
            document.read_text("utf-8"),
        ):
            assert (ROOT / name).exists() or "Pulumi." in name, f"{document}: {name}"
