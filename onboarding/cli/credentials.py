"""`flexpay-onboard credentials`: client credentials go in, move on and out, and never show.

Over 300 lines, because it is one page per command and most of it is what --help says.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import credentials_ground as grounds
from onboarding.cli import credentials_parts as parts
from onboarding.cli import options, terminal
from onboarding.cli.groups import WholeSentences
from onboarding.errors import InputError, ToolkitError

LONGEST_CACHE_SECONDS = 366 * 24 * 3600

app = typer.Typer(
    cls=WholeSentences,
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
    it is asked for. Before it becomes current, a token is obtained with it from behind the
    environment's egress: by the verifier's functions in every zone where they are deployed, else from
    this host before anything is written. A pair that the partner refuses does not stay. A first pair
    may be stored before the addresses are approved, and is then recorded as not proven.

    Exit 1 when the partner refuses the pair or somebody else was faster, 2 for a pair that is not taken,
    4 when AWS or the partner gave no usable answer.

    Example: vault read … | flexpay-onboard credentials put -s production -m acme-air
    """
    from onboarding.credentials import workflow

    parts.one_source(outputs, file, fd)
    environment = parts.chosen(stacks, outputs, directory, merchant)
    vaults = parts.vaults_of(environment, merchant)
    ground = grounds.ground_of(environment, merchant, directory, ledger, source_address, unproven)
    pair = parts.read_pair(environment, merchant, vaults, directory, file, fd)
    grounds.keep_out_of_reason(unproven, pair)
    name = environment.merchants[merchant].secret_name
    with parts.working(f"storing the credentials of {merchant} in {environment.name}"):
        summary = workflow.put(vaults, name, pair, ground, restore=restore)
    code = parts.report(summary, environment, merchant, "put", as_json=as_json)
    parts.offer_shredding(file, shred, stored=code == 0)
    return code


@app.command()
def stage(
    merchant: Merchant,
    stacks: options.Stacks = None,
    outputs: options.OutputFiles = None,
    directory: options.Directory = Path(),
    file: File = None,
    fd: Descriptor = None,
    shred: Shred = None,
    restore: Restore = False,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> int:
    """Store a pair beside the current one; consumers do not get it yet.

    It takes the label AWSPENDING in every stack. `promote` proves it and makes it current;
    `retire --staged` gives it up. In an empty secret the first version is current at once (AWS).

    Exit 1 when the secret waits for its deletion, 2 for a pair that is not taken, 4 when AWS gave no usable
    answer.

    Example: flexpay-onboard credentials stage -s production -m acme-air --file pair.json --shred
    """
    from onboarding.credentials import workflow

    parts.one_source(outputs, file, fd)
    environment = parts.chosen(stacks, outputs, directory, merchant)
    vaults = parts.vaults_of(environment, merchant)
    pair = parts.read_pair(environment, merchant, vaults, directory, file, fd)
    name = environment.merchants[merchant].secret_name
    with parts.working(f"staging credentials of {merchant} in {environment.name}"):
        summary = workflow.stage(vaults, name, pair, restore=restore)
    code = parts.report(summary, environment, merchant, "stage", as_json=as_json)
    parts.offer_shredding(file, shred, stored=code == 0)
    return code


@app.command()
def promote(
    merchant: Merchant,
    stacks: options.Stacks = None,
    outputs: options.OutputFiles = None,
    directory: options.Directory = Path(),
    ledger: options.LedgerFile = None,
    source_address: Source = None,
    unproven: Unproven = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> int:
    """Prove the staged pair, then make it the current one in every stack.

    A token is obtained with the staged pair from behind the environment's egress; without one
    nothing changes. Where the verifier's functions are deployed, each zone's function reads the pair
    and asks for the token, so that this runs anywhere and needs no right to read a value; elsewhere
    this host asks, and has to be behind the egress. The pair that was current becomes the previous
    one, for `rollback`.

    Exit 1 when the partner refuses the pair, stacks differ or somebody else was faster, 2 when nothing is
    staged, 4 when AWS or the partner gave no usable answer.

    Example: flexpay-onboard credentials promote -s production -m acme-air
    """
    from onboarding.credentials import workflow

    environment = parts.chosen(stacks, outputs, directory, merchant)
    ground = grounds.ground_of(environment, merchant, directory, ledger, source_address, unproven)
    with parts.working(f"promoting the staged credentials of {merchant} in {environment.name}"):
        summary = workflow.promote(parts.vaults_of(environment, merchant), ground)
    return parts.report(summary, environment, merchant, "promote", as_json=as_json)


@app.command()
def rollback(
    merchant: Merchant,
    stacks: options.Stacks = None,
    outputs: options.OutputFiles = None,
    directory: options.Directory = Path(),
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> int:
    """Make the previous pair current again, in every stack.

    Moves labels only: no value is read or written, so it works when nothing else does. A second
    run changes nothing. The way forward afterwards is `put`, or `stage` and `promote`.

    Exit 1 when stacks differ, 2 when there is nothing to go back to, 4 when AWS gave no usable answer.

    Example: flexpay-onboard credentials rollback -s production -m acme-air
    """
    from onboarding.credentials import withdrawal

    environment = parts.chosen(stacks, outputs, directory, merchant)
    with parts.working(f"rolling back the credentials of {merchant} in {environment.name}"):
        summary = withdrawal.roll_back(parts.vaults_of(environment, merchant))
    return parts.report(summary, environment, merchant, "rollback", as_json=as_json)


@app.command()
def retire(
    merchant: Merchant,
    stacks: options.Stacks = None,
    outputs: options.OutputFiles = None,
    directory: options.Directory = Path(),
    cache_seconds: Annotated[
        int,
        typer.Option(
            "--cache-seconds",
            metavar="N",
            min=0,
            max=LONGEST_CACHE_SECONDS,
            help="How long consumers keep a pair they have read.",
        ),
    ] = 3600,
    staged: Annotated[
        bool, typer.Option("--staged", help="Give up the staged pair instead of the previous one.")
    ] = False,
    unproven: Unproven = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> int:
    """Give up the previous pair, and print the request to the partner to revoke it.

    Refused until every consumer's cache has run out, counted from the promotion, and while the
    current pair was never proven. The value itself is purged by AWS in its own time.

    Exit 1 when nothing proven is current, 3 while caches may still hold the pair, 4 when AWS gave no usable
    answer.

    Example: flexpay-onboard credentials retire -s production -m acme-air > to-the-partner.txt
    """
    from onboarding.credentials import withdrawal

    environment = parts.chosen(stacks, outputs, directory, merchant)
    grounds.checked_reason(unproven)
    vaults = parts.vaults_of(environment, merchant)
    with parts.working(f"retiring credentials of {merchant} in {environment.name}"):
        if staged:
            summary = withdrawal.discard(vaults)
        else:
            summary = withdrawal.retire(vaults, cache_seconds=cache_seconds, unproven_reason=unproven)
    return parts.report(summary, environment, merchant, "retire", as_json=as_json)


@app.command()
def request(
    merchant: Merchant,
    stacks: options.Stacks = None,
    outputs: options.OutputFiles = None,
    directory: options.Directory = Path(),
    verbose: options.Verbose = False,
) -> None:
    """Print a text with which the partner can encrypt the pair for us.

    Makes an RSA key in KMS whose private half never leaves it; a second run prints the same key.
    The text holds the public key, its fingerprint and the openssl line. The answer goes to
    `credentials receive`. The key costs about a dollar a month and is removed once it was used.

    Exit 4 when AWS gave no usable answer.

    Example: flexpay-onboard credentials request -s production -m acme-air > request.txt
    """
    from onboarding.credentials import sealed

    environment = parts.chosen(stacks, outputs, directory, merchant)
    about = environment.merchants[merchant]
    alias = sealed.alias_of(environment.name, merchant)
    with terminal.working(f"asking KMS for the key {alias}"):
        public = parts.key_store_of(environment, merchant).open(
            alias,
            description=f"Receives Flex Pay credentials of {merchant} in {environment.name}",
            tags={
                "flexpay:environment": environment.name,
                "flexpay:merchant": merchant,
                "flexpay:purpose": "intake",
            },
        )
    terminal.product(
        sealed.render(
            sealed.Request(
                environment.name,
                merchant,
                about.legal_entity,
                about.integration_id,
                public.der,
                datetime.now(UTC),
            )
        )
    )


@app.command()
def receive(
    merchant: Merchant,
    stacks: options.Stacks = None,
    outputs: options.OutputFiles = None,
    directory: options.Directory = Path(),
    answer: Annotated[
        str, typer.Argument(metavar="[FILE|-]", help="The partner's answer; - is standard input.")
    ] = "-",
    restore: Restore = False,
    keep_key: Annotated[bool, typer.Option("--keep-key", help="Do not remove the key afterwards.")] = False,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> int:
    """Decrypt the partner's answer to a request inside KMS, and stage the pair.

    Nothing is written to disk. `promote` proves the pair and makes it current.

    Exit 1 when the request's key is gone or the secret waits for its deletion, 2 for an answer that the
    key does not open, 4 when AWS gave no usable answer.

    Example: flexpay-onboard credentials receive -s production -m acme-air answer.txt
    """
    from onboarding.credentials import intake, sealed, workflow

    if answer == "-":
        parts.stdin_is_for(outputs, "the answer", hint="name the file that holds the answer")
    environment = parts.chosen(stacks, outputs, directory, merchant)
    cipher = parts.read_answer(answer)
    vaults = parts.vaults_of(environment, merchant)
    keys = parts.key_store_of(environment, merchant)
    alias = sealed.alias_of(environment.name, merchant)
    with parts.working(f"receiving credentials of {merchant} in {environment.name}"):
        judged = intake.from_json(keys.decrypt(alias, cipher))
        pair = parts.accepted(judged, environment, merchant, vaults, directory)
        summary = workflow.stage(vaults, environment.merchants[merchant].secret_name, pair, restore=restore)
    code = parts.report(summary, environment, merchant, "receive", as_json=as_json)
    if code == 0 and not keep_key:
        gone = keys.close(alias)
        terminal.say(f"the key of the request is not needed any more and will be deleted{parts.on(gone)}")
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

    The age is that of the version in use; the last proof is that of `verify`. Ends with 3 while a
    secret is empty, 1 when a deletion is scheduled or regions differ, 4 when AWS gives no answer.

    Example: flexpay-onboard credentials status -s production
    """
    from onboarding.aws.clients import Clients
    from onboarding.cli.proofs import read_proofs
    from onboarding.credentials import status as table

    environment = options.load_environment(stacks, outputs, directory)
    kept = read_proofs(directory, environment, Clients())
    rows = []
    for name in options.chosen_merchants(merchants, environment):
        for vault in parts.vaults_of(environment, name):
            row = table.Row(
                name, vault.stack, vault.region, environment.merchants[name].secret_name, state=None
            )
            row = replace(row, last_proof=table.latest(kept, name))
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
