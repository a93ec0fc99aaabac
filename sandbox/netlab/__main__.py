"""``python -m sandbox.netlab``: the deployed network in the kernel, from the command line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer

from sandbox.netlab import kernel, lab
from sandbox.netlab.plan import Declared, Row, plan
from sandbox.netlab.view import LabError, View, read
from sandbox.processes import discard_stdout, replace_closed_streams
from sandbox.world import REGION, STACK, World, WorldError

app = typer.Typer(
    name="python -m sandbox.netlab",
    help="The sandbox's deployed routes as Linux network namespaces with real SNAT.",
    epilog="docs/netlab.md says what is built and what is not.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
Project = Annotated[
    Path,
    typer.Option("-C", "--cwd", metavar="DIR", help="Project folder; its sandbox must run.", exists=True),
]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@app.command()
def show(project: Project = Path()) -> None:
    """Print which way each zone's traffic takes, as read from the AWS API; needs no root."""
    _, declared, view = _deployed(World(project))
    for line in table(plan(view, declared, kernel.prefix()).rows):
        print(line)


@app.command()
def check(project: Project = Path()) -> None:
    """Build the network, call the partner from every private subnet, and compare; needs root.

    Exit codes: 0 every zone leaves from its declared address, 1 one does not, 2 it cannot be built.
    """
    if why := kernel.missing():
        raise LabError(why)
    world = World(project)
    outputs, declared, view = _deployed(world)
    reach = lab.reach_of(outputs, world.state / "partner")
    with lab.build(view, declared, reach) as built:
        _say(f"built {len(built.plan.namespaces)} namespaces; calling from {len(declared)} private subnets")
        for line in table(built.plan.rows):
            print(line)
        print()
        verdicts = built.check()
    for verdict in verdicts:
        print(f"{'pass' if verdict.right else 'FAIL'}  {verdict.fact}")
    if not all(verdict.right for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def clean() -> None:
    """Remove what killed runs left behind; those of living processes stay. Needs root."""
    names = kernel.leftovers()
    if names and os.geteuid() != 0:
        raise LabError(f"{len(names)} namespaces and folders are left over; removing them needs root")
    kernel.remove(names)
    _say(f"removed {len(names)} left-over namespaces and folders")


def table(rows: Sequence[Row]) -> list[str]:
    """Return rows as aligned text, a header first."""
    cells = [("ZONE", "SUBNET", "ROUTE TABLE", "DEFAULT ROUTE", "ADDRESS")]
    cells += [
        (row.zone, row.subnet, row.table, row.target or "none", str(row.address or "none")) for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _deployed(world: World) -> tuple[dict[str, Any], tuple[Declared, ...], View]:
    environment = world.environment(os.environ)
    done = subprocess.run(
        ["pulumi", "stack", "output", "--json", "--stack", STACK, "--non-interactive"],
        cwd=world.project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **_owner(world.state),
    )
    if done.returncode:
        raise LabError(f"the stack's outputs cannot be read: {done.stderr.strip()}")
    outputs: dict[str, Any] = json.loads(done.stdout)
    declared = lab.declared_by(outputs)
    client = boto3.client(
        "ec2",
        region_name=REGION,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",  # noqa: S106 - the stand-in takes any
    )
    return outputs, declared, read(client, outputs["vpcId"])


def _owner(folder: Path) -> dict[str, Any]:
    """Return how to run a program as a folder's owner: under sudo it would leave root's files there."""
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return {}
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _terminated(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    replace_closed_streams()
    # being ended politely takes the same way out as Ctrl-C, so that nothing is left behind
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(prog_name="python -m sandbox.netlab")
    except (LabError, WorldError, OSError) as problem:
        _say(f"error: {problem}")
        discard_stdout()
        sys.exit(2)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)
