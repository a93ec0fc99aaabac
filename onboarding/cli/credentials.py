"""`flexpay-onboard credentials`: client credentials go in, move on and out, and never show."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onboarding.cli import options, terminal
from onboarding.deployment import Environment
from onboarding.errors import Finding, InputError, ToolkitError

if TYPE_CHECKING:
    import requests

    from onboarding.credentials.intake import Refused
    from onboarding.credentials.lifecycle import Vault
    from onboarding.credentials.proof import Ground
    from onboarding.credentials.workflow import Summary
    from onboarding.flexpay.credentials import ClientCredentials

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Store the partner's client credentials and rotate them. They are read from a pipe, a hidden prompt, "
        "a descriptor or a private file, never from an argument, and become current only once a token was "
        "issued with them from behind the environment's egress.\n\n"
        "A first pair: `put`. A new pair later: `stage`, `promote`, and when consumers have moved, `retire`. "
        "If it went wrong: `rollback`."
    ),
)

Merchant = Annotated[
    str, typer.Option("--merchant", "-m", metavar="NAME", help="Whose credentials.", show_default=False)
]
File = Annotated[
    Path | None,
    typer.Option("--file", metavar="PATH", help="Read the pair from a file of your own with mode 0600."),
]
Descriptor = Annotated[
    int | None,
    typer.Option("--fd", metavar="N", min=0, help="Read the pair from an open descriptor: --fd 3 3< <(…)."),
]
Shred = Annotated[
    bool | None,
    typer.Option(
        "--shred/--keep", help="Afterwards overwrite and remove the file, or keep it; asked on a terminal."
    ),
]
Unproven = Annotated[
    str | None,
    typer.Option("--unproven", metavar="REASON", help="Go without proof; the reason is recorded."),
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source-address", metavar="IP", help="Prove from this address; for hosts that own the address."
    ),
]
Restore = Annotated[
    bool, typer.Option("--restore", help="Take the secret back if its deletion is scheduled.")
]


@app.command()
def put(
    merchant: Merchant,
    stacks: options.Stacks = None,
    outputs: options.OutputFiles = None,
    directory: options.Directory = Path(),
    ledger: options.LedgerFile = None,
    file: File = None,
    fd: Descriptor = None,
    shred: Shred = None,
    source_address: Source = None,
    unproven: Unproven = None,
    restore: Restore = False,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> int:
    """Store a pair and make it current, on proof.

    The pair is JSON, {"client_id": …, "client_secret": …}, on stdin, --fd or --file; on a terminal
    it is asked for. Before anything is written, a token is obtained with it from behind the
    environment's egress; a pair the partner refuses is not stored. A first pair may be stored
    before the addresses are approved, and is then recorded as not proven.

        vault read -format=json … | flexpay-onboard credentials put -s production -m acme-air
    """
    from onboarding.credentials import workflow

    environment = _environment(stacks, outputs, directory, merchant, file=file, fd=fd)
    vaults = _vaults(environment, merchant)
    ground = _ground(environment, merchant, directory, ledger, source_address, unproven)
    pair = _pair(environment, merchant, vaults, directory, file, fd, reason=unproven)
    with _working(f"storing the credentials of {merchant} in {environment.name}"):
        summary = workflow.put(
            vaults, environment.merchants[merchant].secret_name, pair, ground, restore=restore
        )
    code = _report(summary, environment, merchant, "put", as_json=as_json)
    _offer_shredding(file, shred, stored=code == 0)
    return code


@app.command()
def status(
    merchants: options.Merchants = None,
    stacks: options.Stacks = None,
    outputs: options.OutputFiles = None,
    directory: options.Directory = Path(),
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> int:
    """Show the age, stages and last proof of stored pairs; never a value.

    The age is that of the version in use. Ends with 3 while a secret is empty, 1 when a deletion
    is scheduled or regions differ, 4 when AWS gives no answer.
    """
    from dataclasses import replace

    from onboarding.credentials import status as table

    environment = options.load_environment(stacks, outputs, directory)
    rows = []
    for name in options.chosen_merchants(merchants, environment):
        for vault in _vaults(environment, name):
            row = table.Row(
                name, vault.stack, vault.region, environment.merchants[name].secret_name, state=None
            )
            try:
                row = replace(row, state=vault.store.state(vault.secret_id))
            except InputError:
                raise
            except ToolkitError as error:
                row = replace(row, error=error)
            rows.append(row)
    now = datetime.now(UTC)
    terminal.product(table.as_json(rows, now) if as_json else table.as_text(rows, now))
    return table.exit_code(rows)


@contextmanager
def _working(what: str) -> Iterator[None]:
    try:
        with terminal.working(what):
            yield
    except ToolkitError:
        terminal.say("nothing was promoted: what was current before is still current")
        raise


def _environment(
    stacks: Sequence[str] | None,
    outputs: Sequence[str] | None,
    directory: Path,
    merchant: str,
    *,
    file: Path | None = None,
    fd: int | None = None,
) -> Environment:
    if file is not None and fd is not None:
        raise InputError("--file and --fd exclude each other", hint="name one source of the pair")
    if outputs and "-" in outputs and file is None and fd in (None, 0):
        raise InputError(
            "--outputs - and the pair cannot both come from stdin", hint="use --fd or --file for the pair"
        )
    environment = options.load_environment(stacks, outputs, directory)
    options.chosen_merchants([merchant], environment)
    return environment


def _vaults(environment: Environment, merchant: str) -> "list[Vault]":
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


def _ground(
    environment: Environment,
    merchant: str,
    directory: Path,
    ledger: Path | None,
    source_address: str | None,
    reason: str | None,
) -> "Ground":
    from onboarding.credentials.proof import Ground
    from onboarding.credentials.record import flaw_of_reason
    from onboarding.credentials.token_prover import TokenProver, observed_address
    from onboarding.flexpay.transport import open_session

    if reason is not None and (flaw := flaw_of_reason(reason)):
        raise InputError(f"--unproven: the reason {flaw}", hint="give one short sentence in plain ASCII")
    if reason is not None and source_address is not None:
        raise InputError("--unproven and --source-address exclude each other", hint="give one of them")
    source = _address(source_address)
    bundle = environment.partner.ca_bundle
    ca = directory / bundle if bundle else None

    def fresh() -> "requests.Session":
        return open_session(ca, str(source) if source else None)

    prover = TokenProver(
        environment,
        fresh,
        source=source,
        observe=lambda: observed_address(fresh, environment.partner.echo),
    )
    return Ground(prover, reason, _approved(environment, merchant, directory, ledger))


def _address(text: str | None) -> IPv4Address | None:
    try:
        return IPv4Address(text) if text is not None else None
    except ValueError:
        raise InputError(f"--source-address {text}: not an IPv4 address") from None


def _approved(
    environment: Environment, merchant: str, directory: Path, ledger: Path | None
) -> frozenset[IPv4Address]:
    from onboarding.ledger_file import read_ledger

    path = options.ledger_path(ledger, directory, environment)
    if ledger is None and not path.exists():
        return frozenset()
    active = {address.address for address in environment.active_addresses}
    return read_ledger(path, environment=environment.name).approved_for(merchant) & active


def _pair(
    environment: Environment,
    merchant: str,
    vaults: "Sequence[Vault]",
    directory: Path,
    file: Path | None,
    fd: int | None,
    *,
    reason: str | None,
) -> "ClientCredentials":
    from onboarding.credentials import intake, sources, workflow
    from onboarding.redaction import Redactor

    if file is not None:
        judged = intake.from_json(sources.read_private_file(file))
    elif fd is not None:
        judged = intake.from_json(sources.read_descriptor(fd, name=f"--fd {fd}"))
    elif sys.stdin.isatty():
        judged = _prompted(environment, merchant)
    else:
        judged = intake.from_json(sources.read_descriptor(sys.stdin.fileno(), name="stdin"))
    if isinstance(judged, intake.Refused):
        raise InputError(
            judged.reason, hint="nothing was stored; ask for the pair again if it was cut or mangled"
        )
    redactor = Redactor([judged.client_secret])
    if reason and redactor.leaks(reason):
        raise InputError(
            "--unproven: the reason holds the client secret", hint="have the pair revoked: it was an argument"
        )
    other, _ = workflow.look_alike(judged, _elsewhere(environment, merchant, vaults, directory))
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


def _elsewhere(
    environment: Environment, merchant: str, vaults: "Sequence[Vault]", directory: Path
) -> "list[tuple[str, Vault]]":
    from dataclasses import replace

    from stacks.contract import secret_name

    # the environments this folder keeps books of; their secrets are asked for by name
    names = sorted(path.stem for path in (directory / "allowlist").glob("*.yaml"))
    return [
        (name, replace(vault, secret_id=secret_name(name, merchant)))
        for name in names
        if name != environment.name
        for vault in vaults
    ]


def _report(
    summary: "Summary", environment: Environment, merchant: str, action: str, *, as_json: bool
) -> int:
    from onboarding.credentials import lifecycle, render

    if as_json:
        terminal.product(
            render.as_json(summary, environment=environment.name, merchant=merchant, action=action)
        )
    else:
        terminal.product(render.as_text(summary, environment=environment.name, merchant=merchant))
        for note in summary.notes:
            terminal.say(f"note: {note}")
    for result in summary.results:
        if result.error:
            terminal.problem(f"{result.stack}: {result.error.diagnostics()}")
    return lifecycle.exit_code(summary.results)


def _offer_shredding(file: Path | None, shred: bool | None, *, stored: bool) -> None:
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
