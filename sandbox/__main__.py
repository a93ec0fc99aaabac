"""``python -m sandbox``: the stand-ins from the command line."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from sandbox import demo as story
from sandbox.processes import discard_stdout, replace_closed_streams
from sandbox.world import World, WorldError

app = typer.Typer(
    name="python -m sandbox",
    help="AWS and partner stand-ins, so that everything runs for real on one machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

Project = Annotated[
    Path, typer.Option("-C", "--cwd", metavar="DIR", help="Project folder.", file_okay=False, exists=True)
]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@app.command()
def start(project: Project = Path()) -> None:
    """Start what is not running, in the background; state is kept in .sandbox/."""
    World(project, _say).start()
    _say(
        'running; `eval "$(python -m sandbox env)"` points this shell at it, `python -m sandbox stop` ends it'
    )


@app.command()
def env(project: Project = Path()) -> None:
    """Print `export NAME=value` lines for the shell: PATH, PULUMI_*, AWS_*."""
    world = World(project)
    wanted = world.environment(os.environ)
    for name in [*world.variables(world.running()), "PATH"]:
        print(f"export {name}={shlex.quote(wanted[name])}")
    proxies = [
        name for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for name in (proxy, proxy.lower())
    ]
    print("unset", "AWS_PROFILE", "AWS_SESSION_TOKEN", *proxies)


@app.command()
def shell(project: Project = Path()) -> None:
    """Open a shell in which pulumi and flexpay-onboard work on the sandbox."""
    world = World(project, _say)
    world.start()
    _say(
        "in this shell: pulumi preview|up|refresh|destroy -s sandbox, and flexpay-onboard … -s sandbox; "
        "exit leaves it"
    )
    program = os.environ.get("SHELL", "/bin/sh")
    environment = world.environment(os.environ)
    try:
        finished = subprocess.run([program], env=environment, cwd=world.project, check=False)
    except OSError as error:
        raise WorldError(f"SHELL={program} cannot be run: {error.strerror}") from error
    sys.exit(finished.returncode)


@app.command()
def status(project: Project = Path()) -> None:
    """Print what runs where, as JSON; exit 1 when something is not running."""
    running = World(project).running()
    print(
        json.dumps({name: {"pid": item.pid, **item.ready} for name, item in running.items()}, indent=2),
        flush=True,
    )
    if {"aws", "partner"} - running.keys():
        raise typer.Exit(1)


@app.command()
def stop(
    project: Project = Path(),
    purge: Annotated[bool, typer.Option(help="Also forget everything: state, stack, ledger.")] = False,
) -> None:
    """End the background processes; their state is kept unless --purge."""
    World(project, _say).stop(purge=purge)


@app.command()
def demo(project: Project = Path()) -> None:
    """Run the whole story once: from nothing to a verified order."""
    sys.exit(story.run(World(project, _say)))


# its options, --help among them, are for its own parser
@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def partner(arguments: typer.Context) -> None:
    """Run only the partner, in the foreground, for application developers."""
    from sandbox.flexpay import standalone  # noqa: PLC0415 - cryptography is slow to load for `env` and `stop`

    sys.exit(standalone.main(arguments.args))


def _terminated(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    replace_closed_streams()
    # being ended politely takes the same way out as Ctrl-C, so that nothing is left behind
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(prog_name="python -m sandbox")
    except (WorldError, OSError) as problem:
        _say(f"error: {problem}")
        discard_stdout()
        sys.exit(1)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)
