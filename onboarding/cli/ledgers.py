"""What the ledger commands share: finding the ledger, reading dates, addresses and packages."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from onboarding.allowlist.ledger import Pair
from onboarding.cli.options import ledger_paths, load_environments
from onboarding.deployment import Environment
from onboarding.errors import InputError
from onboarding.files import read_text


def find_ledgers(
    stacks: Sequence[str] | None, outputs: Sequence[str] | None, ledger: Path | None, directory: Path
) -> list[tuple[Path, Environment | None]]:
    """Return the ledgers that are meant, with their environments where outputs were named.

    Without --stack, --outputs and --ledger: every ledger of the project. Raises InputError.
    """
    environments = load_environments(stacks, outputs, directory) if stacks or outputs else []
    if environments:
        return list(zip(ledger_paths(ledger, directory, environments), environments, strict=True))
    if ledger:
        return [(ledger, None)]
    found = sorted((directory / "allowlist").glob("*.yaml"))
    if not found:
        raise InputError(
            f"{directory / 'allowlist'}: there is no ledger here",
            hint="run it in the project's folder, or pass -C DIR or --ledger FILE",
        )
    return [(path, None) for path in found]


def find_ledger(
    stacks: Sequence[str] | None, outputs: Sequence[str] | None, ledger: Path | None, directory: Path
) -> tuple[Path, Environment | None]:
    """Return the one ledger that is meant. Raises InputError where it could be several."""
    found = find_ledgers(stacks, outputs, ledger, directory)
    if len(found) > 1:
        raise InputError(
            f"there are several ledgers: {', '.join(str(path) for path, _ in found)}",
            hint="name one with --stack, --outputs or --ledger",
        )
    return found[0]


def parse_date(text: str | None) -> datetime | date | None:
    """Parse --date: a day, or a moment with its offset from UTC, returned in UTC. Raises InputError."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass  # not a bare day, so it has to be a moment
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # told below, as is a moment without its offset
    raise InputError(
        f"--date {text}: not a date", hint="for example 2026-11-20, or 2026-11-20T09:30:00+01:00"
    )


def parse_addresses(texts: Sequence[str] | None, *, option: str = "--address") -> tuple[IPv4Address, ...]:
    """Parse IPv4 addresses, also written with /32. Raises InputError."""
    found = []
    for text in texts or ():
        try:
            found.append(IPv4Address(text.removesuffix("/32")))
        except ValueError:
            raise InputError(f"{option} {text}: not an IPv4 address") from None
    return tuple(sorted(set(found)))


def read_package(place: Path) -> dict[str, Any]:
    """Read a review package: its submission.json, its folder, or the folder of all revisions.

    Of several revisions the highest is taken. Raises InputError, also for a damaged document.
    """
    from onboarding.allowlist.submission import faults

    candidates = [place] if place.is_file() else _documents(place)
    if not candidates:
        raise InputError(
            f"--submission {place}: no submission.json here",
            hint="pass the folder that `flexpay-onboard allowlist draft --out` wrote to",
        )
    documents = []
    for path in candidates:
        try:
            document = json.loads(read_text(path))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: cannot be read as a submission: {error}") from error
        if found := faults(document):
            lines = "\n".join(f"{path}: {fault}" for fault in found)
            raise InputError(lines, hint="draft it again; do not edit it by hand")
        documents.append(document)
    latest: dict[str, Any] = max(documents, key=lambda document: document["revision"])
    return latest


def asked_for(document: Mapping[str, Any]) -> frozenset[Pair]:
    """Return what a package asks to let in; what it asks to remove is not submitted but retired later."""
    return frozenset(
        (merchant, IPv4Address(entry["address"]))
        for entry in document["addresses"]
        for merchant, change in entry["changeFor"].items()
        if change != "remove"
    )


def _documents(folder: Path) -> list[Path]:
    own = folder / "submission.json"
    return [own] if own.is_file() else sorted(folder.glob("*/submission.json"))
