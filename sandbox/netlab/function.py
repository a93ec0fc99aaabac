"""A deployed function, run inside its zone's private subnet as AWS would run it.

The stand-in keeps no code to download. GetFunction tells the code's digest, and the archive that
has exactly this digest is taken from where the program left it: what runs is what was deployed.
Its AWS calls reach the stand-in through an endpoint inside the namespace, with the credentials of
its own role, handed over in the environment.
"""

import base64
import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.aws.function_packages import link_runtime
from sandbox.netlab import kernel
from sandbox.netlab.lab import Lab
from sandbox.netlab.view import LabError

RUNTIME = Path(__file__).resolve().parent.parent / "aws" / "function_runtime.py"
ANY_SOURCE = "0.0.0.0"  # noqa: S104 - a source address: the kernel's routes decide


@dataclass(frozen=True)
class Function:
    """A function as GetFunction tells it."""

    name: str
    subnets: tuple[str, ...]
    handler: str
    variables: Mapping[str, str]
    seconds: int
    role: str
    archive: Path
    """The zip whose digest GetFunction told."""


def read_function(client: Any, name: str, archives: Path) -> Function:
    """Ask a boto3 ``lambda`` client for a function; its zip must be in the folder ``archives``.

    Raises LabError when no zip there has the deployed digest.
    """
    told = client.get_function(FunctionName=name)["Configuration"]
    digest = str(told["CodeSha256"])
    for archive in sorted(archives.glob("*.zip")):
        if base64.b64encode(hashlib.sha256(archive.read_bytes()).digest()).decode() == digest:
            return Function(
                name=str(told["FunctionName"]),
                subnets=tuple(told["VpcConfig"]["SubnetIds"]),
                handler=str(told["Handler"]),
                variables=dict(told["Environment"]["Variables"]),
                seconds=int(told["Timeout"]),
                role=str(told["Role"]),
                archive=archive,
            )
    raise LabError(f"{name} was deployed with the digest {digest}, which no zip in {archives} has: pulumi up")


def invoke(
    lab: Lab,
    zone: str,
    function: Function,
    event: Any,
    *,
    aws: str,
    credentials: Mapping[str, str],
    region: str,
) -> Any:
    """Run the function in a zone's private subnet and return its answer.

    ``aws`` is the stand-in's URL, ``credentials`` what AssumeRole gave for the function's role.
    Raises LabError when the handler raised.
    """
    host, _, port = aws.removeprefix("http://").partition(":")
    with kernel.folder("function") as place, lab.endpoint(zone, aws):
        folder = Path(place)
        task, runtime, result = folder / "task", folder / "runtime", folder / "result.json"
        with zipfile.ZipFile(function.archive) as packed:
            packed.extractall(task)
        link_runtime(runtime)
        told = {
            "task": str(task),
            "runtime": str(runtime),
            "handler": function.handler,
            "event": event,
            "seconds": function.seconds,
            "source": ANY_SOURCE,
            "aws": [host, int(port)],
            "result": str(result),
        }
        variables = {
            "PATH": os.defpath,
            "HOME": place,
            "TMPDIR": place,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": aws,
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
            **function.variables,
        }
        command = [sys.executable, "-I", "-S", str(RUNTIME)]
        done = lab.run(zone, command, given=json.dumps(told), environment=variables, seconds=function.seconds)
        if done.returncode or not result.exists():
            raise LabError(f"{function.name} in {zone} ended with {done.returncode}: {done.stderr.strip()}")
        return json.loads(result.read_text(encoding="utf-8"))
