"""Options that several commands share, and what they stand for."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import terminal
from onboarding.deployment import Environment
from onboarding.errors import InputError

Stacks = Annotated[
    list[str] | None,
    typer.Option(
        "--stack", "-s", metavar="NAME", help="Stack to read the outputs of; repeat it for several regions."
    ),
]
OutputFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--outputs",
        metavar="FILE",
        help="Read outputs saved by `pulumi stack output --json` instead; - is standard input.",
    ),
]
Directory = Annotated[
    Path,
    typer.Option("-C", "--cwd", metavar="DIR", help="Project folder, as in pulumi.", file_okay=False),
]
LedgerFile = Annotated[
    Path | None,
    typer.Option("--ledger", metavar="FILE", help="Ledger; allowlist/<environment>.yaml unless given."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Merchants = Annotated[
    list[str] | None,
    typer.Option("--merchant", "-m", metavar="NAME", help="Only this merchant; repeat it for several."),
]
_SLOT = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-az[1-9]/[1-8]")


def _verbose(value: bool) -> bool:
    if value:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logger = logging.getLogger("onboarding")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    return value


Verbose = Annotated[
    bool, typer.Option("--verbose", callback=_verbose, help="Say on stderr what is asked of whom.")
]


def load_environments(
    stacks: Sequence[str] | None, outputs: Sequence[str] | None, directory: Path
) -> list[Environment]:
    """Read the outputs that --stack or --outputs name, grouped by environment.

    Raises InputError when neither or both are given.
    """
    from onboarding import outputs as reader

    if bool(stacks) == bool(outputs):
        raise InputError(
            "name either --stack or --outputs",
            hint="for example `--stack production`, or `--outputs out.json`",
        )
    if "-" in (outputs or ()):
        if list(outputs or ()).count("-") > 1:
            raise InputError("--outputs -: standard input has one stack's outputs", hint="name files")
        terminal.awaiting("stack outputs")
    found = [reader.read_stack(name, directory) for name in stacks or ()]
    found += [reader.read_file(path) for path in outputs or ()]
    return reader.environments(found)


def load_environment(
    stacks: Sequence[str] | None, outputs: Sequence[str] | None, directory: Path
) -> Environment:
    """Read outputs that must all belong to one environment."""
    found = load_environments(stacks, outputs, directory)
    if len(found) > 1:
        raise InputError(
            f"the stacks belong to several environments: {', '.join(item.name for item in found)}",
            hint="name the stacks of one environment",
        )
    return found[0]


def ledger_path(ledger: Path | None, directory: Path, environment: str) -> Path:
    """Return where the ledger of the environment of that name lives."""
    return ledger or directory / "allowlist" / f"{environment}.yaml"


def ledger_paths(ledger: Path | None, directory: Path, environments: Sequence[Environment]) -> list[Path]:
    """Return where each environment's ledger lives. Raises InputError where one file is to be several."""
    if ledger and len(environments) > 1:
        names = ", ".join(environment.name for environment in environments)
        raise InputError(
            f"--ledger names one file, and there are several environments: {names}",
            hint="leave --ledger out; every environment has allowlist/<environment>.yaml",
        )
    return [ledger_path(ledger, directory, environment.name) for environment in environments]


def check_slot(slot: str, *, option: str = "--slot") -> None:
    """Raise InputError for what is no slot."""
    if not _SLOT.fullmatch(slot):
        raise InputError(f"{option} {slot}: not a slot", hint="<zone ID>/<1 to 8>, for example use1-az1/1")


def chosen_merchants(names: Sequence[str] | None, environment: Environment) -> list[str]:
    """Return the merchants to work on: those named, or all. Unknown names are an InputError."""
    known = environment.merchants
    if unknown := sorted(set(names or ()) - set(known)):
        raise InputError(
            f"--merchant {', '.join(unknown)}: not a merchant of {environment.name}",
            hint=f"it has {', '.join(known)}",
        )
    return sorted(set(names)) if names else list(known)
