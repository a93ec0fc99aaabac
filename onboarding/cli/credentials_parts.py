"""What the credentials commands have in common: from options to values, and from values to output."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from onboarding.cli import options, terminal
from onboarding.deployment import Environment
from onboarding.errors import Finding, InputError, ToolkitError
from onboarding.files import unreadable

if TYPE_CHECKING:
    from datetime import datetime

    from onboarding.aws.key_store import KeyStore
    from onboarding.credentials.common import Summary
    from onboarding.credentials.intake import Refused
    from onboarding.credentials.lifecycle import Vault
    from onboarding.flexpay.credentials import ClientCredentials


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is under way; if it fails, say first what that means for what is in use."""
    try:
        with terminal.working(what):
            yield
    except ToolkitError:
        terminal.say("what was current before is still current")
        raise


def chosen(
    stacks: Sequence[str] | None, outputs: Sequence[str] | None, directory: Path, merchant: str
) -> Environment:
    """Read the outputs and make sure that the environment has this merchant."""
    environment = options.load_environment(stacks, outputs, directory)
    options.chosen_merchants([merchant], environment)
    return environment


def one_source(outputs: Sequence[str] | None, file: Path | None, fd: int | None) -> None:
    """Refuse options that name two sources of the pair, or one stream for two things."""
    if file is not None and fd is not None:
        raise InputError("--file and --fd exclude each other", hint="name one source of the pair")
    if file is None and fd in (None, 0):
        stdin_is_for(outputs, "the pair", hint="use --fd or --file for the pair")


def stdin_is_for(outputs: Sequence[str] | None, what: str, *, hint: str) -> None:
    """Refuse to read the outputs from standard input as well as what comes from there."""
    if "-" in (outputs or ()):
        raise InputError(f"--outputs - and {what} cannot both come from stdin", hint=hint)


def vaults_of(environment: Environment, merchant: str) -> "list[Vault]":
    """Return the merchant's secret in every stack that has the merchant."""
    from onboarding.aws.clients import Clients
    from onboarding.aws.secret_store import SecretStore
    from onboarding.credentials.lifecycle import Vault

    clients = Clients()
    return [
        Vault(
            stack.source,
            stack.region,
            stack.merchants[merchant].secret_arn,
            SecretStore(clients.client("secretsmanager", stack.region)),
        )
        for stack in environment.stacks
        if merchant in stack.merchants
    ]


def key_store_of(environment: Environment, merchant: str) -> "KeyStore":
    """Return the KMS of the first region that has the merchant: one key serves all of them."""
    from onboarding.aws.clients import Clients
    from onboarding.aws.key_store import KeyStore

    stack = next(stack for stack in environment.stacks if merchant in stack.merchants)
    return KeyStore(Clients().client("kms", stack.region))


def read_answer(source: str) -> bytes:
    """Read the partner's encrypted answer. Raises InputError with nothing of it."""
    if source == "-":
        terminal.awaiting("the partner's answer")
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise unreadable(Path(source), error, hint="name the file with the partner's answer") from None
    answer, reason = _parsed_answer(data)
    # somebody may paste the pair itself here, and a traceback with locals would show it
    del data
    if answer is None:
        raise InputError(
            f"{'stdin' if source == '-' else source}: the answer is {reason}",
            hint="expected are the lines that the openssl line of the request prints",
        )
    return answer


def _parsed_answer(data: bytes) -> tuple[bytes | None, str]:
    """Return the cipher text, or None and the reason."""
    from onboarding.credentials import sealed

    try:
        return sealed.parse_answer(data.decode("ascii")), ""
    except UnicodeDecodeError:
        return None, "not text"
    except ValueError as error:
        return None, str(error)


def on(day: "datetime | None") -> str:
    """Return `` on DATE``, or nothing where the day is not known."""
    return f" on {day:%Y-%m-%d}" if day else ""


def read_pair(
    environment: Environment,
    merchant: str,
    vaults: "Sequence[Vault]",
    directory: Path,
    file: Path | None,
    fd: int | None,
) -> "ClientCredentials":
    """Read a pair from where the options say and judge it. Raises InputError with nothing of it."""
    from onboarding.credentials import intake, sources

    if file is not None:
        judged = intake.from_json(sources.read_private_file(file))
    elif fd is not None:
        judged = intake.from_json(sources.read_descriptor(fd, name=f"--fd {fd}"))
    elif sys.stdin.isatty():
        judged = _prompted(environment, merchant)
    else:
        judged = intake.from_json(sources.read_descriptor(sys.stdin.fileno(), name="stdin"))
    return accepted(judged, environment, merchant, vaults, directory)


def accepted(
    judged: "ClientCredentials | Refused",
    environment: Environment,
    merchant: str,
    vaults: "Sequence[Vault]",
    directory: Path,
) -> "ClientCredentials":
    """Return a pair that intake took and that no other environment uses, else raise InputError."""
    from onboarding.credentials import intake, workflow

    if isinstance(judged, intake.Refused):
        raise InputError(
            judged.reason, hint="nothing was stored; ask for the pair again if it was cut or mangled"
        )
    other = workflow.look_alike(judged, elsewhere(environment, merchant, vaults, directory))
    if other:
        raise InputError(
            f"this pair is in use in environment {other}, not meant for {environment.name}",
            hint="nothing was stored; credentials are issued per environment, ask for this one's",
        )
    return judged


def _prompted(environment: Environment, merchant: str) -> "ClientCredentials | Refused":
    from getpass import getpass

    from onboarding.credentials import intake
    from onboarding.redaction import Hidden

    terminal.say(f"credentials of {merchant} for {environment.name}; what you type does not show")
    client_id = Hidden(getpass("client ID: ", stream=sys.stderr))
    return intake.from_fields(client_id, Hidden(getpass("client secret: ", stream=sys.stderr)))


def elsewhere(
    environment: Environment, merchant: str, vaults: "Sequence[Vault]", directory: Path
) -> "list[tuple[str, Vault]]":
    """Return the merchant's secrets of the other environments this folder keeps ledgers of."""
    from stacks.contract import secret_name

    names = sorted(path.stem for path in (directory / "allowlist").glob("*.yaml"))
    return [
        (name, replace(vault, secret_id=secret_name(name, merchant)))
        for name in names
        if name != environment.name
        for vault in vaults
    ]


def report(summary: "Summary", environment: Environment, merchant: str, action: str, *, as_json: bool) -> int:
    """Print what was done, stack by stack, and return the exit code."""
    from onboarding.credentials import lifecycle, render

    about = environment.merchants[merchant]
    if as_json:
        terminal.product(render.as_json(summary, environment.name, about, action=action))
    else:
        terminal.product(render.as_text(summary, environment.name, about))
        for note in summary.notes:
            terminal.say(f"note: {note}")
    for result in summary.results:
        if result.error:
            terminal.problem(f"{result.stack}: {result.error.diagnostics()}")
    return lifecycle.exit_code(summary.results)


def offer_shredding(file: Path | None, shred: bool | None, *, stored: bool) -> None:
    """Overwrite and remove the file that a stored pair came from, if asked to."""
    from onboarding.credentials import sources

    if file is None or shred is False or not stored:
        return
    if shred is None:
        if not sys.stdin.isatty():
            terminal.say(f"note: {file} still holds the pair; --shred removes it")
            return
        shred = typer.confirm(f"overwrite and remove {file}?", default=True, err=True)
    if shred:
        try:
            sources.shred(file)
        except OSError as error:
            raise Finding(
                f"{file}: the pair is stored, but the file cannot be removed: {error.strerror}",
                hint="remove it by hand",
            ) from None
        terminal.say(f"{file} was overwritten and removed")
