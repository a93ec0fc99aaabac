"""What ``verify`` hands out: the list of checks, progress, and reports that were searched for secrets."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from onboarding.cli import terminal
from onboarding.errors import InputError
from onboarding.files import write_atomically, write_bytes_atomically
from onboarding.redaction import KnownSecrets
from onboarding.verification.catalog import CHECKS
from onboarding.verification.model import Report
from onboarding.verification.reports import EVIDENCE, FORMATS, TEXTS, renderer
from onboarding.verification.reports.bundle import members, pack

QUIET_SECONDS = 1.0
LINE_EVERY_SECONDS = 10.0
WAITING_LINE_EVERY_SECONDS = 60.0
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file a GitHub Actions step may append Markdown to."""


@dataclass(frozen=True)
class Target:
    """One report to write."""

    format: str
    path: Path


def target(spec: str) -> Target:
    """Read ``FORMAT=FILE``. Raises InputError where the format or the folder does not exist."""
    name, sign, file = spec.partition("=")
    if not sign or not file or name not in FORMATS:
        raise InputError(f"--report {spec!r}: not FORMAT=FILE", hint=f"FORMAT is one of {', '.join(FORMATS)}")
    path = Path(file)
    if path.is_dir() or not path.resolve().parent.is_dir() or not os.access(path.resolve().parent, os.W_OK):
        raise InputError(
            f"--report {spec!r}: the file cannot be written there", hint="name a file in a folder that exists"
        )
    return Target(name, path)


def targets(specs: Sequence[str]) -> list[Target]:
    """Read every ``FORMAT=FILE``. Raises InputError as ``target``, and where two name the same file."""
    read = [target(spec) for spec in specs]
    for position, one in enumerate(read):
        if one.path.resolve() in {other.path.resolve() for other in read[:position]}:
            raise InputError(
                f"--report {specs[position]!r}: another --report goes to the same file",
                hint="give each report a file of its own",
            )
    return read


def listing(*, as_json: bool) -> str:
    """Return the checks and report formats."""
    if as_json:
        checks = [
            {"id": check.id, "title": check.title, "per": check.scope.value, "required": check.required}
            for check in CHECKS
        ]
        return json.dumps({"checksVersion": 1, "checks": checks, "reports": list(FORMATS)}, indent=2)
    width = max(len(check.id) for check in CHECKS)
    lines = []
    for check in CHECKS:
        weight = "required" if check.required else "optional"
        lines.append(f"{check.id:<{width}}  {weight}  {check.title} (per {check.scope.value})")
    return "\n".join([*lines, "", f"report formats: {', '.join(FORMATS)}"])


class Progress:
    """Says how far the run is, on stderr, once it takes longer than a second."""

    def __init__(self) -> None:
        self._began = self._said = monotonic()
        self._shown = self._waited = False

    def __call__(self, done: int, total: int) -> None:
        """Note that so much of the known work is done."""
        now = monotonic()
        if now - self._began < QUIET_SECONDS or self._waited:
            return
        if sys.stderr.isatty():
            terminal.overwrite(f"{done} of {total} done")
            self._shown = True
        elif now - self._said >= LINE_EVERY_SECONDS:
            terminal.say(f"{done} of {total} done")
            self._said = now

    def waiting(self, pairs: int, left_seconds: float) -> None:
        """Say what --wait waits for; on a terminal in one line, elsewhere once a minute."""
        told = f"{pairs} not let in yet; polling for another {left_seconds / 60:.1f} min"
        now = monotonic()
        if sys.stderr.isatty():
            terminal.overwrite(told)
            self._shown = True
        elif not self._waited or now - self._said >= WAITING_LINE_EVERY_SECONDS:
            terminal.say(told)
            self._said = now
        self._waited = True

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            terminal.overwrite("")


@dataclass(frozen=True)
class Rendered:
    """Everything a run hands out, searched for secrets and ready to be written."""

    product: str
    files: tuple[tuple[Target, str | bytes], ...]
    summary: str | None
    """Markdown for the pipeline's step summary, where it offers one."""


def rendered(
    report: Report, targets: Sequence[Target], known_secrets: KnownSecrets, *, as_json: bool
) -> Rendered:
    """Render all that was asked for. A secret in any of it is a bug, and then nothing is written."""
    wanted = {one.format for one in targets} | {"json" if as_json else "text"}
    if EVIDENCE in wanted:
        wanted = {*TEXTS, EVIDENCE}
    if os.environ.get(STEP_SUMMARY):
        wanted.add("markdown")
    texts = {name: renderer(name)(report) for name in wanted - {EVIDENCE}}
    bundle = members(report, texts) if EVIDENCE in wanted else {}
    if any(known_secrets.found_in(text) for text in [*texts.values(), *bundle.values()]):
        raise AssertionError("a report would have held a secret; nothing was written")
    packed = pack(bundle, report.started_at) if bundle else b""
    return Rendered(
        product=texts["json" if as_json else "text"],
        files=tuple((one, packed if one.format == EVIDENCE else texts[one.format]) for one in targets),
        summary=texts["markdown"] if os.environ.get(STEP_SUMMARY) else None,
    )


def publish(ready: Rendered) -> None:
    """Write the files, each in one step, and print the report. Raises InputError."""
    for one, content in ready.files:
        try:
            if isinstance(content, bytes):
                write_bytes_atomically(one.path, content)
            else:
                write_atomically(one.path, content)
        except OSError as error:
            raise InputError(f"--report {one.format}={one.path}: not written: {error.strerror}") from error
    if ready.summary is not None:
        try:
            with Path(os.environ[STEP_SUMMARY]).open("a", encoding="utf-8") as summary:
                summary.write(ready.summary)
        except OSError as error:
            terminal.say(f"the step summary was not written: {error.strerror}")
    terminal.product(ready.product)
