"""``flexpay-onboard allowlist draft``: the package for the partner's security review."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onboarding.allowlist.render.as_text import ListFormat, Notation, Separator
from onboarding.cli import terminal
from onboarding.cli.options import AsJson, Directory, LedgerFile, Merchants, OutputFiles, Stacks, Verbose
from onboarding.errors import InputError
from onboarding.exit_codes import ExitCode, worst

if TYPE_CHECKING:
    from onboarding.allowlist.comprehensive import Comparison
    from onboarding.allowlist.drafting import Wishes
    from onboarding.allowlist.ledger import Ledger
    from onboarding.deployment import Environment

HANDED_IN = "nothing changed since it was handed in"
DRAFTED = "nothing changed since the last draft"
"""What is said of a revision that stays as it is."""


def draft(
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of all revisions; this one gets its own."),
    ],
    stack: Stacks = None,
    outputs: OutputFiles = None,
    merchant: Merchants = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="IP", help="Ask for this approved address to be taken off."),
    ] = None,
    remove_stale: Annotated[
        bool,
        typer.Option(
            "--remove-stale", help="Ask so for every approved address that is not declared any more."
        ),
    ] = False,
    ticket: Annotated[
        list[str] | None,
        typer.Option("--ticket", metavar="TICKET", help="Ticket of either side; repeatable."),
    ] = None,
    effective_from: Annotated[
        str | None,
        typer.Option(
            "--effective-from", metavar="DAY", help="From when added addresses call; else approval."
        ),
    ] = None,
    retire_after: Annotated[
        str | None,
        typer.Option("--retire-after", metavar="DAY", help="Last day of removed addresses; else at once."),
    ] = None,
    list_format: Annotated[
        Notation, typer.Option("--format-list", help="How submission.txt writes an address.")
    ] = Notation.BARE,
    remove_all: Annotated[
        bool,
        typer.Option(
            "--remove-all",
            help="Ask so for everything approved: the environment, or --merchant, is given up.",
        ),
    ] = False,
    separator: Annotated[
        Separator, typer.Option("--separator", help="What stands between addresses in submission.txt.")
    ] = Separator.LINE,
    max_entries: Annotated[
        int | None,
        typer.Option("--max-entries", metavar="N", min=1, help="Fail when the partner's form takes fewer."),
    ] = None,
    allow_incomplete: Annotated[
        bool,
        typer.Option("--allow-incomplete", help="Write it in spite of findings, with a warning inside."),
    ] = False,
    day: Annotated[
        str | None,
        typer.Option("--date", metavar="D", help="Date of the submission; else SOURCE_DATE_EPOCH, else now."),
    ] = None,
    directory: Directory = Path(),
    ledger: LedgerFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Write the review package: submission.json, .csv, .txt, .md and .html, all of one value.

    The declared addresses are first compared with AWS. Anything undeclared, missing, private,
    shared, not static, IPv6 or duplicated stops it with exit 1 and the reason; AWS not answering
    with exit 4. Nothing is written then, unless --allow-incomplete.

    \b
      flexpay-onboard allowlist draft -s production --out review/
      flexpay-onboard allowlist draft -s production --out review/ --remove 192.0.2.10
    """
    from onboarding.allowlist.comprehensive import CANNOT_TELL, compare
    from onboarding.allowlist.drafting import Wishes
    from onboarding.allowlist.ledger import Ledger
    from onboarding.allowlist.own_egress import places
    from onboarding.aws.clients import Clients
    from onboarding.aws.views import read_views
    from onboarding.cli.ledgers import parse_addresses
    from onboarding.cli.options import chosen_merchants, ledger_path, load_environment
    from onboarding.ledger_file import read_ledger, start

    moment = _moment(day, os.environ.get("SOURCE_DATE_EPOCH"))
    removed = frozenset(parse_addresses(remove, option="--remove"))
    first_day, last_day = _day(effective_from, "--effective-from"), _day(retire_after, "--retire-after")
    environment = load_environment(stack, outputs, directory)
    wishes = Wishes(
        merchants=tuple(chosen_merchants(merchant, environment)),
        remove=removed,
        remove_stale=remove_stale,
        remove_all=remove_all,
        effective_from=first_day,
        retire_after=last_day,
        tickets=tuple(dict.fromkeys(ticket or ())),
    )
    path = ledger_path(ledger, directory, environment.name)
    books = (
        read_ledger(path, environment=environment.name) if path.exists() else Ledger.empty(environment.name)
    )
    with terminal.working(f"comparing {environment.name} with AWS"):
        views, unanswered = read_views(Clients(), places(environment))
    comparison = compare(environment, views, unanswered)
    calls = [
        f"{call} in account {view.account_id}, region {view.region}"
        for _, view in sorted(views.items())
        for call in view.calls
    ]
    document, files, note = _package(
        environment,
        wishes,
        books,
        comparison,
        calls,
        moment,
        out,
        ListFormat(list_format, separator, max_entries),
    )
    for remark in comparison.remarks:
        terminal.say(f"note: {remark}")
    gaps = document["incomplete"]
    code = worst(
        [ExitCode.CANNOT_TELL if gap["code"] == CANNOT_TELL else ExitCode.FINDING for gap in gaps]
        or [ExitCode.HOLDS]
    )
    if gaps and not allow_incomplete:
        lines = "\n".join(f"  {gap['code']}: {gap['text']}" for gap in gaps)
        terminal.problem(
            f"{environment.name}: the list is not comprehensive; nothing was written\n{lines}\n"
            "  next: deploy or declare what is named, or pass --allow-incomplete for a draft with a warning"
        )
        raise typer.Exit(code)
    target = _written(out, environment.name, document, files)
    if start(path, environment.name):
        terminal.say(f"{path}: a new ledger; commit it")
    _report(document, target, note, as_json)


def _package(
    environment: "Environment",
    wishes: "Wishes",
    books: "Ledger",
    comparison: "Comparison",
    calls: list[str],
    moment: datetime | None,
    out: Path,
    list_format: ListFormat,
) -> tuple[dict[str, Any], Mapping[str, str], str]:
    """Return document, files and what to say about the revision; an unchanged one keeps its date."""
    from onboarding.allowlist import drafting
    from onboarding.allowlist.render.package import render_package
    from onboarding.allowlist.submission import faults, to_document
    from onboarding.errors import Finding
    from onboarding.submission_folder import SubmissionFolder

    folder = SubmissionFolder(out, environment.name)
    revision = drafting.next_revision(books)

    def written(at: datetime) -> dict[str, Any]:
        submission = drafting.draft(
            environment,
            wishes,
            previous=drafting.previous_of(books, wishes.merchants),
            comparison=comparison,
            revision=revision,
            created_at=at,
            calls=calls,
        )
        return to_document(submission)

    document = written(moment or datetime.now(UTC).replace(microsecond=0))
    note = ""
    handed_in = folder.document(revision - 1) if revision > 1 else None
    earlier = folder.document(revision)
    if handed_in and drafting.still_stands(books, handed_in, document):
        document, note = handed_in, HANDED_IN
    elif earlier and moment is None and drafting.same_draft(earlier, document):
        document, note = earlier, DRAFTED
    elif earlier and not drafting.same_draft(earlier, document):
        note = "replaces an earlier draft of the same revision that was not recorded as submitted"
    if wrong := faults(document):
        raise AssertionError(f"drafted an invalid document: {wrong}")
    try:
        files = render_package(document, list_format).files
    except ValueError as error:
        raise Finding(
            f"--max-entries: {error}", hint="ask the partner for a longer list, or retire addresses"
        ) from error
    return document, files, note


def _written(out: Path, environment: str, document: Mapping[str, Any], files: Mapping[str, str]) -> Path:
    from onboarding.submission_folder import SubmissionFolder

    folder, revision = SubmissionFolder(out, environment), document["revision"]
    return folder.path(revision) if folder.holds(revision, files) else folder.write(revision, files)


def _report(document: Mapping[str, Any], target: Path, note: str, as_json: bool) -> None:
    from onboarding.allowlist.render.reading import reading
    from onboarding.allowlist.submission import spoken

    digest = document["digest"]["value"]
    if document["incomplete"]:
        terminal.say(
            f"warning: {len(document['incomplete'])} findings stand inside; not for submission as it is"
        )
    if as_json:
        summary = {
            "draftVersion": 1,
            "folder": str(target),
            "unchanged": note in (HANDED_IN, DRAFTED),
            "submission": document,
        }
        terminal.product(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    said = reading(document)
    rows = [
        (entry["change"], entry["address"], entry["slot"] or "-", entry["role"] or "")
        for entry in document["addresses"]
    ]
    lines = [
        f"{document['submission']}: {said['headline']}" + (f" ({note})" if note else ""),
        *(f"  {change:<6} {address:<15} {slot} {role}".rstrip() for change, address, slot, role in rows),
        f"  folder {target}",
        f"  sha-256 {spoken(digest)}",
    ]
    terminal.product("\n".join(lines))
    if not document["incomplete"] and note != HANDED_IN:
        terminal.say(
            f"next: send {target}, then `flexpay-onboard allowlist record submitted --reference TICKET "
            f"--submission {target}`"
        )


def _moment(text: str | None, epoch: str | None) -> datetime | None:
    """Return the date given by option or by SOURCE_DATE_EPOCH; None: now, unless nothing changed."""
    from onboarding.cli.ledgers import parse_date

    given = parse_date(text)
    if isinstance(given, datetime):
        return given.replace(microsecond=0)
    if given is not None:
        return datetime.combine(given, time.min, UTC)
    if epoch is None:
        return None
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError):
        raise InputError(f"SOURCE_DATE_EPOCH={epoch}: not a number of seconds since 1970") from None


def _day(text: str | None, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise InputError(f"{option} {text}: not a day", hint="for example 2026-11-20") from None
