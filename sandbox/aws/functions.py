"""Runs functions: moto stores them, and this carries out Invoke with the code that was stored."""

import atexit
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from moto.awslambda.models import lambda_backends
from moto.logs.models import logs_backends
from moto.sts.models import sts_backends

from sandbox.aws.answers import Answer, error_answer
from sandbox.aws.calls import Call
from sandbox.aws.function_network import source_of
from sandbox.aws.function_packages import link_runtime
from sandbox.aws.iam.resources import function_in_path

RETRIES = 2
"""How often AWS repeats an asynchronous invocation that failed, unless it is told otherwise; there after a
minute, then two more, here at once."""
FOLDER = "flexpay-sandbox-functions-"


@dataclass(frozen=True)
class Job:
    """One invocation, with all that is needed outside of the lock."""

    name: str
    code: bytes
    handler: str
    seconds: int
    variables: Mapping[str, str]
    source: str | None
    event: Any
    retries: int


def invoke(
    call: Call, environ: Mapping[str, Any], body: bytes, lock: threading.RLock, changed: Callable[[], None]
) -> Answer:
    """Answer an Invoke; without the lock while the code runs, because it calls AWS itself."""
    with lock:
        job = _job(call, environ, body)
        changed()
    if isinstance(job, Answer):
        return job
    kind = str(environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse"))
    if kind == "DryRun":
        return Answer(204, (), b"")
    aws = (str(environ["SERVER_NAME"]), int(environ["SERVER_PORT"]))
    if kind == "Event":
        asynchronous = threading.Thread(
            target=_attempts, args=(call, job, aws, lock), daemon=True, name=f"run {job.name}"
        )
        asynchronous.start()
        return Answer(202, (), b"")
    failed, answer = _run_and_log(call, job, aws, lock)
    headers = [("Content-Type", "application/json"), ("X-Amz-Executed-Version", "$LATEST")]
    if failed:
        headers.append(("X-Amz-Function-Error", "Unhandled"))
    return Answer(200, (*headers, ("Content-Length", str(len(answer)))), answer)


def _attempts(call: Call, job: Job, aws: tuple[str, int], lock: threading.RLock) -> None:
    for _ in range(1 + job.retries):
        failed, _ = _run_and_log(call, job, aws, lock)
        if not failed:
            return


def _run_and_log(call: Call, job: Job, aws: tuple[str, int], lock: threading.RLock) -> tuple[bool, bytes]:
    failed, answer, log = run(job, aws)
    with lock:
        _keep_log(call, job, log)
    return failed, answer


def _job(call: Call, environ: Mapping[str, Any], body: bytes) -> Job | Answer:
    named = unquote(function_in_path(call.path))
    qualifier = parse_qs(str(environ.get("QUERY_STRING", ""))).get("Qualifier", [None])[0]
    try:
        function = lambda_backends[call.account][call.region].get_function(named, qualifier)
    except Exception as error:  # noqa: BLE001 - moto's classes differ; to Invoke they are all one answer
        return error_answer(call, "ResourceNotFoundException", 404, f"Function not found: {named}: {error}")
    shown = function.get_configuration()
    if shown.get("State", "Active") != "Active":
        said = (
            "The operation cannot be performed at this time. The function is currently in the following "
            f"state: {shown['State']}"
        )
        return error_answer(call, "ResourceConflictException", 409, said)
    try:
        event = json.loads(body or b"{}")
    except ValueError:
        return error_answer(call, "InvalidRequestContentException", 400, "Could not parse request body")
    subnets = list((shown.get("VpcConfig") or {}).get("SubnetIds") or [])
    configured: dict[str, Any] = {}
    for told in function.event_invoke_config:
        configured = told.config
    return Job(
        name=str(function.function_name),
        code=bytes(function.code_bytes),
        handler=str(shown["Handler"]),
        seconds=int(shown["Timeout"]),
        variables=_variables(call, environ, function, shown),
        source=source_of(call.account, call.region, subnets),
        event=event,
        retries=int(configured.get("MaximumRetryAttempts", RETRIES)),
    )


def _variables(
    call: Call, environ: Mapping[str, Any], function: Any, shown: Mapping[str, Any]
) -> dict[str, str]:
    session = _session(call, str(function.role), str(function.function_name))
    own = (shown.get("Environment") or {}).get("Variables") or {}
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_REGION": call.region,
        "AWS_DEFAULT_REGION": call.region,
        "AWS_ACCESS_KEY_ID": str(session.access_key_id),
        "AWS_SECRET_ACCESS_KEY": str(session.secret_access_key),
        "AWS_SESSION_TOKEN": str(session.session_token),
        "AWS_ENDPOINT_URL": f"http://{environ['SERVER_NAME']}:{environ['SERVER_PORT']}",
        "AWS_LAMBDA_FUNCTION_NAME": str(function.function_name),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(shown["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.function_name}",
        **{str(name): str(value) for name, value in own.items()},
    }


def _session(call: Call, role_arn: str, name: str) -> Any:
    backend = sts_backends[call.account]["aws"]
    for known in backend.assumed_roles:
        if known.role_arn == role_arn and known.session_name == name:
            return known
    return backend.assume_role(
        region_name=call.region,
        role_session_name=name,
        role_arn=role_arn,
        policy="",
        duration=43200,
        external_id="",
    )


def _keep_log(call: Call, job: Job, log: str) -> None:
    """Put what the code wrote into its log group, where there is one; AWS would make one by itself."""
    backend, group = logs_backends[call.account][call.region], f"/aws/lambda/{job.name}"
    if group not in backend.groups or not log:
        return
    stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"
    backend.create_log_stream(group, stream)
    at = int(time.time() * 1000)
    backend.put_log_events(group, stream, [{"timestamp": at, "message": one} for one in log.splitlines()])


def run(job: Job, aws: tuple[str, int]) -> tuple[bool, bytes, str]:
    """Run the stored code in a clean interpreter.

    Returns whether it failed, its answer as JSON, and what it wrote to its output.
    """
    task = _unpacked(job.code)
    with tempfile.TemporaryDirectory(prefix="function-") as place:
        folder = Path(place)
        runtime = folder / "runtime"
        link_runtime(runtime)
        result = folder / "result.json"
        told = {
            "task": str(task),
            "runtime": str(runtime),
            "handler": job.handler,
            "event": job.event,
            "seconds": job.seconds,
            "source": job.source,
            "aws": aws,
            "result": str(result),
        }
        script = str(Path(__file__).with_name("function_runtime.py"))
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", script],
                input=json.dumps(told).encode(),
                env={**job.variables, "LAMBDA_TASK_ROOT": str(task), "TMPDIR": place, "HOME": place},
                cwd=place,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=job.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            said = f"{at} Task timed out after {job.seconds}.00 seconds"
            log = (late.stdout or b"").decode("utf-8", "replace") + said
            return True, json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": said}).encode(), log
        log = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            print(f"function {job.name}: {log.strip()}", file=sys.stderr)
        if not result.exists():
            said = f"Runtime exited with error: exit status {done.returncode}"
            return True, json.dumps({"errorType": "Runtime.ExitError", "errorMessage": said}).encode(), log
        return done.returncode != 0, result.read_bytes(), log


_unpacking = threading.Lock()


@cache
def unpacking_folder() -> Path:
    """Make and return the folder of this process, which stays when temporary files go elsewhere."""
    folder = Path(tempfile.gettempdir()) / f"{FOLDER}{os.getpid()}"
    _sweep()
    folder.mkdir(mode=0o700, exist_ok=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _unpacked(code: bytes) -> Path:
    """Return the folder with the unpacked code, which is kept while this process lives.

    One folder per code and process: what the interpreter compiles in it is found again next time.
    """
    with _unpacking:
        task = unpacking_folder() / hashlib.sha256(code).hexdigest()[:16]
        if not task.exists():
            with (
                tempfile.TemporaryDirectory(dir=unpacking_folder()) as half,
                zipfile.ZipFile(io.BytesIO(code)) as packed,
            ):
                unpacked = Path(half, "task")
                unpacked.mkdir()
                packed.extractall(unpacked)
                unpacked.rename(task)  # whatever stopped it before left no half of it
    return task


def _sweep() -> None:
    """Remove what processes left behind that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        number = folder.name.removeprefix(FOLDER)
        try:
            os.kill(int(number), 0)
        except (ProcessLookupError, ValueError):
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            continue  # somebody else's, and alive
