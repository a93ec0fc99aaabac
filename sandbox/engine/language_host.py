"""pulumi-language-python for a pulumi CLI that came without one.

A gRPC ``LanguageRuntime`` (pulumi/proto/language.proto) that runs the program inside this very
process, with the SDK's own runtime. It prints its port on the first line of stdout, as every plugin
does. Policy packs and component plugins written in Python are not run by it.
"""

import asyncio
import gc
import importlib.metadata
import logging
import os
import platform
import runpy
import sys
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pulumi
from google.protobuf import json_format
from pulumi.runtime import reset_options, run_in_stack, set_all_config
from pulumi.runtime.proto import LanguageRuntimeServicer, language_pb2, plugin_pb2
from pulumi.runtime.proto.language_pb2_grpc import add_LanguageRuntimeServicer_to_server

from sandbox.engine.lifetime import end_with_engine

CALL_THREADS = 4
MAX_PROGRAM_THREADS = 256
MESSAGE_BYTES = 400 * 1024 * 1024
"""What the engine and the SDK allow themselves per message."""


class ProgramError(Exception):
    """The program cannot be run, or ended by itself with a failure; the message is for its author."""


class LanguageHost(LanguageRuntimeServicer):
    """Answers the engine's questions about a Python program, and runs it."""

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names
        """Accept the engine; nothing is negotiated."""
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Return the version of the SDK that runs programs here."""
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Name none: the engine looks for a plugin when the first resource needs it."""
        return language_pb2.GetRequiredPackagesResponse()

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        """Say what is used; dependencies are the caller's business (``make setup``)."""
        said = f"nothing to install: the packages of {sys.executable} are used\n"
        yield language_pb2.InstallDependenciesResponse(stdout=said.encode())

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Ask nothing."""
        return language_pb2.RuntimeOptionsResponse()

    def About(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Return the interpreter, for ``pulumi about``."""
        return language_pb2.AboutResponse(executable=sys.executable, version=platform.python_version())

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Return every installed distribution, for ``pulumi about``."""
        found = {item.name: item.version for item in importlib.metadata.distributions()}
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version)
                for name, version in sorted(found.items())
            ]
        )

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Run the program once; what went wrong has been logged to the engine when this returns.

        ``bail`` tells the engine that the user has seen the reason already.
        """
        reset_options(
            project=request.project,
            stack=request.stack,
            root_directory=request.info.root_directory or None,
            parallel=request.parallel,
            engine_address=request.args[0] if request.args else sys.argv[-1],
            monitor_address=request.monitor_address,
            preview=request.dryRun,
            organization=request.organization or "organization",
        )
        set_all_config(dict(request.config), list(request.configSecretKeys) or None)
        program = Path(request.info.program_directory) / (request.info.entry_point or ".")
        try:
            check_interpreter(request.info)
            run_program(program, pwd=request.pwd, threads=request.parallel)
        except grpc.RpcError as error:
            # the monitor goes away when the engine has been told to stop; it knows why
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                pulumi.log.error(f"the engine did not answer the program: {error.details()}")
                return language_pb2.RunResponse(bail=True)
        except (pulumi.RunError, ProgramError) as error:
            pulumi.log.error(str(error))
            return language_pb2.RunResponse(bail=True)
        except BaseException as error:  # noqa: BLE001 - whatever the program raises is its result
            pulumi.log.error(describe(error))
            return language_pb2.RunResponse(bail=True)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return language_pb2.RunResponse()


def check_interpreter(info: Any) -> None:
    """Raise ProgramError when Pulumi.yaml names a virtual environment that is not this one.

    One that does not exist is not held against it: a copy of the project need not carry its own.
    """
    options: Mapping[str, Any] = json_format.MessageToDict(info.options)
    named = options.get("virtualenv")
    if not named:
        return
    wanted = Path(info.root_directory, str(named))
    if wanted.exists() and not wanted.samefile(sys.prefix):
        raise ProgramError(
            f"Pulumi.yaml asks for the virtual environment {wanted}, but this language host belongs to "
            f"{sys.prefix}; start the sandbox from that environment"
        )


def run_program(program: Path, *, pwd: str, threads: int) -> None:
    """Run a folder with a ``__main__.py``, or one file, as a Pulumi program.

    ``threads`` is the engine's limit of parallel operations. Whatever the program raises comes out;
    ProgramError when it is missing or called ``sys.exit`` with a failure.
    """
    if program.is_dir() and not (program / "__main__.py").is_file():
        raise ProgramError(f"there is no __main__.py in {program}")
    os.chdir(pwd or program)
    sys.argv = [str(program)]
    folder = str(program if program.is_dir() else program.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # callbacks of outputs import after the program's own lines are done

    def run() -> None:
        try:
            runpy.run_path(str(program), run_name="__main__")
        except SystemExit as stopped:
            if stopped.code not in (None, 0):
                raise ProgramError(f"the program ended itself: {stopped.code}") from stopped

    # tasks that a failed program leaves behind are no news to its author
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with ThreadPoolExecutor(max_workers=min(max(threads, 1) * 4, MAX_PROGRAM_THREADS)) as executor:
        loop.set_default_executor(executor)
        try:
            loop.run_until_complete(run_in_stack(run))
        finally:
            pending = asyncio.all_tasks(loop)
            for task in pending:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    asyncio.set_event_loop(None)
    loop.close()


def describe(error: BaseException) -> str:
    """Return an exception with the frames that its author wrote, without those of the machinery."""
    machinery = (__file__, "<frozen ", runpy.__file__, *_folders(asyncio, pulumi, grpc))
    shown = traceback.TracebackException.from_exception(error)
    _drop(shown, machinery, seen=set())
    return "the program raised an exception:\n" + "".join(shown.format()).rstrip()


def _folders(*modules: Any) -> tuple[str, ...]:
    return tuple(str(Path(module.__file__).parent) + os.sep for module in modules)


def _drop(shown: traceback.TracebackException, machinery: tuple[str, ...], seen: set[int]) -> None:
    if id(shown) in seen:
        return
    seen.add(id(shown))
    kept = [frame for frame in shown.stack if not frame.filename.startswith(machinery)]
    shown.stack = traceback.StackSummary.from_list(kept or list(shown.stack)[-1:])
    for linked in (shown.__cause__, shown.__context__):
        if linked is not None:
            _drop(linked, machinery, seen)


def main() -> None:
    """Serve until the engine says stop."""
    end_with_engine()
    # one program, and then this process ends: what the SDK imports would only be searched again and again
    gc.disable()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a plugin's streams are text files
    server = grpc.server(
        ThreadPoolExecutor(max_workers=CALL_THREADS),
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
        ],
    )
    add_LanguageRuntimeServicer_to_server(LanguageHost(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
